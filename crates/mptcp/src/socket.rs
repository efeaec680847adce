//! Making an MPTCP socket, and telling why there is none.

use std::{fmt, io};

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// Makes an MPTCP stream socket, close-on-exec, never a TCP socket instead.
///
/// # Errors
///
/// [`Unavailable`] when the kernel or a policy refuses; falling back to TCP is the caller's
/// decision.
pub fn stream(domain: Domain) -> Result<Socket, Unavailable> {
    Socket::new(domain, Type::STREAM, Some(Protocol::MPTCP)).map_err(Unavailable::from)
}

/// There is no MPTCP socket to be had.
#[derive(Debug, Error)]
#[error("no MPTCP socket: {reason}")]
pub struct Unavailable {
    /// Why, as far as the error number tells.
    pub reason: Reason,
    /// What `socket()` said.
    pub source: io::Error,
}

impl From<io::Error> for Unavailable {
    fn from(source: io::Error) -> Self {
        Self {
            reason: source
                .raw_os_error()
                .map_or(Reason::Other, Reason::of_errno),
            source,
        }
    }
}

/// Why `socket(.., SOCK_STREAM, IPPROTO_MPTCP)` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Reason {
    /// The kernel has no MPTCP (`EPROTONOSUPPORT`), or is so old that it does not know protocol
    /// numbers above 255 (`EINVAL`). It will not change while the kernel runs.
    NotInKernel,
    /// The sysctl `net.mptcp.enabled` is 0 in this network namespace (`ENOPROTOOPT`).
    SwitchedOff,
    /// A policy such as seccomp, SELinux or BPF refused (`EPERM`, `EACCES`, `ENOSYS`,
    /// `EAFNOSUPPORT`). A policy may also answer with the numbers of the other reasons; nobody can
    /// tell then.
    RefusedByPolicy,
    /// Something else, such as no descriptors left (`EMFILE`); it says nothing about MPTCP.
    Other,
}

impl Reason {
    /// Reads the error number of `socket()`.
    #[must_use]
    pub const fn of_errno(errno: i32) -> Self {
        match errno {
            libc::EPROTONOSUPPORT | libc::EINVAL => Self::NotInKernel,
            libc::ENOPROTOOPT => Self::SwitchedOff,
            libc::EPERM | libc::EACCES | libc::ENOSYS | libc::EAFNOSUPPORT => Self::RefusedByPolicy,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInKernel => "the kernel does not have MPTCP",
            Self::SwitchedOff => "MPTCP is switched off (net.mptcp.enabled=0)",
            Self::RefusedByPolicy => "a policy such as seccomp refuses MPTCP",
            Self::Other => "the socket could not be made",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_of_each_kind_map_to_their_reason() {
        for (errno, reason) in [
            (libc::EPROTONOSUPPORT, Reason::NotInKernel),
            (libc::EINVAL, Reason::NotInKernel),
            (libc::ENOPROTOOPT, Reason::SwitchedOff),
            (libc::EPERM, Reason::RefusedByPolicy),
            (libc::EACCES, Reason::RefusedByPolicy),
            (libc::ENOSYS, Reason::RefusedByPolicy),
            (libc::EAFNOSUPPORT, Reason::RefusedByPolicy),
            (libc::EMFILE, Reason::Other),
        ] {
            assert_eq!(Reason::of_errno(errno), reason, "errno {errno}");
        }
    }

    #[test]
    fn an_unavailable_socket_says_why_in_plain_words_and_keeps_the_source() {
        let error = Unavailable::from(io::Error::from_raw_os_error(libc::ENOPROTOOPT));
        assert_eq!(
            error.to_string(),
            "no MPTCP socket: MPTCP is switched off (net.mptcp.enabled=0)"
        );
        assert_eq!(error.source.raw_os_error(), Some(libc::ENOPROTOOPT));
    }

    #[test]
    fn a_domain_without_mptcp_is_an_error_and_not_a_tcp_socket() {
        let error = stream(Domain::UNIX).expect_err("there is no MPTCP over Unix sockets");
        assert_eq!(error.source.raw_os_error(), Some(libc::EPROTONOSUPPORT));
    }
}
