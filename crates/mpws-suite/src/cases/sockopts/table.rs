//! The table: what each option answers in each state.
//!
//! Rows of which Linux from 6.1 to 7.3 says the same have one legal answer a state; where releases
//! differ there are several, and which of them this kernel gives is recorded. A row is asked only
//! where a fresh TCP socket knows the option and may set it.

use mptcp::uapi;

use super::option::{
    IGNORED, KEPT, NOT_TO_SET, READ, REFUSED, SocketOption, TOO_LATE, UNSUPPORTED, Value,
};

/// An option and its legal answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The option.
    pub option: SocketOption,
    /// On an MPTCP socket that is not connected.
    pub fresh: Answers,
    /// On one that is connected, at either end.
    pub connected: Answers,
    /// On one that fell back.
    pub fallen: Answers,
    /// On a connected TCP socket, also one that an MPTCP listener accepted from a TCP client.
    pub tcp: Answers,
}

/// Legal answers.
pub(super) type Answers = &'static [&'static str];

const fn row(
    (name, level, number): (&'static str, i32, i32),
    value: Value,
    [fresh, connected, fallen, tcp]: [Answers; 4],
) -> Row {
    let option = SocketOption {
        name,
        level,
        number,
        value,
    };
    Row {
        option,
        fresh,
        connected,
        fallen,
        tcp,
    }
}

/// Name, level and number of an option of sockets.
macro_rules! socket {
    ($name:ident) => {
        (stringify!($name), libc::SOL_SOCKET, libc::$name)
    };
}

/// Name, level and number of an option of TCP.
macro_rules! tcp {
    ($name:ident) => {
        (stringify!($name), libc::IPPROTO_TCP, libc::$name)
    };
}

/// Name, level and number of an option of IPv4.
macro_rules! ip {
    ($name:ident) => {
        (stringify!($name), libc::IPPROTO_IP, libc::$name)
    };
}

/// Name, level and number of an option of IPv6.
macro_rules! ipv6 {
    ($name:ident) => {
        (stringify!($name), libc::IPPROTO_IPV6, libc::$name)
    };
}

/// Everywhere as on TCP.
const WORKS: [Answers; 4] = [&[KEPT]; 4];
/// Unknown to MPTCP; works once TCP has taken over.
const FALLBACK_ONLY: [Answers; 4] = [&[REFUSED], &[REFUSED], &[KEPT], &[KEPT]];
/// The same, of options of IP.
const IP_FALLBACK_ONLY: [Answers; 4] = [&[UNSUPPORTED], &[UNSUPPORTED], &[KEPT], &[KEPT]];
/// Can never be set on a socket that was made as MPTCP.
const NEVER: [Answers; 4] = [&[NOT_TO_SET], &[NOT_TO_SET], &[NOT_TO_SET], &[KEPT]];
/// Before the connection only, on whatever was made as MPTCP.
const BEFORE: [Answers; 4] = [&[KEPT], &[TOO_LATE], &[TOO_LATE], &[KEPT]];
/// Before the connection only, while it is MPTCP.
const IP_BEFORE: [Answers; 4] = [&[KEPT], &[TOO_LATE], &[KEPT], &[KEPT]];
/// Taken without effect on whatever was made as MPTCP.
const SWALLOWED: [Answers; 4] = [
    &[KEPT, IGNORED],
    &[KEPT, IGNORED],
    &[KEPT, IGNORED],
    &[KEPT],
];
/// Works from some release on.
const LATER: [Answers; 4] = [&[KEPT, REFUSED], &[KEPT, REFUSED], &[KEPT], &[KEPT]];
/// It is read, and says something, in every state.
const READ_ONLY: [Answers; 4] = [&[READ]; 4];

/// Every option that is asked.
pub(super) const TABLE: &[Row] = &[
    row(socket!(SO_KEEPALIVE), Value::Number(1), WORKS),
    row(socket!(SO_SNDBUF), Value::Rounded(65_536), WORKS),
    row(socket!(SO_RCVBUF), Value::Rounded(65_536), WORKS),
    row(socket!(SO_PRIORITY), Value::Number(4), WORKS),
    row(socket!(SO_MARK), Value::Number(7), WORKS),
    row(socket!(SO_TIMESTAMP), Value::Number(1), WORKS),
    row(socket!(SO_TIMESTAMPING), Value::Number(16), WORKS),
    row(socket!(SO_RCVLOWAT), Value::Number(2), WORKS),
    row(socket!(SO_LINGER), Value::Bytes(&LINGER_5_S), WORKS),
    row(socket!(SO_BUSY_POLL), Value::Number(1), WORKS),
    row(socket!(SO_REUSEADDR), Value::Number(1), BEFORE),
    row(socket!(SO_REUSEPORT), Value::Number(1), BEFORE),
    row(socket!(SO_ZEROCOPY), Value::Number(1), NEVER),
    row(socket!(SO_OOBINLINE), Value::Number(1), NEVER),
    row(socket!(SO_MAX_PACING_RATE), Value::Number(1 << 24), NEVER),
    row(socket!(SO_DONTROUTE), Value::Number(1), SWALLOWED),
    row(socket!(SO_BROADCAST), Value::Number(1), SWALLOWED),
    row(socket!(SO_NO_CHECK), Value::Number(1), SWALLOWED),
    row(tcp!(TCP_NODELAY), Value::Number(1), WORKS),
    row(tcp!(TCP_KEEPIDLE), Value::Number(30), WORKS),
    row(tcp!(TCP_KEEPINTVL), Value::Number(3), WORKS),
    row(tcp!(TCP_KEEPCNT), Value::Number(4), WORKS),
    row(tcp!(TCP_INQ), Value::Number(1), WORKS),
    row(tcp!(TCP_CONGESTION), Value::Bytes(b"reno"), WORKS),
    row(tcp!(TCP_CORK), Value::Number(0), WORKS),
    row(tcp!(TCP_DEFER_ACCEPT), Value::Rounded(5), WORKS),
    row(tcp!(TCP_MAXSEG), Value::Rounded(1200), LATER),
    row(tcp!(TCP_NOTSENT_LOWAT), Value::Number(16_384), LATER),
    row(
        tcp!(TCP_FASTOPEN),
        Value::Number(5),
        [
            &[KEPT, REFUSED],
            &[TOO_LATE, REFUSED],
            &[TOO_LATE],
            &[TOO_LATE],
        ],
    ),
    row(
        tcp!(TCP_FASTOPEN_CONNECT),
        Value::Number(1),
        [
            &[KEPT, REFUSED],
            &[TOO_LATE, REFUSED],
            &[TOO_LATE],
            &[TOO_LATE],
        ],
    ),
    row(tcp!(TCP_USER_TIMEOUT), Value::Number(5000), FALLBACK_ONLY),
    row(tcp!(TCP_QUICKACK), Value::Rounded(1), FALLBACK_ONLY),
    row(tcp!(TCP_SYNCNT), Value::Number(3), FALLBACK_ONLY),
    row(tcp!(TCP_LINGER2), Value::Rounded(5), FALLBACK_ONLY),
    row(tcp!(TCP_WINDOW_CLAMP), Value::Number(65_536), FALLBACK_ONLY),
    row(tcp!(TCP_SAVE_SYN), Value::Number(1), FALLBACK_ONLY),
    row(
        tcp!(TCP_THIN_LINEAR_TIMEOUTS),
        Value::Number(1),
        FALLBACK_ONLY,
    ),
    row(
        ("TCP_TX_DELAY", libc::IPPROTO_TCP, uapi::TCP_TX_DELAY),
        Value::Number(1),
        FALLBACK_ONLY,
    ),
    row(
        ("TCP_RTO_MAX_MS", libc::IPPROTO_TCP, uapi::TCP_RTO_MAX_MS),
        Value::Number(2000),
        [
            &[KEPT, REFUSED],
            &[KEPT, REFUSED],
            &[KEPT, "set ENOPROTOOPT"],
            &[KEPT],
        ],
    ),
    row(tcp!(TCP_INFO), Value::ReadOnly, READ_ONLY),
    row(tcp!(TCP_CC_INFO), Value::ReadOnly, READ_ONLY),
    row(ip!(IP_TOS), Value::Number(16), WORKS),
    row(ip!(IP_TTL), Value::Number(33), IP_FALLBACK_ONLY),
    row(ip!(IP_MTU_DISCOVER), Value::Number(2), IP_FALLBACK_ONLY),
    row(ip!(IP_RECVERR), Value::Number(1), IP_FALLBACK_ONLY),
    row(ip!(IP_RECVTOS), Value::Number(1), IP_FALLBACK_ONLY),
    row(ip!(IP_FREEBIND), Value::Number(1), IP_BEFORE),
    row(ip!(IP_TRANSPARENT), Value::Number(1), IP_BEFORE),
    row(
        ip!(IP_BIND_ADDRESS_NO_PORT),
        Value::Number(1),
        [
            &[KEPT, UNSUPPORTED],
            &[TOO_LATE, UNSUPPORTED],
            &[KEPT],
            &[KEPT],
        ],
    ),
    row(
        ipv6!(IPV6_V6ONLY),
        Value::Number(1),
        [&[KEPT], &[TOO_LATE], &[TOO_LATE], &[TOO_LATE]],
    ),
    row(ipv6!(IPV6_TCLASS), Value::Number(16), IP_FALLBACK_ONLY),
    row(
        ipv6!(IPV6_UNICAST_HOPS),
        Value::Number(33),
        IP_FALLBACK_ONLY,
    ),
    row(ipv6!(IPV6_RECVTCLASS), Value::Number(1), IP_FALLBACK_ONLY),
    // The last, because it cuts the socket off from its path.
    row(socket!(SO_BINDTODEVICE), Value::Bytes(b"lo\0"), BEFORE),
];

/// `struct linger`: on, 5 seconds.
#[cfg(target_endian = "little")]
const LINGER_5_S: [u8; 8] = [1, 0, 0, 0, 5, 0, 0, 0];
/// `struct linger`: on, 5 seconds.
#[cfg(target_endian = "big")]
const LINGER_5_S: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 5];
