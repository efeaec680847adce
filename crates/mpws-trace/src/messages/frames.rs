//! From the bytes of one direction to its messages.

use std::ops::Range;

use mpws_codec::{
    deflate::{Agreement, DecompressError, Decompressor},
    websocket::{DecodedFrame, Decoder, Sender, Violation, opcode},
};

use super::{
    content::Keep,
    escape::escaped,
    message::{Carried, Close, Frame, Message, MessageKind},
};
use crate::{
    packets::{Connection, Direction},
    plain::{Piece, Plain},
    stream::{Carriage, DataStream, Level},
};

/// What was read of one direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) messages: Vec<Message>,
    pub(crate) faults: Vec<Fault>,
    /// Where reading stopped before the end, in bytes of the plain stream, and why.
    pub(crate) stopped: Option<(u64, &'static str)>,
}

/// Something wrong with a message, and what carried it.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) direction: Direction,
    pub(crate) wrong: Wrong,
    /// When all of the message had arrived, in nanoseconds since the epoch.
    pub(crate) time_ns: u64,
    /// Index of the first subflow that carried it.
    pub(crate) subflow: usize,
}

/// What is wrong with a frame, or with what a message carries.
#[derive(Clone, Debug)]
pub(crate) enum Wrong {
    /// A frame breaks RFC 6455.
    Frame(Violation),
    /// Compressed data does not inflate.
    Inflate(DecompressError),
}

/// Reads the frames that follow on the opening handshake.
pub(crate) struct FrameReader<'a> {
    pub(crate) direction: Direction,
    pub(crate) plain: &'a Plain<'a>,
    pub(crate) data: &'a DataStream,
    /// What `data` is about.
    pub(crate) subflows: &'a [&'a Connection],
    /// Place of the first frame in the plain stream.
    pub(crate) start: u64,
    /// permessage-deflate was agreed on; its parameters, where they can be read.
    pub(crate) deflate: Deflate,
    /// Longest message that is inflated, in bytes.
    pub(crate) max_inflated: usize,
    pub(crate) keep: Keep,
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
    pub(crate) fn read(&self) -> Received {
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
    /// What is wrong with messages, by their index.
    faults: Vec<(Wrong, usize)>,
    inflater: Option<Decompressor>,
    /// What the open message says so far, inflated where it was compressed; empty where it is not
    /// needed.
    content: Vec<u8>,
    stopped: Option<(u64, &'static str)>,
    /// Holes that were filled in, by places in the plain stream.
    holes: Vec<(u64, u64)>,
    /// The message whose last frame has not come.
    open: Option<usize>,
    /// All frames: index of the message, index in it, places in the plain stream.
    places: Vec<(usize, usize, Range<u64>)>,
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
            faults: Vec::new(),
            inflater,
            content: Vec::new(),
            stopped: None,
            holes: Vec::new(),
            open: None,
            places: Vec::new(),
        }
    }

    fn take(&mut self, decoded: &DecodedFrame) {
        let header = decoded.header;
        let control = opcode::is_control(header.opcode);
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
                .push(opened(self.reader, decoded, missing > 0));
            if !control {
                self.content.clear();
            }
        }
        let Some(message) = self.messages.get_mut(index) else {
            return;
        };
        self.places.push((index, message.frames.len(), start..end));
        message.frames.push(Frame {
            opcode: header.opcode,
            fin: header.fin,
            rsv1: header.rsv & 4 != 0,
            masked: header.mask.is_some(),
            length: header.length,
            first_ns: 0,
            last_ns: 0,
            carried: Vec::new(),
            paths: Vec::new(),
        });
        message.length = message.length.saturating_add(header.length);
        message.missing += missing;
        message.complete = header.fin && message.missing == 0;
        message.end = end;
        if !control {
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
        self.faults
            .extend(violations.map(|violation| (Wrong::Frame(*violation), index)));
        if control {
            message.content = self
                .reader
                .keep
                .of(&decoded.payload)
                .filter(|_| message.complete);
        } else if message.compressed {
            self.inflate(index, decoded);
        } else {
            self.gather(index, decoded);
        }
    }

    /// Takes the payload of a data frame that is not compressed.
    fn gather(&mut self, index: usize, decoded: &DecodedFrame) {
        let keep = self.reader.keep;
        let Some(message) = self
            .messages
            .get_mut(index)
            .filter(|_| keep != Keep::Nothing)
        else {
            return;
        };
        self.content.extend_from_slice(&decoded.payload);
        if message.complete {
            message.content = keep.of(&self.content);
        }
    }

    /// Takes the payload of a compressed data frame.
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
                self.faults.push((Wrong::Inflate(error), index));
            }
            return;
        }
        if !fin {
            return;
        }
        message.inflated = Some(self.content.len() as u64);
        message.content = self.reader.keep.of(&self.content);
        if message.kind == MessageKind::Text {
            message.preview = Some(escaped(&self.content, PREVIEW));
            if std::str::from_utf8(&self.content).is_err() {
                self.faults
                    .push((Wrong::Frame(Violation::TextNotUtf8), index));
            }
        }
    }

    /// Finds out what carried each message and each frame.
    fn finish(mut self) -> Received {
        let (plain, data) = (self.reader.plain, self.reader.data);
        let mut before: Option<u64> = None;
        for message in &mut self.messages {
            let origin = plain.origin(message.start..message.end);
            (message.start, message.end) = (origin.start, origin.end);
            message.paths = data.paths(&origin, self.reader.subflows);
            let carriage = data.carriage(origin);
            message.first_ns = carriage.first_ns;
            message.last_ns = carriage.last_ns;
            message.largest_gap_ns = carriage.largest_gap_ns;
            message.since_last_ns = before.and_then(|before| carriage.first_ns.checked_sub(before));
            before = before.max(Some(carriage.last_ns));
            message.carried = carried(&carriage);
        }
        for (index, number, places) in &self.places {
            let message = self.messages.get_mut(*index);
            let Some(frame) = message.and_then(|message| message.frames.get_mut(*number)) else {
                continue;
            };
            let origin = plain.origin(places.clone());
            frame.paths = data.paths(&origin, self.reader.subflows);
            let carriage = data.carriage(origin);
            frame.first_ns = carriage.first_ns;
            frame.last_ns = carriage.last_ns;
            frame.carried = carried(&carriage);
        }
        self.count_retransmissions();
        let direction = self.reader.direction;
        let faults = self.faults.into_iter().map(|(wrong, index)| {
            let message = self.messages.get(index);
            Fault {
                direction,
                wrong,
                time_ns: message.map_or(0, |message| message.last_ns),
                subflow: message
                    .and_then(|message| message.carried.first())
                    .map_or(0, |carried| carried.subflow),
            }
        });
        Received {
            faults: faults.collect(),
            messages: self.messages,
            stopped: self.stopped,
        }
    }

    fn count_retransmissions(&mut self) {
        // Control frames may stand between the frames of a message, so starts are in order and ends
        // need not be.
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

fn carried(carriage: &Carriage) -> Vec<Carried> {
    let subflows = carriage.subflows.iter();
    subflows
        .map(|&(subflow, bytes)| Carried { subflow, bytes })
        .collect()
}

/// A message of which nothing but the head of its first frame is known yet.
fn opened(reader: &FrameReader<'_>, first: &DecodedFrame, holed: bool) -> Message {
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
    Message {
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
        paths: Vec::new(),
        tcp_retransmissions: 0,
        data_retransmissions: 0,
        content: None,
    }
}

/// Longest frame that is read, in bytes.
const MAX_FRAME: u64 = 256 << 20;

/// Most missing bytes of a frame that are passed over.
const MAX_FILLED: u64 = 64 << 20;

/// Characters of a text that are shown.
const PREVIEW: usize = 40;
