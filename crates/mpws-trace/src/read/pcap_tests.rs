//! Tests of pcap files.

use super::{super::*, MAX_BLOCK};

/// A pcap file in either byte order, with one packet of three bytes out of nine.
fn sample(magic: u32, big_endian: bool, link: u32) -> Vec<u8> {
    let word = |word: u32| {
        if big_endian {
            word.to_be_bytes()
        } else {
            word.to_le_bytes()
        }
    };
    let half = |half: u16| {
        if big_endian {
            half.to_be_bytes()
        } else {
            half.to_le_bytes()
        }
    };
    let mut bytes = word(magic).to_vec();
    bytes.extend([half(2), half(4)].concat());
    for field in [0, 0, 262_144, link, 1_700_000_000, 123_456, 3, 9] {
        bytes.extend(word(field));
    }
    bytes.extend([1, 2, 3]);
    bytes
}

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;

fn read(bytes: &[u8]) -> Vec<Result<PacketRecord, ReadError>> {
    CaptureReader::new(bytes).collect()
}

#[test]
fn both_byte_orders_and_both_resolutions_are_read() {
    for big_endian in [false, true] {
        for (magic, time_ns) in [
            (MICRO, 1_700_000_000_123_456_000),
            (NANO, 1_700_000_000_000_123_456),
        ] {
            // The upper bits tell of the frame check sequence.
            let packets = read(&sample(magic, big_endian, 0x1000_0071));
            let [Ok(packet)] = packets.as_slice() else {
                panic!("{packets:?}")
            };
            assert_eq!(packet.offset, 24);
            assert_eq!(packet.time_ns, time_ns);
            assert_eq!(packet.link_type, LinkType::LINUX_SLL);
            assert_eq!((packet.length, &packet.data[..]), (9, &[1, 2, 3][..]));
            assert!(packet.is_cut());
        }
    }
}

#[test]
fn packets_before_a_defect_are_read_and_the_error_says_where_it_is() {
    let mut bytes = sample(MICRO, false, 1);
    let second = bytes.len();
    bytes.extend_from_within(24..);
    bytes.truncate(bytes.len() - 1);
    let packets = read(&bytes);
    let [Ok(_), Err(error)] = packets.as_slice() else {
        panic!("{packets:?}")
    };
    assert_eq!(error.offset, second as u64);
    assert_eq!(
        error.problem.to_string(),
        "the file is cut off: 19 bytes are needed and 18 are left"
    );
}

#[test]
fn an_impossible_length_or_version_is_an_error() {
    let mut long = sample(MICRO, false, 1);
    long[32..36].copy_from_slice(&(MAX_BLOCK + 1).to_le_bytes());
    let mut version = sample(MICRO, true, 1);
    version[5] = 3;
    for (bytes, expected) in [
        (
            long,
            "expected a packet of at most 16777216 bytes, found 16777217",
        ),
        (version, "expected version 2 of the format, found 3"),
    ] {
        let packets = read(&bytes);
        let [Err(error)] = packets.as_slice() else {
            panic!("{packets:?}")
        };
        assert_eq!(error.problem.to_string(), expected);
    }
}

#[test]
fn a_compressed_file_is_told_as_such() {
    let packets = read(&[0x1f, 0x8b, 8, 0, 0, 0]);
    let [Err(error)] = packets.as_slice() else {
        panic!("{packets:?}")
    };
    assert_eq!(
        error.problem.to_string(),
        "neither pcap nor pcapng: it begins with [1f, 8b, 08, 00] (gzip: unpack it first)"
    );
}
