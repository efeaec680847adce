//! The table: what each option answers in each state.
//!
//! Rows of which Linux from 6.1 to 7.3 says the same have one legal answer a state; where releases differ there are several, and
//! which of them this kernel gives is recorded. A row is asked only where a fresh TCP socket knows the option and may set it.

use super::option::{
    IGNORED, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, KEPT, NOT_TO_SET, READ, REFUSED, SOL_SOCKET,
    SocketOption, TOO_LATE, UNSUPPORTED, Value,
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
    (SOL_SOCKET, number)
}

const fn tcp(number: i32) -> (i32, i32) {
    (IPPROTO_TCP, number)
}

const fn ip(number: i32) -> (i32, i32) {
    (IPPROTO_IP, number)
}

const fn ipv6(number: i32) -> (i32, i32) {
    (IPPROTO_IPV6, number)
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

/// All rows.
pub(super) const TABLE: &[Row] = &[
    row("SO_KEEPALIVE", socket(9), Value::Number(1), WORKS),
    row("SO_SNDBUF", socket(7), Value::Rounded(65_536), WORKS),
    row("SO_RCVBUF", socket(8), Value::Rounded(65_536), WORKS),
    row("SO_PRIORITY", socket(12), Value::Number(4), WORKS),
    row("SO_MARK", socket(36), Value::Number(7), WORKS),
    row("SO_TIMESTAMP", socket(29), Value::Number(1), WORKS),
    row("SO_TIMESTAMPING", socket(37), Value::Number(16), WORKS),
    row("SO_RCVLOWAT", socket(18), Value::Number(2), WORKS),
    row("SO_LINGER", socket(13), Value::Bytes(&LINGER_5_S), WORKS),
    row("SO_BUSY_POLL", socket(46), Value::Number(1), WORKS),
    row("SO_REUSEADDR", socket(2), Value::Number(1), BEFORE),
    row("SO_REUSEPORT", socket(15), Value::Number(1), BEFORE),
    row("SO_ZEROCOPY", socket(60), Value::Number(1), NEVER),
    row("SO_OOBINLINE", socket(10), Value::Number(1), NEVER),
    row(
        "SO_MAX_PACING_RATE",
        socket(47),
        Value::Number(1 << 24),
        NEVER,
    ),
    row("SO_DONTROUTE", socket(5), Value::Number(1), SWALLOWED),
    row("SO_BROADCAST", socket(6), Value::Number(1), SWALLOWED),
    row("SO_NO_CHECK", socket(11), Value::Number(1), SWALLOWED),
    row("TCP_NODELAY", tcp(1), Value::Number(1), WORKS),
    row("TCP_KEEPIDLE", tcp(4), Value::Number(30), WORKS),
    row("TCP_KEEPINTVL", tcp(5), Value::Number(3), WORKS),
    row("TCP_KEEPCNT", tcp(6), Value::Number(4), WORKS),
    row("TCP_INQ", tcp(36), Value::Number(1), WORKS),
    row("TCP_CONGESTION", tcp(13), Value::Bytes(b"reno"), WORKS),
    row("TCP_CORK", tcp(3), Value::Number(0), WORKS),
    row("TCP_DEFER_ACCEPT", tcp(9), Value::Rounded(5), WORKS),
    row("TCP_MAXSEG", tcp(2), Value::Rounded(1200), LATER),
    row("TCP_NOTSENT_LOWAT", tcp(25), Value::Number(16_384), LATER),
    row(
        "TCP_FASTOPEN",
        tcp(23),
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
        tcp(30),
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
        tcp(18),
        Value::Number(5000),
        FALLBACK_ONLY,
    ),
    row("TCP_QUICKACK", tcp(12), Value::Rounded(1), FALLBACK_ONLY),
    row("TCP_SYNCNT", tcp(7), Value::Number(3), FALLBACK_ONLY),
    row("TCP_LINGER2", tcp(8), Value::Rounded(5), FALLBACK_ONLY),
    row(
        "TCP_WINDOW_CLAMP",
        tcp(10),
        Value::Number(65_536),
        FALLBACK_ONLY,
    ),
    row("TCP_SAVE_SYN", tcp(27), Value::Number(1), FALLBACK_ONLY),
    row(
        "TCP_THIN_LINEAR_TIMEOUTS",
        tcp(16),
        Value::Number(1),
        FALLBACK_ONLY,
    ),
    row("TCP_TX_DELAY", tcp(37), Value::Number(1), FALLBACK_ONLY),
    row(
        "TCP_RTO_MAX_MS",
        tcp(44),
        Value::Number(2000),
        [
            &[KEPT, REFUSED],
            &[KEPT, REFUSED],
            &[KEPT, "set ENOPROTOOPT"],
            &[KEPT],
        ],
    ),
    row("TCP_INFO", tcp(11), Value::ReadOnly, READ_ONLY),
    row("TCP_CC_INFO", tcp(26), Value::ReadOnly, READ_ONLY),
    row("IP_TOS", ip(1), Value::Number(16), WORKS),
    row("IP_TTL", ip(2), Value::Number(33), IP_FALLBACK_ONLY),
    row(
        "IP_MTU_DISCOVER",
        ip(10),
        Value::Number(2),
        IP_FALLBACK_ONLY,
    ),
    row("IP_RECVERR", ip(11), Value::Number(1), IP_FALLBACK_ONLY),
    row("IP_RECVTOS", ip(13), Value::Number(1), IP_FALLBACK_ONLY),
    row("IP_FREEBIND", ip(15), Value::Number(1), IP_BEFORE),
    row("IP_TRANSPARENT", ip(19), Value::Number(1), IP_BEFORE),
    row(
        "IP_BIND_ADDRESS_NO_PORT",
        ip(24),
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
        ipv6(26),
        Value::Number(1),
        [&[KEPT], &[TOO_LATE], &[TOO_LATE], &[TOO_LATE]],
    ),
    row("IPV6_TCLASS", ipv6(67), Value::Number(16), IP_FALLBACK_ONLY),
    row(
        "IPV6_UNICAST_HOPS",
        ipv6(16),
        Value::Number(33),
        IP_FALLBACK_ONLY,
    ),
    row(
        "IPV6_RECVTCLASS",
        ipv6(66),
        Value::Number(1),
        IP_FALLBACK_ONLY,
    ),
    // The last, because it cuts the socket off from its path.
    row("SO_BINDTODEVICE", socket(25), Value::Bytes(b"lo\0"), BEFORE),
];

/// `struct linger`: on, 5 seconds.
#[cfg(target_endian = "little")]
const LINGER_5_S: [u8; 8] = [1, 0, 0, 0, 5, 0, 0, 0];
/// `struct linger`: on, 5 seconds.
#[cfg(target_endian = "big")]
const LINGER_5_S: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 5];
