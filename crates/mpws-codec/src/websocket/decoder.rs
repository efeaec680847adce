//! Reads frames and reports what is wrong with them.

use std::{fmt, mem};

use super::frame::{FrameHeader, LengthForm, apply_mask, opcode};

/// Reads the frames of one direction of a connection, after its opening handshake.
///
/// Bytes go in by [`push`](Self::push), in pieces of any size; frames come out of the iterator,
/// which ends while the next frame is incomplete and may be asked again after the next piece.
#[derive(Clone, Debug)]
pub struct Decoder {
    sender: Sender,
    allowed_rsv: u8,
    max_payload: u64,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are already frames.
    used: usize,
    /// Place of `buffer[used]` in the stream.
    offset: u64,
    message: Option<Message>,
    closed: bool,
    failed: bool,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// It must mask (RFC 6455 section 5.1).
    Client,
    /// It must not mask (RFC 6455 section 5.1).
    Server,
}

/// One frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedFrame {
    /// Its header.
    pub header: FrameHeader,
    /// Its payload, unmasked.
    pub payload: Vec<u8>,
    /// Place of its first byte in the stream.
    pub offset: u64,
    /// Bytes that it takes in the stream, header included.
    pub length: u64,
    /// Rules that it breaks.
    pub violations: Vec<Violation>,
}

/// A rule that a frame breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// A reserved bit is set that no extension gives a meaning.
    ReservedBits(u8),
    /// The opcode is not assigned.
    ReservedOpcode(u8),
    /// A client did not mask.
    NotMasked,
    /// A server masked.
    Masked,
    /// The length is not written in the shortest way.
    LengthNotMinimal,
    /// The highest bit of a 64-bit length is set.
    LengthHighBit,
    /// A control frame without FIN.
    ControlFragmented,
    /// A control frame with more than 125 bytes.
    ControlTooLong,
    /// A continuation where no message is open.
    ContinuationOfNothing,
    /// A new message before the last one ended.
    MessageInterrupted,
    /// A Close frame with one byte.
    CloseOneByte,
    /// A close code that must not be sent.
    CloseCode(u16),
    /// A close reason that is not UTF-8.
    CloseReasonNotUtf8,
    /// A text message that is not UTF-8, reported where it first shows.
    TextNotUtf8,
    /// Anything after a Close frame.
    AfterClose,
}

/// No further frames can be found in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame at offset {offset} announces {announced} bytes, more than the {limit} allowed")]
pub struct DecodeError {
    /// Place of the frame in the stream.
    pub offset: u64,
    /// Length that it announces.
    pub announced: u64,
    /// Largest length that is decoded.
    pub limit: u64,
}

#[derive(Clone, Debug)]
struct Message {
    /// Text whose UTF-8 is worth checking: not compressed, and valid so far.
    check_text: bool,
    /// Bytes of a character whose rest is still to come, at most 3.
    partial: Vec<u8>,
}

impl Decoder {
    /// A decoder for what this end sends. Payloads above `max_payload` bytes end the decoding.
    pub fn new(sender: Sender, max_payload: u64) -> Self {
        Self {
            sender,
            allowed_rsv: 0,
            max_payload,
            buffer: Vec::new(),
            used: 0,
            offset: 0,
            message: None,
            closed: false,
            failed: false,
        }
    }

    /// Reserved bits that an extension gives a meaning, 0 to 7; 4 for permessage-deflate (RFC 7692
    /// section 6).
    pub fn allow_rsv(mut self, bits: u8) -> Self {
        self.allowed_rsv = bits & 0x07;
        self
    }

    /// Adds bytes to the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed {
            return;
        }
        self.buffer.drain(..mem::take(&mut self.used));
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that came and are not a whole frame yet.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.used
    }

    /// Bytes that the frame under way still lacks; `None` where its header has not come, or
    /// decoding has failed.
    ///
    /// Who knows that bytes are missing from the stream can fill in so many at most, and go on with
    /// the next frame.
    pub fn awaited(&self) -> Option<u64> {
        let rest = self.buffer.get(self.used..).filter(|_| !self.failed)?;
        let (header, header_length) = FrameHeader::parse(rest)?;
        let length = header.length.checked_add(header_length as u64)?;
        length.checked_sub(rest.len() as u64)
    }

    fn violations(&mut self, header: &FrameHeader, payload: &[u8]) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut check = |broken, violation| {
            if broken {
                found.push(violation);
            }
        };
        let rsv = header.rsv & !self.allowed_rsv;
        check(rsv != 0, Violation::ReservedBits(rsv));
        check(
            matches!(header.opcode, 3..=7 | 11..=15),
            Violation::ReservedOpcode(header.opcode),
        );
        check(
            self.sender == Sender::Client && header.mask.is_none(),
            Violation::NotMasked,
        );
        check(
            self.sender == Sender::Server && header.mask.is_some(),
            Violation::Masked,
        );
        check(
            header.form > LengthForm::shortest(header.length),
            Violation::LengthNotMinimal,
        );
        check(header.length >> 63 != 0, Violation::LengthHighBit);
        check(self.closed, Violation::AfterClose);
        if opcode::is_control(header.opcode) {
            check(!header.fin, Violation::ControlFragmented);
            check(header.length > 125, Violation::ControlTooLong);
        } else {
            let continues = header.opcode == opcode::CONTINUATION;
            check(
                continues && self.message.is_none(),
                Violation::ContinuationOfNothing,
            );
            check(
                !continues && self.message.is_some(),
                Violation::MessageInterrupted,
            );
            check(
                !self.message_goes_on(header, payload),
                Violation::TextNotUtf8,
            );
        }
        if header.opcode == opcode::CLOSE {
            self.closed = true;
            found.extend(close_violations(payload));
        }
        found
    }

    /// Carries the open message on; `false` where its text turns out not to be UTF-8.
    fn message_goes_on(&mut self, header: &FrameHeader, payload: &[u8]) -> bool {
        let mut message = match self.message.take() {
            Some(open) if header.opcode == opcode::CONTINUATION => open,
            _ => Message {
                check_text: header.opcode == opcode::TEXT && header.rsv == 0,
                partial: Vec::new(),
            },
        };
        let valid = !message.check_text || message.takes_text(payload, header.fin);
        message.check_text &= valid;
        if !header.fin {
            self.message = Some(message);
        }
        valid
    }
}

impl Message {
    fn takes_text(&mut self, payload: &[u8], last: bool) -> bool {
        let mut bytes = mem::take(&mut self.partial);
        bytes.extend_from_slice(payload);
        match std::str::from_utf8(&bytes) {
            Ok(_) => true,
            Err(error) if error.error_len().is_none() && !last => {
                self.partial = bytes.split_off(error.valid_up_to());
                true
            }
            Err(_) => false,
        }
    }
}

impl Iterator for Decoder {
    type Item = Result<DecodedFrame, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let rest = self.buffer.get(self.used..)?;
        let (header, header_length) = FrameHeader::parse(rest)?;
        let offset = self.offset;
        if header.length > self.max_payload {
            self.failed = true;
            let (announced, limit) = (header.length, self.max_payload);
            return Some(Err(DecodeError {
                offset,
                announced,
                limit,
            }));
        }
        let length = usize::try_from(header.length)
            .ok()?
            .checked_add(header_length)?;
        let mut payload = rest.get(header_length..length)?.to_vec();
        if let Some(key) = header.mask {
            apply_mask(key, &mut payload);
        }
        self.used += length;
        self.offset += length as u64;
        let violations = self.violations(&header, &payload);
        Some(Ok(DecodedFrame {
            header,
            payload,
            offset,
            length: length as u64,
            violations,
        }))
    }
}

impl Violation {
    /// Section of RFC 6455 that says so.
    pub fn section(self) -> &'static str {
        match self {
            Self::ReservedBits(_)
            | Self::ReservedOpcode(_)
            | Self::LengthNotMinimal
            | Self::LengthHighBit => "5.2",
            Self::NotMasked | Self::Masked => "5.1",
            Self::ControlFragmented | Self::ControlTooLong => "5.5",
            Self::ContinuationOfNothing | Self::MessageInterrupted => "5.4",
            Self::CloseOneByte | Self::AfterClose => "5.5.1",
            Self::CloseCode(_) => "7.4",
            Self::CloseReasonNotUtf8 | Self::TextNotUtf8 => "8.1",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits(bits) => write!(f, "reserved bits {bits:03b} set"),
            Self::ReservedOpcode(opcode) => write!(f, "reserved opcode {opcode}"),
            Self::NotMasked => f.write_str("frame of a client not masked"),
            Self::Masked => f.write_str("frame of a server masked"),
            Self::LengthNotMinimal => f.write_str("length not written in the shortest way"),
            Self::LengthHighBit => f.write_str("highest bit of the length set"),
            Self::ControlFragmented => f.write_str("control frame fragmented"),
            Self::ControlTooLong => f.write_str("control frame longer than 125 bytes"),
            Self::ContinuationOfNothing => f.write_str("continuation without a message"),
            Self::MessageInterrupted => f.write_str("new message within a message"),
            Self::CloseOneByte => f.write_str("Close with one byte"),
            Self::CloseCode(code) => write!(f, "close code {code}"),
            Self::CloseReasonNotUtf8 => f.write_str("close reason not UTF-8"),
            Self::TextNotUtf8 => f.write_str("text not UTF-8"),
            Self::AfterClose => f.write_str("frame after Close"),
        }?;
        write!(f, " (RFC 6455 section {})", self.section())
    }
}

fn close_violations(payload: &[u8]) -> Vec<Violation> {
    match payload.split_first_chunk() {
        None if payload.is_empty() => Vec::new(),
        None => vec![Violation::CloseOneByte],
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            // RFC 6455 sections 7.4.1 and 7.4.2, and the codes that IANA has assigned since (1012
            // to 1014).
            let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let text = std::str::from_utf8(reason).is_ok();
            let mut found = Vec::new();
            found.extend((!allowed).then_some(Violation::CloseCode(code)));
            found.extend((!text).then_some(Violation::CloseReasonNotUtf8));
            found
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::websocket::FrameSpec;

    fn decode(sender: Sender, frames: &[FrameSpec]) -> Vec<Vec<Violation>> {
        let mut decoder = Decoder::new(sender, 1 << 20);
        for frame in frames {
            decoder.push(&frame.encode());
        }
        decoder
            .map(|frame| frame.expect("small").violations)
            .collect()
    }

    fn spec(fin: bool, opcode: u8, payload: &[u8]) -> FrameSpec {
        FrameSpec {
            fin,
            ..FrameSpec::new(opcode, payload)
        }
    }

    #[test]
    fn a_legal_conversation_breaks_no_rule() {
        let frames = [
            spec(false, opcode::TEXT, &"\u{20ac}".as_bytes()[..2]),
            spec(true, opcode::PING, b"between"),
            spec(true, opcode::CONTINUATION, &"\u{20ac}".as_bytes()[2..]),
            FrameSpec::new(opcode::BINARY, vec![0xff; 70_000]),
            FrameSpec::close(1000, "done"),
        ];
        assert_eq!(decode(Sender::Server, &frames), vec![Vec::new(); 5]);
    }

    #[test]
    fn each_broken_rule_is_reported_on_its_frame() {
        use Violation::*;
        let with = |change: fn(&mut FrameSpec)| {
            let mut frame = FrameSpec::new(opcode::BINARY, [1]);
            change(&mut frame);
            frame
        };
        let cases = [
            (with(|f| f.rsv = 5), vec![ReservedBits(5)]),
            (with(|f| f.opcode = 3), vec![ReservedOpcode(3)]),
            (with(|f| f.mask = Some([1; 4])), vec![Masked]),
            (
                with(|f| f.form = Some(LengthForm::Bits64)),
                vec![LengthNotMinimal],
            ),
            (spec(false, opcode::PING, b""), vec![ControlFragmented]),
            (spec(true, opcode::PONG, &[0; 126]), vec![ControlTooLong]),
            (
                spec(true, opcode::CONTINUATION, b""),
                vec![ContinuationOfNothing],
            ),
            (spec(true, opcode::TEXT, &[0xff]), vec![TextNotUtf8]),
            (spec(true, opcode::CLOSE, &[3]), vec![CloseOneByte]),
            (FrameSpec::close(1005, ""), vec![CloseCode(1005)]),
            (
                spec(true, opcode::CLOSE, &[3, 0xe8, 0xff]),
                vec![CloseReasonNotUtf8],
            ),
        ];
        for (frame, expected) in cases {
            assert_eq!(
                decode(Sender::Server, std::slice::from_ref(&frame)),
                [expected],
                "{frame:?}"
            );
        }
        let plain = FrameSpec::new(opcode::BINARY, [1]);
        assert_eq!(decode(Sender::Client, &[plain]), [[NotMasked]]);
    }

    #[test]
    fn a_message_inside_a_message_and_a_frame_after_close_are_reported() {
        let frames = [
            spec(false, opcode::TEXT, b"a"),
            spec(true, opcode::TEXT, b"b"),
            FrameSpec::close(1001, ""),
            spec(true, opcode::PING, b""),
        ];
        let expected = [
            vec![],
            vec![Violation::MessageInterrupted],
            vec![],
            vec![Violation::AfterClose],
        ];
        assert_eq!(decode(Sender::Server, &frames), expected);
    }

    #[test]
    fn text_cut_within_a_character_at_the_end_of_its_message_is_not_utf8() {
        let frames = [
            spec(false, opcode::TEXT, &[0xe2]),
            spec(true, opcode::CONTINUATION, &[0x82]),
        ];
        assert_eq!(
            decode(Sender::Server, &frames),
            [vec![], vec![Violation::TextNotUtf8]]
        );
    }

    #[test]
    fn a_length_above_the_limit_ends_the_decoding_with_an_error() {
        let mut decoder = Decoder::new(Sender::Server, 100);
        let lie = FrameSpec {
            announced: Some(u64::MAX),
            ..FrameSpec::new(opcode::BINARY, [0; 50])
        };
        decoder.push(&lie.encode());
        let expected = DecodeError {
            offset: 0,
            announced: u64::MAX,
            limit: 100,
        };
        assert_eq!(decoder.next(), Some(Err(expected)));
        decoder.push(&FrameSpec::new(opcode::PING, []).encode());
        assert_eq!(decoder.next(), None);
    }

    #[test]
    fn a_frame_under_way_says_how_much_it_still_lacks() {
        let mut decoder = Decoder::new(Sender::Server, 1000);
        let frame = FrameSpec::new(opcode::BINARY, vec![7; 200]).encode();
        assert_eq!(decoder.awaited(), None);
        decoder.push(&frame[..3]);
        assert_eq!(decoder.awaited(), None, "its length takes two bytes");
        decoder.push(&frame[3..54]);
        assert_eq!((decoder.next(), decoder.awaited()), (None, Some(150)));
        decoder.push(&[0; 150]);
        assert_eq!(decoder.by_ref().count(), 1);
    }

    fn any_spec() -> impl Strategy<Value = FrameSpec> {
        let payload = proptest::collection::vec(any::<u8>(), 0..300);
        let mask = proptest::option::of(any::<[u8; 4]>());
        (any::<bool>(), 0_u8..8, 0_u8..16, mask, payload).prop_map(
            |(fin, rsv, opcode, mask, payload)| FrameSpec {
                fin,
                rsv,
                opcode,
                mask,
                announced: None,
                form: None,
                payload,
            },
        )
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_stream_is_cut(
            specs in proptest::collection::vec(any_spec(), 0..6),
            cut in 1_usize..50,
        ) {
            let stream: Vec<u8> = specs.iter().flat_map(FrameSpec::encode).collect();
            let mut decoder = Decoder::new(Sender::Client, 1000);
            let mut found = Vec::new();
            for piece in stream.chunks(cut) {
                decoder.push(piece);
                found.extend(decoder.by_ref().map(|frame| frame.expect("below the limit")));
            }
            prop_assert_eq!(decoder.pending(), 0);
            prop_assert_eq!(found.len(), specs.len());
            let mut offset = 0;
            for (frame, spec) in found.iter().zip(&specs) {
                prop_assert_eq!(frame.header, spec.header());
                prop_assert_eq!(&frame.payload, &spec.payload);
                prop_assert_eq!(frame.offset, offset);
                offset += frame.length;
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut decoder = Decoder::new(Sender::Server, 200);
            decoder.push(&bytes);
            let frames = decoder.by_ref().filter(Result::is_ok).count();
            prop_assert!(frames <= bytes.len() / 2);
        }
    }
}
