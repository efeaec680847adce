//! A function for each option, and for options as bytes.

use std::io;
use std::os::fd::AsFd;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use super::info::MptcpInfo;
use super::structure::{ROOM, short};
use super::subflow::{self, FullInfo, SubflowAddrs, TcpInfo};
use crate::{sys, uapi};

/// `SO_PROTOCOL`: 262 for a socket made as MPTCP (also after it fell back), 6 for TCP.
///
/// # Errors
///
/// The error of `getsockopt()`, such as `EBADF` or `ENOTSOCK`.
pub fn so_protocol(fd: impl AsFd) -> io::Result<i32> {
    number(&fd, libc::SOL_SOCKET, libc::SO_PROTOCOL)
}

/// `TCP_IS_MPTCP`: whether the socket speaks MPTCP now.
///
/// On a socket that is not connected, `Yes` means that MPTCP was asked for, not that it is in use.
/// Kernels before 6.10 lack the option, but there the error tells: `EOPNOTSUPP` comes from MPTCP,
/// `ENOPROTOOPT` from TCP or a socket that fell back.
///
/// # Errors
///
/// Any other error of `getsockopt()`, such as `EBADF`.
pub fn is_mptcp(fd: impl AsFd) -> io::Result<IsMptcp> {
    match number(&fd, libc::IPPROTO_TCP, uapi::TCP_IS_MPTCP) {
        Ok(0) => Ok(IsMptcp::No),
        Ok(_) => Ok(IsMptcp::Yes),
        Err(error) => {
            let errno = error.raw_os_error();
            // Sockets that know no options of TCP at all, such as Unix sockets, say EOPNOTSUPP as
            // well.
            let protocol = so_protocol(&fd).ok();
            errno
                .and_then(|errno| IsMptcp::of_errno(errno, protocol))
                .ok_or(error)
        }
    }
}

/// `MPTCP_INFO`.
///
/// # Errors
///
/// `EOPNOTSUPP` or `ENOPROTOOPT` if the socket is TCP or fell back, or the kernel is older than
/// 5.16; kind `InvalidData` if the kernel returned less than any kernel should.
pub fn info(fd: impl AsFd) -> io::Result<MptcpInfo> {
    let mut buffer = [0; ROOM];
    let length = sys::getsockopt(fd.as_fd(), uapi::SOL_MPTCP, uapi::MPTCP_INFO, &mut buffer)?;
    MptcpInfo::parse(&buffer[..length]).ok_or_else(|| short("MPTCP_INFO", length))
}

/// `MPTCP_TCPINFO`: the TCP side of each subflow, the first one first.
///
/// # Errors
///
/// As [`info`].
pub fn tcpinfo(fd: impl AsFd) -> io::Result<Vec<TcpInfo>> {
    subflow::array(fd.as_fd(), uapi::MPTCP_TCPINFO, ROOM, |bytes| {
        TcpInfo::parse(bytes)
    })
}

/// `MPTCP_SUBFLOW_ADDRS`: both addresses of each subflow, in the order of [`tcpinfo`].
///
/// # Errors
///
/// As [`info`]; kind `InvalidData` also for an address family that is not IPv4 or IPv6.
pub fn subflow_addrs(fd: impl AsFd) -> io::Result<Vec<SubflowAddrs>> {
    subflow::array(
        fd.as_fd(),
        uapi::MPTCP_SUBFLOW_ADDRS,
        subflow::ADDRS,
        SubflowAddrs::parse,
    )
}

/// `MPTCP_FULL_INFO`: all of the above in one consistent look.
///
/// # Errors
///
/// As [`subflow_addrs`]; `EOPNOTSUPP` also on kernels older than 6.5.
pub fn full_info(fd: impl AsFd) -> io::Result<FullInfo> {
    subflow::full_info(fd.as_fd())
}

/// Reads any option, as bytes, into `buffer`; gives the length that the kernel returned.
///
/// For looking at how MPTCP treats options; what has a function of its own here is better read with
/// that. What the buffer holds before the call is given to the kernel too.
///
/// # Errors
///
/// The error of `getsockopt()`. Kind `InvalidInput` for options whose argument holds addresses of
/// memory (`MPTCP_FULL_INFO`, `TCP_ZEROCOPY_RECEIVE`), which bytes cannot vouch for.
pub fn bytes(fd: impl AsFd, level: i32, option: i32, buffer: &mut [u8]) -> io::Result<usize> {
    refuse_addresses(level, option)?;
    sys::getsockopt(fd.as_fd(), level, option, buffer)
}

/// Sets any option to these bytes.
///
/// # Errors
///
/// The error of `setsockopt()`. Kind `InvalidInput` for options whose argument holds addresses of
/// memory (`SO_ATTACH_FILTER` and its like), which bytes cannot vouch for.
pub fn set_bytes(fd: impl AsFd, level: i32, option: i32, value: &[u8]) -> io::Result<()> {
    refuse_addresses(level, option)?;
    sys::setsockopt(fd.as_fd(), level, option, value)
}

/// Whether a socket speaks MPTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum IsMptcp {
    /// It does; or, while it is not connected, it would like to.
    Yes,
    /// It is TCP, from the start or by fallback.
    No,
    /// The kernel does not say.
    Unknown,
}

impl IsMptcp {
    /// Reads the error number of `TCP_IS_MPTCP` on a kernel that lacks it, with `SO_PROTOCOL` of
    /// the same socket. `None` where the error has nothing to do with the question.
    fn of_errno(errno: i32, so_protocol: Option<i32>) -> Option<Self> {
        match (errno, so_protocol) {
            (libc::EOPNOTSUPP, Some(libc::IPPROTO_MPTCP)) => Some(Self::Yes),
            (libc::EOPNOTSUPP, _) => Some(Self::Unknown),
            (libc::ENOPROTOOPT, _) => Some(Self::No),
            _ => None,
        }
    }
}

pub(crate) fn number(fd: &impl AsFd, level: i32, option: i32) -> io::Result<i32> {
    let mut buffer = [0; size_of::<i32>()];
    let length = sys::getsockopt(fd.as_fd(), level, option, &mut buffer)?;
    if length < buffer.len() {
        return Err(short("a numeric option", length));
    }
    Ok(i32::from_ne_bytes(buffer))
}

fn refuse_addresses(level: i32, option: i32) -> io::Result<()> {
    if WITH_ADDRESSES.contains(&(level, option)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(())
}

/// Options whose argument holds addresses of memory.
const WITH_ADDRESSES: [(i32, i32); 4] = [
    (uapi::SOL_MPTCP, uapi::MPTCP_FULL_INFO),
    (libc::IPPROTO_TCP, libc::TCP_ZEROCOPY_RECEIVE),
    (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER),
    (libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_6_10_the_error_number_tells_mptcp_from_tcp() {
        let mptcp = Some(libc::IPPROTO_MPTCP);
        assert_eq!(
            IsMptcp::of_errno(libc::EOPNOTSUPP, mptcp),
            Some(IsMptcp::Yes)
        );
        assert_eq!(
            IsMptcp::of_errno(libc::ENOPROTOOPT, mptcp),
            Some(IsMptcp::No)
        );
        assert_eq!(
            IsMptcp::of_errno(libc::ENOPROTOOPT, Some(libc::IPPROTO_TCP)),
            Some(IsMptcp::No)
        );
        assert_eq!(IsMptcp::of_errno(libc::EBADF, mptcp), None);
    }

    #[test]
    fn a_socket_that_knows_no_tcp_options_gives_no_answer() {
        let (unix, _other) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
        assert_eq!(is_mptcp(&unix).expect("an answer"), IsMptcp::Unknown);
    }

    #[test]
    fn a_tcp_socket_is_not_mptcp_and_has_no_mptcp_info() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        assert_eq!(
            so_protocol(&listener).expect("a protocol"),
            libc::IPPROTO_TCP
        );
        assert_eq!(is_mptcp(&listener).expect("an answer"), IsMptcp::No);
        let errno = info(&listener)
            .expect_err("TCP has no MPTCP_INFO")
            .raw_os_error();
        assert!(
            matches!(errno, Some(libc::EOPNOTSUPP | libc::ENOPROTOOPT)),
            "{errno:?}"
        );
    }

    #[test]
    fn an_option_is_read_back_as_the_bytes_that_were_set() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let (level, option) = (libc::IPPROTO_TCP, libc::TCP_CONGESTION);
        set_bytes(&listener, level, option, b"reno").expect("set");
        let mut buffer = [0xff; 16];
        let length = bytes(&listener, level, option, &mut buffer).expect("read");
        assert_eq!(buffer[..length][..5], *b"reno\0");
    }

    #[test]
    fn options_with_addresses_are_not_taken_as_bytes() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        for (level, option) in WITH_ADDRESSES {
            let read = bytes(&listener, level, option, &mut [0; 136]);
            let set = set_bytes(&listener, level, option, &[0; 136]);
            for refused in [read.map(drop), set] {
                let error = refused.expect_err("refused");
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            }
        }
    }

    #[test]
    fn a_descriptor_that_is_no_socket_is_an_error() {
        let file = std::fs::File::open("/dev/null").expect("a file");
        let error = is_mptcp(&file).expect_err("a file is no socket");
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
    }
}
