//! Servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::socket::SocketProtocol;
use crate::facts::SocketFacts;
use crate::ids::{ServerId, SocketId};
use crate::records::{ConnectionRecord, ErrorRecord};
use crate::script::Behaviour;

/// TLS of a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// Path of a PEM file with the certificate chain.
    pub certificate: String,
    /// Path of a PEM file with the private key.
    pub key: String,
}

/// Start a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerStart {
    /// Socket to hand over (`sock=`); without it the library makes its own.
    #[serde(default)]
    pub socket: Option<SocketId>,
    /// `host=`.
    #[serde(default)]
    pub host: Option<String>,
    /// `port=`.
    #[serde(default)]
    pub port: Option<u16>,
    /// Protocol of a socket that the peer makes itself (fixture).
    #[serde(default)]
    pub protocol: Option<SocketProtocol>,
    /// What it does with connections.
    pub behaviour: Behaviour,
    /// Limit for the opening handshake in milliseconds.
    pub open_timeout_ms: u64,
    /// Limit for closing in milliseconds.
    pub close_timeout_ms: u64,
    /// Accept permessage-deflate.
    #[serde(default)]
    pub deflate: bool,
    /// Subprotocols to accept.
    #[serde(default)]
    pub subprotocols: Vec<String>,
    /// Largest message to accept in bytes; the library's default where absent.
    #[serde(default)]
    pub max_size: Option<u64>,
    /// TLS.
    #[serde(default)]
    pub tls: Option<ServerTls>,
    /// `reuse_port=True`.
    #[serde(default)]
    pub reuse_port: bool,
    /// Use the top-level name (`websockets.serve`) instead of the full module path.
    #[serde(default)]
    pub top_level: bool,
    /// Name of a handler or hook form to use instead of the ordinary one (for the API cases):
    /// `handler-with-path`, `hook-path-equals`, `hook-path-in`, `hook-path-startswith`,
    /// `hook-headers-get`, `hook-returns-tuple`, `hook-new-style`.
    #[serde(default)]
    pub form: Option<String>,
    /// Further keyword arguments of the library, as they are.
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A server was started.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerStarted {
    /// Its number.
    pub server: ServerId,
    /// Where it listens, `ADDR:PORT`, as its API or socket tells.
    pub addresses: Vec<String>,
}

/// Look at a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerLook {
    /// The server.
    pub server: ServerId,
}

/// Wait until so many connections have been opened and so many have ended, or the deadline (no
/// error).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerWait {
    /// The server.
    pub server: ServerId,
    /// Connections seen.
    pub seen: u32,
    /// Connections ended.
    pub ended: u32,
    /// Also wait until serving has ended by itself.
    #[serde(default)]
    pub serving_ended: bool,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// The state of a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerState {
    /// Still serving: `serve_forever` has not returned, `is_serving()` is true.
    pub serving: bool,
    /// The error with which serving ended, where it did with one.
    #[serde(default)]
    pub error: Option<ErrorRecord>,
    /// Its listening sockets.
    pub sockets: Vec<SocketFacts>,
    /// Its connections so far.
    pub connections: Vec<ConnectionRecord>,
}

/// Stop a server: close, and wait until it is closed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerStop {
    /// The server.
    pub server: ServerId,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// A server has stopped.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerStopped {
    /// Its connections.
    pub connections: Vec<ConnectionRecord>,
}
