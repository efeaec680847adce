//! What a script writes.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use super::hex::unhex;
use super::run::{Conversation, close_code};
use crate::deflate::RSV1;
use crate::errors::StepError;
use crate::frame::{self, Head};
use crate::sys::unacknowledged;
use crate::transcript::{Happening, Way};
use crate::websocket::pieces;
use mpws_protocol::payload::{MessageKind, Payload};
use mpws_protocol::script::RawFrame;

/// Between two looks at the send queue. The time does not matter to what is shown: the queue must
/// be empty.
const QUEUE_LOOK: Duration = Duration::from_millis(1);

/// Where the send queue cannot be read: in its place, so that what was written is likely sent. The
/// best that is left.
const QUEUE_UNKNOWN_PAUSE: Duration = Duration::from_millis(20);

impl Conversation {
    pub(super) async fn send(&mut self, message: &Payload, fragments: u8) -> Result<(), StepError> {
        let content = Bytes::from(message.bytes());
        self.send_message(message.kind(), &content, fragments).await
    }

    /// Sends a message in frames of about equal size, each in a write of its own.
    pub(super) async fn send_message(
        &mut self,
        kind: MessageKind,
        content: &Bytes,
        fragments: u8,
    ) -> Result<(), StepError> {
        let payload = match &mut self.deflating {
            Some(deflating) => deflating.message(content)?.into(),
            None => content.clone(),
        };
        let rsv = if self.deflating.is_some() { RSV1 } else { 0 };
        let pieces = pieces(&payload, fragments);
        let last = pieces.len() - 1;
        for (at, piece) in pieces.into_iter().enumerate() {
            let opcode = match (at, kind) {
                (0, MessageKind::Text) => frame::TEXT,
                (0, MessageKind::Binary) => frame::BINARY,
                _ => frame::CONTINUATION,
            };
            let rsv = if at == 0 { rsv } else { 0 };
            self.send_with(opcode, at == last, rsv, &piece).await?;
        }
        if let Some(deflating) = &mut self.deflating {
            deflating.handed_on();
        }
        self.recorder.sent();
        Ok(())
    }

    pub(super) async fn send_frame(
        &mut self,
        opcode: u8,
        fin: bool,
        content: &[u8],
    ) -> Result<(), StepError> {
        self.send_with(opcode, fin, 0, content).await
    }

    pub(super) async fn send_with(
        &mut self,
        opcode: u8,
        fin: bool,
        rsv: u8,
        content: &[u8],
    ) -> Result<(), StepError> {
        let masked = self.request.is_some();
        let head = Head {
            fin,
            rsv,
            ..Head::new(opcode, masked, content.len())
        };
        self.put(head, content).await
    }

    pub(super) async fn send_raw(&mut self, raw: &RawFrame) -> Result<(), StepError> {
        let content = unhex(&raw.payload_hex)?;
        let head = Head {
            fin: raw.fin,
            rsv: raw.rsv,
            opcode: raw.opcode,
            masked: raw.masked.unwrap_or(self.request.is_some()),
            length: raw.announced_length.unwrap_or(content.len() as u64),
        };
        self.put(head, &content).await
    }

    pub(super) async fn put(&mut self, head: Head, content: &[u8]) -> Result<(), StepError> {
        self.note(
            Way::Sent,
            Happening::Frame {
                fin: head.fin,
                rsv: head.rsv,
                opcode: head.opcode,
                masked: head.masked,
                length: head.length,
                close_code: close_code(head.opcode, content),
            },
        );
        self.write(&head.encode(content)).await
    }

    /// Writes, or keeps for the end of the gather step.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), StepError> {
        if let Some((gathered, _)) = &mut self.gathered {
            gathered.extend_from_slice(bytes);
            return Ok(());
        }
        let channel = self.channel.as_mut().ok_or(StepError::Eof)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = channel.write(rest).await?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            let written = Happening::Write {
                count: count as u64,
            };
            self.recorder.note(Way::Local, written);
            rest = &rest[count..];
        }
        channel.flush().await?;
        Ok(())
    }

    /// Waits until the other side has acknowledged all, so that the next write gets a segment of
    /// its own.
    pub(super) async fn drained(&mut self) {
        loop {
            match self.recorder.watch().with(unacknowledged) {
                Some(Ok(0)) | None => return,
                Some(Ok(_)) => tokio::time::sleep(QUEUE_LOOK).await,
                Some(Err(error)) => {
                    // MPTCP sockets before Linux 5.17 do not tell.
                    tracing::warn!(%error, "the send queue cannot be read");
                    tokio::time::sleep(QUEUE_UNKNOWN_PAUSE).await;
                    return;
                }
            }
        }
    }
}
