//! The same conversation in every container and over every link that is read.

use bytes::Bytes;
use mpws_trace::{CaptureReader, LinkType, PacketRecord, TransportTruth, analyse, analyse_packets};

use crate::support::*;

const ETHERNET_HEADER: usize = 14;

fn conversation() -> Vec<PacketRecord> {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Client, b"question");
    talk.data(Server, b"answer").ack(Client);
    talk.records
}

/// The packets with another header of the link before their IP header.
fn over(link_type: LinkType, header: &[u8]) -> Vec<PacketRecord> {
    let mut records = conversation();
    for record in &mut records {
        let data = [header, &record.data[ETHERNET_HEADER..]].concat();
        record.length = data.len() as u32;
        record.data = Bytes::from(data);
        record.link_type = link_type;
    }
    records
}

#[track_caller]
fn assert_is_the_conversation(records: &[PacketRecord]) {
    let trace = analyse(records);
    let [connection] = trace.connections.as_slice() else {
        panic!("{trace:?}")
    };
    assert_eq!(trace.counts.unread(), 0);
    assert_eq!(
        connection.transport(),
        TransportTruth::Mptcp { subflows: 1 }
    );
    assert_eq!(connection.to_responder.delivered.payload_bytes, 8);
    assert_eq!(connection.to_initiator.delivered.payload_bytes, 6);
}

#[test]
fn every_link_type_leads_to_the_same_packets() {
    let macs = [2; 12];
    let tagged = [&macs[..], &[0x81, 0, 0, 5, 8, 0]].concat();
    let twice = [&macs[..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5, 8, 0]].concat();
    let mut cooked = [0; 16];
    cooked[14..].copy_from_slice(&[8, 0]);
    let mut cooked_2 = [0; 20];
    cooked_2[..2].copy_from_slice(&[8, 0]);
    let links: [(LinkType, &[u8]); 11] = [
        (LinkType::ETHERNET, &tagged),
        (LinkType::ETHERNET, &twice),
        (LinkType::RAW, &[]),
        (LinkType(12), &[]),
        (LinkType(14), &[]),
        (LinkType::IPV4, &[]),
        (LinkType::LINUX_SLL, &cooked),
        (LinkType::LINUX_SLL2, &cooked_2),
        (LinkType::NULL, &[2, 0, 0, 0]),
        (LinkType::NULL, &[0, 0, 0, 2]),
        (LinkType::LOOP, &[0, 0, 0, 2]),
    ];
    for (link_type, header) in links {
        assert_is_the_conversation(&over(link_type, header));
    }
}

#[test]
fn packets_of_unknown_links_are_counted_by_link() {
    let records = over(LinkType(127), &[]);
    let counts = analyse(&records).counts;
    assert_eq!(
        counts.link_types.get(&LinkType(127)),
        Some(&(records.len() as u64))
    );
    assert_eq!(counts.lost(), counts.packets);
}

#[test]
fn frames_padded_to_the_least_length_of_ethernet_have_no_more_payload_for_it() {
    let mut records = conversation();
    for record in &mut records {
        let mut data = record.data.to_vec();
        data.extend([0; 30]);
        record.length = data.len() as u32;
        record.data = data.into();
    }
    assert_is_the_conversation(&records);
}

#[test]
fn what_was_cut_off_a_packet_is_known_to_be_missing() {
    let mut records = conversation();
    let data = records
        .iter_mut()
        .find(|record| record.tcp().expect("TCP").payload.as_ref() == b"question")
        .expect("it was sent");
    data.data.truncate(data.data.len() - 5);
    let tcp = data.tcp().expect("its headers are there");
    assert_eq!((&tcp.payload[..], tcp.payload_length), (&b"que"[..], 8));
    let counts = analyse(&records).counts;
    assert_eq!((counts.cut, counts.unread()), (1, 0));
}

#[test]
fn a_packet_cut_within_its_options_is_counted_as_such() {
    let mut records = conversation();
    records[0].data.truncate(ETHERNET_HEADER + 20 + 24);
    assert!(records[0].tcp().is_none());
    assert_eq!(analyse(&records).counts.cut_in_headers, 1);
}

#[test]
fn fragments_are_counted_and_not_taken_for_packets() {
    // More fragments follow; the last of several.
    for fragment in [[0x20, 0], [0, 3]] {
        let mut records = conversation();
        let mut data = records[3].data.to_vec();
        data[ETHERNET_HEADER + 6..][..2].copy_from_slice(&fragment);
        records[3].data = data.into();
        let counts = analyse(&records).counts;
        assert_eq!((counts.fragments, counts.lost()), (1, 1));
    }
}

#[test]
fn extension_headers_of_ipv6_are_passed_over() {
    let tcp = [
        &[
            0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 1, 0, 0, 0, 0,
        ][..],
        b"hi",
    ]
    .concat();
    let options = [60, 0, 1, 4, 0, 0, 0, 0];
    let destination = [6, 0, 1, 4, 0, 0, 0, 0];
    let mut data = vec![0x60, 0, 0, 0, 0, (16 + tcp.len()) as u8, 0, 64];
    data.extend([1; 16]);
    data.extend([2; 16]);
    data.extend([&options[..], &destination, &tcp].concat());
    let record = PacketRecord {
        link_type: LinkType::IPV6,
        length: data.len() as u32,
        data: data.into(),
        ..conversation().remove(0)
    };
    let tcp = record.tcp().expect("TCP behind two extension headers");
    assert_eq!((&tcp.payload[..], tcp.payload_length), (&b"hi"[..], 2));
}

/// A block of a pcapng file.
fn block(kind: u32, body: &[u8], big_endian: bool) -> Vec<u8> {
    let padded = [body, &[0; 3][..body.len().next_multiple_of(4) - body.len()]].concat();
    let length = word(padded.len() as u32 + 12, big_endian);
    [&word(kind, big_endian)[..], &length, &padded, &length].concat()
}

fn word(word: u32, big_endian: bool) -> [u8; 4] {
    if big_endian {
        word.to_be_bytes()
    } else {
        word.to_le_bytes()
    }
}

/// A section with one Ethernet interface.
fn section(big_endian: bool) -> Vec<u8> {
    let word = |value| word(value, big_endian);
    let halves = |high: u32, low: u32| {
        word(if big_endian {
            high << 16 | low
        } else {
            low << 16 | high
        })
    };
    let head = [
        word(0x1a2b_3c4d),
        halves(1, 0),
        word(u32::MAX),
        word(u32::MAX),
    ]
    .concat();
    let interface = [halves(1, 0), word(0)].concat();
    [
        block(0x0a0d_0d0a, &head, big_endian),
        block(1, &interface, big_endian),
    ]
    .concat()
}

fn packets_as(kind: u32, big_endian: bool, records: &[PacketRecord]) -> Vec<u8> {
    let word = |value| word(value, big_endian);
    let blocks = records.iter().map(|record| {
        let length = word(record.data.len() as u32);
        let time = [word(0), word(record.time_ns as u32 / 1000)].concat();
        let body = match kind {
            // Simple packet block.
            3 => [&length[..], &record.data].concat(),
            // Old packet block, with a number of drops that is not looked at, and enhanced packet
            // block.
            _ => [&word(0)[..], &time, &length, &length, &record.data].concat(),
        };
        block(kind, &body, big_endian)
    });
    blocks.collect::<Vec<_>>().concat()
}

#[test]
fn every_packet_block_of_pcapng_is_read_in_both_byte_orders() {
    for kind in [2, 3, 6] {
        for big_endian in [false, true] {
            let file = [
                section(big_endian),
                block(0x0bad, b"unknown", big_endian),
                packets_as(kind, big_endian, &conversation()),
            ]
            .concat();
            let records: Result<Vec<_>, _> = CaptureReader::new(&*file).collect();
            assert_is_the_conversation(&records.expect("a good file"));
        }
    }
}

#[test]
fn sections_of_different_byte_order_follow_each_other() {
    let (first, second) = (conversation(), conversation());
    let file = [
        section(true),
        packets_as(6, true, &first[..3]),
        section(false),
        packets_as(6, false, &second[3..]),
    ]
    .concat();
    let records: Result<Vec<_>, _> = CaptureReader::new(&*file).collect();
    assert_is_the_conversation(&records.expect("a good file"));
}

#[test]
fn what_was_read_before_a_defect_can_be_analysed() {
    let mut file = [section(false), packets_as(6, false, &conversation())].concat();
    let end = file.len() as u64;
    file.extend([6, 0, 0, 0, 13, 0, 0, 0]);
    let mut defect = None;
    let mut reader = CaptureReader::new(&*file);
    let trace = analyse_packets(
        reader
            .by_ref()
            .map_while(|packet| packet.map_err(|error| defect = Some(error)).ok()),
    );
    assert_eq!(trace.connections.len(), 1);
    assert_eq!(defect.map(|error| error.offset), Some(end));
    assert!(reader.next().is_none(), "nothing comes after a defect");
}

/// Hands out one byte at a time.
struct Slow<'a>(&'a [u8]);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let (Some((first, rest)), [to, ..]) = (self.0.split_first(), buffer) else {
            return Ok(0);
        };
        *to = *first;
        self.0 = rest;
        Ok(1)
    }
}

#[test]
fn a_pipe_that_gives_a_byte_at_a_time_reads_the_same() {
    let file = [section(false), packets_as(6, false, &conversation())].concat();
    let records: Result<Vec<_>, _> = CaptureReader::new(Slow(&file)).collect();
    assert_is_the_conversation(&records.expect("a good file"));
}
