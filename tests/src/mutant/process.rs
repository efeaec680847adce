//! The peer as a process of its own: the honest one, or one with a fault.

use std::io;

use mpws_peers::fixture::runtime;
use mpws_peers::protocol::{Adapter, RunError, asynchronous};

use super::falsify::Mutant;
use super::fault::Fault;
use super::honest::Honest;

/// Name of the entry point.
pub const ENTRY: &str = "mutant-peer";

/// The variable that names the fault; `none` for the honest peer.
pub const FAULT: &str = "MPWS_MUTANT";

/// The variable that is set where the peer does as a library with `sock=` does.
pub const HANDOVER: &str = "MPWS_MUTANT_HANDOVER";

mpws_lab::reexec!(ENTRY, run);

/// Is the peer: what the environment says, until the suite closes the control socket.
fn run() -> i32 {
    match try_run() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("mutant-peer: {error}");
            1
        }
    }
}

fn try_run() -> Result<(), RunError> {
    let name = std::env::var(FAULT).unwrap_or_default();
    let honest = Honest::new(std::env::var_os(HANDOVER).is_some());
    match (name.as_str(), Fault::named(&name)) {
        ("none", _) => converse(honest),
        (_, Some(fault)) => converse(Mutant::new(fault, honest)),
        _ => Err(RunError::Runtime(io::Error::other(format!(
            "{FAULT} names no fault: {name:?}"
        )))),
    }
}

/// Connects an adapter to the suite and serves until the end.
pub(crate) fn converse(adapter: impl Adapter) -> Result<(), RunError> {
    asynchronous::run(adapter, runtime()?)
}
