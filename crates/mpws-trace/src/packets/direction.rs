//! The two directions of a connection.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which way.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the initiator (the client) to the responder (the server).
    ToResponder,
    /// From the responder to the initiator.
    ToInitiator,
}

impl Direction {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::ToResponder, Self::ToInitiator];

    /// The other one.
    pub fn reverse(self) -> Self {
        match self {
            Self::ToResponder => Self::ToInitiator,
            Self::ToInitiator => Self::ToResponder,
        }
    }
}
