//! Why a row came to no figure.

use std::error::Error;
use std::fmt::Display;

use mpws_harness::StartError;
use mpws_harness::harness;
use mpws_peers::protocol::chain::in_one_line;
use mpws_peers::{CallError, LaunchError};

use crate::result::Fault;

/// A row ends without a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowEnd {
    /// Something was not as it must be.
    Error(Fault, String),
    /// It cannot be measured here.
    NotMeasured(String),
}

impl RowEnd {
    /// The transport was another one than the row is about.
    pub(crate) fn transport(what: impl Display) -> Self {
        Self::Error(Fault::Transport, what.to_string())
    }

    /// A peer did not do what it was asked to.
    pub(crate) fn peer(what: impl Display) -> Self {
        Self::Error(Fault::Peer, what.to_string())
    }

    /// A peer failed, with the chain of causes.
    pub(crate) fn peer_failed(what: impl Display, error: &(dyn Error + 'static)) -> Self {
        Self::Error(Fault::Peer, chain(what, error))
    }

    /// The bench is at fault, with the chain of causes.
    pub(crate) fn bench(what: impl Display, error: &(dyn Error + 'static)) -> Self {
        Self::Error(Fault::Bench, chain(what, error))
    }

    /// This host cannot do it, with the chain of causes.
    pub(crate) fn host(what: impl Display, error: &(dyn Error + 'static)) -> Self {
        Self::Error(Fault::Host, chain(what, error))
    }

    pub(crate) fn of_call(who: &str, error: CallError) -> Self {
        match error {
            CallError::Unsupported { op, why } => {
                Self::NotMeasured(format!("the {who} cannot do {op}: {why}"))
            }
            CallError::Request { .. } => Self::bench(format!("the {who} was not asked"), &error),
            CallError::Failed { record, .. } => Self::peer(format!(
                "the {who} failed: {}",
                mpws_suite::cell::describe(&record)
            )),
            other => Self::peer_failed(format!("the {who} failed"), &other),
        }
    }

    /// What a row was to be measured in does not stand.
    pub(crate) fn of_start(error: &StartError) -> Self {
        Self::of_fault(error.fault(), in_one_line(error))
    }

    /// A peer cannot be prepared.
    pub(crate) fn of_launch(who: &str, error: &LaunchError, fixture: bool) -> Self {
        let text = chain(format!("the {who} did not start"), error);
        Self::of_fault(harness::Fault::of_launch(error, fixture), text)
    }

    fn of_fault(fault: harness::Fault, text: String) -> Self {
        match fault {
            harness::Fault::Peer => Self::Error(Fault::Peer, text),
            harness::Fault::Unsupported => Self::NotMeasured(text),
            harness::Fault::Host => Self::Error(Fault::Host, text),
            harness::Fault::Own => Self::Error(Fault::Bench, text),
        }
    }
}

fn chain(what: impl Display, error: &(dyn Error + 'static)) -> String {
    format!("{what}: {}", in_one_line(error))
}
