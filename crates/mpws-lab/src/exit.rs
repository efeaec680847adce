//! How processes end: programs of hosts, and a lab process that cannot go on.

use serde::{Deserialize, Serialize};
use std::{fmt, io};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It exited with this code, 0 to 255.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl Exit {
    /// Whether it exited with code 0.
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Exit code of a lab process that found itself in a state it cannot be in; `EX_SOFTWARE` of
/// sysexits(3).
pub(crate) const BROKEN: i32 = 70;

/// Says on standard error, which is the owner's, what went wrong; the exit code to end with.
pub(crate) fn complain(error: &io::Error) -> i32 {
    eprintln!("lab process: {error}");
    BROKEN
}
