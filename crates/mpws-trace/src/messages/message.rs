//! WebSocket messages, and what carried them.

use std::sync::Arc;

use mpws_codec::websocket::opcode;
use schemars::JsonSchema;
use serde::Serialize;

use super::content::Content;
use crate::packets::Direction;

/// A WebSocket message or control frame (RFC 6455 sections 5.4 and 5.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Message {
    /// Which way.
    pub direction: Direction,
    /// What it is.
    pub kind: MessageKind,
    /// Its frames, in order.
    pub frames: Vec<Frame>,
    /// Payload of all its frames as it went over the wire, in bytes.
    pub length: u64,
    /// RSV1 on its first frame, with permessage-deflate agreed on (RFC 7692 section 6).
    pub compressed: bool,
    /// Its length after inflating, where it was compressed and could be inflated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inflated: Option<u64>,
    /// Its last frame was seen, and nothing of it is missing.
    pub complete: bool,
    /// Bytes of it that did not arrive, or are not in the capture.
    pub missing: u64,
    /// Code and reason of a Close.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<Close>,
    /// The beginning of a text, up to 40 characters, control characters escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
    /// Place of its first byte in the data stream; under TLS, of the record that holds it.
    pub start: u64,
    /// Place after its last byte in the data stream; under TLS, after the record that holds it.
    pub end: u64,
    /// When its first byte arrived, in nanoseconds since the epoch.
    pub first_ns: u64,
    /// When the last of its bytes to come arrived, in nanoseconds since the epoch.
    pub last_ns: u64,
    /// Longest time between two arrivals within it, in nanoseconds.
    pub largest_gap_ns: u64,
    /// Time between the last arrival of the message before it, in the same direction, and its
    /// first; in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_last_ns: Option<u64>,
    /// Subflows that carried it.
    pub carried: Vec<Carried>,
    /// Interfaces of the capture that it crossed, each once, by the places of what crossed them.
    /// Not in the public format.
    #[serde(skip)]
    pub paths: Vec<Arc<str>>,
    /// Retransmissions by TCP that touch it.
    pub tcp_retransmissions: u32,
    /// Retransmissions by MPTCP that touch it.
    pub data_retransmissions: u32,
    /// What it says, as far as that is kept. `None` where nothing is, and where it is not known:
    /// the message is not complete, or could not be inflated. Not in the public format.
    #[serde(skip)]
    pub content: Option<Content>,
}

/// What a message is, by the opcode of its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// A continuation of nothing.
    Continuation,
    /// Text.
    Text,
    /// Binary.
    Binary,
    /// Close.
    Close,
    /// Ping.
    Ping,
    /// Pong.
    Pong,
    /// A reserved opcode.
    Reserved,
}

/// One frame of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Frame {
    /// Opcode, 0 to 15.
    pub opcode: u8,
    /// FIN.
    pub fin: bool,
    /// RSV1.
    pub rsv1: bool,
    /// Whether it was masked.
    pub masked: bool,
    /// Payload in bytes.
    pub length: u64,
    /// When the first of its bytes arrived, its header counted, in nanoseconds since the epoch.
    /// Not in the public format, nor is what follows.
    #[serde(skip)]
    pub first_ns: u64,
    /// When the last of its bytes to come arrived, in nanoseconds since the epoch.
    #[serde(skip)]
    pub last_ns: u64,
    /// Subflows that carried it.
    #[serde(skip)]
    pub carried: Vec<Carried>,
    /// Interfaces of the capture that it crossed, each once, by the places of what crossed them.
    #[serde(skip)]
    pub paths: Vec<Arc<str>>,
}

/// What a Close says (RFC 6455 section 5.5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Close {
    /// Status code; absent in an empty Close.
    pub code: Option<u16>,
    /// Reason, control characters escaped.
    pub reason: String,
}

/// What one subflow carried of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Carried {
    /// Index of the subflow.
    pub subflow: usize,
    /// Bytes that arrived on it first, headers of frames counted; under TLS those of whole records.
    pub bytes: u64,
}

impl Message {
    /// Whether it is a data message and no control frame (RFC 6455 section 5.5).
    pub fn is_data(&self) -> bool {
        self.frames
            .first()
            .is_some_and(|first| !opcode::is_control(first.opcode))
    }

    /// Whether it is known to be the same as another one: opcode and content. What is not known is
    /// the same as nothing, not even as itself.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let opcode = |message: &Self| message.frames.first().map(|first| first.opcode);
        let (Some(own), Some(theirs)) = (&self.content, &other.content) else {
            return false;
        };
        opcode(self) == opcode(other) && own.length == theirs.length && own.sha256 == theirs.sha256
    }

    /// What it is, in words.
    pub fn describe(&self) -> String {
        let mut text = format!("{} {} B", self.kind.word(), self.length);
        if let Some(close) = &self.close {
            text = match close.code {
                Some(code) => format!("close {code}"),
                None => "close without code".to_owned(),
            };
            if !close.reason.is_empty() {
                text += &format!(" \"{}\"", close.reason);
            }
        }
        if let Some(inflated) = self.inflated {
            text += &format!(" (inflates to {inflated} B)");
        } else if self.compressed {
            text += " (compressed)";
        }
        if self.frames.len() > 1 {
            text += &format!(" in {} frames", self.frames.len());
        }
        if self.missing > 0 {
            text += &format!(", {} B missing", self.missing);
        } else if !self.complete {
            text += ", not ended";
        }
        if let Some(preview) = self.preview.as_ref().filter(|preview| !preview.is_empty()) {
            text += &format!(" \"{preview}\"");
        }
        text
    }
}

impl MessageKind {
    pub(crate) fn of(opcode: u8) -> Self {
        match opcode {
            opcode::CONTINUATION => Self::Continuation,
            opcode::TEXT => Self::Text,
            opcode::BINARY => Self::Binary,
            opcode::CLOSE => Self::Close,
            opcode::PING => Self::Ping,
            opcode::PONG => Self::Pong,
            _ => Self::Reserved,
        }
    }

    /// The word that serde writes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Reserved => "reserved",
        }
    }
}
