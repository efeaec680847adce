//! What can go wrong between the kernel and us.

use std::{fmt, io};

use thiserror::Error;

/// A question to the kernel failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetlinkError {
    /// A system call failed.
    #[error("netlink: could not {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// How it failed.
        source: io::Error,
    },
    /// The kernel understood and refused.
    #[error("the kernel refused: {0}")]
    Refused(KernelRefusal),
    /// The kernel has no such generic netlink family: it is too old, or was built without.
    #[error("the kernel has no netlink family {name:?}")]
    NoFamily {
        /// The family.
        name: &'static str,
    },
    /// The family has no such multicast group.
    #[error("netlink family {family:?} has no group {name:?}")]
    NoGroup {
        /// The family.
        family: &'static str,
        /// The group.
        name: &'static str,
    },
    /// The kernel did not answer in time.
    #[error("no answer from the kernel for {seconds} s")]
    NoAnswer {
        /// How long was waited.
        seconds: u64,
    },
    /// Messages were lost, because they came faster than they were read.
    #[error("netlink messages were lost")]
    Overrun,
    /// The list changed each time while the kernel told it.
    #[error("the list changed while it was read, again and again")]
    Unsteady,
    /// The kernel sent something that cannot be read.
    #[error("the kernel sent {what} that makes no sense")]
    Malformed {
        /// What could not be read.
        what: &'static str,
    },
}

impl NetlinkError {
    pub(crate) fn io(doing: &'static str, source: io::Error) -> Self {
        Self::Io { doing, source }
    }

    /// The kernel's error number, where it gave one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } => source.raw_os_error(),
            Self::Refused(refusal) => Some(refusal.errno),
            _ => None,
        }
    }
}

/// Why the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRefusal {
    /// The error number, positive.
    pub errno: i32,
    /// Its own words (extended acknowledgement), where it has some.
    pub message: Option<String>,
    /// Where in the request the fault is, in bytes from its start.
    pub offset: Option<u32>,
}

impl fmt::Display for KernelRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.errno).fmt(f)?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}
