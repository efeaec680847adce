//! What comes over a connection, and how it ends.

use mpws_protocol::payload::{MessageKind, Payload};
use mpws_protocol::{ConnectionEnd, ErrorRecord};
use nix::libc;

/// What a library reports of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Message),
    /// A pong with its content.
    Pong(Vec<u8>),
    /// Anything else that needs no answer of the user.
    Other,
    /// The end.
    Closed(Closed),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Text or binary.
    pub kind: MessageKind,
    /// Its content; text is UTF-8.
    pub content: Vec<u8>,
}

/// The close frame of the other end; code 1005 where it had none, 1006 where there was no close
/// frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its code.
    pub code: u16,
    /// Its reason.
    pub reason: String,
}

impl Closed {
    /// The connection ended without a close frame.
    pub fn without_frame() -> Self {
        Self {
            code: 1006,
            reason: String::new(),
        }
    }

    /// A close frame with this code and reason, or without.
    pub fn with(frame: Option<(u16, String)>) -> Self {
        let (code, reason) = frame.unwrap_or((1005, String::new()));
        Self { code, reason }
    }
}

impl From<&Payload> for Message {
    fn from(payload: &Payload) -> Self {
        Self {
            kind: payload.kind(),
            content: payload.bytes(),
        }
    }
}

impl Message {
    /// Its content where it is text.
    pub fn text(&self) -> Option<String> {
        let text = (self.kind == MessageKind::Text).then(|| self.content.clone());
        text.and_then(|text| String::from_utf8(text).ok())
    }
}

/// How a connection ended that the library closed in order, or whose stream ended.
pub(crate) fn ended_with(closed: Closed) -> ConnectionEnd {
    let frameless = closed == Closed::without_frame();
    ConnectionEnd {
        code: Some(closed.code),
        reason: Some(closed.reason),
        transport: frameless.then(|| "eof".to_owned()),
        error: None,
    }
}

/// How a connection ended by an error.
pub(crate) fn failed_with(record: &ErrorRecord) -> ConnectionEnd {
    let reset = |errno| errno == Some(libc::ECONNRESET) || errno == Some(libc::EPIPE);
    let reset = record.chain.iter().any(|link| reset(link.errno));
    ConnectionEnd {
        code: Some(1006),
        reason: None,
        transport: reset.then(|| "reset".to_owned()),
        error: Some(record.clone()),
    }
}
