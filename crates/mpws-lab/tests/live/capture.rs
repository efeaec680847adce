//! The capture, read by somebody else's reader.

use crate::common::*;
use crate::recorded::{read, tcp_packets};
use etherparse::{SlicedPacket, TransportSlice};
use mpws_lab::rule::{Action, Rewrite, Rule, Which};
use mpws_lab::{Ip, Lab, MIN_SNAPLEN};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

#[test]
fn a_lab_without_traffic_has_a_capture_that_names_its_paths() {
    let Some(lab) = two_hosts(3) else { return };
    let (names, packets) = read(lab.capture().expect("capture"));
    assert_eq!(names, ["path1", "path2", "path3"]);
    assert!(packets.iter().all(|packet| packet.tcp().0.is_empty()));
}

#[test]
fn packets_stand_in_order_with_path_direction_and_time() {
    let Some(lab) = two_hosts(2) else { return };
    let pair = connect_by(&lab, 2, Ip::V4, TCP);
    say(&pair.0, &pair.1, "ping");
    let packets = tcp_packets(&lab);
    let seen: Vec<_> = packets
        .iter()
        .map(|packet| (packet.outbound, packet.tcp().0))
        .take(4)
        .collect();
    let expected = [(true, "S"), (false, "SA"), (true, "A"), (true, "A")];
    assert_eq!(seen, expected.map(|(from, flags)| (from, flags.to_owned())));
    assert_eq!(packets[3].tcp().1, b"ping");
    assert!(packets.iter().all(|packet| packet.interface == 1));
    assert!(packets.is_sorted_by_key(|packet| packet.time));
    assert!(packets.iter().all(|packet| packet.comments.is_empty()));
}

#[test]
fn checksums_are_those_of_packets_that_really_crossed() {
    let Some(lab) = two_hosts(1) else { return };
    for ip in [Ip::V4, Ip::V6] {
        let (mut client, mut server) = connect_by(&lab, 1, ip, TCP);
        let long = vec![b'x'; 20_000];
        let mut heard = vec![0; long.len()];
        client.write_all(&long).expect("write");
        server.read_exact(&mut heard).expect("read");
    }
    let packets = tcp_packets(&lab);
    assert!(packets.len() > 30);
    for packet in packets {
        assert!(packet.frame.len() <= 1514, "a frame that was not segmented");
        assert_eq!(packet.frame.len(), packet.length, "a frame that was cut");
        let sliced = SlicedPacket::from_ethernet(&packet.frame).expect("frame");
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
            continue;
        };
        let sum = match sliced.net.expect("network") {
            etherparse::NetSlice::Ipv4(ip) => {
                tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination())
            }
            etherparse::NetSlice::Ipv6(ip) => {
                tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(sum.expect("length"), tcp.checksum());
    }
}

#[test]
fn what_a_rule_did_stands_beside_the_packet() {
    let Some(lab) = two_hosts(1) else { return };
    let (offset, mask) = (0, 0x20);
    let corrupt = Action::Rewrite(Rewrite::CorruptPayload { offset, mask });
    let actions = [
        ("hole", Action::Drop, b"a", b"a"),
        ("twin", Action::Duplicate, b"b", b"b"),
        ("slow", Action::Delay(Duration::from_millis(1)), b"c", b"c"),
        ("box", corrupt, b"d", b"D"),
        ("look", Action::Pass, b"e", b"e"),
    ];
    for (name, action, sent, expected) in actions {
        // A connection for each rule, so that what one sends again is no other's business.
        let (mut client, mut server) = connect(&lab, TCP);
        let own = client.local_addr().expect("address").as_socket();
        let rule = Rule::new(name, action).port(own.expect("port").port());
        let first = rule.from("client").payload(true).which(Which::First(1));
        install(&lab, first);
        client.write_all(sent).expect("write");
        let mut heard = [0];
        server.read_exact(&mut heard).expect("read");
        assert_eq!(&heard, expected, "{name}");
    }
    let packets = tcp_packets(&lab);
    let comments: Vec<_> = packets
        .iter()
        .filter(|packet| !packet.comment().is_empty())
        .map(|packet| (packet.comment(), packet.tcp().1))
        .collect();
    let expected: [(&str, &[u8]); 5] = [
        ("drop by hole", b"a"),
        ("duplicate by twin", b"b"),
        ("delay by slow", b"c"),
        ("rewrite by box", b"d"),
        ("rewritten by box", b"D"),
    ];
    let expected = expected.map(|(comment, text)| (comment, text.to_vec()));
    assert_eq!(comments, expected);
    let after = packets
        .iter()
        .position(|packet| packet.comment() == "rewrite by box");
    assert_eq!(
        packets[after.expect("there") + 1].comment(),
        "rewritten by box"
    );
}

#[test]
fn a_forged_reset_stands_after_the_packet_that_it_answers() {
    let Some(lab) = two_hosts(1) else { return };
    install(&lab, Rule::new("wall", Action::Reset).syn());
    let (_listener, address) = listen(&lab, 1, Ip::V6, TCP);
    let client = socket(&lab.host("client"), Ip::V6, TCP);
    let error = client.connect(&address).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let packets = tcp_packets(&lab);
    let seen: Vec<_> = packets
        .iter()
        .map(|packet| (packet.comment(), packet.tcp().0, packet.outbound))
        .collect();
    let flags = |text: &str| text.to_owned();
    assert_eq!(
        seen,
        [
            ("reset by wall", flags("S"), true),
            ("forged by wall", flags("AR"), false),
        ]
    );
}

#[test]
fn a_capture_does_not_grow_after_it_was_taken() {
    let Some(lab) = two_hosts(1) else { return };
    let early = lab.capture().expect("capture");
    let before = early.metadata().expect("size").len();
    ping_pong(&connect(&lab, TCP));
    assert_eq!(early.metadata().expect("size").len(), before);
    assert!(tcp_packets(&lab).len() > 4);
}

#[test]
fn a_capture_of_headers_says_how_long_the_packets_were() {
    let hosts = Lab::builder().host("client").host("server");
    let Some(lab) = started(hosts.path("client", "server").snaplen(MIN_SNAPLEN)) else {
        return;
    };
    let (mut client, mut server) = connect(&lab, TCP);
    client.write_all(&[b'x'; 1000]).expect("write");
    server.read_exact(&mut [0; 1000]).expect("read");
    let (_, packets) = read(lab.capture().expect("capture"));
    let long: Vec<_> = packets
        .iter()
        .filter(|packet| packet.length > 1000)
        .map(|packet| packet.frame.len())
        .collect();
    assert_eq!(long, [MIN_SNAPLEN as usize]);
}

#[test]
fn a_capture_that_is_full_is_an_error_and_traffic_goes_on() {
    let hosts = Lab::builder().host("client").host("server");
    let Some(lab) = started(hosts.path("client", "server").capture_limit(10_000)) else {
        return;
    };
    let pair = connect(&lab, TCP);
    lab.capture().expect("there is room");
    let long = "x".repeat(200_000);
    std::thread::scope(|scope| {
        scope.spawn(|| (&pair.0).write_all(long.as_bytes()).expect("write"));
        (&pair.1)
            .read_exact(&mut vec![0; long.len()])
            .expect("read");
    });
    let error = lab.capture().expect_err("full");
    assert!(error.to_string().contains("10000 bytes"), "{error}");
    ping_pong(&pair);
}
