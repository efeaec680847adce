//! What kernel and runtime say of a socket, and the options that a peer can set.

use std::collections::BTreeMap;

use mptcp::sockopt::IsMptcp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kernel and runtime say of a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketFacts {
    /// Whether the descriptor is still open.
    pub open: bool,
    /// The protocol that the runtime's own object claims (`sock.proto` in Python).
    #[serde(default)]
    pub api_protocol: Option<i32>,
    /// `SO_PROTOCOL`: 262 MPTCP, 6 TCP.
    #[serde(default)]
    pub so_protocol: Option<i32>,
    /// `TCP_IS_MPTCP`; absent where the kernel cannot say.
    #[serde(default)]
    pub is_mptcp: Option<bool>,
    /// `TCP_NODELAY`.
    #[serde(default)]
    pub nodelay: Option<bool>,
    /// `SO_KEEPALIVE`.
    #[serde(default)]
    pub keepalive: Option<bool>,
    /// Other options that take a whole number, those that the kernel lets one read; see
    /// `socket.set`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<SocketOption, i32>,
    /// Whether the descriptor is in blocking mode (`O_NONBLOCK` clear).
    #[serde(default)]
    pub blocking: Option<bool>,
    /// `MPTCP_INFO`: token.
    #[serde(default)]
    pub token: Option<u32>,
    /// `MPTCP_INFO`: flags.
    #[serde(default)]
    pub mptcp_flags: Option<u32>,
    /// `MPTCP_INFO`: its errno where it failed.
    #[serde(default)]
    pub mptcp_info_errno: Option<i32>,
    /// Local address, `ADDR:PORT`.
    #[serde(default)]
    pub local: Option<String>,
    /// Remote address, `ADDR:PORT`.
    #[serde(default)]
    pub remote: Option<String>,
}

impl From<&mptcp::facts::SocketFacts> for SocketFacts {
    /// What the kernel says of an open socket. Rust's sockets claim no protocol of their own.
    fn from(facts: &mptcp::facts::SocketFacts) -> Self {
        let tuning = &facts.tuning;
        let options = [
            (SocketOption::Keepidle, tuning.keepidle),
            (SocketOption::Keepintvl, tuning.keepintvl),
            (SocketOption::Keepcnt, tuning.keepcnt),
            (SocketOption::Rcvbuf, tuning.rcvbuf),
            (SocketOption::Sndbuf, tuning.sndbuf),
            (SocketOption::Priority, tuning.priority),
            (SocketOption::Tos, tuning.tos),
        ];
        Self {
            open: true,
            api_protocol: None,
            so_protocol: Some(facts.so_protocol),
            is_mptcp: match facts.is_mptcp {
                IsMptcp::Yes => Some(true),
                IsMptcp::No => Some(false),
                IsMptcp::Unknown => None,
            },
            nodelay: facts.nodelay,
            keepalive: facts.keepalive,
            options: options
                .into_iter()
                .filter_map(|(option, value)| Some((option, value?)))
                .collect(),
            blocking: Some(!facts.nonblocking),
            token: facts.info.as_ref().map(|info| info.token.0),
            mptcp_flags: facts.info.as_ref().map(|info| info.flags.0),
            mptcp_info_errno: facts.info_errno,
            local: facts.local.map(|address| address.to_string()),
            remote: facts.remote.map(|address| address.to_string()),
        }
    }
}

/// An option that takes a whole number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SocketOption {
    /// `TCP_NODELAY`.
    Nodelay,
    /// `SO_KEEPALIVE`.
    Keepalive,
    /// `SO_REUSEADDR`.
    Reuseaddr,
    /// `SO_REUSEPORT`.
    Reuseport,
    /// `IPV6_V6ONLY`.
    V6only,
    /// `TCP_QUICKACK`.
    Quickack,
    /// `TCP_USER_TIMEOUT`, milliseconds.
    UserTimeout,
    /// `TCP_SYNCNT`.
    Syncnt,
    /// `TCP_KEEPIDLE`, seconds.
    Keepidle,
    /// `TCP_KEEPINTVL`, seconds.
    Keepintvl,
    /// `TCP_KEEPCNT`.
    Keepcnt,
    /// `SO_RCVBUF`, bytes; the kernel reports twice as many.
    Rcvbuf,
    /// `SO_SNDBUF`, bytes; the kernel reports twice as many.
    Sndbuf,
    /// `SO_PRIORITY`.
    Priority,
    /// `IP_TOS`.
    Tos,
}

impl SocketOption {
    /// Level and number of it, for setsockopt(2).
    pub fn level_and_number(self) -> (i32, i32) {
        match self {
            Self::Nodelay => (libc::IPPROTO_TCP, libc::TCP_NODELAY),
            Self::Quickack => (libc::IPPROTO_TCP, libc::TCP_QUICKACK),
            Self::UserTimeout => (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
            Self::Syncnt => (libc::IPPROTO_TCP, libc::TCP_SYNCNT),
            Self::Keepidle => (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE),
            Self::Keepintvl => (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL),
            Self::Keepcnt => (libc::IPPROTO_TCP, libc::TCP_KEEPCNT),
            Self::Keepalive => (libc::SOL_SOCKET, libc::SO_KEEPALIVE),
            Self::Reuseaddr => (libc::SOL_SOCKET, libc::SO_REUSEADDR),
            Self::Reuseport => (libc::SOL_SOCKET, libc::SO_REUSEPORT),
            Self::Rcvbuf => (libc::SOL_SOCKET, libc::SO_RCVBUF),
            Self::Sndbuf => (libc::SOL_SOCKET, libc::SO_SNDBUF),
            Self::Priority => (libc::SOL_SOCKET, libc::SO_PRIORITY),
            Self::V6only => (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY),
            Self::Tos => (libc::IPPROTO_IP, libc::IP_TOS),
        }
    }
}
