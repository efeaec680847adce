//! The adapter protocol, version 1: how the suite asks a peer for single steps.
//!
//! A peer connects to the Unix socket `$MPWS_CONTROL` and speaks JSON lines (UTF-8, one object a line,
//! at most [`MAX_LINE`] bytes). Its first line is [`Hello`]. Then the suite sends [`Request`] lines and the peer
//! answers each with one [`Response`] line of the same `id`, in any order. A peer that does not know an
//! operation, or not with these arguments, answers `unsupported`; the suite probes this before it
//! trusts a peer's word. End of file on the socket means: exit.

mod ops;
mod records;

pub use ops::*;
pub use records::*;

use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the protocol. A peer that announces another one is refused.
pub const PROTOCOL: u32 = 1;

/// Longest line in bytes, either way. A longer one is a fault of the sender.
pub const MAX_LINE: usize = 1 << 20;

/// An operation: the type is its arguments.
pub trait Operation: Serialize {
    /// Its name in the protocol, such as `socket.create`.
    const NAME: &'static str;
    /// What the peer answers when it worked.
    type Reply: serde::de::DeserializeOwned + std::fmt::Debug;
}

/// The first line of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Name of the program or library, such as `websockets`.
    pub name: String,
    /// Version that was really loaded, such as `14.2`.
    pub version: String,
    /// Implementation inside it: `legacy`, `asyncio`, `sync`, or `fixture`.
    pub implementation: String,
    /// Language runtime and its version, such as `CPython 3.11.7`.
    pub runtime: String,
    /// C library and its version, such as `glibc 2.36`.
    pub libc: String,
}

/// One line from the suite to the peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Chosen by the suite, never used twice.
    pub id: u64,
    /// Name of the operation.
    pub op: String,
    /// Its arguments.
    pub args: serde_json::Value,
}

/// One line from the peer to the suite. Exactly one of `ok`, `error` and `unsupported` is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The request's.
    pub id: u64,
    /// Microseconds that the operation took, by the peer's monotonic clock.
    pub elapsed_us: u64,
    /// The reply of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<serde_json::Value>,
    /// The operation was carried out and failed: data, not a fault of the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRecord>,
    /// The peer cannot do this; why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
}

impl Response {
    /// The response to the request of this number, taken up at `start`. One of its three answers is still to be given.
    pub fn begun(id: u64, start: Instant) -> Self {
        Self {
            id,
            elapsed_us: micros_since(start),
            ok: None,
            error: None,
            unsupported: None,
        }
    }
}

/// Whole microseconds since then.
pub(crate) fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The schema of the whole protocol, as it is checked in.
pub fn schema() -> serde_json::Value {
    let mut operations = serde_json::Map::new();
    ops::each(&mut |name, args, reply| {
        operations.insert(
            name.to_owned(),
            serde_json::json!({ "args": args, "reply": reply }),
        );
    });
    serde_json::json!({
        "title": "mpws adapter protocol",
        "protocol": PROTOCOL,
        "max_line": MAX_LINE,
        "hello": schemars::schema_for!(Hello),
        "request": schemars::schema_for!(Request),
        "response": schemars::schema_for!(Response),
        "operations": operations,
    })
}
