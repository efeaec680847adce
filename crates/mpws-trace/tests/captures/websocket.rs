//! The WebSocket conversation that a capture carries.

use mpws_codec::{
    deflate::{Compressor, WindowBits},
    websocket::{FrameSpec, opcode},
};
use mpws_trace::{
    Application, Conversation, Direction, Dissection, Keep, Message, MessageKind, Options, Rule,
    analyse,
};

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

fn whole() -> Options {
    Options {
        keep: Keep::Bytes,
        ..Options::default()
    }
}

fn read(talk: &Talk) -> Conversation {
    talk.connection().conversation(&whole())
}

/// What one side said; `None` for a message of which that is not known.
fn said(conversation: &Conversation, side: Side) -> Vec<Option<Vec<u8>>> {
    let direction = match side {
        Client => Direction::ToResponder,
        Server => Direction::ToInitiator,
    };
    conversation
        .messages(direction)
        .map(|message| message.content.clone()?.bytes)
        .collect()
}

fn known<const N: usize>(said: [&[u8]; N]) -> Vec<Option<Vec<u8>>> {
    said.map(|bytes| Some(bytes.to_vec())).to_vec()
}

fn masked(kind: u8, payload: impl Into<Vec<u8>>) -> Vec<u8> {
    FrameSpec::new(kind, payload.into()).masked(MASK).encode()
}

#[test]
fn the_handshake_and_the_messages_of_both_directions_are_found() {
    let mut talk = opened();
    talk.data(Client, &masked(opcode::TEXT, "hi"));
    talk.data(Server, &FrameSpec::new(opcode::TEXT, "ho").encode());
    let found = read(&talk);
    let handshake = found.handshake.as_ref().expect("a handshake");
    assert_eq!(handshake.request, "GET /chat");
    assert!(handshake.succeeded());
    assert!(handshake.response_ns > Some(handshake.request_ns));
    assert_eq!(said(&found, Client), known([b"hi"]));
    assert_eq!(said(&found, Server), known([b"ho"]));
    let masked: Vec<bool> = found
        .messages
        .iter()
        .map(|one| one.frames[0].masked)
        .collect();
    assert_eq!(masked, [true, false]);
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
    let found = read(&talk);
    let [message] = &found.messages[..] else {
        panic!("{:?}", found.messages)
    };
    assert_eq!((message.first_ns, message.last_ns), (first, last));
    let frame = &message.frames[0];
    assert_eq!((frame.first_ns, frame.last_ns), (first, last));
    assert_eq!(said(&found, Server), known([&[9; 300]]));
}

#[test]
fn messages_are_read_as_they_arrived_and_past_a_gap() {
    let mut talk = opened();
    let frame = |text: &str| FrameSpec::new(opcode::TEXT, text).encode();
    talk.data(Server, &frame("good"))
        .rewritten(|_, payload| payload[2] = b'f');
    let cut = frame("lost");
    talk.data(Server, &cut[..3])
        .data(Server, &cut[3..])
        .dropped()
        .data(Server, &frame("after"));
    let expected = [Some(b"food".to_vec()), None, Some(b"after".to_vec())];
    assert_eq!(said(&read(&talk), Server), expected);
}

#[test]
fn a_server_that_masks_is_found_out() {
    let mut talk = opened();
    talk.data(Server, &masked(opcode::TEXT, "ho"));
    let connection = talk.connection();
    let found = Dissection::of(&connection, &Options::default());
    let rules: Vec<Rule> = found.offences.iter().map(|one| one.rule).collect();
    assert!(rules.contains(&Rule::FrameMasked), "{rules:?}");
}

#[test]
fn provisional_responses_are_passed_over_and_a_refused_upgrade_has_no_messages() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, REQUEST)
        .data(Server, b"HTTP/1.1 103 Early Hints\r\n\r\n");
    talk.data(Server, b"HTTP/1.1 403 Forbidden\r\n\r\n\x81\x02no");
    let found = read(&talk);
    let handshake = found.handshake.as_ref().expect("a handshake");
    assert_eq!(handshake.status, Some(403));
    assert!(!handshake.succeeded());
    assert_eq!(found.messages, []);
}

#[test]
fn other_protocols_have_no_handshake() {
    let mut talk = Talk::new();
    talk.tcp_handshake()
        .packet(Client, "A", &[], b"\x16\x03\x01\x02\x00\x01");
    let found = read(&talk);
    assert_eq!(found.handshake, None);
    assert_eq!(found.application, Application::Tls);
}

#[test]
fn a_connection_that_fell_back_is_read_to_its_end() {
    let mut talk = opened();
    talk.data(Client, &masked(opcode::TEXT, "a")).stripped();
    talk.packet(Client, "A", &[], &masked(opcode::TEXT, "b"));
    assert_eq!(said(&read(&talk), Client), known([b"a", b"b"]));
}

#[test]
fn frames_are_one_message_and_control_frames_between_them_are_messages_of_their_own() {
    let mut talk = opened();
    let part = |kind, payload: &str, fin| FrameSpec {
        fin,
        ..FrameSpec::new(kind, payload)
    };
    for frame in [
        part(opcode::TEXT, "a", false),
        part(opcode::PING, "ping", true),
        part(opcode::CONTINUATION, "b", true),
        part(opcode::BINARY, "ab", true),
        part(opcode::TEXT, "ab", true),
    ] {
        talk.data(Server, &frame.encode());
    }
    let found = read(&talk);
    assert_eq!(said(&found, Server), known([b"ab", b"ping", b"ab", b"ab"]));
    let kinds: Vec<_> = found
        .messages
        .iter()
        .map(|one| (one.kind, one.is_data(), one.frames.len()))
        .collect();
    assert_eq!(
        kinds,
        [
            (MessageKind::Text, true, 2),
            (MessageKind::Ping, false, 1),
            (MessageKind::Binary, true, 1),
            (MessageKind::Text, true, 1)
        ]
    );
    let [text, _, binary, again] = &found.messages[..] else {
        panic!("four messages")
    };
    assert!(text.says_the_same(again));
    assert!(!text.says_the_same(binary));
}

#[test]
fn what_is_not_known_is_the_same_as_nothing() {
    let mut talk = opened();
    let unfinished = FrameSpec {
        fin: false,
        ..FrameSpec::new(opcode::TEXT, "a")
    };
    talk.data(Server, &unfinished.encode());
    let found = read(&talk);
    let one: &Message = &found.messages[0];
    assert_eq!((one.complete, &one.content), (false, &None));
    assert!(!one.says_the_same(&one.clone()));
    // Nor is what was not asked for.
    let mut talk = opened();
    talk.data(Server, &FrameSpec::new(opcode::TEXT, "a").encode());
    let found = talk.connection().conversation(&Options::default());
    let one = &found.messages[0];
    assert_eq!((one.complete, &one.content), (true, &None));
    assert!(!one.says_the_same(&one.clone()));
}

/// A talk in which permessage-deflate was agreed on, though not as the first extension.
fn compressed() -> Talk {
    let extension = "Sec-WebSocket-Extensions: x-other, permessage-deflate";
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n{extension}; client_max_window_bits\r\n\r\n"
    );
    let response =
        format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n{extension}\r\n\r\n");
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, request.as_bytes())
        .data(Server, response.as_bytes());
    talk
}

#[test]
fn what_a_compressed_message_says_is_known_wherever_its_extension_stands_in_the_list() {
    let mut talk = compressed();
    let mut plain = FrameSpec::new(opcode::TEXT, "hello hello");
    talk.data(Server, &plain.encode());
    let mut compressor = Compressor::new(WindowBits::MAX, true);
    plain.payload = compressor.message(b"hello hello").expect("compressed");
    plain.rsv = 4;
    talk.data(Server, &plain.encode());
    let found = read(&talk);
    let compressed: Vec<bool> = found.messages.iter().map(|one| one.compressed).collect();
    assert_eq!(compressed, [false, true]);
    assert_eq!(
        said(&found, Server),
        known([b"hello hello", b"hello hello"])
    );
    assert!(found.messages[0].says_the_same(&found.messages[1]));
}

#[test]
fn what_does_not_inflate_is_not_known() {
    let mut talk = compressed();
    let broken = FrameSpec {
        rsv: 4,
        ..FrameSpec::new(opcode::TEXT, vec![0xff; 8])
    };
    talk.data(Server, &broken.encode())
        .data(Server, &broken.encode());
    assert_eq!(said(&read(&talk), Server), [None, None]);
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
    let found = trace.connections[0].conversation(&whole());
    assert_eq!(
        said(&found, Client),
        known([&(0..200).collect::<Vec<u8>>()])
    );
    let message = &found.messages[0];
    let paths: Vec<&str> = message.paths.iter().map(|path| &**path).collect();
    assert_eq!(paths, ["path1", "path2"]);
    let carried: Vec<_> = message
        .carried
        .iter()
        .map(|one| (one.subflow, one.bytes))
        .collect();
    assert_eq!(carried, [(0, frame.len() as u64 - 100), (1, 100)]);
}

#[test]
fn each_frame_knows_what_carried_it() {
    let mut first = opened();
    let part = |kind, fin| {
        let frame = FrameSpec {
            fin,
            ..FrameSpec::new(kind, vec![7; 40])
        };
        frame.masked(MASK).encode()
    };
    first.data(Client, &part(opcode::BINARY, false));
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    second.path = "path2";
    second
        .join_handshake()
        .data(Client, &part(opcode::CONTINUATION, true));
    let trace = analyse(&[first.records.as_slice(), &second.records].concat());
    let found = trace.connections[0].conversation(&whole());
    let [message] = &found.messages[..] else {
        panic!("{:?}", found.messages)
    };
    let frames: Vec<_> = message
        .frames
        .iter()
        .map(|frame| (frame.carried[0].subflow, &*frame.paths[0], frame.last_ns))
        .collect();
    assert_eq!(
        frames,
        [(0, "path1", first.now_ns), (1, "path2", second.now_ns)]
    );
    assert_eq!(message.last_ns, second.now_ns);
}
