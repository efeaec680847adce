//! What both ends share above the handshake: limits, fragments, close codes, the end of the
//! transport.

use bytes::{Bytes, BytesMut};
use mpws_codec::websocket::Sender;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::deflate::{Agreement, DecompressError, Deflating, Inflating, undecodable};
use crate::stream::Channel;
use mpws_protocol::payload::MessageKind;

/// A connection after its handshake.
pub(crate) type WebSocket = WebSocketStream<Inflating>;

/// Most frames of a message that is sent in fragments.
pub(crate) const MAX_FRAGMENTS: u8 = 64;

pub(crate) async fn start(
    channel: Channel,
    leftover: BytesMut,
    role: Role,
    max_message: usize,
    agreed: Option<&Agreement>,
) -> (WebSocket, Option<Deflating>) {
    let (ours, theirs) = match role {
        Role::Client => (Sender::Client, Sender::Server),
        Role::Server => (Sender::Server, Sender::Client),
    };
    let deflating = agreed.map(|agreed| Deflating::new(agreed, ours));
    let decompressor = agreed.map(|agreed| agreed.decompressor(theirs, max_message));
    let (stream, leftover) = Inflating::new(channel, leftover, decompressor, max_message);
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        // Each message is flushed; this bounds what pongs can pile up against a peer that does not
        // read.
        .max_write_buffer_size(max_message.max(64 << 20).saturating_add(2 * BUFFER))
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    let ws =
        WebSocketStream::from_partially_read(stream, leftover.to_vec(), role, Some(config)).await;
    (ws, deflating)
}

/// Splits a message, compressed where there is something to do that, into `count` frames of about
/// equal size (RFC 6455 section 5.4).
pub(crate) fn fragments(
    kind: MessageKind,
    content: &Bytes,
    count: u8,
    deflating: Option<&mut Deflating>,
) -> Result<Vec<Message>, Error> {
    let compressed = deflating.is_some();
    let content = match deflating {
        Some(deflating) => {
            let payload = deflating.message(content);
            payload.map_err(std::io::Error::other)?.into()
        }
        None => content.clone(),
    };
    let frames = pieces(&content, count)
        .into_iter()
        .enumerate()
        .map(|(at, piece)| {
            let opcode = match (at, kind) {
                (0, MessageKind::Text) => Data::Text,
                (0, MessageKind::Binary) => Data::Binary,
                _ => Data::Continue,
            };
            let last = at + 1 == usize::from(count.clamp(1, MAX_FRAGMENTS));
            let mut frame = Frame::message(piece, OpCode::Data(opcode), last);
            // RFC 7692 section 6.1: on the first frame and on no other.
            frame.header_mut().rsv1 = compressed && at == 0;
            Message::Frame(frame)
        })
        .collect();
    Ok(frames)
}

/// Cuts into `count` pieces (1 to [`MAX_FRAGMENTS`]) of about equal size; some are empty where
/// there is too little.
pub(crate) fn pieces(content: &Bytes, count: u8) -> Vec<Bytes> {
    let count = usize::from(count.clamp(1, MAX_FRAGMENTS));
    (0..count)
        .map(|n| content.slice(content.len() * n / count..content.len() * (n + 1) / count))
        .collect()
}

pub(crate) fn close_frame(code: u16, reason: &str) -> CloseFrame {
    CloseFrame {
        code: CloseCode::from(code),
        reason: cut(reason).into(),
    }
}

/// A reason of at most 123 bytes (RFC 6455 section 5.5).
pub(crate) fn cut(reason: &str) -> String {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].to_owned()
}

/// Code and reason as an API tells them: 1005 for a close frame without a code (RFC 6455 section
/// 7.1.5).
pub(crate) fn seen(frame: Option<&CloseFrame>) -> (u16, String) {
    match frame {
        Some(frame) => (frame.code.into(), frame.reason.to_string()),
        None => (1005, String::new()),
    }
}

/// The close code that answers a violation (RFC 6455 section 7.4.1); none where the transport
/// failed.
pub(crate) fn verdict(error: &Error) -> Option<u16> {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        Error::Protocol(ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(1002),
        Error::Utf8(_) => Some(1007),
        Error::Capacity(_) => Some(1009),
        // RFC 7692 names no code for data that cannot be decompressed.
        Error::Io(error) => undecodable(error).map(|why| match why {
            DecompressError::TooLong { .. } => 1009,
            _ => 1007,
        }),
        _ => None,
    }
}

/// Whether nothing more can be sent.
pub(crate) fn is_dead(error: &Error) -> bool {
    matches!(error, Error::Io(error) if undecodable(error).is_none())
}

/// Ends our direction and reads until the other side ends its own; false where `deadline` came
/// first.
pub(crate) async fn linger(channel: &mut Channel, deadline: Instant) -> bool {
    let drained = async {
        if channel.shutdown().await.is_err() {
            return;
        }
        let mut scrap = [0; 4096];
        while matches!(channel.read(&mut scrap).await, Ok(1..)) {}
    };
    timeout_at(deadline, drained).await.is_ok()
}

/// Waits until an end is being made; returns by when. `None` where who decides that is gone.
pub(crate) async fn begun(end: &mut watch::Receiver<Option<Instant>>) -> Option<Instant> {
    end.wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|end| *end)
}

const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_put_together_are_the_content() {
        let content = Bytes::from_static(b"0123456789");
        for count in [0, 1, 3, 10, 64, 255] {
            let pieces = pieces(&content, count);
            assert_eq!(pieces.len(), usize::from(count.clamp(1, 64)));
            assert_eq!(pieces.concat(), content);
        }
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let reason = "é".repeat(70);
        assert_eq!(cut(&reason).len(), 122);
    }
}
