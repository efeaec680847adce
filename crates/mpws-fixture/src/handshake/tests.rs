use super::*;
use crate::deflate::WindowBits;

const OFF: Deflate<Preferences> = Deflate::Off;

fn request(extra: &[(String, String)]) -> Asked {
    Asked::new("h", "/", &["chat".to_owned()], Deflate::Off, extra).expect("request")
}

fn offering(deflate: Deflate<Offer>) -> Asked {
    Asked::new("h", "/", &[], deflate, &[]).expect("request")
}

/// The client's view of an answer with this extension header.
fn answered(asked: &Asked, value: &str) -> Result<Agreed, HandshakeError> {
    let request = Request::parse(&asked.bytes).expect("parse");
    let fields = [(EXTENSIONS.to_owned(), value.to_owned())];
    let upgraded = request.accept_with(&fields).expect("accept");
    asked.check(&Response::parse(&upgraded.bytes).expect("parse answer"))
}

#[test]
fn a_request_is_accepted_by_the_answer_made_for_it() {
    let asked = request(&[]);
    let parsed = Request::parse(&asked.bytes).expect("parse");
    let answer = parsed
        .accept(&["other".to_owned(), "chat".to_owned()], &OFF)
        .expect("accept");
    let answer = Response::parse(&answer.bytes).expect("parse answer");
    assert_eq!(
        asked.check(&answer).expect("check").subprotocol.as_deref(),
        Some("chat")
    );
}

#[test]
fn permessage_deflate_is_not_accepted_where_it_is_off() {
    let offer = (
        "Sec-WebSocket-Extensions".to_owned(),
        "permessage-deflate".to_owned(),
    );
    let parsed = Request::parse(&request(&[offer]).bytes).expect("parse");
    let answer = parsed.accept(&[], &OFF).expect("accept");
    let answer = Response::parse(&answer.bytes).expect("parse answer");
    assert_eq!(field(&answer.fields, "Sec-WebSocket-Extensions"), None);
}

#[test]
fn an_answer_to_another_key_is_refused() {
    let answer = Request::parse(&request(&[]).bytes)
        .and_then(|r| r.accept(&[], &OFF))
        .and_then(|a| Response::parse(&a.bytes))
        .expect("answer");
    assert!(matches!(
        request(&[]).check(&answer),
        Err(HandshakeError::Response("wrong Sec-WebSocket-Accept"))
    ));
}

#[test]
fn a_line_break_in_a_header_value_is_not_sent() {
    let bad = ("X".to_owned(), "a\r\nY: b".to_owned());
    let made = Asked::new("h", "/", &[], Deflate::Off, &[bad]);
    assert!(matches!(made, Err(HandshakeError::Unsendable(_))));
}

#[test]
fn both_ends_agree_on_the_same_compression() {
    let offer = Offer {
        server_no_context_takeover: true,
        ..Offer::default()
    };
    let wanted = Preferences {
        client_max_window_bits: WindowBits::new(10),
        ..Preferences::default()
    };
    let asked = offering(Deflate::Required(offer));
    let request = Request::parse(&asked.bytes).expect("parse");
    let upgraded = request
        .accept(&[], &Deflate::Required(wanted))
        .expect("accept");
    let answer = Response::parse(&upgraded.bytes).expect("parse answer");
    let agreed = asked.check(&answer).expect("check");
    assert_eq!(agreed, upgraded.agreed);
    let agreed = agreed.deflate.expect("compression");
    assert!(agreed.server_no_context_takeover);
    assert_eq!(agreed.client_max_window_bits, WindowBits::new(10));
}

#[test]
fn without_compression_there_is_no_connection_where_it_is_required() {
    let request = Request::parse(&offering(Deflate::Off).bytes).expect("parse");
    let required = Deflate::Required(Preferences::default());
    let error = request.accept(&[], &required).expect_err("not offered");
    assert!(
        refusal(&error)
            .expect("an answer")
            .starts_with(b"HTTP/1.1 400 ")
    );
    let asked = offering(Deflate::Required(Offer::default()));
    let request = Request::parse(&asked.bytes).expect("parse");
    let answer = request.accept(&[], &OFF).expect("accept");
    let answer = Response::parse(&answer.bytes).expect("parse answer");
    assert!(matches!(
        asked.check(&answer),
        Err(HandshakeError::Response(_))
    ));
}

#[test]
fn an_answer_that_the_offer_does_not_allow_is_refused() {
    let asked = offering(Deflate::Offered(Offer::default()));
    assert!(answered(&asked, "permessage-deflate").is_ok());
    for wrong in [
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; mode=fast",
        "permessage-deflate, permessage-deflate",
        "x-webkit-deflate-frame",
        "permessage-deflate;;",
    ] {
        let error = answered(&asked, wrong).expect_err(wrong);
        assert!(
            matches!(error, HandshakeError::Answer(_)),
            "{wrong}: {error}"
        );
    }
    let error = answered(&offering(Deflate::Off), "permessage-deflate").expect_err("off");
    assert!(matches!(
        error,
        HandshakeError::Answer(AnswerError::NotOffered(_))
    ));
}

#[test]
fn an_offer_against_the_grammar_is_answered_with_400() {
    let bad = (EXTENSIONS.to_owned(), "permessage-deflate; =".to_owned());
    let request = Request::parse(&request(&[bad]).bytes).expect("parse");
    let error = request.accept(&[], &OFF).expect_err("malformed");
    assert!(
        refusal(&error)
            .expect("an answer")
            .starts_with(b"HTTP/1.1 400 ")
    );
}

#[tokio::test]
async fn what_follows_the_head_stays_in_the_buffer() {
    let mut input: &[u8] = b"GET / HTTP/1.1\r\n\r\nrest";
    let mut buffer = BytesMut::new();
    let head = read_head(&mut input, &mut buffer).await.expect("head");
    assert_eq!(&head[..], b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(&buffer[..], b"rest");
}

#[tokio::test]
async fn an_endless_head_is_cut_off() {
    let mut input = tokio::io::repeat(b'a');
    let mut buffer = BytesMut::new();
    let head = read_head(&mut input, &mut buffer).await;
    assert!(matches!(head, Err(HandshakeError::TooLong)));
    assert!(buffer.len() < MAX_HEAD + 4096);
}
