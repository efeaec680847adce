//! The report: what a program and a person get.

use mpws_codec::websocket::{FrameSpec, accept_key, opcode};
use mpws_trace::{
    Application, MessageKind, Options, Proof, TransportTruth, analyse,
    report::{Detail, FileSummary, Report, render},
};

use crate::support::*;

const MASK: [u8; 4] = [1, 2, 3, 4];

fn report(records: &[mpws_trace::PacketRecord]) -> Report {
    let file = FileSummary {
        name: "some.pcapng".to_owned(),
        ..FileSummary::default()
    };
    Report::of(&analyse(records), file, &Options::default())
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    render(report, Detail::Timeline, &mut text).expect("a string takes it");
    text
}

/// A conversation over two subflows, the message split between them.
fn conversation() -> Vec<mpws_trace::PacketRecord> {
    let mut first = Talk::new();
    first
        .mptcp_handshake()
        .data(Client, &upgrade_request())
        .data(Server, &upgrade_response());
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    second.path = "path2";
    second.join_handshake();
    let frame = FrameSpec::new(opcode::BINARY, vec![5; 100])
        .masked(MASK)
        .encode();
    second.data(Client, &frame[..60]);
    first.now_ns = second.now_ns;
    first.data = second.data;
    first
        .wait_ms(3)
        .data(Client, &frame[60..])
        .data(
            Server,
            &FrameSpec::new(opcode::TEXT, "hi\u{1b}[2J").encode(),
        )
        .data(Server, &FrameSpec::close(1000, "done").encode());
    let mut records = [first.records, second.records].concat();
    records.sort_by_key(|record| record.time_ns);
    records
}

#[test]
fn messages_come_with_the_subflows_that_carried_them() {
    let report = report(&conversation());
    let [connection] = &report.connections[..] else {
        panic!("{report:?}")
    };
    assert_eq!(connection.transport, TransportTruth::Mptcp { subflows: 2 });
    assert_eq!(connection.application, Application::Websocket);
    let handshake = connection.handshake.as_ref().expect("a handshake");
    assert_eq!(handshake.accept, Proof::Verified);
    assert_eq!(handshake.request, "GET /chat");
    let kinds: Vec<_> = connection.messages.iter().map(|one| one.kind).collect();
    assert_eq!(
        kinds,
        [MessageKind::Binary, MessageKind::Text, MessageKind::Close]
    );
    let split = &connection.messages[0];
    let carried: Vec<_> = split
        .carried
        .iter()
        .map(|one| (one.subflow, one.bytes))
        .collect();
    assert_eq!(carried, [(1, 60), (0, 46)]);
    assert_eq!(split.largest_gap_ns, 3_100_000);
    assert!(split.complete);
    assert_eq!(connection.violations, []);
}

#[test]
fn the_text_has_a_line_for_each_thing_that_happened() {
    let text = text(&report(&conversation()));
    for expected in [
        "some.pcapng: 13 packets",
        "mptcp (2 subflows with data); WebSocket",
        "sf1  10.0.2.1:40001 -> 10.0.2.2:8080  on path2  joins, addresses 1 -> 1, both HMACs verified",
        "path1 sf0   >  SYN MP_CAPABLE",
        "path2 sf1   <  SYN/ACK MP_JOIN address 1, HMAC verified",
        "path1 sf0   >  request: GET /chat",
        "path1 sf0   <  response: 101",
        "path2 sf1   >  binary 100 B, 60 B on sf1 + 46 B on sf0, in 3.100 ms",
        "path1 sf0   <  close 1000 \"done\"",
    ] {
        assert!(text.contains(expected), "no `{expected}` in\n{text}");
    }
}

#[test]
fn nothing_that_a_terminal_would_interpret_is_left_in_the_text() {
    let mut records = conversation();
    for record in &mut records {
        record.interface = format!("{}\u{1b}]0;x\u{7}", record.interface).into();
    }
    let text = text(&report(&records));
    assert!(text.contains("hi\\u{1b}[2J"), "{text}");
    let harmful = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(harmful), "{text:?}");
}

#[test]
fn the_json_names_its_format() {
    let json = serde_json::to_value(report(&conversation())).expect("JSON");
    assert_eq!(json["schema"], "mpws-capture/1");
    assert_eq!(json["connections"][0]["timeline"][0]["event"], "syn");
    assert_eq!(
        json["connections"][0]["subflows"][1]["join"]["ack_hmac"],
        "verified"
    );
}

#[test]
fn the_schema_of_reports_is_the_one_of_the_model() {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas/capture.schema.json");
    let schema = schemars::schema_for!(Report);
    let generated = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    if std::env::var_os("MPWS_UPDATE_SCHEMAS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &generated).expect("the schema can be written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("the schema is checked in");
    assert!(
        generated == checked_in,
        "docs/schemas/capture.schema.json is out of date; renew it with\n  \
         MPWS_UPDATE_SCHEMAS=1 cargo test -p mpws-trace"
    );
}

#[test]
fn a_message_with_a_hole_in_its_payload_is_followed_by_the_next_one() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, &upgrade_request())
        .data(Server, &upgrade_response());
    let frame = FrameSpec::new(opcode::TEXT, "x".repeat(100)).encode();
    talk.data(Server, &frame[..40])
        .data(Server, &frame[40..70])
        .dropped();
    talk.data(Server, &frame[70..])
        .data(Server, &FrameSpec::new(opcode::TEXT, "next").encode());
    let report = report(&talk.records);
    let connection = &report.connections[0];
    let facts: Vec<_> = connection
        .messages
        .iter()
        .map(|one| (one.length, one.missing, one.complete))
        .collect();
    assert_eq!(facts, [(100, 30, false), (4, 0, true)]);
    assert_eq!(connection.violations, []);
    assert_eq!(connection.unread, []);
}

#[test]
fn compressed_messages_are_inflated_up_to_a_limit() {
    let path = format!(
        "{}/tests/captures/data/data-level-retransmission.pcapng",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = std::fs::File::open(path).expect("a file");
    let trace = analyse(&mpws_trace::read_pcapng(file).expect("readable"));
    let inflated = |max_inflated| {
        let options = Options {
            max_inflated,
            ..Options::default()
        };
        let report = Report::of(&trace, FileSummary::default(), &options);
        assert_eq!(report.connections[0].violations, []);
        let messages = report.connections[0].messages.iter();
        messages
            .filter(|one| one.compressed)
            .map(|one| one.inflated)
            .collect::<Vec<_>>()
    };
    let all = inflated(1 << 20);
    assert_eq!(all.len(), 12);
    assert!(all.iter().all(Option::is_some), "{all:?}");
    let longest = all.iter().flatten().max().copied().expect("a length");
    assert!(longest > 1000, "{all:?}");
    let some = inflated(1000);
    assert!(some.contains(&None) && some.iter().flatten().all(|&length| length <= 1000));
}

/// A capture that others made, in `tests/foreign`.
fn foreign(name: &str) -> Report {
    let path = format!("{}/tests/foreign/{name}.pcap", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).expect("a file");
    let records: Result<Vec<_>, _> = mpws_trace::CaptureReader::new(file).collect();
    report(&records.expect("readable"))
}

#[test]
fn version_0_is_named_and_its_keys_are_not_judged() {
    let report = foreign("mptcp-fclose");
    let connection = &report.connections[0];
    assert_eq!(connection.mptcp_version, Some(0));
    assert_eq!(connection.violations, []);
    assert_eq!(
        (connection.to_responder.bytes, connection.to_initiator.bytes),
        (1, 1)
    );
    assert_eq!(connection.to_responder.holes, []);
    let text = text(&report);
    assert!(text.contains("MPTCP version 0 (RFC 6824)"), "{text}");
    assert!(text.contains("MP_FASTCLOSE, key unknown"), "{text}");
}

#[test]
fn a_capture_of_version_1_from_elsewhere_is_read_whole() {
    let report = foreign("mptcp-v1");
    let connection = &report.connections[0];
    assert_eq!(connection.mptcp_version, Some(1));
    assert_eq!(connection.violations, []);
    for stream in [&connection.to_responder, &connection.to_initiator] {
        assert_eq!((stream.bytes, stream.doubled), (10_268, 0));
        assert_eq!((stream.holes.len(), stream.from_start), (0, true));
    }
}

#[test]
fn an_early_kernel_that_cut_the_hmac_at_the_wrong_end_is_found_out() {
    // It sent the leftmost 64 bits of the right HMAC; RFC 8684 section 3.4.1 wants the rightmost.
    let report = foreign("mptcp-aa-v1");
    let rules: Vec<_> = report.connections[0]
        .violations
        .iter()
        .map(|one| one.rule)
        .collect();
    assert_eq!(rules, [mpws_trace::Rule::AddAddrHmac]);
}

#[test]
fn the_first_packet_of_a_connection_without_syn_is_no_third_ack() {
    let report = foreign("mptcp-aa-echo");
    let text = text(&report);
    assert!(!text.contains(">  ACK"), "{text}");
}

#[test]
fn what_was_cut_from_a_packet_is_missing_and_not_lost() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, &upgrade_request())
        .data(Server, &upgrade_response());
    talk.data(
        Server,
        &FrameSpec::new(opcode::TEXT, "x".repeat(100)).encode(),
    );
    let record = talk.records.last_mut().expect("a packet");
    let kept = record.data.len() - 60;
    record.data.truncate(kept);
    talk.data(Server, &FrameSpec::new(opcode::TEXT, "next").encode());
    let report = report(&talk.records);
    assert_eq!(report.file.cut, 1);
    let connection = &report.connections[0];
    let facts: Vec<_> = connection
        .messages
        .iter()
        .map(|one| (one.length, one.missing, one.carried[0].bytes))
        .collect();
    assert_eq!(facts, [(100, 60, 102), (4, 0, 6)]);
    assert_eq!(connection.to_initiator.lost, 0);
    assert_eq!(connection.violations, []);
}

#[test]
fn where_a_header_is_missing_reading_stops_and_says_so() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, &upgrade_request())
        .data(Server, &upgrade_response());
    talk.data(Server, &FrameSpec::new(opcode::TEXT, "one").encode())
        .data(Server, &FrameSpec::new(opcode::TEXT, "two").encode())
        .dropped();
    talk.data(Server, &FrameSpec::new(opcode::TEXT, "three").encode());
    let report = report(&talk.records);
    let connection = &report.connections[0];
    assert_eq!(connection.messages.len(), 1);
    assert_eq!(connection.unread[0].reason, "bytes are missing");
    assert_eq!(connection.to_initiator.lost, 5);
}

#[test]
fn a_conversation_under_tls_is_said_to_be_judged_by_its_transport_only() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"\x16\x03\x01\x00\x05hello");
    let report = report(&talk.records);
    assert_eq!(report.connections[0].application, Application::Tls);
    assert!(text(&report).contains("TLS: transport only"));
}

fn upgrade_request() -> Vec<u8> {
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        .to_vec()
}

fn upgrade_response() -> Vec<u8> {
    let accept = accept_key("dGhlIHNhbXBsZSBub25jZQ==");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}
