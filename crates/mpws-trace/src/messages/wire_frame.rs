//! The WebSocket conversation that a connection carried.

use mpws_codec::websocket::{Decoder, Head, Sender, Violation};

use super::arrived::Stream;
use crate::packets::{Connection, Direction};

/// The opening handshake as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// Head of the request.
    pub request: Head,
    /// Head of the response; absent where none arrived. Provisional responses (100, 103) are passed over.
    pub response: Option<Head>,
    /// When the first byte of the request was at the wire, in nanoseconds since the epoch.
    pub request_ns: u64,
    /// When the response was complete at the wire, in nanoseconds since the epoch.
    pub response_ns: Option<u64>,
}

/// A WebSocket frame as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireFrame {
    /// Opcode, 0 to 15.
    pub opcode: u8,
    /// FIN.
    pub fin: bool,
    /// Reserved bits, 0 to 7; RSV1 is 4.
    pub rsv: u8,
    /// Whether it was masked.
    pub masked: bool,
    /// Payload, unmasked.
    pub payload: Vec<u8>,
    /// Rules of RFC 6455 that it breaks.
    pub violations: Vec<Violation>,
    /// When its first byte was at the wire, in nanoseconds since the epoch.
    pub first_ns: u64,
    /// When all of it had been at the wire, in nanoseconds since the epoch.
    pub last_ns: u64,
    /// Interfaces that carried it, each once.
    pub paths: Vec<String>,
}

impl Upgrade {
    /// Status code of the response, where one arrived.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref()?.status()
    }

    /// Whether the response switched to WebSocket.
    pub fn succeeded(&self) -> bool {
        self.status() == Some(101)
    }
}

impl Connection {
    /// The opening handshake, if the stream to the responder begins with a whole HTTP/1.1 request; `None` for TLS.
    pub fn upgrade(&self) -> Option<Upgrade> {
        self.handshake().map(|handshake| handshake.upgrade)
    }

    /// The whole frames that arrived in one direction after a successful opening handshake, up to the first gap in
    /// the stream.
    pub fn frames(&self, direction: Direction) -> Vec<WireFrame> {
        let Some(handshake) = self
            .handshake()
            .filter(|handshake| handshake.upgrade.succeeded())
        else {
            return Vec::new();
        };
        let (stream, start, sender) = match direction {
            Direction::ToResponder => (
                &handshake.requests,
                handshake.upgrade.request.length,
                Sender::Client,
            ),
            Direction::ToInitiator => {
                (&handshake.responses, handshake.response_end, Sender::Server)
            }
        };
        let compressed = handshake.upgrade.response.iter().any(|head| {
            head.fields("Sec-WebSocket-Extensions")
                .any(|value| value.starts_with(b"permessage-deflate"))
        });
        let bytes = stream.bytes.get(start..).unwrap_or(&[]);
        let mut decoder =
            Decoder::new(sender, bytes.len() as u64).allow_rsv(if compressed { 4 } else { 0 });
        decoder.push(bytes);
        let frames = decoder.map_while(Result::ok).filter_map(|frame| {
            let first = start.checked_add(usize::try_from(frame.offset).ok()?)?;
            let end = first.checked_add(usize::try_from(frame.length).ok()?)?;
            Some(WireFrame {
                opcode: frame.header.opcode,
                fin: frame.header.fin,
                rsv: frame.header.rsv,
                masked: frame.header.mask.is_some(),
                payload: frame.payload,
                violations: frame.violations,
                first_ns: stream.time_of(first),
                last_ns: stream.complete_at(first, end),
                paths: stream.paths_of(first, end),
            })
        });
        frames.collect()
    }

    fn handshake(&self) -> Option<Handshake<'_>> {
        let requests = Stream::of(self, Direction::ToResponder);
        let responses = Stream::of(self, Direction::ToInitiator);
        let request = Head::parse(&requests.bytes, MAX_HEAD).ok()??;
        request.request()?;
        let (response, response_end) = final_response(&responses.bytes);
        let request_ns = requests.time_of(0);
        let response_ns = response
            .as_ref()
            .map(|_| responses.complete_at(0, response_end));
        let upgrade = Upgrade {
            request,
            response,
            request_ns,
            response_ns,
        };
        Some(Handshake {
            upgrade,
            requests,
            responses,
            response_end,
        })
    }
}

/// A handshake and the streams that it opens.
struct Handshake<'a> {
    upgrade: Upgrade,
    requests: Stream<'a>,
    responses: Stream<'a>,
    /// Place of the first byte after the response.
    response_end: usize,
}

/// The first response that is not provisional, and where it ends.
fn final_response(bytes: &[u8]) -> (Option<Head>, usize) {
    let mut start = 0;
    while let Some(Ok(Some(head))) = bytes.get(start..).map(|rest| Head::parse(rest, MAX_HEAD)) {
        start += head.length;
        match head.status() {
            Some(100..=199) if head.status() != Some(101) => {}
            Some(_) => return (Some(head), start),
            None => break,
        }
    }
    (None, start)
}

/// Longest head that is looked at, in bytes.
const MAX_HEAD: usize = 64 << 10;
