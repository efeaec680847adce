//! The lines of the protocol: greeting, request, response.

use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;
use crate::records::ErrorRecord;

/// Version of the protocol. A peer that announces another one is refused.
pub const PROTOCOL: u32 = 1;

/// Longest line in bytes, either way. A longer one is a fault of the sender.
pub const MAX_LINE: usize = 1 << 20;

/// The variable that tells a peer the path of its control socket.
pub const CONTROL: &str = "MPWS_CONTROL";

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
    pub args: Value,
}

/// One line from the peer to the suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Line", into = "Line")]
pub struct Response {
    /// The request's.
    pub id: u64,
    /// Microseconds that the operation took, by the peer's monotonic clock.
    pub elapsed_us: u64,
    /// What came of it.
    pub answer: Answer<Value>,
}

/// What a peer answers to an operation whose reply is a `T`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// The reply of the operation.
    Ok(T),
    /// The operation was carried out and failed: data, not a fault of the peer.
    Failed(ErrorRecord),
    /// The peer cannot do this; why.
    Unsupported(String),
}

impl Response {
    /// The response to the request of this number, which was taken up at `start`.
    pub fn new(id: u64, start: Instant, done: Result<Value, Failure>) -> Self {
        Self {
            id,
            elapsed_us: micros_since(start),
            answer: done.into(),
        }
    }
}

impl<T> Answer<T> {
    /// The reply, where there is one.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Ok(reply) => Some(reply),
            Self::Failed(_) | Self::Unsupported(_) => None,
        }
    }
}

impl<T> From<Result<T, Failure>> for Answer<T> {
    fn from(done: Result<T, Failure>) -> Self {
        match done {
            Ok(reply) => Self::Ok(reply),
            Err(Failure::Error(record)) => Self::Failed(*record),
            Err(Failure::Unsupported(why)) => Self::Unsupported(why),
        }
    }
}

/// Whole microseconds since then.
pub fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// One line from the peer to the suite. Exactly one of `ok`, `error` and `unsupported` is there.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Response")]
struct Line {
    /// The request's.
    id: u64,
    /// Microseconds that the operation took, by the peer's monotonic clock.
    elapsed_us: u64,
    /// The reply of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ok: Option<Value>,
    /// The operation was carried out and failed: data, not a fault of the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<ErrorRecord>,
    /// The peer cannot do this; why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsupported: Option<String>,
}

impl TryFrom<Line> for Response {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let answer = match (line.ok, line.error, line.unsupported) {
            (Some(reply), None, None) => Answer::Ok(reply),
            (None, Some(record), None) => Answer::Failed(record),
            (None, None, Some(why)) => Answer::Unsupported(why),
            _ => return Err("not exactly one of ok, error, unsupported"),
        };
        Ok(Self {
            id: line.id,
            elapsed_us: line.elapsed_us,
            answer,
        })
    }
}

impl From<Response> for Line {
    fn from(response: Response) -> Self {
        let mut line = Self {
            id: response.id,
            elapsed_us: response.elapsed_us,
            ok: None,
            error: None,
            unsupported: None,
        };
        match response.answer {
            Answer::Ok(reply) => line.ok = Some(reply),
            Answer::Failed(record) => line.error = Some(record),
            Answer::Unsupported(why) => line.unsupported = Some(why),
        }
        line
    }
}

impl JsonSchema for Response {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Line::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Line::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Response, String> {
        serde_json::from_str(line).map_err(|error| error.to_string())
    }

    #[test]
    fn each_answer_is_written_as_it_is_read() {
        for line in [
            r#"{"id":1,"elapsed_us":2,"ok":{}}"#,
            r#"{"id":1,"elapsed_us":2,"error":{"chain":[],"socket_after":null}}"#,
            r#"{"id":1,"elapsed_us":2,"unsupported":"no"}"#,
        ] {
            let response = read(line).expect(line);
            assert_eq!(serde_json::to_string(&response).expect(line), line);
        }
    }

    #[test]
    fn a_line_with_two_answers_or_none_is_refused() {
        for line in [
            r#"{"id":1,"elapsed_us":2}"#,
            r#"{"id":1,"elapsed_us":2,"ok":1,"unsupported":"no"}"#,
            r#"{"id":1,"elapsed_us":2,"ok":1,"error":{"chain":[]}}"#,
        ] {
            let error = read(line).expect_err(line);
            assert!(error.contains("not exactly one"), "{error}");
        }
    }
}
