//! What rules do on the wire, seen by the kernels at its ends.

use crate::common::*;
use mptcp::pm::{Endpoint, EndpointFlags, EventKind, Limits};
use mpws_lab::rule::{Action, MptcpMatch, Rewrite, Rule, Which};
use mpws_lab::{Ip, Lab};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// A lab with MPTCP, or nothing.
fn mptcp_lab(paths: u8) -> Option<Lab> {
    two_hosts(paths).filter(|lab| has_mptcp(&lab.host("client")))
}

fn rewrite(change: Rewrite) -> Rule {
    Rule::new("change", Action::Rewrite(change))
}

#[test]
fn options_stripped_from_the_syn_make_the_client_fall_back() {
    let Some(lab) = mptcp_lab(1) else { return };
    let rule = install(&lab, rewrite(Rewrite::StripMptcp).syn());
    let fell_back = moved(&lab.host("client"), "MPCapableFallbackSYNACK", || {
        ping_pong(&connect(&lab, MPTCP));
    });
    assert_eq!(fell_back, Some(1));
    assert_eq!(lab.hits(rule).expect("hits"), 1);
    let seen = lab.host("server").counters().expect("counters");
    assert_eq!(seen.value("MPCapableSYNRX"), Some(0));
}

#[test]
fn options_stripped_from_the_syn_ack_only_are_seen_by_the_server() {
    let Some(lab) = mptcp_lab(1) else { return };
    install(
        &lab,
        rewrite(Rewrite::StripSubtype(0)).syn_ack().from("server"),
    );
    ping_pong(&connect_by(&lab, 1, Ip::V6, MPTCP));
    let server = lab.host("server").counters().expect("counters");
    assert_eq!(server.value("MPCapableSYNRX"), Some(1));
    assert_eq!(server.value("MPCapableACKRX"), Some(0));
    let client = lab.host("client").counters().expect("counters");
    assert_eq!(client.value("MPCapableFallbackSYNACK"), Some(1));
}

#[test]
fn a_subtype_that_is_not_there_is_not_stripped() {
    let Some(lab) = mptcp_lab(1) else { return };
    install(&lab, rewrite(Rewrite::StripSubtype(1)));
    ping_pong(&connect(&lab, MPTCP));
    let client = lab.host("client").counters().expect("counters");
    assert_eq!(client.value("MPCapableFallbackSYNACK"), Some(0));
}

#[test]
fn a_version_that_the_server_does_not_speak_makes_the_client_fall_back() {
    let Some(lab) = mptcp_lab(1) else { return };
    install(&lab, rewrite(Rewrite::SetCapableVersion(0)).syn());
    ping_pong(&connect(&lab, MPTCP));
    let client = lab.host("client").counters().expect("counters");
    assert_eq!(client.value("MPCapableFallbackSYNACK"), Some(1));
}

#[test]
fn a_checksum_flag_set_on_the_way_is_honoured_by_the_client() {
    let Some(lab) = mptcp_lab(1) else { return };
    install(&lab, rewrite(Rewrite::FlipCapableFlags(0x80)).syn_ack());
    let pair = connect(&lab, MPTCP);
    ping_pong(&pair);
    let info = mptcp::sockopt::info(&pair.0).expect("info");
    assert_eq!(info.csum_enabled, Some(true));
}

#[test]
fn only_the_first_syn_is_dropped_and_the_second_connects() {
    let Some(lab) = two_hosts(1) else { return };
    let rule = install(
        &lab,
        Rule::new("lose", Action::Drop).syn().which(Which::First(1)),
    );
    let again = moved(&lab.host("client"), "TcpExt:TCPSynRetrans", || {
        ping_pong(&connect(&lab, TCP));
    });
    assert!(again >= Some(1), "{again:?}");
    assert_eq!(lab.hits(rule).expect("hits"), 1);
}

#[test]
fn a_segment_that_is_delayed_arrives_after_its_successor() {
    let Some(lab) = two_hosts(1) else { return };
    let (mut client, mut server) = connect(&lab, TCP);
    client.set_tcp_nodelay(true).expect("nodelay");
    let wait = Action::Delay(Duration::from_millis(500));
    let late = Rule::new("late", wait).from("client").payload(true);
    install(&lab, late.which(Which::Nth(1)));
    let out_of_order = moved(&lab.host("server"), "TcpExt:TCPOFOQueue", || {
        client.write_all(b"a").expect("write");
        client.write_all(b"b").expect("write");
        let mut heard = [0; 2];
        server.read_exact(&mut heard).expect("read");
        assert_eq!(&heard, b"ab");
    });
    assert!(out_of_order >= Some(1), "{out_of_order:?}");
}

#[test]
fn every_third_segment_is_selected() {
    let Some(lab) = two_hosts(1) else { return };
    let pair = connect(&lab, TCP);
    let third = Rule::new("third", Action::Pass)
        .from("client")
        .payload(true);
    let rule = install(&lab, third.which(Which::Every(3)));
    for (said, hits) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 2)] {
        say(&pair.0, &pair.1, "word");
        assert_eq!(lab.hits(rule).expect("hits"), hits, "after {said}");
    }
}

#[test]
fn the_segment_that_carries_a_byte_is_selected_and_no_other() {
    let Some(lab) = two_hosts(1) else { return };
    for ip in [Ip::V4, Ip::V6] {
        let pair = connect_by(&lab, 1, ip, TCP);
        say(&pair.0, &pair.1, "0123");
        // A rule that comes later knows where the stream began.
        let (offset, mask) = (0, 0x20);
        let change = rewrite(Rewrite::CorruptPayload { offset, mask });
        let rule = install(&lab, change.from("client").bytes(11, 12));
        let expected = [("abcd", "abcd"), ("efgh", "Efgh"), ("ijkl", "ijkl")];
        for (said, heard) in expected {
            (&pair.0).write_all(said.as_bytes()).expect("write");
            let mut text = [0; 4];
            (&pair.1).read_exact(&mut text).expect("read");
            assert_eq!(String::from_utf8_lossy(&text), heard, "{ip:?}");
        }
        assert_eq!(lab.hits(rule).expect("hits"), 1);
        lab.remove(rule).expect("remove");
    }
}

#[test]
fn a_segment_that_is_duplicated_arrives_twice() {
    let Some(lab) = two_hosts(1) else { return };
    let pair = connect(&lab, TCP);
    let twice = Rule::new("twice", Action::Duplicate).from("client");
    install(&lab, twice.payload(true).which(Which::Nth(1)));
    let duplicates = moved(&lab.host("server"), "TcpExt:TCPDSACKOldSent", || {
        ping_pong(&pair);
    });
    assert!(duplicates >= Some(1), "{duplicates:?}");
}

#[test]
fn a_syn_that_is_reset_is_a_refused_connection() {
    let Some(lab) = two_hosts(1) else { return };
    install(&lab, Rule::new("refuse", Action::Reset).syn());
    for ip in [Ip::V4, Ip::V6] {
        let (_listener, address) = listen(&lab, 1, ip, TCP);
        let client = socket(&lab.host("client"), ip, TCP);
        let error = client.connect(&address).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{ip:?}");
    }
}

#[test]
fn a_segment_that_is_reset_ends_the_connection_of_its_sender() {
    let Some(lab) = two_hosts(1) else { return };
    let (mut client, _server) = connect_by(&lab, 1, Ip::V6, TCP);
    install(&lab, Rule::new("cut", Action::Reset).payload(true));
    client.write_all(b"x").expect("write");
    let error = client.read(&mut [0]).expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_corrupted_byte_arrives_over_tcp_with_a_good_checksum() {
    let Some(lab) = two_hosts(1) else { return };
    for ip in [Ip::V4, Ip::V6] {
        let (mut client, mut server) = connect_by(&lab, 1, ip, TCP);
        let (offset, mask) = (1, 0x20);
        let change = rewrite(Rewrite::CorruptPayload { offset, mask });
        // With a bad checksum the second, unchanged one would be heard.
        let rule = install(&lab, change.payload(true).which(Which::First(1)));
        client.write_all(b"ping").expect("write");
        let mut heard = [0; 4];
        server.read_exact(&mut heard).expect("read");
        assert_eq!(&heard, b"pIng");
        assert_eq!(lab.hits(rule).expect("hits"), 1);
        lab.remove(rule).expect("remove");
    }
}

#[test]
fn a_corrupted_byte_is_noticed_by_the_checksum_of_mptcp() {
    let Some(lab) = mptcp_lab(1) else { return };
    let (client, server) = (lab.host("client"), lab.host("server"));
    client
        .set_sysctl("net.mptcp.checksum_enabled", "1")
        .expect("sysctl");
    let (mut sender, mut receiver) = connect(&lab, MPTCP);
    say(&sender, &receiver, "before");
    say(&receiver, &sender, "before");
    let (offset, mask) = (0, 0xff);
    let change = rewrite(Rewrite::CorruptPayload { offset, mask });
    install(
        &lab,
        change.from("client").payload(true).which(Which::Nth(1)),
    );
    let noticed = moved(&server, "DataCsumErr", || {
        sender.write_all(b"ping").expect("write");
        receiver.read_exact(&mut [0; 4]).expect("read");
    });
    assert_eq!(noticed, Some(1));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let Some(lab) = two_hosts(1) else { return };
    let first = install(&lab, Rule::new("first", Action::Pass).port(PORT).syn());
    let second = install(&lab, Rule::new("second", Action::Drop).syn());
    ping_pong(&connect(&lab, TCP));
    assert_eq!(lab.hits(first).expect("hits"), 1);
    assert_eq!(lab.hits(second).expect("hits"), 0);
}

#[test]
fn a_join_goes_by_the_path_of_the_endpoint() {
    let Some(lab) = mptcp_lab(2) else { return };
    let (client, server) = (lab.host("client"), lab.host("server"));
    let limits = Limits {
        subflows: 1,
        add_addr_accepted: 0,
    };
    for host in [&client, &server] {
        host.path_manager()
            .expect("path manager")
            .set_limits(limits)
            .expect("limits");
    }
    let mut events = client.events().expect("events");
    let endpoint = Endpoint::new(client.address(2, Ip::V4)).flags(EndpointFlags::SUBFLOW);
    let mut manager = client.path_manager().expect("path manager");
    manager.add_endpoint(&endpoint).expect("endpoint");
    let join = MptcpMatch::Subtype(1);
    let look = |path| Rule::new("look", Action::Pass).path(path).syn().mptcp(join);
    let rules = [1, 2].map(|path| install(&lab, look(path)));
    // The listener stays: the kernel takes joins for its port only while there is one.
    let (listener, address) = listen(&lab, 1, Ip::V4, MPTCP);
    let first = socket(&client, Ip::V4, MPTCP);
    first.connect(&address).expect("connect");
    let pair = (first, listener.accept().expect("accept").0);
    ping_pong(&pair);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let event = events.next(deadline).expect("events");
        let event = event.expect("no subflow was established in time");
        if event.kind == EventKind::SubflowEstablished {
            break;
        }
    }
    assert_eq!(rules.map(|rule| lab.hits(rule).expect("hits")), [0, 1]);
    let sockets = client.mptcp_sockets().expect("sockets");
    assert!(
        sockets.iter().any(|socket| socket.subflows() == Some(1)),
        "{sockets:?}"
    );
    ping_pong(&pair);
}

#[test]
fn a_transfer_of_megabytes_arrives_whole_and_is_recorded_without_loss() {
    let Some(lab) = two_hosts(1) else { return };
    let (mut client, mut server) = connect(&lab, TCP);
    let sent: Vec<u8> = (0..8_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let mut heard = vec![0; sent.len()];
    std::thread::scope(|scope| {
        scope.spawn(|| client.write_all(&sent).expect("write"));
        server.read_exact(&mut heard).expect("read");
    });
    assert!(sent == heard, "bytes differ");
    let capture = lab.capture().expect("capture");
    assert!(capture.metadata().expect("size").len() > 8_000_000);
}
