//! What a server does on a connection, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::payload::Payload;

/// What a server does with each connection that it accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Behaviour {
    /// Every message comes back unchanged, text as text and binary as binary.
    #[default]
    Echo,
    /// Every message is answered with two messages, written one after the other without a pause.
    AnswerTwice,
    /// Every second message is answered, with the second one; the first is kept.
    AnswerPairs,
    /// Every message is answered with one binary message of this size, generated with seed 0: a
    /// download that costs the client's direction next to nothing.
    AnswerWith {
        /// Length in bytes, 0 to 2^30.
        size: u64,
    },
    /// The first message is answered with a close frame.
    Close {
        /// Close code, 1000 to 4999 (RFC 6455 section 7.4).
        code: u16,
        /// Close reason, at most 123 bytes of UTF-8.
        reason: String,
    },
    /// The steps, in order. When they are over, the descriptor is closed.
    Script {
        /// The steps.
        steps: Vec<Step>,
    },
    /// An echo that is wrong on purpose: the suite must notice.
    FaultyEcho {
        /// What is wrong with it.
        fault: EchoFault,
    },
}

/// What a faulty echo does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EchoFault {
    /// One byte of every message is changed.
    Alter,
    /// Every third message is not answered.
    Drop,
    /// Every third message is answered twice.
    Double,
    /// Messages come back in pairs, the second first.
    Reorder,
}

/// One step of a scripted connection. Each step has its own deadline, settable for the script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Server: read the request and answer 101. Client: send the request and check the answer.
    Upgrade,
    /// Server: read the request and answer 101 with these fields beside those that every answer
    /// has. Nothing is negotiated: the answer may be wrong. Where it names permessage-deflate once
    /// and with valid parameters, messages are compressed afterwards, whatever was offered.
    UpgradeWith {
        /// Header fields, in order.
        headers: Vec<(String, String)>,
    },
    /// Client: send the request in `parts` writes of about equal size, each in a segment of its
    /// own.
    UpgradeInParts {
        /// Number of writes, 1 to 64.
        parts: u8,
    },
    /// Server: read the request up to its empty line; answer nothing.
    ReadRequest,
    /// Server: read the request and answer with this status instead of 101.
    Respond {
        /// HTTP status code, 200 to 599.
        status: u16,
        /// Header fields, in order.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// Body; Content-Length is added.
        #[serde(default)]
        body: String,
    },
    /// Run the inner steps and send everything that they write in one `write` call.
    Gather {
        /// The inner steps.
        steps: Vec<Step>,
    },
    /// Send a message, compressed where that was agreed.
    Send {
        /// What to send.
        message: Payload,
        /// Number of frames that the message is split into, 1 to 64.
        #[serde(default = "one")]
        fragments: u8,
    },
    /// Send one frame exactly as described, legal or not.
    Frame(RawFrame),
    /// Send bytes as they are.
    Bytes {
        /// The bytes in hexadecimal.
        hex: String,
    },
    /// Receive one message and record it.
    Receive,
    /// Echo messages until the other side closes; answer its close frame.
    EchoUntilClose,
    /// Send a ping and wait for its pong.
    Ping,
    /// Send a close frame and wait for the answer.
    Close {
        /// Close code.
        code: u16,
        /// Close reason.
        reason: String,
    },
    /// `shutdown(SHUT_WR)`: the other side sees end of file, this one can still read.
    HalfClose,
    /// Abort: close with `SO_LINGER` 0.
    Reset,
    /// Keep the connection open and do nothing for so long.
    Stall {
        /// Milliseconds.
        ms: u64,
    },
    /// Read and throw away until the other side ends the connection; record how it ended.
    ExpectEnd,
}

/// A frame with every field free (RFC 6455 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFrame {
    /// FIN bit.
    #[serde(default = "yes")]
    pub fin: bool,
    /// RSV1 to RSV3 as a number from 0 to 7, RSV1 worth 4.
    #[serde(default)]
    pub rsv: u8,
    /// Opcode, 0 to 15.
    pub opcode: u8,
    /// Masked; by default what the role demands.
    #[serde(default)]
    pub masked: Option<bool>,
    /// Length to announce instead of the true one.
    #[serde(default)]
    pub announced_length: Option<u64>,
    /// Payload in hexadecimal.
    #[serde(default)]
    pub payload_hex: String,
}

fn one() -> u8 {
    1
}

fn yes() -> bool {
    true
}
