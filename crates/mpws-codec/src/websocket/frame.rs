//! Frames as bytes (RFC 6455 section 5.2).

/// What stands before the payload of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// FIN: the last frame of its message.
    pub fin: bool,
    /// Reserved bits, 0 to 7; RSV1 is 4.
    pub rsv: u8,
    /// Opcode, 0 to 15; see [`opcode`].
    pub opcode: u8,
    /// Masking key, where the mask bit is set.
    pub mask: Option<[u8; 4]>,
    /// Length of the payload as announced.
    pub length: u64,
    /// How the length is written.
    pub form: LengthForm,
}

/// How the length of a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LengthForm {
    /// 7 bits, 0 to 125.
    Bits7,
    /// 126 and 16 bits.
    Bits16,
    /// 127 and 64 bits, of which the highest must be 0.
    Bits64,
}

/// A frame to be written. Nothing in it has to be legal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameSpec {
    /// FIN: the last frame of its message.
    pub fin: bool,
    /// Reserved bits, 0 to 7; RSV1 is 4.
    pub rsv: u8,
    /// Opcode, 0 to 15; see [`opcode`].
    pub opcode: u8,
    /// Masking key; clients must mask and servers must not (RFC 6455 section 5.1).
    pub mask: Option<[u8; 4]>,
    /// Length to announce; that of the payload where absent.
    pub announced: Option<u64>,
    /// How to write the length; the shortest where absent.
    pub form: Option<LengthForm>,
    /// Payload before masking.
    pub payload: Vec<u8>,
}

/// Opcodes (RFC 6455 section 5.2).
pub mod opcode {
    /// Further frame of a message.
    pub const CONTINUATION: u8 = 0;
    /// First frame of a text message.
    pub const TEXT: u8 = 1;
    /// First frame of a binary message.
    pub const BINARY: u8 = 2;
    /// Close.
    pub const CLOSE: u8 = 8;
    /// Ping.
    pub const PING: u8 = 9;
    /// Pong.
    pub const PONG: u8 = 10;

    /// Whether it is one of the control opcodes, 8 to 15, assigned or not.
    pub fn is_control(opcode: u8) -> bool {
        opcode & 0x08 != 0
    }
}

impl LengthForm {
    /// The shortest for this length.
    pub fn shortest(length: u64) -> Self {
        match length {
            0..=125 => Self::Bits7,
            126..=0xffff => Self::Bits16,
            _ => Self::Bits64,
        }
    }
}

impl FrameHeader {
    /// Reads a header from the front, with the number of bytes it takes; `None` while it is
    /// incomplete.
    ///
    /// Every sequence of bytes that is long enough is a header.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&[first, second], mut rest) = bytes.split_first_chunk()?;
        let (form, length) = match second & 0x7f {
            126 => {
                let (length, tail) = rest.split_first_chunk()?;
                rest = tail;
                (LengthForm::Bits16, u64::from(u16::from_be_bytes(*length)))
            }
            127 => {
                let (length, tail) = rest.split_first_chunk()?;
                rest = tail;
                (LengthForm::Bits64, u64::from_be_bytes(*length))
            }
            length => (LengthForm::Bits7, u64::from(length)),
        };
        let mask = if second & 0x80 != 0 {
            let (key, tail) = rest.split_first_chunk()?;
            rest = tail;
            Some(*key)
        } else {
            None
        };
        let header = Self {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 0x07,
            opcode: first & 0x0f,
            mask,
            length,
            form,
        };
        Some((header, bytes.len() - rest.len()))
    }

    /// The header as bytes. A length that its form cannot hold is cut to the bits of the form; 126
    /// and 127 in 7 bits are written as they are, and so mean another form.
    pub fn build(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(14);
        bytes.push(u8::from(self.fin) << 7 | (self.rsv & 0x07) << 4 | self.opcode & 0x0f);
        let mask_bit = u8::from(self.mask.is_some()) << 7;
        match self.form {
            LengthForm::Bits7 => bytes.push(mask_bit | (self.length & 0x7f) as u8),
            LengthForm::Bits16 => {
                bytes.push(mask_bit | 126);
                bytes.extend((self.length as u16).to_be_bytes());
            }
            LengthForm::Bits64 => {
                bytes.push(mask_bit | 127);
                bytes.extend(self.length.to_be_bytes());
            }
        }
        bytes.extend(self.mask.iter().flatten());
        bytes
    }
}

impl FrameSpec {
    /// A whole unmasked message of one frame, with everything as the RFC wants it.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            fin: true,
            rsv: 0,
            opcode,
            mask: None,
            announced: None,
            form: None,
            payload: payload.into(),
        }
    }

    /// The same, masked.
    pub fn masked(mut self, key: [u8; 4]) -> Self {
        self.mask = Some(key);
        self
    }

    /// A Close frame with code and reason (RFC 6455 section 5.5.1).
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(
            opcode::CLOSE,
            [&code.to_be_bytes(), reason.as_bytes()].concat(),
        )
    }

    /// Its header.
    pub fn header(&self) -> FrameHeader {
        let length = self.announced.unwrap_or(self.payload.len() as u64);
        FrameHeader {
            fin: self.fin,
            rsv: self.rsv,
            opcode: self.opcode,
            mask: self.mask,
            length,
            form: self.form.unwrap_or(LengthForm::shortest(length)),
        }
    }

    /// The frame as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.header().build();
        let start = bytes.len();
        bytes.extend(&self.payload);
        if let (Some(key), Some(payload)) = (self.mask, bytes.get_mut(start..)) {
            apply_mask(key, payload);
        }
        bytes
    }
}

/// Masks or unmasks a payload in place (RFC 6455 section 5.3).
pub fn apply_mask(key: [u8; 4], payload: &mut [u8]) {
    let key = u64::from_ne_bytes([
        key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3],
    ]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.to_ne_bytes()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_written_byte_for_byte() {
        // RFC 6455 section 5.7.
        let hello = FrameSpec::new(opcode::TEXT, "Hello");
        assert_eq!(hello.encode(), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        let masked = hello.masked([0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(
            masked.encode(),
            [
                0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
        assert_eq!(
            FrameSpec::new(opcode::BINARY, [0; 256]).encode()[..4],
            [0x82, 0x7e, 1, 0]
        );
        let long = FrameSpec::new(opcode::BINARY, [0; 65536]).encode();
        assert_eq!(long[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_frame_may_lie_about_its_length_and_write_it_too_long() {
        let spec = FrameSpec {
            announced: Some(9),
            form: Some(LengthForm::Bits16),
            ..FrameSpec::new(opcode::BINARY, [1])
        };
        assert_eq!(spec.encode(), [0x82, 126, 0, 9, 1]);
    }

    proptest! {
        #[test]
        fn each_byte_is_masked_with_the_byte_of_the_key_at_its_place(
            key in any::<[u8; 4]>(),
            payload in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut masked = payload.clone();
            apply_mask(key, &mut masked);
            let expected: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
            prop_assert_eq!(masked, expected);
        }

        #[test]
        fn every_header_is_written_as_it_was_read(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            match FrameHeader::parse(&bytes) {
                Some((header, length)) => prop_assert_eq!(header.build(), &bytes[..length]),
                None => prop_assert!(bytes.len() < 14),
            }
        }
    }
}
