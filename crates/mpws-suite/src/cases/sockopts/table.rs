//! The table: what each option answers in each state.
//!
//! Rows of which Linux from 6.1 to 7.3 says the same have one legal answer a state; where releases differ there are several, and
//! which of them this kernel gives is recorded. A row is asked only where a fresh TCP socket knows the option and may set it.

use mptcp::uapi;

use super::option::{IGNORED, KEPT, NOT_TO_SET, READ, REFUSED, SocketOption, TOO_LATE, UNSUPPORTED, Value};

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
    name: &'static str,
    (level, number): (i32, i32),
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

const fn socket(number: i32) -> (i32, i32) {
    (libc::SOL_SOCKET, number)
}

const fn tcp(number: i32) -> (i32, i32) {
    (libc::IPPROTO_TCP, number)
}

const fn ip(number: i32) -> (i32, i32) {
    (libc::IPPROTO_IP, number)
}

const fn ipv6(number: i32) -> (i32, i32) {
    (libc::IPPROTO_IPV6, number)
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
    row("SO_KEEPALIVE", socket(libc::SO_KEEPALIVE), Value::Number(1), WORKS),
    row("SO_SNDBUF", socket(libc::SO_SNDBUF), Value::Rounded(65_536), WORKS),
    row("SO_RCVBUF", socket(libc::SO_RCVBUF), Value::Rounded(65_536), WORKS),
    row("SO_PRIORITY", socket(libc::SO_PRIORITY), Value::Number(4), WORKS),
    row("SO_MARK", socket(libc::SO_MARK), Value::Number(7), WORKS),
    row("SO_TIMESTAMP", socket(libc::SO_TIMESTAMP), Value::Number(1), WORKS),
    row("SO_TIMESTAMPING", socket(libc::SO_TIMESTAMPING), Value::Number(16), WORKS),
    row("SO_RCVLOWAT", socket(libc::SO_RCVLOWAT), Value::Number(2), WORKS),
    row("SO_LINGER", socket(libc::SO_LINGER), Value::Bytes(&LINGER_5_S), WORKS),
    row("SO_BUSY_POLL", socket(libc::SO_BUSY_POLL), Value::Number(1), WORKS),
    row("SO_REUSEADDR", socket(libc::SO_REUSEADDR), Value::Number(1), BEFORE),
    row("SO_REUSEPORT", socket(libc::SO_REUSEPORT), Value::Number(1), BEFORE),
    row("SO_ZEROCOPY", socket(libc::SO_ZEROCOPY), Value::Number(1), NEVER),
    row("SO_OOBINLINE", socket(libc::SO_OOBINLINE), Value::Number(1), NEVER),
    row(
        "SO_MAX_PACING_RATE",
        socket(libc::SO_MAX_PACING_RATE),
        Value::Number(1 << 24),
        NEVER,
    ),
    row("SO_DONTROUTE", socket(libc::SO_DONTROUTE), Value::Number(1), SWALLOWED),
    row("SO_BROADCAST", socket(libc::SO_BROADCAST), Value::Number(1), SWALLOWED),
    row("SO_NO_CHECK", socket(libc::SO_NO_CHECK), Value::Number(1), SWALLOWED),
    row("TCP_NODELAY", tcp(libc::TCP_NODELAY), Value::Number(1), WORKS),
    row("TCP_KEEPIDLE", tcp(libc::TCP_KEEPIDLE), Value::Number(30), WORKS),
    row("TCP_KEEPINTVL", tcp(libc::TCP_KEEPINTVL), Value::Number(3), WORKS),
    row("TCP_KEEPCNT", tcp(libc::TCP_KEEPCNT), Value::Number(4), WORKS),
    row("TCP_INQ", tcp(libc::TCP_INQ), Value::Number(1), WORKS),
    row("TCP_CONGESTION", tcp(libc::TCP_CONGESTION), Value::Bytes(b"reno"), WORKS),
    row("TCP_CORK", tcp(libc::TCP_CORK), Value::Number(0), WORKS),
    row("TCP_DEFER_ACCEPT", tcp(libc::TCP_DEFER_ACCEPT), Value::Rounded(5), WORKS),
    row("TCP_MAXSEG", tcp(libc::TCP_MAXSEG), Value::Rounded(1200), LATER),
    row("TCP_NOTSENT_LOWAT", tcp(libc::TCP_NOTSENT_LOWAT), Value::Number(16_384), LATER),
    row(
        "TCP_FASTOPEN",
        tcp(libc::TCP_FASTOPEN),
        Value::Number(5),
        [
            &[KEPT, REFUSED],
            &[TOO_LATE, REFUSED],
            &[TOO_LATE],
            &[TOO_LATE],
        ],
    ),
    row(
        "TCP_FASTOPEN_CONNECT",
        tcp(libc::TCP_FASTOPEN_CONNECT),
        Value::Number(1),
        [
            &[KEPT, REFUSED],
            &[TOO_LATE, REFUSED],
            &[TOO_LATE],
            &[TOO_LATE],
        ],
    ),
    row(
        "TCP_USER_TIMEOUT",
        tcp(libc::TCP_USER_TIMEOUT),
        Value::Number(5000),
        FALLBACK_ONLY,
    ),
    row("TCP_QUICKACK", tcp(libc::TCP_QUICKACK), Value::Rounded(1), FALLBACK_ONLY),
    row("TCP_SYNCNT", tcp(libc::TCP_SYNCNT), Value::Number(3), FALLBACK_ONLY),
    row("TCP_LINGER2", tcp(libc::TCP_LINGER2), Value::Rounded(5), FALLBACK_ONLY),
    row(
        "TCP_WINDOW_CLAMP",
        tcp(libc::TCP_WINDOW_CLAMP),
        Value::Number(65_536),
        FALLBACK_ONLY,
    ),
    row("TCP_SAVE_SYN", tcp(libc::TCP_SAVE_SYN), Value::Number(1), FALLBACK_ONLY),
    row(
        "TCP_THIN_LINEAR_TIMEOUTS",
        tcp(libc::TCP_THIN_LINEAR_TIMEOUTS),
        Value::Number(1),
        FALLBACK_ONLY,
    ),
    row("TCP_TX_DELAY", tcp(uapi::TCP_TX_DELAY), Value::Number(1), FALLBACK_ONLY),
    row(
        "TCP_RTO_MAX_MS",
        tcp(uapi::TCP_RTO_MAX_MS),
        Value::Number(2000),
        [
            &[KEPT, REFUSED],
            &[KEPT, REFUSED],
            &[KEPT, "set ENOPROTOOPT"],
            &[KEPT],
        ],
    ),
    row("TCP_INFO", tcp(libc::TCP_INFO), Value::ReadOnly, READ_ONLY),
    row("TCP_CC_INFO", tcp(libc::TCP_CC_INFO), Value::ReadOnly, READ_ONLY),
    row("IP_TOS", ip(libc::IP_TOS), Value::Number(16), WORKS),
    row("IP_TTL", ip(libc::IP_TTL), Value::Number(33), IP_FALLBACK_ONLY),
    row(
        "IP_MTU_DISCOVER",
        ip(libc::IP_MTU_DISCOVER),
        Value::Number(2),
        IP_FALLBACK_ONLY,
    ),
    row("IP_RECVERR", ip(libc::IP_RECVERR), Value::Number(1), IP_FALLBACK_ONLY),
    row("IP_RECVTOS", ip(libc::IP_RECVTOS), Value::Number(1), IP_FALLBACK_ONLY),
    row("IP_FREEBIND", ip(libc::IP_FREEBIND), Value::Number(1), IP_BEFORE),
    row("IP_TRANSPARENT", ip(libc::IP_TRANSPARENT), Value::Number(1), IP_BEFORE),
    row(
        "IP_BIND_ADDRESS_NO_PORT",
        ip(libc::IP_BIND_ADDRESS_NO_PORT),
        Value::Number(1),
        [
            &[KEPT, UNSUPPORTED],
            &[TOO_LATE, UNSUPPORTED],
            &[KEPT],
            &[KEPT],
        ],
    ),
    row(
        "IPV6_V6ONLY",
        ipv6(libc::IPV6_V6ONLY),
        Value::Number(1),
        [&[KEPT], &[TOO_LATE], &[TOO_LATE], &[TOO_LATE]],
    ),
    row("IPV6_TCLASS", ipv6(libc::IPV6_TCLASS), Value::Number(16), IP_FALLBACK_ONLY),
    row(
        "IPV6_UNICAST_HOPS",
        ipv6(libc::IPV6_UNICAST_HOPS),
        Value::Number(33),
        IP_FALLBACK_ONLY,
    ),
    row(
        "IPV6_RECVTCLASS",
        ipv6(libc::IPV6_RECVTCLASS),
        Value::Number(1),
        IP_FALLBACK_ONLY,
    ),
    // The last, because it cuts the socket off from its path.
    row("SO_BINDTODEVICE", socket(libc::SO_BINDTODEVICE), Value::Bytes(b"lo\0"), BEFORE),
];

/// `struct linger`: on, 5 seconds.
#[cfg(target_endian = "little")]
const LINGER_5_S: [u8; 8] = [1, 0, 0, 0, 5, 0, 0, 0];
/// `struct linger`: on, 5 seconds.
#[cfg(target_endian = "big")]
const LINGER_5_S: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 5];
