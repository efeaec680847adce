//! Peers that lie in exactly one way, and the honest peer that they are compared with.
//!
//! [`honest::Honest`] is the fixture with what the cases ask for and it lacks. A mutant is that peer with one [`Fault`] in
//! front of it. Where the honest peer is green and the mutant red, the fault alone was noticed.

pub mod falsify;
pub mod honest;
mod wire;

use std::io;

use mpws_peers::fixture::runtime;
use mpws_peers::protocol::{Adapter, RunError, asynchronous};

use falsify::Mutant;
use honest::Honest;

/// Name of the entry point.
pub const ENTRY: &str = "mutant-peer";

/// The variable that names the fault; `none` for the honest peer.
pub const FAULT: &str = "MPWS_MUTANT";

/// The variable that is set where the peer does as a library with `sock=` does.
pub const HANDOVER: &str = "MPWS_MUTANT_HANDOVER";

mpws_lab::reexec!(ENTRY, run);

/// One way to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Asks for TCP where MPTCP is asked of it.
    ClientNeverAsks,
    /// Asks for MPTCP where TCP is asked of it.
    ClientSpeaksMptcp,
    /// Opens nothing.
    ClientRefusesAll,
    /// Says `open` where opening failed.
    ClientClaimsOpen,
    /// Loses the errno of every error.
    ClientHidesErrno,
    /// Leaves the descriptor open when opening failed.
    ClientLeaks,
    /// Does not end an opening that fails; its adapter has to.
    ClientIgnoresLimit,
    /// Is content with TCP where MPTCP is required.
    ClientLenient,
    /// Loses the first message of a connection.
    ClientLosesMessage,
    /// Opens another connection in silence when it is to send for the third time, and goes on with that.
    ClientReconnects,
    /// Reports a close code that did not come.
    ClientMisreportsClose,
    /// Reports a subprotocol that was not chosen.
    ClientMisnamesSubprotocol,
    /// Goes round again where the iterator has to end.
    ClientIteratesTwice,
    /// Leaves TCP_NODELAY off.
    ClientNagles,
    /// Sets the options of a socket that it is given back to their defaults.
    ClientResetsOptions,
    /// Puts the address that it is connected to into the Host field.
    ClientResolvesHost,
    /// Offers no extension and reports permessage-deflate.
    ClientClaimsDeflate,
    /// Offers no extension where it should.
    ClientOffersNoDeflate,
    /// Accepts messages of any size.
    ClientIgnoresSize,
    /// Listens with TCP and reports MPTCP.
    ServerClaimsMptcp,
    /// Listens with MPTCP where it should not.
    ServerSpeaksMptcp,
    /// Says that it serves and never accepts.
    ServerNeverAccepts,
    /// Serves on every interface where it should refuse to start.
    ServerListensAnywhere,
    /// Never gets to the end of stopping.
    ServerNeverStops,
    /// Reports a close code that did not come.
    ServerMisreportsClose,
    /// Calls every accepted socket MPTCP in its API.
    ServerMisnamesProtocol,
    /// Accepts messages of any size.
    ServerIgnoresLimit,
    /// Serves nobody any more once it has lacked a descriptor.
    ServerNeverRecovers,
    /// Sets the options of a listener that it is given back to their defaults.
    ServerResetsOptions,
    /// Leaves TCP_NODELAY off.
    ServerNagles,
    /// Changes a byte of every message.
    EchoAlters,
    /// Leaves messages unanswered.
    EchoDrops,
    /// Answers messages twice.
    EchoDoubles,
    /// Answers in another order.
    EchoReorders,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::ClientNeverAsks,
        Self::ClientSpeaksMptcp,
        Self::ClientRefusesAll,
        Self::ClientClaimsOpen,
        Self::ClientHidesErrno,
        Self::ClientLeaks,
        Self::ClientIgnoresLimit,
        Self::ClientLenient,
        Self::ClientLosesMessage,
        Self::ClientReconnects,
        Self::ClientMisreportsClose,
        Self::ClientMisnamesSubprotocol,
        Self::ClientIteratesTwice,
        Self::ClientNagles,
        Self::ClientResetsOptions,
        Self::ClientResolvesHost,
        Self::ClientClaimsDeflate,
        Self::ClientOffersNoDeflate,
        Self::ClientIgnoresSize,
        Self::ServerClaimsMptcp,
        Self::ServerSpeaksMptcp,
        Self::ServerNeverAccepts,
        Self::ServerListensAnywhere,
        Self::ServerNeverStops,
        Self::ServerMisreportsClose,
        Self::ServerMisnamesProtocol,
        Self::ServerIgnoresLimit,
        Self::ServerNeverRecovers,
        Self::ServerResetsOptions,
        Self::ServerNagles,
        Self::EchoAlters,
        Self::EchoDrops,
        Self::EchoDoubles,
        Self::EchoReorders,
    ];

    /// Its name in [`mpws_suite::case::Case::mutants`].
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientNeverAsks => "client-never-asks",
            Self::ClientSpeaksMptcp => "client-speaks-mptcp",
            Self::ClientRefusesAll => "client-refuses-all",
            Self::ClientClaimsOpen => "client-claims-open",
            Self::ClientHidesErrno => "client-hides-errno",
            Self::ClientLeaks => "client-leaks",
            Self::ClientIgnoresLimit => "client-ignores-limit",
            Self::ClientLenient => "client-lenient",
            Self::ClientLosesMessage => "client-loses-message",
            Self::ClientReconnects => "client-reconnects",
            Self::ClientMisreportsClose => "client-misreports-close",
            Self::ClientMisnamesSubprotocol => "client-misnames-subprotocol",
            Self::ClientIteratesTwice => "client-iterates-twice",
            Self::ClientNagles => "client-nagles",
            Self::ClientResetsOptions => "client-resets-options",
            Self::ClientResolvesHost => "client-resolves-host",
            Self::ClientClaimsDeflate => "client-claims-deflate",
            Self::ClientOffersNoDeflate => "client-offers-no-deflate",
            Self::ClientIgnoresSize => "client-ignores-size",
            Self::ServerClaimsMptcp => "server-claims-mptcp",
            Self::ServerSpeaksMptcp => "server-speaks-mptcp",
            Self::ServerNeverAccepts => "server-never-accepts",
            Self::ServerListensAnywhere => "server-listens-anywhere",
            Self::ServerNeverStops => "server-never-stops",
            Self::ServerMisreportsClose => "server-misreports-close",
            Self::ServerMisnamesProtocol => "server-misnames-protocol",
            Self::ServerIgnoresLimit => "server-ignores-limit",
            Self::ServerNeverRecovers => "server-never-recovers",
            Self::ServerResetsOptions => "server-resets-options",
            Self::ServerNagles => "server-nagles",
            Self::EchoAlters => "echo-alters",
            Self::EchoDrops => "echo-drops",
            Self::EchoDoubles => "echo-doubles",
            Self::EchoReorders => "echo-reorders",
        }
    }

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether it is the client that lies; else it is the server.
    pub fn is_of_client(self) -> bool {
        self.name().starts_with("client-")
    }
}

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
