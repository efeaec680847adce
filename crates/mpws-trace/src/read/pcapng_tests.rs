//! Tests of pcapng files.

use proptest::prelude::*;

use super::{super::*, *};

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes(), length.as_slice(), body, &length].concat()
}

fn section() -> Vec<u8> {
    block(
        SECTION_HEADER,
        &[&BYTE_ORDER_LITTLE[..], &[1, 0, 0, 0], &[0xff; 8]].concat(),
    )
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [code.to_le_bytes(), (value.len() as u16).to_le_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn interface(name: &str, options: &[u8]) -> Vec<u8> {
    let name = option(2, name.as_bytes());
    block(
        INTERFACE,
        &[&[1, 0, 0, 0, 0, 0, 4, 0], name.as_slice(), options, &[0; 4]].concat(),
    )
}

fn packet(id: u32, ticks: u64, data: &[u8], comments: &[&str]) -> Vec<u8> {
    let length = data.len() as u32;
    let mut body = Vec::new();
    for field in [id, (ticks >> 32) as u32, ticks as u32, length, length] {
        body.extend(field.to_le_bytes());
    }
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
    for comment in comments {
        body.extend(option(1, comment.as_bytes()));
    }
    block(ENHANCED_PACKET, &body)
}

fn sample() -> Vec<u8> {
    [
        section(),
        interface("path1", &option(9, &[9])),
        interface("path2", &[]),
        packet(0, 1_700_000_000_123_456_789, &[1, 2, 3], &[]),
        packet(1, 1_700_000_000_123_456, &[4; 64], &["drop by no-path-2"]),
    ]
    .concat()
}

#[test]
fn packets_come_with_interface_time_and_comments() {
    let records = read_pcapng(sample().as_slice()).expect("a good file");
    let facts: Vec<_> = records
        .iter()
        .map(|r| (&*r.interface, r.time_ns, r.data.len(), r.comments.join("|")))
        .collect();
    assert_eq!(
        facts,
        [
            ("path1", 1_700_000_000_123_456_789, 3, String::new()),
            (
                "path2",
                1_700_000_000_123_456_000,
                64,
                "drop by no-path-2".to_owned()
            ),
        ]
    );
}

fn section_of(program: &str) -> Vec<u8> {
    let program = option(4, program.as_bytes());
    let head = [&BYTE_ORDER_LITTLE[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    block(SECTION_HEADER, &[head, program, vec![0; 4]].concat())
}

/// The comment of the only packet in a section of this program.
fn comment_of(program: &str, comment: &str) -> String {
    let file = [
        section_of(program),
        interface("path1", &[]),
        packet(0, 0, &[1, 2, 3], &[comment]),
    ]
    .concat();
    let records = CaptureReader::new(&file[..]).map(|record| record.expect("a packet"));
    records.flat_map(|record| record.comments).collect()
}

#[test]
fn comments_that_the_first_labs_wrote_get_the_mark_and_no_others_do() {
    let lab = |comment| comment_of("mpws-lab 0.1.0", comment);
    assert_eq!(lab("drop by cut"), "mpws 1: drop by cut");
    assert_eq!(lab("due +0.010000000 s"), "mpws 1: due +0.010000000 s");
    for comment in [
        "mpws 1: drop by cut",
        "mpws 2: eaten by cut",
        "look here",
        "",
    ] {
        assert_eq!(lab(comment), comment);
    }
    for program in ["Wireshark", "mpws-labour", "not mpws-lab 0.1.0"] {
        assert_eq!(comment_of(program, "reset by peer"), "reset by peer");
    }
}

#[test]
fn a_comment_of_the_wire_that_cannot_be_read_is_an_error_where_all_must_be_true() {
    let file = |comment| {
        [
            section_of("mpws-lab 0.1.0"),
            interface("path1", &[]),
            packet(0, 0, &[1, 2, 3], &[comment]),
        ]
        .concat()
    };
    for comment in ["mpws 1: eaten by cut", "mpws 2: drop by cut"] {
        let error = read_pcapng(&file(comment)[..]).expect_err(comment);
        assert!(matches!(error.problem, ReadProblem::Act(_)), "{error:?}");
        let one = CaptureReader::new(&file(comment)[..]).next().expect("one");
        assert!(one.expect("a packet").act().is_err(), "{comment:?}");
    }
    assert!(read_pcapng(&file("mpws 1: drop by cut")[..]).is_ok());
}

#[test]
fn a_file_cut_anywhere_is_an_error_at_the_block_that_is_cut() {
    let whole = sample();
    let boundaries: Vec<usize> = {
        let parts = [
            section(),
            interface("path1", &option(9, &[9])),
            interface("path2", &[]),
        ];
        let first = packet(0, 0, &[1, 2, 3], &[]);
        let mut at = 0;
        std::iter::once(0)
            .chain(parts.iter().chain([&first]).map(|part| {
                at += part.len();
                at
            }))
            .collect()
    };
    for length in 0..whole.len() {
        let result = read_pcapng(&whole[..length]);
        if length != 0 && boundaries.contains(&length) {
            assert!(result.is_ok(), "{length}");
            continue;
        }
        let error = result.expect_err("a cut file");
        let start = boundaries
            .iter()
            .copied()
            .filter(|&b| b <= length)
            .max()
            .expect("0 is one");
        assert_eq!(error.offset, start as u64, "{length}");
        assert!(
            matches!(error.problem, ReadProblem::Truncated { .. }),
            "{length}: {error}"
        );
    }
}

#[test]
fn a_file_that_contradicts_itself_is_an_error() {
    let mut lengths = section();
    *lengths.last_mut().expect("not empty") = 1;
    let no_interface = [section(), packet(0, 0, &[], &[])].concat();
    let late = [
        section(),
        interface("a", &option(9, &[0])),
        packet(0, u64::MAX, &[], &[]),
    ]
    .concat();
    let cases: [(&[u8], &str); 5] = [
        (b"not a capture at all", "neither pcap nor pcapng"),
        (&lengths, "expected the block length 28 again at its end"),
        (&no_interface, "interface 0 is not described"),
        (&late, "time stamp out of range"),
        (
            &[section(), interface("a", &[]), block(3, &[9, 0, 0, 0])].concat(),
            "type 0x3 is too short",
        ),
    ];
    for (bytes, expected) in cases {
        let error = read_pcapng(bytes).expect_err(expected).problem.to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn all_time_resolutions_lead_to_nanoseconds() {
    let resolutions = [
        (0, 3, 3_000_000_000),
        (9, 7, 7),
        (12, 7_999, 7),
        (0x80 | 1, 3, 1_500_000_000),
        (127, 9, 0),
        (255, 9, 0),
    ];
    for (resolution, ticks, expected) in resolutions {
        let bytes = [
            section(),
            interface("a", &option(9, &[resolution])),
            packet(0, ticks, &[], &[]),
        ]
        .concat();
        let records = read_pcapng(bytes.as_slice()).expect("a good file");
        assert_eq!(records[0].time_ns, expected, "{resolution}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_pcapng([section(), bytes].concat().as_slice());
    }

    #[test]
    fn no_damage_makes_it_panic(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut bytes = sample();
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = read_pcapng(bytes.as_slice());
    }
}
