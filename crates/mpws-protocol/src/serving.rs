//! What both control loops share: reading a line of the suite, writing one, and what can go wrong.

use std::any::Any;
use std::io;

use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::message::{Answer, MAX_LINE, Request, Response};

/// The conversation with the suite broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Reading or writing failed.
    #[error("the control socket failed")]
    Io(#[from] io::Error),
    /// The suite sent a line that is longer than the protocol allows.
    #[error("a line of more than {MAX_LINE} bytes")]
    TooLong,
    /// The suite sent a line without a request number.
    #[error("a line that is not a request")]
    NotARequest(#[source] serde_json::Error),
}

/// A peer could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Nobody said where the suite listens.
    #[error("MPWS_CONTROL is not set")]
    NoControl,
    /// The suite cannot be reached.
    #[error("cannot connect to MPWS_CONTROL")]
    Connect(#[source] io::Error),
    /// The runtime could not be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// The conversation with the suite broke.
    #[error("the conversation with the suite broke")]
    Serve(#[from] ServeError),
}

/// What was read up to the end of a line or of the conversation.
pub(crate) enum Read {
    /// To be carried out.
    Request(Request),
    /// To be sent at once: the line has a number, and is not a request otherwise.
    Refused(Response),
    /// The suite has closed the socket.
    End,
}

/// Most bytes to take off the socket for one line.
pub(crate) const LIMIT: u64 = MAX_LINE as u64 + 1;

/// What the suite sent; `line` has at most [`LIMIT`] bytes.
pub(crate) fn read(line: &[u8]) -> Result<Read, ServeError> {
    if line.last() != Some(&b'\n') {
        // End of file, in the middle of a line or not.
        return match line.len() > MAX_LINE {
            true => Err(ServeError::TooLong),
            false => Ok(Read::End),
        };
    }
    let error = match serde_json::from_slice::<Request>(line) {
        Ok(request) => return Ok(Read::Request(request)),
        Err(error) => error,
    };
    let value: Option<Value> = serde_json::from_slice(line).ok();
    let id = value.as_ref().and_then(|value| value.get("id")?.as_u64());
    match id {
        Some(id) => Ok(Read::Refused(Response {
            id,
            elapsed_us: 0,
            answer: Answer::Unsupported(format!("not a request of this protocol: {error}")),
        })),
        None => Err(ServeError::NotARequest(error)),
    }
}

/// A line to write.
pub(crate) fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    if line.len() >= MAX_LINE {
        return Err(io::Error::other("an answer longer than a line may be"));
    }
    line.push(b'\n');
    Ok(line)
}

/// A panic is answered, so that nobody waits for an answer that cannot come.
pub(crate) fn panicked(op: &str, panic: &(dyn Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(op, text, "panicked");
    Failure::plain("mpws.Panic", &format!("{op}: {text}"))
}
