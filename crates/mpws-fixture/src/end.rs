//! How a connection ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionEnd {
    /// Close code received: 1005 for a close frame without one, 1006 where there was no close
    /// frame.
    pub code: u16,
    /// Close reason received.
    pub reason: String,
    /// What the transport did.
    pub transport: TransportEnd,
    /// The error that ended it, outermost first; empty where there was none.
    pub error: Vec<Cause>,
}

/// What the other side, or this one, did to the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TransportEnd {
    /// The other side closed: end of file.
    Eof,
    /// A read or write failed.
    Error {
        /// Errno, such as 104 (`ECONNRESET`).
        errno: i32,
    },
    /// The other side did not close in time; this one did.
    Timeout,
    /// This side closed without waiting for the other one.
    Local,
    /// This side was stopped in the middle.
    Aborted,
}

/// One error of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Type of the error, such as `std::io::Error`; `dyn Error` where it is not one that this crate
    /// knows.
    pub class: String,
    /// Its text, at most 500 characters.
    pub message: String,
    /// Errno, where it has one.
    pub errno: Option<i32>,
}

impl TransportEnd {
    /// One word: `eof`, `reset`, `error`, `timeout`, `local` or `aborted`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Eof => "eof",
            Self::Error { errno } if errno == libc::ECONNRESET => "reset",
            Self::Error { .. } => "error",
            Self::Timeout => "timeout",
            Self::Local => "local",
            Self::Aborted => "aborted",
        }
    }
}
