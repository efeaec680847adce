//! The WebSocket conversation that a capture carries.

use mpws_codec::websocket::{FrameSpec, opcode};
use mpws_trace::{Direction, Violation, WireFrame, analyse};

use crate::support::*;

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
const MASK: [u8; 4] = [1, 2, 3, 4];

fn opened() -> Talk {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, REQUEST)
        .data(Server, RESPONSE);
    talk
}

fn texts(frames: &[WireFrame]) -> Vec<&[u8]> {
    frames
        .iter()
        .map(|frame| frame.payload.as_slice())
        .collect()
}

#[test]
fn the_handshake_and_the_frames_of_both_directions_are_found() {
    let mut talk = opened();
    talk.data(
        Client,
        &FrameSpec::new(opcode::TEXT, "hi").masked(MASK).encode(),
    );
    talk.data(Server, &FrameSpec::new(opcode::TEXT, "ho").encode());
    let connection = talk.connection();
    let upgrade = connection.upgrade().expect("an upgrade");
    assert_eq!(upgrade.request.request(), Some(("GET", "/chat")));
    assert!(upgrade.succeeded());
    let from_client = connection.frames(Direction::ToResponder);
    assert_eq!(texts(&from_client), [b"hi"]);
    assert!(from_client[0].masked);
    assert_eq!(from_client[0].violations, []);
    assert_eq!(texts(&connection.frames(Direction::ToInitiator)), [b"ho"]);
}

#[test]
fn a_frame_in_pieces_has_the_times_of_its_first_and_its_last_byte() {
    let mut talk = opened();
    let frame = FrameSpec::new(opcode::BINARY, vec![9; 300]).encode();
    talk.data(Server, &frame[..100]);
    let first = talk.now_ns;
    talk.wait_ms(5)
        .data(Server, &frame[100..200])
        .wait_ms(5)
        .data(Server, &frame[200..]);
    let last = talk.now_ns;
    let frames = talk.connection().frames(Direction::ToInitiator);
    assert_eq!(frames.len(), 1);
    assert_eq!((frames[0].first_ns, frames[0].last_ns), (first, last));
    assert_eq!(frames[0].payload, vec![9; 300]);
}

#[test]
fn frames_are_read_as_they_arrived_and_up_to_the_first_gap() {
    let mut talk = opened();
    let frame = |text: &str| FrameSpec::new(opcode::TEXT, text).encode();
    talk.data(Server, &frame("good"))
        .rewritten(|_, payload| payload[2] = b'f');
    talk.data(Server, &frame("lost"))
        .dropped()
        .data(Server, &frame("after"));
    assert_eq!(
        texts(&talk.connection().frames(Direction::ToInitiator)),
        [b"food"]
    );
}

#[test]
fn a_server_that_masks_is_found_out() {
    let mut talk = opened();
    talk.data(
        Server,
        &FrameSpec::new(opcode::TEXT, "ho").masked(MASK).encode(),
    );
    let frames = talk.connection().frames(Direction::ToInitiator);
    assert_eq!(frames[0].violations, [Violation::Masked]);
}

#[test]
fn provisional_responses_are_passed_over_and_a_refused_upgrade_has_no_frames() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, REQUEST)
        .data(Server, b"HTTP/1.1 103 Early Hints\r\n\r\n");
    talk.data(Server, b"HTTP/1.1 403 Forbidden\r\n\r\n\x81\x02no");
    let connection = talk.connection();
    assert_eq!(
        connection.upgrade().and_then(|upgrade| upgrade.status()),
        Some(403)
    );
    assert_eq!(connection.frames(Direction::ToInitiator), []);
}

#[test]
fn other_protocols_have_no_upgrade() {
    let mut talk = Talk::new();
    talk.tcp_handshake()
        .packet(Client, "A", &[], b"\x16\x03\x01\x02\x00\x01");
    assert_eq!(talk.connection().upgrade(), None);
}

#[test]
fn a_connection_that_fell_back_is_read_to_its_end() {
    let mut talk = opened();
    talk.data(
        Client,
        &FrameSpec::new(opcode::TEXT, "a").masked(MASK).encode(),
    )
    .stripped();
    talk.packet(
        Client,
        "A",
        &[],
        &FrameSpec::new(opcode::TEXT, "b").masked(MASK).encode(),
    );
    assert_eq!(
        texts(&talk.connection().frames(Direction::ToResponder)),
        [b"a", b"b"]
    );
}

#[test]
fn a_message_over_two_subflows_is_put_together_by_data_sequence_numbers() {
    let mut first = opened();
    let frame = FrameSpec::new(opcode::BINARY, (0..200).collect::<Vec<u8>>())
        .masked(MASK)
        .encode();
    first.data(Client, &frame[..50]);

    let mut second = Talk::between("10.0.2.1:40001", "10.0.2.2:8080");
    second.path = "path2";
    second.now_ns = first.now_ns;
    second.data = first.data;
    let [syn, syn_ack, ack] = joins();
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"");
    second
        .packet(Client, "A", &[ack], b"")
        .ack(Server)
        .data(Client, &frame[50..150]);

    first.now_ns = second.now_ns;
    first.data = second.data;
    // Sent again over the first path, with bytes that are there already.
    first.data[0] -= 20;
    first.data(Client, &frame[130..]);

    let trace = analyse(&[first.records.as_slice(), &second.records].concat());
    let frames = trace.connections[0].frames(Direction::ToResponder);
    assert_eq!(texts(&frames), [(0..200).collect::<Vec<u8>>()]);
    assert_eq!(frames[0].paths, ["path1", "path2"]);
}
