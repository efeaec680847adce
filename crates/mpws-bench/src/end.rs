//! Why a row came to no figure.

use std::error::Error;
use std::fmt::Display;

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
    pub(crate) fn peer_failed(what: impl Display, error: &dyn Error) -> Self {
        Self::Error(Fault::Peer, chain(what, error))
    }

    /// The bench is at fault, with the chain of causes.
    pub(crate) fn bench(what: impl Display, error: &dyn Error) -> Self {
        Self::Error(Fault::Bench, chain(what, error))
    }

    /// This host cannot do it, with the chain of causes.
    pub(crate) fn host(what: impl Display, error: &dyn Error) -> Self {
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

    pub(crate) fn of_launch(who: &str, error: &LaunchError) -> Self {
        let what = format!("the {who} did not start");
        match error {
            LaunchError::NotSupported { .. } => Self::NotMeasured(chain(what, error)),
            LaunchError::Environment { .. } | LaunchError::NoPython { .. } => {
                Self::host(what, error)
            }
            LaunchError::Socket(_) | LaunchError::Nursery { .. } => Self::bench(what, error),
            _ => Self::peer_failed(what, error),
        }
    }
}

fn chain(what: impl Display, error: &dyn Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}
