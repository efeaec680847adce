//! permessage-deflate (RFC 7692) of a connection: whether it is wanted, and its two directions.
//!
//! tungstenite knows no extensions. Compressed messages are handed to it as frames with RSV1 set,
//! and what it reads goes through `Inflating` below it, which turns compressed messages into plain
//! ones. All that is wrong with the framing reaches it untouched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
pub use mpws_codec::deflate::{
    Agreement, AnswerError, ClientWindow, CompressError, DecompressError, Extension, ExtensionList,
    ListError, Offer, ParameterError, Preferences, WindowBits,
};
use mpws_codec::deflate::{Compressor, Decompressor};
use mpws_codec::websocket::{FrameHeader, LengthForm, Sender, apply_mask, opcode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stream::Channel;

/// Whether messages are compressed: `P` is [`Preferences`] at a server and [`Offer`] at a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deflate<P> {
    /// A server takes no offer, a client makes none; an answer that takes one all the same is an
    /// error.
    #[default]
    Off,
    /// Where the other side wants it, too.
    Offered(P),
    /// Without it there is no connection.
    Required(P),
}

impl<P> Deflate<P> {
    /// What is wanted, unless it is off.
    pub fn wanted(&self) -> Option<&P> {
        match self {
            Self::Off => None,
            Self::Offered(wanted) | Self::Required(wanted) => Some(wanted),
        }
    }

    /// Whether there is no connection without it.
    pub fn is_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }
}

/// Compresses what this end sends.
#[derive(Debug)]
pub(crate) struct Deflating {
    compressor: Compressor,
    /// All that was compressed has been handed on.
    handed_on: bool,
}

impl Deflating {
    pub(crate) fn new(agreed: &Agreement, sender: Sender) -> Self {
        Self {
            compressor: agreed.compressor(sender),
            handed_on: true,
        }
    }

    /// Compresses a message. Where the one before was not sent, its content is not referred to.
    pub(crate) fn message(&mut self, content: &[u8]) -> Result<Vec<u8>, CompressError> {
        if !self.handed_on {
            self.compressor.reset();
        }
        self.handed_on = false;
        self.compressor.message(content)
    }

    /// Says that all frames of the message are on their way.
    pub(crate) fn handed_on(&mut self) {
        self.handed_on = true;
    }
}

/// A byte stream in which the compressed messages of the other side, where there can be any, are
/// plain.
#[derive(Debug)]
pub(crate) struct Inflating {
    pub(crate) channel: Channel,
    frames: Option<Frames>,
}

impl Inflating {
    /// `leftover`: bytes that were read already; they come back where nothing is compressed.
    pub(crate) fn new(
        channel: Channel,
        leftover: BytesMut,
        decompressor: Option<Decompressor>,
        limit: usize,
    ) -> (Self, BytesMut) {
        match decompressor {
            None => (
                Self {
                    channel,
                    frames: None,
                },
                leftover,
            ),
            Some(decompressor) => {
                let frames = Some(Frames::new(decompressor, leftover, limit));
                (Self { channel, frames }, BytesMut::new())
            }
        }
    }
}

/// The frames of one direction, as they come and as they are read.
#[derive(Debug)]
struct Frames {
    decompressor: Decompressor,
    /// Longest payload of a compressed frame.
    limit: u64,
    raw: BytesMut,
    ready: BytesMut,
    /// Bytes still to come of a frame that is handed on as it is.
    untouched: u64,
    /// The open message, and whether it is compressed.
    open: Option<bool>,
}

impl Frames {
    fn new(decompressor: Decompressor, raw: BytesMut, limit: usize) -> Self {
        Self {
            decompressor,
            // What does not shrink grows by a few bytes for each block.
            limit: limit as u64 + limit as u64 / 16 + 64,
            raw,
            ready: BytesMut::new(),
            untouched: 0,
            open: None,
        }
    }

    /// Makes bytes ready; false where more must come first.
    fn advance(&mut self) -> Result<bool, DecompressError> {
        if self.untouched > 0 {
            let there =
                usize::try_from(self.untouched).map_or(self.raw.len(), |n| n.min(self.raw.len()));
            self.ready.unsplit(self.raw.split_to(there));
            self.untouched -= there as u64;
            return Ok(there > 0);
        }
        let Some((header, size)) = FrameHeader::parse(&self.raw) else {
            return Ok(false);
        };
        let compressed = match (header.opcode, self.open) {
            (opcode::TEXT | opcode::BINARY, None) => header.rsv == RSV1,
            (opcode::CONTINUATION, Some(true)) => header.rsv == 0,
            _ => false,
        };
        if !compressed {
            if matches!(header.opcode, opcode::TEXT | opcode::BINARY) && self.open.is_none() {
                self.open = (!header.fin).then_some(false);
            } else if header.opcode == opcode::CONTINUATION && header.fin {
                self.open = None;
            }
            self.ready.unsplit(self.raw.split_to(size));
            self.untouched = header.length;
            return Ok(true);
        }
        let length = match usize::try_from(header.length) {
            Ok(length) if header.length <= self.limit => length,
            _ => {
                let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
                return Err(DecompressError::TooLong { limit });
            }
        };
        if self.raw.len() - size < length {
            return Ok(false);
        }
        let _ = self.raw.split_to(size);
        let mut payload = self.raw.split_to(length);
        if let Some(key) = header.mask {
            apply_mask(key, &mut payload);
        }
        let mut content = Vec::new();
        self.decompressor
            .fragment(&payload, header.fin, &mut content)?;
        self.open = (!header.fin).then_some(true);
        let plain = FrameHeader {
            rsv: 0,
            // The mask of what was not masked is still missed.
            mask: header.mask.map(|_| [0; 4]),
            length: content.len() as u64,
            form: LengthForm::shortest(content.len() as u64),
            ..header
        };
        self.ready.extend_from_slice(&plain.build());
        self.ready.extend_from_slice(&content);
        Ok(true)
    }
}

impl AsyncRead for Inflating {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { channel, frames } = self.get_mut();
        let Some(frames) = frames else {
            return Pin::new(channel).poll_read(cx, buf);
        };
        loop {
            if !frames.ready.is_empty() {
                let count = frames.ready.len().min(buf.remaining());
                buf.put_slice(&frames.ready.split_to(count));
                return Poll::Ready(Ok(()));
            }
            if frames.advance().map_err(io::Error::other)? {
                continue;
            }
            let mut piece = [0; 16 * 1024];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut *channel).poll_read(cx, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            frames.raw.extend_from_slice(piece.filled());
        }
    }
}

impl AsyncWrite for Inflating {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().channel).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().channel).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().channel).poll_shutdown(cx)
    }
}

/// The error of [`Inflating`] in one of reading, where it is one.
pub(crate) fn undecodable(error: &io::Error) -> Option<&DecompressError> {
    error.get_ref()?.downcast_ref()
}

/// "Per-Message Compressed" (RFC 7692 section 6) among the reserved bits.
pub(crate) const RSV1: u8 = 4;
