//! A stream of frames: read at once and piece by piece it is the same, and headers are built again
//! byte for byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mpws_codec::websocket::{DecodedFrame, Decoder, FrameHeader, Sender};

/// Largest payload that the decoder takes, in bytes.
const LIMIT: u64 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[first, piece], stream)) = bytes.split_first_chunk() else {
        return;
    };
    let sender = if first & 1 == 0 {
        Sender::Client
    } else {
        Sender::Server
    };
    let decoder = || Decoder::new(sender, LIMIT).allow_rsv(first >> 5);
    let whole = read(decoder(), stream, stream.len().max(1));
    let pieces = read(decoder(), stream, usize::from(piece).max(1));
    assert_eq!(whole, pieces);
    if let Some((header, length)) = FrameHeader::parse(stream) {
        assert_eq!(header.build(), &stream[..length]);
    }
});

/// All frames, and whether the decoder gave up.
fn read(mut decoder: Decoder, stream: &[u8], piece: usize) -> (Vec<DecodedFrame>, bool) {
    let mut frames = Vec::new();
    for bytes in stream.chunks(piece) {
        decoder.push(bytes);
        for frame in decoder.by_ref() {
            match frame {
                Ok(frame) => frames.push(frame),
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}
