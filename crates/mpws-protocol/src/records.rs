//! What peers report: errors and connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::SocketFacts;
use crate::payload::Digested;

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
    /// How it hangs on the one before: `outermost`, `cause` (raised from) or `context` (raised
    /// while handling).
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

/// What a server remembers of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRecord {
    /// In the order in which the server's handler (or accept loop, where there is one) saw them,
    /// from 1.
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
    /// Header fields `Host`, `User-Agent` and `Sec-WebSocket-Extensions` of the request, where
    /// known.
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
    /// `eof`, `reset`, `timeout` or another word for what the transport did, where the peer can
    /// tell.
    #[serde(default)]
    pub transport: Option<String>,
    /// The error that the user's code saw, where there was one.
    #[serde(default)]
    pub error: Option<ErrorRecord>,
}
