use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 20;

fn window(bits: u8) -> WindowBits {
    WindowBits::new(bits).expect("8 to 15")
}

fn decompressor(takeover: bool) -> Decompressor {
    Decompressor::new(WindowBits::MAX, takeover, LIMIT)
}

/// Text with repetitions near and far.
fn text(length: usize) -> Vec<u8> {
    let lines = (0..).map(|n| format!("line {} of {} is here, {}\n", n % 97, n % 13, n * n % 1009));
    lines.flat_map(String::into_bytes).take(length).collect()
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    // RFC 7692 sections 7.2.3.1 to 7.2.3.6.
    let examples: [&[u8]; 4] = [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ],
    ];
    for takeover in [false, true] {
        let mut decompressor = decompressor(takeover);
        for example in examples {
            assert_eq!(decompressor.message(example).expect("valid"), b"Hello");
            assert_eq!(decompressor.message(&[0]).expect("valid"), b"");
        }
    }
}

#[test]
fn a_message_refers_to_an_earlier_one_only_with_takeover() {
    let (first, second) = (
        [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        [0xf2, 0x00, 0x11, 0x00, 0x00],
    );
    let mut with = decompressor(true);
    let mut without = decompressor(false);
    assert_eq!(with.message(&first).expect("valid"), b"Hello");
    assert_eq!(with.message(&second).expect("valid"), b"Hello");
    without.message(&first).expect("valid");
    let error = without.message(&second).expect_err("too far back");
    assert!(
        matches!(&error, DecompressError::Data(why) if why.contains("too far back")),
        "{error}"
    );
    assert_eq!(without.message(&first), Err(error), "it stays failed");
}

#[test]
fn what_follows_a_final_block_may_refer_to_what_came_before_it() {
    // "Hello" with BFINAL, then a block that copies four bytes from a distance of five.
    let payload = [
        0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x02, 0x11, 0x00, 0x00,
    ];
    let mut decompressor = decompressor(false);
    assert_eq!(decompressor.message(&payload).expect("valid"), b"HelloHell");
}

#[test]
fn the_compressor_writes_the_examples_of_the_rfc() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let mut without = Compressor::new(WindowBits::MAX, false);
    let mut with = Compressor::new(WindowBits::MAX, true);
    for _ in 0..2 {
        assert_eq!(without.message(b"Hello").expect("compressed"), hello);
    }
    assert_eq!(with.message(b"Hello").expect("compressed"), hello);
    assert_eq!(
        with.message(b"Hello").expect("compressed"),
        [0xf2, 0x00, 0x11, 0x00, 0x00]
    );
    with.reset();
    assert_eq!(with.message(b"Hello").expect("compressed"), hello);
    assert_eq!(with.message(b"").expect("compressed"), [0]);
    assert_eq!(with.message(b"").expect("compressed"), [0]);
}

#[test]
fn a_message_that_stops_within_a_block_is_an_error() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for cut in 0..hello.len() {
        let error = decompressor(true).message(&hello[..cut]).expect_err("cut");
        assert!(
            !matches!(error, DecompressError::TooLong { .. }),
            "{cut}: {error}"
        );
    }
    // With codes of its own, what is left may be whole by accident, once its end is appended.
    let whole = Compressor::new(WindowBits::MAX, false)
        .message(&text(3000))
        .expect("compressed");
    let accepted =
        (0..whole.len()).filter(|&cut| decompressor(true).message(&whole[..cut]).is_ok());
    assert!(accepted.count() < whole.len() / 10);
    // The tail left on, and a final block without the byte after it.
    for wrong in [
        &[0xf2u8, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0, 0, 0xff, 0xff][..],
        &[0x03, 0x00],
        &[],
    ] {
        assert_eq!(
            decompressor(true).message(wrong),
            Err(DecompressError::Unfinished)
        );
    }
}

#[test]
fn garbage_is_an_error() {
    let error = decompressor(true)
        .message(b"\xff\xff\xff\xff not deflate")
        .expect_err("garbage");
    assert!(error.to_string().contains("invalid block type"), "{error}");
}

#[test]
fn a_bomb_is_an_error_that_names_the_limit_before_memory_is_spent() {
    let content = vec![0; 8 << 20];
    let bomb = Compressor::new(WindowBits::MAX, false)
        .message(&content)
        .expect("compressed");
    assert!(bomb.len() < 10_000);
    let mut decompressor = Decompressor::new(WindowBits::MAX, true, 100_000);
    let mut kept = Vec::new();
    let error = decompressor
        .fragment(&bomb, true, &mut kept)
        .expect_err("a bomb");
    assert_eq!(error, DecompressError::TooLong { limit: 100_000 });
    assert!(error.to_string().contains("100000 bytes"));
    assert!(kept.capacity() < 400_000, "{}", kept.capacity());
}

#[test]
fn the_limit_is_for_the_message_and_not_for_a_fragment() {
    let content = text(1000);
    let payload = Compressor::new(WindowBits::MAX, false)
        .message(&content)
        .expect("compressed");
    for (limit, fits) in [(1000, true), (999, false), (0, false)] {
        let mut decompressor = Decompressor::new(WindowBits::MAX, true, limit);
        let mut result = Ok(());
        for (at, byte) in payload.iter().enumerate() {
            let last = at + 1 == payload.len();
            result = result.and_then(|()| decompressor.fragment(&[*byte], last, &mut Vec::new()));
        }
        assert_eq!(result.is_ok(), fits, "{limit}");
    }
    let mut nothing = Decompressor::new(WindowBits::MAX, true, 0);
    assert_eq!(nothing.message(&[0]), Ok(Vec::new()));
}

#[test]
fn endless_final_blocks_are_an_error() {
    let payload = EMPTY_FINAL.repeat(MAX_FINALS + 1);
    assert_eq!(
        decompressor(true).message(&payload),
        Err(DecompressError::TooManyFinals)
    );
}

#[test]
fn no_reference_is_longer_than_the_window_even_between_messages() {
    for bits in 8..=15 {
        for takeover in [false, true] {
            let mut compressor = Compressor::new(window(bits), takeover);
            let mut longest = 0;
            let mut stream = Vec::new();
            for message in text(90_000).chunks(45_000).chain(text(2000).chunks(200)) {
                let payload = compressor.message(message).expect("compressed");
                stream.extend(payload.iter().chain(&TAIL));
            }
            stream.extend(EMPTY_FINAL);
            longest = longest.max(distances::longest(&stream));
            assert!(longest <= window(bits).size(), "{bits}: {longest}");
            // It does refer back: otherwise this would show nothing.
            assert!(longest > window(bits).size() / 4, "{bits}: {longest}");
        }
    }
}

proptest! {
    #[test]
    fn every_message_comes_back_with_all_parameters(
        bits in 8u8..=15,
        takeover: bool,
        messages in vec(prop_oneof![vec(any::<u8>(), 0..600), (0usize..20_000).prop_map(text)], 1..6),
        fragments in 1usize..5,
    ) {
        let mut compressor = Compressor::new(window(bits), takeover);
        let mut decompressor = Decompressor::new(window(bits), takeover, LIMIT);
        for message in messages {
            let payload = compressor.message(&message).expect("compressed");
            let mut content = Vec::new();
            let size = payload.len().div_ceil(fragments);
            let pieces: Vec<_> = payload.chunks(size).collect();
            for (at, piece) in pieces.iter().enumerate() {
                let last = at + 1 == pieces.len();
                decompressor.fragment(piece, last, &mut content).expect("decompressed");
            }
            prop_assert_eq!(content, message);
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_exceed_the_limit(
        payloads in vec((vec(any::<u8>(), 0..80), any::<bool>()), 1..6),
        bits in 8u8..=15,
        takeover: bool,
        limit in 0usize..200,
    ) {
        let mut decompressor = Decompressor::new(window(bits), takeover, limit);
        let mut content = Vec::new();
        for (payload, last) in payloads {
            if decompressor.fragment(&payload, last, &mut content).is_ok() {
                prop_assert!(content.len() <= limit);
            }
            if last {
                content.clear();
            }
        }
    }

    #[test]
    fn a_damaged_message_never_makes_it_panic(place in 0usize..400, bit in 0u8..8, takeover: bool) {
        let mut payload = Compressor::new(WindowBits::MAX, true).message(&text(2000)).expect("compressed");
        if let Some(byte) = payload.get_mut(place) {
            *byte ^= 1 << bit;
        }
        let mut decompressor = decompressor(takeover);
        if let Ok(content) = decompressor.message(&payload) {
            prop_assert!(content.len() <= LIMIT);
        }
    }
}

/// As much of RFC 1951 as it takes to find how far back a stream refers. zlib cannot tell: it
/// accepts longer references within what it has just written.
mod distances {
    struct Bits<'a> {
        bytes: &'a [u8],
        at: usize,
    }

    /// Codes by length and value.
    struct Codes(Vec<(u8, u32, u16)>);

    pub fn longest(stream: &[u8]) -> usize {
        let mut bits = Bits {
            bytes: stream,
            at: 0,
        };
        let mut longest = 0;
        loop {
            let last = bits.take(1) == 1;
            match bits.take(2) {
                0 => {
                    bits.at = bits.at.next_multiple_of(8);
                    let length = bits.take(16) as usize;
                    assert_eq!(bits.take(16), !(length as u32) & 0xffff);
                    bits.at += 8 * length;
                }
                1 => {
                    let lengths: Vec<u8> = (0..288)
                        .map(|n| [8, 9, 7, 8][[144, 256, 280].iter().filter(|&&m| n >= m).count()])
                        .collect();
                    longest = longest.max(block(
                        &mut bits,
                        &Codes::new(&lengths),
                        &Codes::new(&[5; 30]),
                    ));
                }
                2 => {
                    let (literals, distances) = dynamic(&mut bits);
                    longest = longest.max(block(&mut bits, &literals, &distances));
                }
                _ => panic!("reserved block type"),
            }
            if last {
                return longest;
            }
        }
    }

    fn block(bits: &mut Bits<'_>, literals: &Codes, distances: &Codes) -> usize {
        let mut longest = 0;
        loop {
            match literals.read(bits) {
                0..=255 => {}
                256 => return longest,
                length => {
                    let extra = match length {
                        257..=264 | 285 => 0,
                        length => u32::from((length - 261) / 4),
                    };
                    bits.take(extra);
                    let code = u32::from(distances.read(bits));
                    let distance = if code < 4 {
                        code + 1
                    } else {
                        let extra = code / 2 - 1;
                        ((2 + code % 2) << extra) + 1 + bits.take(extra)
                    };
                    longest = longest.max(distance as usize);
                }
            }
        }
    }

    fn dynamic(bits: &mut Bits<'_>) -> (Codes, Codes) {
        const ORDER: [usize; 19] = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ];
        let (literals, distances) = (257 + bits.take(5) as usize, 1 + bits.take(5) as usize);
        let count = 4 + bits.take(4) as usize;
        let mut lengths = [0; 19];
        for &place in &ORDER[..count] {
            lengths[place] = bits.take(3) as u8;
        }
        let codes = Codes::new(&lengths);
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (value, times) = match codes.read(bits) {
                16 => (*lengths.last().expect("one before"), 3 + bits.take(2)),
                17 => (0, 3 + bits.take(3)),
                18 => (0, 11 + bits.take(7)),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(value, times as usize));
        }
        (
            Codes::new(&lengths[..literals]),
            Codes::new(&lengths[literals..]),
        )
    }

    impl Bits<'_> {
        fn take(&mut self, count: u32) -> u32 {
            (0..count).fold(0, |value, place| {
                let bit = self.bytes[self.at / 8] >> (self.at % 8) & 1;
                self.at += 1;
                value | u32::from(bit) << place
            })
        }
    }

    impl Codes {
        /// RFC 1951 section 3.2.2.
        fn new(lengths: &[u8]) -> Self {
            let mut codes = Vec::new();
            let mut code = 0;
            for length in 1..=15 {
                code <<= 1;
                for (symbol, _) in lengths.iter().enumerate().filter(|&(_, &l)| l == length) {
                    codes.push((length, code, symbol as u16));
                    code += 1;
                }
            }
            Self(codes)
        }

        fn read(&self, bits: &mut Bits<'_>) -> u16 {
            let mut code = 0;
            let mut next = self.0.iter().peekable();
            for length in 1..=15u8 {
                code = code << 1 | bits.take(1);
                while let Some(&&(found_length, found, symbol)) = next.peek() {
                    if found_length > length {
                        break;
                    }
                    if (found_length, found) == (length, code) {
                        return symbol;
                    }
                    next.next();
                }
            }
            panic!("no such code")
        }
    }
}
