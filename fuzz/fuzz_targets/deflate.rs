//! permessage-deflate: hostile input never yields more than the limit, and what was compressed
//! comes back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mpws_codec::deflate::{Compressor, Decompressor, WindowBits};

/// Largest message, in bytes.
const LIMIT: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let window = WindowBits::new(8 + (first & 7)).expect("8 to 15");
    let takeover = first & 8 == 0;
    let messages = || rest.split(|&byte| byte == first);

    let mut hostile = Decompressor::new(window, takeover, LIMIT);
    for message in messages() {
        match hostile.message(message) {
            Ok(content) => assert!(content.len() <= LIMIT),
            Err(_) => break,
        }
    }

    let mut compressor = Compressor::new(window, takeover);
    let mut decompressor = Decompressor::new(window, takeover, LIMIT);
    for message in messages() {
        let compressed = compressor
            .message(message)
            .expect("memory takes any message");
        let content = decompressor.message(&compressed).expect("our own message");
        assert_eq!(content, message);
    }
});
