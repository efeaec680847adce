//! Sockets of the peer, before any library sees them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::SocketOption;
use crate::ids::SocketId;

/// Address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SocketFamily {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
    /// `AF_UNIX`; the protocol is then the family's default.
    Unix,
}

/// Type of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SocketKind {
    /// `SOCK_STREAM`.
    #[default]
    Stream,
    /// `SOCK_DGRAM`; the protocol is then the family's default.
    Datagram,
}

/// Protocol of a socket.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SocketProtocol {
    /// `IPPROTO_MPTCP`, 262.
    Mptcp,
    /// `IPPROTO_TCP`, 6.
    Tcp,
}

/// Make a socket, without any fallback. An errno comes back as an error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketCreate {
    /// Address family.
    pub family: SocketFamily,
    /// Type.
    #[serde(default)]
    pub kind: SocketKind,
    /// Protocol.
    pub protocol: SocketProtocol,
    /// Name the protocol by the runtime's own constant (`socket.IPPROTO_MPTCP`) instead of by
    /// number.
    #[serde(default)]
    pub by_constant: bool,
}

/// A socket was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketCreated {
    /// Its number.
    pub socket: SocketId,
}

/// Make a connected pair of `AF_UNIX` stream sockets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketPair {}

/// Sockets were made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketsCreated {
    /// Their numbers.
    pub sockets: Vec<SocketId>,
}

/// Set an option.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketSet {
    /// The socket.
    pub socket: SocketId,
    /// Which option.
    pub option: SocketOption,
    /// Its value.
    pub value: i32,
}

/// Set the blocking mode.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketBlocking {
    /// The socket.
    pub socket: SocketId,
    /// The mode.
    pub mode: BlockingMode,
}

/// How calls on a socket wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockingMode {
    /// For ever.
    Blocking,
    /// Not at all.
    Nonblocking,
    /// Half a second (`settimeout(0.5)` in Python).
    Timeout,
}

/// `bind`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketBind {
    /// The socket.
    pub socket: SocketId,
    /// Numeric address; of an `AF_UNIX` socket its abstract name (unix(7)) without the NUL before
    /// it.
    pub host: String,
    /// Port; 0 lets the kernel choose. Without meaning for `AF_UNIX`.
    pub port: u16,
}

/// A socket is bound.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketBound {
    /// The port; 0 for `AF_UNIX`.
    pub port: u16,
}

/// `listen`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketListen {
    /// The socket.
    pub socket: SocketId,
    /// Backlog.
    pub backlog: i32,
}

/// `connect`, one of the ways in which programs do it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketConnect {
    /// The socket.
    pub socket: SocketId,
    /// Numeric address; of an `AF_UNIX` socket the abstract name as in `socket.bind`.
    pub host: String,
    /// Port. Without meaning for `AF_UNIX`.
    pub port: u16,
    /// The way.
    pub how: ConnectWay,
    /// Milliseconds after which the adapter gives up (`mpws.Deadline`).
    pub deadline_ms: u64,
}

/// A way to connect a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectWay {
    /// The blocking call, on a socket in blocking mode; the mode is put back afterwards.
    Blocking,
    /// Non-blocking, started and not waited for: the reply holds the errno (EINPROGRESS).
    Start,
    /// asyncio: `await loop.sock_connect(sock, (host, port))`, as published.
    SockConnect,
    /// asyncio: the blocking call in the default executor.
    Executor,
    /// asyncio: `connect_ex`, then `loop.add_writer`, then `SO_ERROR`.
    AddWriter,
}

/// A connect call came back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketConnected {
    /// Errno of the call; 0 when connected, 115 while in progress.
    pub errno: i32,
}

/// `shutdown`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketShutdown {
    /// The socket.
    pub socket: SocketId,
    /// Which half.
    pub half: Half,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Half {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
}

/// Hand the descriptor to a new object that says it is TCP; the old number is closed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketRewrap {
    /// The socket.
    pub socket: SocketId,
}

/// `close`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketClose {
    /// The socket.
    pub socket: SocketId,
}

/// Look at a socket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketLook {
    /// The socket.
    pub socket: SocketId,
}
