//! What peers report: errors, socket facts, connections.

use std::collections::BTreeMap;

use mptcp::sockopt::IsMptcp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use mpws_fixture::payload::Digested;

use super::SocketOption;

/// Number of a socket inside one peer.
pub type SocketId = u32;
/// Number of a connection inside one peer.
pub type ConnectionId = u32;
/// Number of a server inside one peer.
pub type ServerId = u32;

/// An error as the peer's user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRecord {
    /// The exception and what it came from, outermost first, at most 16.
    pub chain: Vec<ErrorLink>,
    /// The socket that was handed over, looked at one turn of the event loop after the error.
    #[serde(default)]
    pub socket_after: Option<SocketFacts>,
}

/// One exception of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorLink {
    /// Full class name, such as `websockets.exceptions.InvalidMessage`; builtins without a module:
    /// `ConnectionRefusedError`. `mpws.Deadline` where the adapter's own deadline ended it.
    pub class: String,
    /// Its text, at most 500 characters.
    pub message: String,
    /// `errno`, where it has one.
    #[serde(default)]
    pub errno: Option<i32>,
    /// How it hangs on the one before: `outermost`, `cause` (raised from) or `context` (raised while handling).
    pub link: ErrorRelation,
}

/// How an exception hangs on the one outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorRelation {
    /// What was caught.
    Outermost,
    /// `raise .. from` (Python), `source()` (Rust).
    Cause,
    /// Raised while another was being handled (Python).
    Context,
}

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
    /// Other options that take a whole number, those that the kernel lets one read; see `socket.set`.
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

/// What a server remembers of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRecord {
    /// In the order in which the server's handler (or accept loop, where there is one) saw them, from 1.
    pub number: u32,
    /// The accepted socket, looked at when the handler started (at accept, where the peer can).
    pub facts: SocketFacts,
    /// Whether the upgrade was completed.
    pub upgraded: bool,
    /// Negotiated subprotocol.
    #[serde(default)]
    pub subprotocol: Option<String>,
    /// Negotiated extensions, as the peer's API names them.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// Header fields `Host`, `User-Agent` and `Sec-WebSocket-Extensions` of the request, where known.
    #[serde(default)]
    pub request_headers: Vec<(String, String)>,
    /// Messages received, at most the first 64.
    #[serde(default)]
    pub received: Vec<Digested>,
    /// How many were received in all.
    pub received_count: u64,
    /// Bytes read before or without an upgrade, where the peer can tell.
    #[serde(default)]
    pub raw_bytes: Option<u64>,
    /// How it ended, where it has.
    #[serde(default)]
    pub end: Option<ConnectionEnd>,
}

/// How a connection ended, as the peer's API tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionEnd {
    /// Close code that the API reports (1005, 1006 where none was received).
    #[serde(default)]
    pub code: Option<u16>,
    /// Close reason that the API reports.
    #[serde(default)]
    pub reason: Option<String>,
    /// `eof`, `reset`, `timeout` or another word for what the transport did, where the peer can tell.
    #[serde(default)]
    pub transport: Option<String>,
    /// The error that the user's code saw, where there was one.
    #[serde(default)]
    pub error: Option<ErrorRecord>,
}
