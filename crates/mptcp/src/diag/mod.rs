//! Sockets as `inet_diag` shows them: what `ss -M` and `ss -t` see.
//!
//! `IPPROTO_MPTCP` is 262 and does not fit the one byte of the request, whose rest would be 6, TCP:
//! the protocol goes in the attribute `INET_DIAG_REQ_PROTOCOL`.

mod message;

use std::os::fd::OwnedFd;

pub use self::message::{MptcpSocket, State, SubflowFlags, SubflowInfo, TcpSubflow};
use crate::netlink::{Channel, NetlinkError};

/// An address family whose sockets are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6, of dual-stack listeners and the connections that these accept, too.
    Inet6,
}

/// Lists the MPTCP sockets of the calling thread's network namespace, of both address families.
///
/// # Errors
///
/// Refused with `ENOENT` if the kernel lacks `mptcp_diag` and cannot load it.
pub fn dump() -> Result<Vec<MptcpSocket>, NetlinkError> {
    Diag::new()?.mptcp_sockets()
}

/// Lists the MPTCP sockets of the network namespace in which the socket
/// `AF_NETLINK`/`NETLINK_SOCK_DIAG` was made.
///
/// # Errors
///
/// As [`dump`]; also if the descriptor is no such socket.
pub fn dump_with(fd: OwnedFd) -> Result<Vec<MptcpSocket>, NetlinkError> {
    Diag::from_fd(fd).mptcp_sockets()
}

/// Asks about the sockets of one network namespace, as often as needed.
#[derive(Debug)]
pub struct Diag {
    channel: Channel,
}

impl Diag {
    /// Asks in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// If no netlink socket can be made.
    pub fn new() -> Result<Self, NetlinkError> {
        Ok(Self {
            channel: Channel::new(libc::NETLINK_SOCK_DIAG as isize)?,
        })
    }

    /// Asks in the namespace in which the socket `AF_NETLINK`/`NETLINK_SOCK_DIAG` was made.
    #[must_use]
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self {
            channel: Channel::from_fd(fd),
        }
    }

    /// Lists the MPTCP sockets, listeners included, IPv4 first.
    ///
    /// # Errors
    ///
    /// As [`dump`].
    pub fn mptcp_sockets(&mut self) -> Result<Vec<MptcpSocket>, NetlinkError> {
        let mut all = self.mptcp(Family::Inet, message::ALL_STATES)?;
        all.extend(self.mptcp(Family::Inet6, message::ALL_STATES)?);
        Ok(all)
    }

    /// Lists the MPTCP sockets of one address family that do not listen. The kernel walks its whole
    /// table of tokens for it, however many sockets there are; for listeners it would walk another
    /// one, which is several times as long.
    ///
    /// # Errors
    ///
    /// As [`dump`].
    pub fn mptcp_connections_of(
        &mut self,
        family: Family,
    ) -> Result<Vec<MptcpSocket>, NetlinkError> {
        self.mptcp(family, message::NO_LISTENERS)
    }

    fn mptcp(&mut self, family: Family, states: u32) -> Result<Vec<MptcpSocket>, NetlinkError> {
        let messages = self.list(family, libc::IPPROTO_MPTCP, states)?;
        messages
            .iter()
            .map(|payload| MptcpSocket::parse(payload))
            .collect()
    }

    /// Lists the TCP sockets that are subflows of MPTCP sockets (`TCP_ULP` is `mptcp`). Without
    /// `CAP_NET_ADMIN` newer kernels keep back the sequence numbers, and older ones all of
    /// [`SubflowInfo`].
    ///
    /// # Errors
    ///
    /// As the kernel decides.
    pub fn tcp_subflows(&mut self) -> Result<Vec<TcpSubflow>, NetlinkError> {
        let mut messages = self.list(Family::Inet, libc::IPPROTO_TCP, message::ALL_STATES)?;
        messages.extend(self.list(Family::Inet6, libc::IPPROTO_TCP, message::ALL_STATES)?);
        messages
            .iter()
            .filter_map(|payload| TcpSubflow::parse(payload).transpose())
            .collect()
    }

    fn list(
        &mut self,
        family: Family,
        protocol: i32,
        states: u32,
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        let family = match family {
            Family::Inet => libc::AF_INET,
            Family::Inet6 => libc::AF_INET6,
        };
        let request = message::request(family, protocol, states);
        let answers = self.channel.list(message::SOCK_DIAG_BY_FAMILY, &request)?;
        Ok(answers
            .into_iter()
            .filter(|answer| answer.kind == message::SOCK_DIAG_BY_FAMILY)
            .map(|answer| answer.payload)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn without_the_protocol_attribute_the_kernel_would_tell_of_tcp_sockets() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let mut diag = Diag::new().expect("a netlink socket");

        let truncated =
            message::request_without_attribute(libc::AF_INET, libc::IPPROTO_MPTCP as u8);
        let rows = diag
            .channel
            .list(message::SOCK_DIAG_BY_FAMILY, &truncated)
            .expect("a list");
        let mut sockets = rows
            .iter()
            .filter_map(|row| message::addresses(&row.payload));
        assert!(
            sockets.any(|(local, _)| local == address),
            "the TCP listener is told of"
        );

        match diag.mptcp_sockets() {
            Ok(sockets) => assert!(sockets.iter().all(|socket| socket.local != address)),
            Err(error) => assert_eq!(error.errno(), Some(libc::ENOENT), "{error}"),
        }
    }
}
