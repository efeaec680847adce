//! Opening WebSocket connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::socket::SocketProtocol;
use crate::facts::SocketFacts;
use crate::ids::{ConnectionId, SocketId};
use crate::records::ErrorRecord;

/// TLS of a client.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// Path of a PEM file with the authority to trust.
    pub ca: String,
    /// Name to check and send, instead of the URI's host.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// Open a WebSocket connection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientOpen {
    /// `ws://` or `wss://` URI.
    pub uri: String,
    /// Socket to hand over (`sock=`); without it the library makes its own.
    #[serde(default)]
    pub socket: Option<SocketId>,
    /// Hand over the bare descriptor number instead of the socket object.
    #[serde(default)]
    pub as_descriptor: bool,
    /// `host=`, beside or instead of `sock=`.
    #[serde(default)]
    pub host: Option<String>,
    /// `port=`.
    #[serde(default)]
    pub port: Option<u16>,
    /// Pass `host=None, port=None`.
    #[serde(default)]
    pub null_host: bool,
    /// Protocol that the library shall use for a socket of its own (`proto=` in asyncio; the
    /// fixture's policy `require`).
    #[serde(default)]
    pub protocol: Option<SocketProtocol>,
    /// Limit for the opening handshake in milliseconds.
    pub open_timeout_ms: u64,
    /// Limit for closing in milliseconds.
    pub close_timeout_ms: u64,
    /// Offer permessage-deflate.
    #[serde(default)]
    pub deflate: bool,
    /// Subprotocols to offer.
    #[serde(default)]
    pub subprotocols: Vec<String>,
    /// Largest message to accept in bytes; the library's default where absent.
    #[serde(default)]
    pub max_size: Option<u64>,
    /// TLS.
    #[serde(default)]
    pub tls: Option<ClientTls>,
    /// Use the top-level name (`websockets.connect`) instead of the full module path.
    #[serde(default)]
    pub top_level: bool,
    /// Further keyword arguments of the library, as they are (for the API cases).
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A connection is open.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientOpened {
    /// Its number.
    pub connection: ConnectionId,
    /// Its socket.
    pub facts: SocketFacts,
    /// Negotiated subprotocol.
    #[serde(default)]
    pub subprotocol: Option<String>,
    /// Negotiated extensions, as the API names them.
    #[serde(default)]
    pub extensions: Vec<String>,
}

/// `async for connection in connect(..)`: go round until `attempts` or the deadline; each
/// connection is closed at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientIterate {
    /// URI.
    pub uri: String,
    /// Socket to hand over.
    #[serde(default)]
    pub socket: Option<SocketId>,
    /// Stop after so many connections or logged failures.
    pub attempts: u32,
    /// Stop after so many milliseconds.
    pub deadline_ms: u64,
}

/// What the iterator did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientIterated {
    /// Connections that it yielded.
    pub connections: u32,
    /// Failures that it swallowed and retried (from the library's log).
    pub retries: Vec<ErrorRecord>,
    /// The error that ended it, where one did.
    #[serde(default)]
    pub error: Option<ErrorRecord>,
}
