//! The opening handshake, frames and compression (RFC 6455 and RFC 7692).

use mpws_codec::websocket::{FrameSpec, LengthForm, accept_key, opcode};
use mpws_trace::Rule;

use super::{MASK, talk};
use crate::support::*;

/// A WebSocket conversation with these heads and frames.
fn websocket(request: &str, response: &str, frames: &[(Side, Vec<u8>)]) -> Vec<Rule> {
    talk(|talk| {
        talk.mptcp_handshake()
            .data(Client, request.as_bytes())
            .data(Server, response.as_bytes());
        for (from, frame) in frames {
            talk.data(*from, frame);
        }
    })
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn response() -> String {
    let accept = accept_key("dGhlIHNhbXBsZSBub25jZQ==");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

#[test]
fn the_opening_handshake_must_be_whole_and_right() {
    let response = response();
    assert_eq!(websocket(REQUEST, &response, &[]), []);
    let cases = [
        (
            REQUEST.to_owned(),
            response.replace("s3pP", "S3pP"),
            Rule::WrongAccept,
        ),
        (
            REQUEST.to_owned(),
            response.replace("Connection: Upgrade\r\n", ""),
            Rule::UpgradeHeaders,
        ),
        (
            REQUEST.replace("Version: 13", "Version: 8"),
            response.clone(),
            Rule::RequestHeaders,
        ),
        (
            REQUEST.to_owned(),
            response.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
            Rule::NotOffered,
        ),
        (
            REQUEST.to_owned(),
            response.replace(
                "\r\n\r\n",
                "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            ),
            Rule::NotOffered,
        ),
    ];
    for (request, response, rule) in cases {
        assert_eq!(websocket(&request, &response, &[]), [rule], "{response}");
    }
    let offering = REQUEST.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: talk, chat\r\n\r\n");
    let choosing = response.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
    assert_eq!(websocket(&offering, &choosing, &[]), []);
}

#[test]
fn each_broken_rule_of_frames_is_named() {
    let server = |change: fn(&mut FrameSpec)| {
        let mut frame = FrameSpec::new(opcode::BINARY, [1]);
        change(&mut frame);
        (Server, frame.encode())
    };
    let spec = |fin, opcode, payload: &[u8]| {
        let frame = FrameSpec {
            fin,
            ..FrameSpec::new(opcode, payload)
        };
        (Server, frame.encode())
    };
    let close = |code, reason: &[u8]| {
        let frame = FrameSpec::new(opcode::CLOSE, [&u16::to_be_bytes(code), reason].concat());
        (Server, frame.encode())
    };
    let plain = FrameSpec::new(opcode::BINARY, [1]);
    let cases = [
        (vec![(Client, plain.encode())], Rule::FrameNotMasked),
        (vec![server(|f| f.mask = Some(MASK))], Rule::FrameMasked),
        (vec![server(|f| f.rsv = 4)], Rule::FrameReservedBits),
        (vec![server(|f| f.opcode = 3)], Rule::FrameReservedOpcode),
        (
            vec![server(|f| f.form = Some(LengthForm::Bits16))],
            Rule::FrameLength,
        ),
        (
            vec![spec(true, opcode::PING, &[0; 126])],
            Rule::ControlTooLong,
        ),
        (
            vec![spec(false, opcode::PING, b"")],
            Rule::ControlFragmented,
        ),
        (
            vec![spec(true, opcode::CONTINUATION, b"")],
            Rule::Fragmentation,
        ),
        (vec![close(1005, b"")], Rule::CloseCode),
        (vec![close(1000, &[0xff])], Rule::NotUtf8),
        (vec![spec(true, opcode::TEXT, &[0xff])], Rule::NotUtf8),
        (
            vec![close(1000, b""), spec(true, opcode::PING, b"")],
            Rule::AfterClose,
        ),
    ];
    for (frames, rule) in cases {
        assert_eq!(
            websocket(REQUEST, &response(), &frames),
            [rule],
            "{frames:?}"
        );
    }
    let honest = [
        (Client, plain.clone().masked(MASK).encode()),
        (Server, plain.encode()),
        spec(false, opcode::TEXT, b"a"),
        spec(true, opcode::PING, b"between"),
        spec(true, opcode::CONTINUATION, b"b"),
        close(1000, b"done"),
    ];
    assert_eq!(websocket(REQUEST, &response(), &honest), []);
}

/// The heads of a conversation that agreed on permessage-deflate as answered.
fn compressed(answer: &str) -> (String, String) {
    let request = REQUEST.replace(
        "\r\n\r\n",
        "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    let extensions = format!("\r\nSec-WebSocket-Extensions: {answer}\r\n\r\n");
    (request, response().replace("\r\n\r\n", &extensions))
}

#[test]
fn permessage_deflate_is_answered_as_it_was_offered() {
    let with = |answer: &str| {
        let (request, response) = compressed(answer);
        websocket(&request, &response, &[])
    };
    assert_eq!(with("permessage-deflate; server_no_context_takeover"), []);
    for answer in [
        "permessage-deflate; client_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; unheard_of",
    ] {
        assert_eq!(with(answer), [Rule::DeflateParameters], "{answer}");
    }
}

#[test]
fn compressed_messages_must_inflate_to_what_they_claim_to_be() {
    let (request, response) = compressed("permessage-deflate");
    let frame = |payload: &[u8]| {
        let frame = FrameSpec {
            rsv: 4,
            ..FrameSpec::new(opcode::TEXT, payload)
        };
        (Server, frame.encode())
    };
    // RFC 7692 section 7.2.3.1.
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    // A stored block (RFC 1951 section 3.2.4) with the byte 0xff, and the empty block that follows,
    // without its tail.
    let not_text = [0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00];
    assert_eq!(websocket(&request, &response, &[frame(&hello)]), []);
    assert_eq!(
        websocket(&request, &response, &[frame(&[0xff; 20])]),
        [Rule::DeflateData]
    );
    assert_eq!(
        websocket(&request, &response, &[frame(&not_text)]),
        [Rule::NotUtf8]
    );
}
