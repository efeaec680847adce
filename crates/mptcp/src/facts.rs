//! One look at a socket from outside: what the kernel says of it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};
use socket2::SockRef;

use crate::sockopt::{self, IsMptcp, MptcpInfo};

/// What the kernel says of a stream socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct SocketFacts {
    /// `SO_PROTOCOL`: 262 MPTCP (also after fallback), 6 TCP.
    pub so_protocol: i32,
    /// `TCP_IS_MPTCP`; see [`sockopt::is_mptcp`] for what it means before the connection is there.
    pub is_mptcp: IsMptcp,
    /// `MPTCP_INFO`, where it could be read.
    pub info: Option<MptcpInfo>,
    /// The error number of `MPTCP_INFO`, where it could not.
    pub info_errno: Option<i32>,
    /// `TCP_NODELAY`, where the socket knows it.
    pub nodelay: Option<bool>,
    /// `SO_KEEPALIVE`.
    pub keepalive: Option<bool>,
    /// Further options that take a number.
    pub tuning: Tuning,
    /// Whether `O_NONBLOCK` is set.
    pub nonblocking: bool,
    /// Own address; `None` if the socket is of another family than IPv4 and IPv6.
    pub local: Option<SocketAddr>,
    /// The peer's address; `None` while there is no connection. On MPTCP that of the first subflow.
    pub remote: Option<SocketAddr>,
}

/// Options that programs set to make a connection behave; `None` where the socket does not know
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Tuning {
    /// `TCP_KEEPIDLE`, seconds.
    pub keepidle: Option<i32>,
    /// `TCP_KEEPINTVL`, seconds.
    pub keepintvl: Option<i32>,
    /// `TCP_KEEPCNT`.
    pub keepcnt: Option<i32>,
    /// `SO_RCVBUF`, bytes, twice what was set.
    pub rcvbuf: Option<i32>,
    /// `SO_SNDBUF`, bytes, twice what was set.
    pub sndbuf: Option<i32>,
    /// `SO_PRIORITY`.
    pub priority: Option<i32>,
    /// `IP_TOS`.
    pub tos: Option<i32>,
}

impl Tuning {
    fn of(fd: &impl AsFd) -> Self {
        let tcp = |option| sockopt::number(fd, libc::IPPROTO_TCP, option).ok();
        let socket = |option| sockopt::number(fd, libc::SOL_SOCKET, option).ok();
        Self {
            keepidle: tcp(libc::TCP_KEEPIDLE),
            keepintvl: tcp(libc::TCP_KEEPINTVL),
            keepcnt: tcp(libc::TCP_KEEPCNT),
            rcvbuf: socket(libc::SO_RCVBUF),
            sndbuf: socket(libc::SO_SNDBUF),
            priority: socket(libc::SO_PRIORITY),
            tos: sockopt::number(fd, libc::IPPROTO_IP, libc::IP_TOS).ok(),
        }
    }
}

impl SocketFacts {
    /// Looks at a socket. It changes nothing on it.
    ///
    /// # Errors
    ///
    /// If the descriptor is closed or no socket (`EBADF`, `ENOTSOCK`). An option that cannot be
    /// read is a fact, not an error.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let so_protocol = sockopt::so_protocol(&fd)?;
        let (info, info_errno) = match sockopt::info(&fd) {
            Ok(info) => (Some(info), None),
            // An error without a number is a structure that could not be read; it must not look
            // like "no error".
            Err(error) => (None, Some(error.raw_os_error().unwrap_or(libc::EBADMSG))),
        };
        let socket = SockRef::from(&fd);
        Ok(Self {
            so_protocol,
            is_mptcp: sockopt::is_mptcp(&fd).unwrap_or(IsMptcp::Unknown),
            info,
            info_errno,
            nodelay: socket.tcp_nodelay().ok(),
            keepalive: socket.keepalive().ok(),
            tuning: Tuning::of(&fd),
            nonblocking: socket.nonblocking()?,
            local: socket
                .local_addr()
                .ok()
                .and_then(|address| address.as_socket()),
            remote: socket
                .peer_addr()
                .ok()
                .and_then(|address| address.as_socket()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_a_tcp_connection_are_read_without_changing_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let stream = std::net::TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let keepidle = 33_i32.to_ne_bytes();
        sockopt::set_bytes(&stream, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, &keepidle)
            .expect("TCP_KEEPIDLE");
        let facts = SocketFacts::of(&stream).expect("facts");
        assert_eq!(facts.so_protocol, libc::IPPROTO_TCP);
        assert_eq!(facts.is_mptcp, IsMptcp::No);
        assert_eq!(facts.info, None);
        assert!(facts.info_errno.is_some());
        assert_eq!(facts.nodelay, Some(true));
        assert_eq!(facts.keepalive, Some(false));
        assert_eq!(facts.tuning.keepidle, Some(33));
        assert_eq!(facts.tuning.tos, Some(0));
        assert!(!facts.nonblocking);
        assert_eq!(facts.local, stream.local_addr().ok());
        assert_eq!(facts.remote, Some(address));
    }

    #[test]
    fn a_listener_has_no_remote_address() {
        let listener = std::net::TcpListener::bind("[::1]:0").expect("a listener");
        listener.set_nonblocking(true).expect("O_NONBLOCK");
        let facts = SocketFacts::of(&listener).expect("facts");
        assert_eq!(facts.remote, None);
        assert!(facts.nonblocking);
    }

    #[test]
    fn a_file_has_no_socket_facts() {
        let file = std::fs::File::open("/dev/null").expect("a file");
        let error = SocketFacts::of(&file).expect_err("a file is no socket");
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
    }
}
