//! What carried the bytes, and why it was not MPTCP.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use mpws_model::cause::{Cause, UnknownCause};

/// What carried the bytes of one connection, as the packets prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TransportTruth {
    /// MPTCP to the end.
    Mptcp {
        /// Subflows on which mapped data arrived; 0 where no data was sent.
        subflows: u32,
    },
    /// MPTCP was asked for, and TCP carried the bytes, from some point on at least.
    Fallback {
        /// Why.
        cause: Cause,
    },
    /// Plain TCP; MPTCP was never asked for on the wire.
    Tcp,
    /// The connection did not come about, or carried nothing that was sent on it.
    NotEstablished {
        /// Why.
        cause: Cause,
    },
}

impl TransportTruth {
    /// Why it is not MPTCP; `None` if it is.
    pub fn cause(self) -> Option<Cause> {
        match self {
            Self::Mptcp { .. } => None,
            Self::Tcp => Some(Cause::NeverAsked),
            Self::Fallback { cause } | Self::NotEstablished { cause } => Some(cause),
        }
    }
}

impl fmt::Display for TransportTruth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mptcp { subflows } => write!(f, "mptcp ({subflows} subflows with data)"),
            Self::Fallback { cause } => write!(f, "fallback ({cause})"),
            Self::Tcp => f.write_str("tcp"),
            Self::NotEstablished { cause } => write!(f, "no connection ({cause})"),
        }
    }
}
