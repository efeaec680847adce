//! Captures that nobody would write on purpose.

use mpws_packet::MARK;
use mpws_trace::{
    Direction, Keep, LinkType, Options, PacketRecord, analyse,
    report::{Detail, FileSummary, Report, render},
};
use proptest::prelude::*;

use crate::support::*;

/// Everything that can be asked of a capture.
fn ask_everything(records: &[PacketRecord]) {
    let trace = analyse(records);
    let report = Report::of(&trace, FileSummary::default(), &Options::default());
    let mut text = String::new();
    render(&report, Detail::Timeline, &mut text).expect("a string takes it");
    for connection in &trace.connections {
        connection.transport();
        connection.conversation(&Options {
            keep: Keep::Bytes,
            ..Options::default()
        });
        for direction in [Direction::ToResponder, Direction::ToInitiator] {
            connection.data_segments(direction);
            connection.nagle_delays(direction);
            connection.delivered_bytes(direction);
        }
    }
}

fn sample() -> Vec<PacketRecord> {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"GET / HTTP/1.1\r\n\r\n");
    talk.data(Server, b"HTTP/1.1 101 x\r\n\r\n")
        .data(Server, b"\x81\x02ho")
        .stripped();
    let mut second = Talk::between("10.0.2.1:40001", "10.0.2.2:8080");
    let [syn, syn_ack, ack] = joins();
    second.data = talk.data;
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"");
    second
        .packet(Client, "A", &[ack], b"")
        .data(Client, b"\x81\x80")
        .data(Server, b"\x81\x00");
    [talk.records, second.records].concat()
}

#[test]
fn packets_that_are_not_tcp_are_counted_and_left_alone() {
    let mut records = sample();
    records[0].data.truncate(30);
    let counts = analyse(&records).counts;
    assert_eq!((counts.unread(), counts.cut_in_headers), (1, 1));
}

#[test]
fn a_flood_of_sequence_numbers_costs_no_memory_for_the_bytes_between_them() {
    let mut talk = Talk::new();
    talk.mptcp_handshake();
    for step in 0..100_u32 {
        talk.next[0] = step.wrapping_mul(0x3fff_ffff);
        talk.data(Client, b"far away");
    }
    ask_everything(&talk.records);
    assert_eq!(talk.connection().to_responder.delivered.data, 100);
}

proptest! {
    #[test]
    fn no_damage_makes_it_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..12),
        comments in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..7), 0..4),
    ) {
        let mut records = sample();
        for (record, byte, value) in changes {
            let record = record.get_mut(&mut records);
            let mut data = record.data.to_vec();
            let at = byte.index(data.len());
            data[at] = value;
            record.data = data.into();
        }
        let words = ["drop", "reset", "delay", "duplicate", "rewrite", "rewritten", "forged"];
        for (record, word) in comments {
            record.get_mut(&mut records).comments.push(format!("{MARK}{} by rule", words[word]));
        }
        ask_everything(&records);
    }

    #[test]
    fn no_tcp_segment_makes_it_panic(
        segments in proptest::collection::vec(
            (any::<bool>(), any::<u32>(), any::<u32>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60)),
            0..20,
        ),
    ) {
        let mut records = Vec::new();
        for (back, seq, ack, flags, rest) in segments {
            let (source, destination) = if back { (8080, 40000) } else { (40000, 8080) };
            let mut tcp = [u16::to_be_bytes(source), u16::to_be_bytes(destination)].concat();
            tcp.extend(seq.to_be_bytes());
            tcp.extend(ack.to_be_bytes());
            let options = rest.len().min(40) / 4;
            tcp.extend([(5 + options as u8) << 4, flags, 1, 1, 0, 0, 0, 0]);
            tcp.extend(&rest);
            let mut data = vec![0; 12];
            data.extend([8, 0, 0x45, 0]);
            data.extend((20 + tcp.len() as u16).to_be_bytes());
            data.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1]);
            data.extend(tcp);
            records.push(PacketRecord {
                offset: 0,
                time_ns: u64::from(seq),
                interface: "".into(),
                comments: Vec::new(),
                link_type: LinkType::ETHERNET,
                length: data.len() as u32,
                data: data.into(),
            });
        }
        let tcp = records.len();
        ask_everything(&records);
        prop_assert_eq!(analyse(&records).counts.unread(), 0, "of {}", tcp);
    }
}
