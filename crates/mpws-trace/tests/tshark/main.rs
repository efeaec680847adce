//! What we read of MPTCP options is what tshark reads, field by field.

mod ours;
mod theirs;

use std::{
    fs,
    path::{Path, PathBuf},
};

use mpws_codec::mptcp::MptcpOption;
use mpws_trace::{CaptureReader, PacketRecord};

use crate::theirs::{Frame, tshark};

/// Compares all packets of a file and says how many had MPTCP options.
fn compare(capture: &[u8], name: &str) -> usize {
    let theirs = tshark(capture);
    let packets: Vec<PacketRecord> = CaptureReader::new(capture)
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_eq!(packets.len(), theirs.len(), "{name}");
    let mut with_options = 0;
    for (number, (packet, frame)) in packets.iter().zip(&theirs).enumerate() {
        let place = format!("{name}, frame {}", number + 1);
        with_options += usize::from(compare_packet(packet, frame, &place));
    }
    with_options
}

/// Whether the packet has MPTCP options.
fn compare_packet(packet: &PacketRecord, frame: &Frame, place: &str) -> bool {
    assert_eq!(packet.time_ns, frame.time_ns, "{place}");
    let Some(tcp) = packet.tcp() else {
        assert_eq!(frame.tcp_length, None, "{place}");
        return false;
    };
    assert_eq!(Some(tcp.payload_length as u64), frame.tcp_length, "{place}");
    assert_eq!(Some(u64::from(tcp.seq)), frame.seq, "{place}");
    assert_eq!(ours::fields(&tcp.mptcp), frame.fields, "{place}");
    // Some fields tshark does not show, such as the checksum of a DSS; the bytes of the option have
    // them all.
    for option in &tcp.mptcp {
        let bytes = option.build();
        let found = frame.options.windows(bytes.len()).any(|at| at == bytes);
        assert!(
            found,
            "{place}: {option:?} is not in {:02x?}",
            frame.options
        );
    }
    !tcp.mptcp.is_empty()
}

#[test]
fn our_own_captures_read_the_same() {
    if theirs::skip() {
        return;
    }
    // pcapng files one after the other are one pcapng file of many sections.
    let mut all = Vec::new();
    for path in captures(&folder("captures/data"), "pcapng") {
        all.extend(fs::read(&path).expect("a capture"));
    }
    assert!(compare(&all, "our captures") > 300);
}

#[test]
fn captures_from_elsewhere_read_the_same() {
    if theirs::skip() {
        return;
    }
    for (name, with_options) in [
        ("mptcp-v0", 264),
        ("mptcp-v1", 20),
        ("mptcp-aa-v1", 22),
        ("mptcp-aa-echo", 2),
        ("mptcp-fclose", 9),
    ] {
        let path = folder("foreign").join(format!("{name}.pcap"));
        let capture = fs::read(path).expect("a capture");
        assert_eq!(compare(&capture, name), with_options, "{name}");
    }
}

#[test]
fn every_form_of_every_option_reads_the_same() {
    if theirs::skip() {
        return;
    }
    let forms = ours::every_form();
    for subtype in 0..=8 {
        let has = |option: &MptcpOption| option.subtype().number() == subtype;
        assert!(forms.iter().any(has), "subtype {subtype}");
    }
    let capture = ours::capture_of(&forms);
    assert_eq!(compare(&capture, "every form"), forms.len());
}

#[test]
fn an_option_that_is_longer_than_it_may_be_is_malformed_to_both() {
    if theirs::skip() {
        return;
    }
    let capture = fs::read(folder("foreign/mptcp-dss-oobr.pcap")).expect("a capture");
    let packets: Vec<_> = CaptureReader::new(&*capture).flatten().collect();
    let [packet] = packets.as_slice() else {
        panic!("{packets:?}")
    };
    assert!(packet.tcp().expect("it is TCP").malformed);
    assert!(theirs::is_malformed(&capture));
}

/// `MPWS_CAPTURES` names a folder of further captures, from a run of the suite for example.
#[test]
fn captures_of_the_users_choice_read_the_same() {
    let Some(folder) = std::env::var_os("MPWS_CAPTURES") else {
        return;
    };
    if theirs::skip() {
        return;
    }
    let files = captures(Path::new(&folder), "pcapng");
    assert!(!files.is_empty(), "no captures in {folder:?}");
    let mut with_options = 0;
    for path in &files {
        let capture = fs::read(path).expect("a capture");
        with_options += compare(&capture, &path.display().to_string());
    }
    println!(
        "{} files, {with_options} packets with MPTCP options",
        files.len()
    );
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// Files of this kind in a folder and below it, in order.
fn captures(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(captures(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
