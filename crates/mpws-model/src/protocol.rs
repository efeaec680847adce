//! The protocol that the sockets of a cell ask for.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Protocol asked for. What carried the bytes is a [`TransportKind`](crate::result::TransportKind).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// `IPPROTO_MPTCP`.
    Mptcp,
    /// `IPPROTO_TCP`.
    Tcp,
}

/// A word that is no [`Protocol`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown protocol `{0}`; there are `mptcp` and `tcp`")]
pub struct UnknownProtocol(pub String);

impl Protocol {
    /// Both, MPTCP first.
    pub const ALL: [Self; 2] = [Self::Mptcp, Self::Tcp];

    /// `mptcp` or `tcp`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mptcp => "mptcp",
            Self::Tcp => "tcp",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Mptcp => Self::Tcp,
            Self::Tcp => Self::Mptcp,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(word: &str) -> Result<Self, UnknownProtocol> {
        let known = Self::ALL.into_iter().find(|one| one.word() == word);
        known.ok_or_else(|| UnknownProtocol(word.to_owned()))
    }
}
