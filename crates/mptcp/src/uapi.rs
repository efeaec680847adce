//! Numbers of the kernel's headers that the C library does not have.
//!
//! What it has is taken from there: `libc::IPPROTO_MPTCP` is one.

/// Level of the socket options of MPTCP (`include/linux/socket.h`).
pub const SOL_MPTCP: i32 = 284;
/// `struct mptcp_info` (`include/uapi/linux/mptcp.h`, as the next three).
pub const MPTCP_INFO: i32 = 1;
/// `struct tcp_info` of each subflow.
pub const MPTCP_TCPINFO: i32 = 2;
/// Addresses of each subflow.
pub const MPTCP_SUBFLOW_ADDRS: i32 = 3;
/// All of these at once.
pub const MPTCP_FULL_INFO: i32 = 4;
/// Delay of every packet sent, in microseconds (`include/uapi/linux/tcp.h`, Linux 5.3).
pub const TCP_TX_DELAY: i32 = 37;
/// Whether a socket speaks MPTCP (`include/uapi/linux/tcp.h`, Linux 6.10).
pub const TCP_IS_MPTCP: i32 = 43;
/// Longest retransmission timeout in milliseconds (`include/uapi/linux/tcp.h`, Linux 6.15).
pub const TCP_RTO_MAX_MS: i32 = 44;
/// State of a connection in `tcp_info` (`include/net/tcp_states.h`).
pub const TCP_ESTABLISHED: u8 = 1;
