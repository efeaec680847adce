//! WebSocket connections that are open.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::SocketFacts;
use crate::ids::ConnectionId;
use crate::payload::Payload;

/// Send a message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSend {
    /// The connection.
    pub connection: ConnectionId,
    /// The message.
    pub message: Payload,
    /// Number of frames, 1 to 64.
    pub fragments: u8,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// Receive a message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionReceive {
    /// The connection.
    pub connection: ConnectionId,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// Send several messages without waiting, then receive the answers; so many rounds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionBurst {
    /// The connection.
    pub connection: ConnectionId,
    /// Messages sent in a round.
    pub writes: u8,
    /// Answers awaited in a round.
    pub answers: u8,
    /// Frames that each message is split into.
    pub fragments: u8,
    /// Size of a message in bytes.
    pub size: u64,
    /// Number of rounds.
    pub rounds: u32,
    /// Milliseconds for all of it.
    pub deadline_ms: u64,
}

/// A burst is over.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstDone {
    /// Microseconds of each round.
    pub rounds_us: Vec<u64>,
}

/// Send a ping and wait for the pong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionPing {
    /// The connection.
    pub connection: ConnectionId,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// The pong came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PingDone {
    /// Microseconds from ping to pong.
    pub rtt_us: u64,
}

/// Close with a code.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionClose {
    /// The connection.
    pub connection: ConnectionId,
    /// Close code.
    pub code: u16,
    /// Close reason.
    pub reason: String,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// Wait until the connection has ended (reading and dropping what still comes).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionEnded {
    /// The connection.
    pub connection: ConnectionId,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// Look at a connection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionLook {
    /// The connection.
    pub connection: ConnectionId,
}

/// What is known of a connection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionFacts {
    /// Its socket.
    pub facts: SocketFacts,
    /// The API's word for its state, such as `OPEN`.
    pub state: String,
}
