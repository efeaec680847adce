//! WebSocket messages, and what carried them.

use mpws_codec::{
    deflate::{Agreement, DecompressError, Decompressor},
    websocket::{DecodedFrame, Decoder, Sender, Violation, opcode},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    packets::Direction,
    plain::{Piece, Plain},
    rules::{self, Rule},
    stream::{DataStream, Level},
};

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
    /// Time between the last arrival of the message before it, in the same direction, and its first; in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_last_ns: Option<u64>,
    /// Subflows that carried it.
    pub carried: Vec<Carried>,
    /// Retransmissions by TCP that touch it.
    pub tcp_retransmissions: u32,
    /// Retransmissions by MPTCP that touch it.
    pub data_retransmissions: u32,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
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

/// The messages of one direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    pub(crate) messages: Vec<Message>,
    /// Rules that frames break: which, what was seen, and in which message.
    pub(crate) violations: Vec<(Rule, String, usize)>,
    /// Where reading stopped before the end, and why.
    pub(crate) stopped: Option<(u64, &'static str)>,
}

/// Reads the frames that follow on the opening handshake.
pub(crate) struct FrameReader<'a> {
    pub(crate) direction: Direction,
    pub(crate) plain: &'a Plain<'a>,
    pub(crate) data: &'a DataStream,
    /// Place of the first frame in the plain stream.
    pub(crate) start: u64,
    /// permessage-deflate was agreed on; its parameters, where they can be read.
    pub(crate) deflate: Deflate,
    /// Longest message that is inflated, in bytes.
    pub(crate) max_inflated: usize,
}

/// What was agreed on of permessage-deflate (RFC 7692).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deflate {
    Absent,
    Agreed(Agreement),
    /// The answer cannot be understood.
    Unclear,
}

impl FrameReader<'_> {
    pub(crate) fn read(&self) -> Conversation {
        let allowed = if self.deflate == Deflate::Absent {
            0
        } else {
            4
        };
        let mut decoder = Decoder::new(self.sender(), MAX_FRAME).allow_rsv(allowed);
        let mut building = Building::new(self);
        let mut at: u64 = 0;
        for piece in &self.plain.pieces {
            let (start, end) = (at, at.saturating_add(piece.length()));
            at = end;
            if end <= self.start {
                continue;
            }
            match piece {
                Piece::Bytes(bytes) => {
                    let skip = usize::try_from(self.start.saturating_sub(start)).unwrap_or(0);
                    decoder.push(bytes.get(skip..).unwrap_or(&[]));
                }
                Piece::Hole(hole) => {
                    // Within a payload the next frame can still be found.
                    let fits = decoder
                        .awaited()
                        .is_some_and(|awaited| hole.length <= awaited.min(MAX_FILLED));
                    if !fits {
                        building.stopped = Some((start, "bytes are missing"));
                        break;
                    }
                    building.holes.push((start, end));
                    decoder.push(&vec![0; usize::try_from(hole.length).unwrap_or(0)]);
                }
            }
            for frame in decoder.by_ref() {
                match frame {
                    Ok(frame) => building.take(&frame),
                    Err(error) => {
                        let place = self.start.saturating_add(error.offset);
                        building.stopped = Some((place, "a frame announces more than 256 MiB"));
                        return building.finish();
                    }
                }
            }
        }
        building.finish()
    }

    fn sender(&self) -> Sender {
        match self.direction {
            Direction::ToResponder => Sender::Client,
            Direction::ToInitiator => Sender::Server,
        }
    }
}

struct Building<'a> {
    reader: &'a FrameReader<'a>,
    messages: Vec<Message>,
    violations: Vec<(Rule, String, usize)>,
    inflater: Option<Decompressor>,
    /// What the open message was inflated to.
    content: Vec<u8>,
    stopped: Option<(u64, &'static str)>,
    /// Holes that were filled in, by places in the plain stream.
    holes: Vec<(u64, u64)>,
    /// The message whose last frame has not come.
    open: Option<usize>,
}

impl<'a> Building<'a> {
    fn new(reader: &'a FrameReader<'a>) -> Self {
        let inflater = match reader.deflate {
            Deflate::Agreed(agreement) => {
                Some(agreement.decompressor(reader.sender(), reader.max_inflated))
            }
            Deflate::Absent | Deflate::Unclear => None,
        };
        Self {
            reader,
            messages: Vec::new(),
            violations: Vec::new(),
            inflater,
            content: Vec::new(),
            stopped: None,
            holes: Vec::new(),
            open: None,
        }
    }

    fn take(&mut self, decoded: &DecodedFrame) {
        let header = decoded.header;
        let start = self.reader.start.saturating_add(decoded.offset);
        let end = start.saturating_add(decoded.length);
        let missing: u64 = self
            .holes
            .iter()
            .map(|&(from, to)| to.min(end).saturating_sub(from.max(start)))
            .sum();
        self.holes.retain(|&(_, to)| to > end);
        let continued = self.open.filter(|_| header.opcode == opcode::CONTINUATION);
        let index = continued.unwrap_or(self.messages.len());
        if continued.is_none() {
            self.messages
                .push(Message::new(self.reader, decoded, missing > 0));
        }
        let Some(message) = self.messages.get_mut(index) else {
            return;
        };
        message.frames.push(Frame {
            opcode: header.opcode,
            fin: header.fin,
            rsv1: header.rsv & 4 != 0,
            masked: header.mask.is_some(),
            length: header.length,
        });
        message.length = message.length.saturating_add(header.length);
        message.missing += missing;
        message.complete = header.fin && message.missing == 0;
        message.end = end;
        if !opcode::is_control(header.opcode) {
            self.open = (!header.fin).then_some(index);
        }
        let known = message.missing == 0;
        let violations = decoded.violations.iter().filter(|violation| {
            // What was filled in for missing bytes says nothing of the sender.
            known
                || !matches!(
                    violation,
                    Violation::TextNotUtf8
                        | Violation::CloseReasonNotUtf8
                        | Violation::CloseCode(_)
                        | Violation::CloseOneByte
                )
        });
        self.violations.extend(violations.map(|violation| {
            let (rule, detail) = rules::websocket::named(*violation);
            (rule, detail, index)
        }));
        if message.compressed && !opcode::is_control(header.opcode) {
            self.inflate(index, decoded);
        }
    }

    fn inflate(&mut self, index: usize, decoded: &DecodedFrame) {
        let (Some(message), Some(inflater)) = (self.messages.get_mut(index), &mut self.inflater)
        else {
            return;
        };
        let fin = decoded.header.fin;
        if message.missing > 0 {
            // What follows may refer to what is missing.
            self.inflater = None;
            return;
        }
        if let Err(error) = inflater.fragment(&decoded.payload, fin, &mut self.content) {
            self.inflater = None;
            if !matches!(error, DecompressError::TooLong { .. }) {
                self.violations
                    .push((Rule::DeflateData, error.to_string(), index));
            }
            return;
        }
        if !fin {
            return;
        }
        message.inflated = Some(self.content.len() as u64);
        if message.kind == MessageKind::Text {
            message.preview = Some(escaped(&self.content, PREVIEW));
            if std::str::from_utf8(&self.content).is_err() {
                let (rule, detail) = rules::websocket::named(Violation::TextNotUtf8);
                self.violations.push((rule, detail, index));
            }
        }
        self.content.clear();
    }

    /// Finds out what carried each message.
    fn finish(mut self) -> Conversation {
        let (plain, data) = (self.reader.plain, self.reader.data);
        let mut before: Option<u64> = None;
        for message in &mut self.messages {
            let origin = plain.origin(message.start..message.end);
            (message.start, message.end) = (origin.start, origin.end);
            let carriage = data.carriage(origin);
            message.first_ns = carriage.first_ns;
            message.last_ns = carriage.last_ns;
            message.largest_gap_ns = carriage.largest_gap_ns;
            message.since_last_ns = before.and_then(|before| carriage.first_ns.checked_sub(before));
            before = before.max(Some(carriage.last_ns));
            message.carried = carriage
                .subflows
                .into_iter()
                .map(|(subflow, bytes)| Carried { subflow, bytes })
                .collect();
        }
        self.count_retransmissions();
        Conversation {
            messages: self.messages,
            violations: self.violations,
            stopped: self.stopped,
        }
    }

    fn count_retransmissions(&mut self) {
        // Control frames may stand between the frames of a message, so starts are in order and ends need not be.
        let longest = self
            .messages
            .iter()
            .map(|message| message.end - message.start.min(message.end))
            .max()
            .unwrap_or(0);
        for again in &self.reader.data.retransmissions {
            let end = again.start.saturating_add(again.length);
            let from = again.start.saturating_sub(longest);
            let first = self
                .messages
                .partition_point(|message| message.start < from);
            let touched = self
                .messages
                .get_mut(first..)
                .unwrap_or_default()
                .iter_mut()
                .take_while(|message| message.start < end)
                .filter(|message| message.end > again.start);
            for message in touched {
                match again.level {
                    Level::Tcp => message.tcp_retransmissions += 1,
                    Level::Data => message.data_retransmissions += 1,
                }
            }
        }
    }
}

impl Message {
    fn new(reader: &FrameReader<'_>, first: &DecodedFrame, holed: bool) -> Self {
        let kind = MessageKind::of(first.header.opcode);
        let compressed = reader.deflate != Deflate::Absent
            && first.header.rsv & 4 != 0
            && matches!(kind, MessageKind::Text | MessageKind::Binary);
        let start = reader.start.saturating_add(first.offset);
        let close = (kind == MessageKind::Close && !holed).then(|| {
            let code = first.payload.first_chunk().copied().map(u16::from_be_bytes);
            Close {
                code,
                reason: escaped(first.payload.get(2..).unwrap_or(&[]), 125),
            }
        });
        let readable = kind == MessageKind::Text && !compressed && !holed;
        Self {
            direction: reader.direction,
            kind,
            frames: Vec::with_capacity(1),
            length: 0,
            compressed,
            inflated: None,
            complete: false,
            missing: 0,
            close,
            preview: readable.then(|| escaped(&first.payload, PREVIEW)),
            start,
            end: start,
            first_ns: 0,
            last_ns: 0,
            largest_gap_ns: 0,
            since_last_ns: None,
            carried: Vec::new(),
            tcp_retransmissions: 0,
            data_retransmissions: 0,
        }
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
    fn of(opcode: u8) -> Self {
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

/// The beginning of bytes as text for a person: so many characters at most, nothing that a terminal would interpret.
pub(crate) fn escaped(bytes: &[u8], limit: usize) -> String {
    // A character takes four bytes at most.
    let head = bytes.get(..limit.saturating_mul(4)).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        let harmless = !character.is_control() && !is_invisible(character);
        if harmless {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// Characters that reorder or hide text around them.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// Longest frame that is read, in bytes.
const MAX_FRAME: u64 = 256 << 20;

/// Most missing bytes of a frame that are passed over.
const MAX_FILLED: u64 = 64 << 20;

/// Characters of a text that are shown.
const PREVIEW: usize = 40;
