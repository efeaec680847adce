//! Frames of scripts: written as described, read without refusing (RFC 6455 section 5.2).

use bytes::{Buf, Bytes, BytesMut};
use mpws_codec::websocket::{FrameHeader, FrameSpec, apply_mask};

pub(crate) use mpws_codec::websocket::opcode::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT};

/// A frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Bytes,
}

/// The start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) fin: bool,
    /// RSV1 to RSV3, RSV1 worth 4.
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) length: u64,
}

/// A frame that is longer than the reader allows.
#[derive(Debug)]
pub(crate) struct TooLong(pub(crate) u64);

impl Head {
    /// A frame as this role sends it: a client masks.
    pub(crate) fn new(opcode: u8, masked: bool, length: usize) -> Self {
        Self {
            fin: true,
            rsv: 0,
            opcode,
            masked,
            length: length as u64,
        }
    }

    /// Head and payload. The announced length is the head's, whatever the payload's is.
    pub(crate) fn encode(self, payload: &[u8]) -> Vec<u8> {
        FrameSpec {
            fin: self.fin,
            rsv: self.rsv,
            opcode: self.opcode,
            mask: self.masked.then_some(MASK),
            announced: Some(self.length),
            form: None,
            payload: payload.to_vec(),
        }
        .encode()
    }
}

/// Takes the next frame off the buffer; `None` while it is incomplete.
pub(crate) fn decode(buffer: &mut BytesMut, limit: u64) -> Result<Option<Frame>, TooLong> {
    let Some((header, size)) = FrameHeader::parse(buffer) else {
        return Ok(None);
    };
    let length = match usize::try_from(header.length) {
        Ok(length) if header.length <= limit => length,
        _ => return Err(TooLong(header.length)),
    };
    if buffer.len() - size < length {
        return Ok(None);
    }
    buffer.advance(size);
    let mut payload = buffer.split_to(length);
    if let Some(key) = header.mask {
        apply_mask(key, &mut payload);
    }
    Ok(Some(Frame {
        fin: header.fin,
        rsv: header.rsv,
        opcode: header.opcode,
        masked: header.mask.is_some(),
        payload: payload.freeze(),
    }))
}

/// Scripts are to be repeatable byte for byte, so the mask is always this one.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_each_length_form_come_back_whole() {
        for size in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            for masked in [false, true] {
                let payload = vec![7; size];
                let mut buffer =
                    BytesMut::from(&Head::new(BINARY, masked, size).encode(&payload)[..]);
                buffer.extend_from_slice(b"next");
                let frame = decode(&mut buffer, 1 << 20).expect("short").expect("whole");
                assert_eq!(frame.payload, payload);
                assert_eq!((frame.opcode, frame.masked), (BINARY, masked));
                assert_eq!(&buffer[..], b"next");
            }
        }
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_incomplete() {
        for size in [3, 200, 70_000] {
            let whole = Head::new(TEXT, true, size).encode(&vec![1; size]);
            for cut in (0..whole.len()).step_by(1 + size / 20) {
                let mut buffer = BytesMut::from(&whole[..cut]);
                assert!(decode(&mut buffer, 1 << 20).expect("short").is_none());
            }
        }
    }

    #[test]
    fn a_huge_announced_length_is_refused_before_any_of_it_is_kept() {
        let head = Head {
            length: u64::MAX,
            ..Head::new(BINARY, false, 0)
        };
        let mut buffer = BytesMut::from(&head.encode(&[])[..]);
        assert_eq!(
            decode(&mut buffer, 1 << 20).expect_err("refused").0,
            u64::MAX
        );
    }
}
