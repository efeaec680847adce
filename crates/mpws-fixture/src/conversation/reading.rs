//! What a script reads.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use super::run::{Awaited, Conversation, NO_CODE, Partial, close_code};
use crate::deflate::RSV1;
use crate::end::TransportEnd;
use crate::errors::StepError;
use crate::frame::{self, Frame};
use crate::handshake::{Response, read_head};
use crate::transcript::{Happening, Way};
use mpws_protocol::payload::MessageKind;

/// What reading a frame led to.
pub(super) enum Event {
    Message(MessageKind, Bytes),
    Pong(Bytes),
    Close,
    /// A ping (answered) or a part of a message.
    Nothing,
}

impl Conversation {
    pub(super) async fn read_head(&mut self) -> Result<BytesMut, StepError> {
        let channel = self.channel.as_mut().ok_or(StepError::Eof)?;
        let head = read_head(channel, &mut self.inbound).await;
        self.look()?;
        Ok(head?)
    }

    pub(super) async fn wait_for(&mut self, awaited: Awaited) -> Result<(), StepError> {
        match awaited {
            Awaited::Response => {
                let head = self.read_head().await?;
                let answer = Response::parse(&head)?;
                self.note(
                    Way::Received,
                    Happening::Response {
                        status: answer.status,
                        headers: answer.fields.clone(),
                    },
                );
                self.recorder.edit().headers.clone_from(&answer.fields);
                let request = self.request.as_ref();
                let request = request.ok_or(StepError::Misplaced("a server gets no response"))?;
                let agreed = request.check(&answer)?;
                self.agree(&agreed);
                Ok(())
            }
            Awaited::Pong(content) => loop {
                match self.event().await? {
                    Event::Pong(pong) if pong == content => return Ok(()),
                    Event::Message(kind, content) => self.keep(kind, content)?,
                    Event::Close => return Err(self.closed()),
                    Event::Pong(_) | Event::Nothing => {}
                }
            },
            Awaited::Close => {
                while self.close.is_none() {
                    // Messages that cross the close frame are in the report already.
                    self.event().await?;
                }
                Ok(())
            }
        }
    }

    /// Keeps a message that came while something else was waited for.
    pub(super) fn keep(&mut self, kind: MessageKind, content: Bytes) -> Result<(), StepError> {
        if self.messages.len() >= MAX_KEPT {
            return Err(StepError::Unexpected("too many messages before the answer"));
        }
        self.messages.push_back((kind, content));
        Ok(())
    }

    pub(super) async fn receive(&mut self) -> Result<(MessageKind, Bytes), StepError> {
        if let Some(message) = self.messages.pop_front() {
            return Ok(message);
        }
        loop {
            match self.event().await? {
                Event::Message(kind, content) => return Ok((kind, content)),
                Event::Close => {
                    self.answer_close().await?;
                    return Err(self.closed());
                }
                Event::Pong(_) | Event::Nothing => {}
            }
        }
    }

    /// Reads to the end, answering nothing; frames that can be told apart are noted.
    pub(super) async fn expect_end(&mut self) -> Result<(), StepError> {
        let mut framed = self.recorder.edit().upgraded;
        loop {
            while framed {
                match frame::decode(&mut self.inbound, self.limit) {
                    Ok(Some(frame)) => self.take(&frame),
                    Ok(None) => break,
                    Err(_) => framed = false,
                }
            }
            if !framed {
                self.inbound.clear();
            }
            match self.fill().await {
                Ok(0) => {
                    let how = TransportEnd::Eof;
                    self.note(Way::Received, Happening::End { how });
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => {
                    let Some(errno) = error.raw_os_error() else {
                        return Err(error.into());
                    };
                    let how = TransportEnd::Error { errno };
                    self.note(Way::Received, Happening::End { how });
                    return Ok(());
                }
            }
        }
    }

    /// Reads one frame and does what every end must: pings are answered, messages put together.
    pub(super) async fn event(&mut self) -> Result<Event, StepError> {
        let frame = loop {
            let limit = self.limit;
            let decoded = frame::decode(&mut self.inbound, limit);
            match decoded.map_err(|frame::TooLong(length)| StepError::TooLong { length, limit })? {
                Some(frame) => break frame,
                None if self.fill().await? == 0 => return Err(StepError::Eof),
                None => {}
            }
        };
        self.take(&frame);
        match frame.opcode {
            frame::PING => {
                self.send_frame(frame::PONG, true, &frame.payload).await?;
                Ok(Event::Nothing)
            }
            frame::PONG => Ok(Event::Pong(frame.payload)),
            frame::CLOSE => Ok(Event::Close),
            frame::TEXT => self.put_together(MessageKind::Text, frame),
            frame::BINARY => self.put_together(MessageKind::Binary, frame),
            frame::CONTINUATION => match self.partial.take() {
                Some(_) if frame.rsv != 0 => Err(RESERVED),
                Some(partial) => self.go_on(partial, &frame),
                None => Err(StepError::Unexpected("a continuation of nothing")),
            },
            _ => Err(StepError::Unexpected("a reserved opcode")),
        }
    }

    pub(super) fn put_together(
        &mut self,
        kind: MessageKind,
        frame: Frame,
    ) -> Result<Event, StepError> {
        if self.partial.is_some() {
            return Err(StepError::Unexpected("a new message inside another one"));
        }
        let compressed = frame.rsv == RSV1 && self.decompressor.is_some();
        if frame.rsv != 0 && !compressed {
            return Err(RESERVED);
        }
        let partial = Partial {
            kind,
            content: BytesMut::new(),
            compressed,
        };
        self.go_on(partial, &frame)
    }

    /// Adds a frame to its message.
    pub(super) fn go_on(
        &mut self,
        mut partial: Partial,
        frame: &Frame,
    ) -> Result<Event, StepError> {
        let Partial {
            kind,
            content,
            compressed,
        } = &mut partial;
        match self.decompressor.as_mut().filter(|_| *compressed) {
            Some(decompressor) => {
                let mut more = Vec::new();
                decompressor.fragment(&frame.payload, frame.fin, &mut more)?;
                content.extend_from_slice(&more);
            }
            None => {
                let length = (content.len() + frame.payload.len()) as u64;
                if length > self.limit {
                    let limit = self.limit;
                    return Err(StepError::TooLong { length, limit });
                }
                content.extend_from_slice(&frame.payload);
            }
        }
        if !frame.fin {
            self.partial = Some(partial);
            return Ok(Event::Nothing);
        }
        if let Some(digested) = self.recorder.received(*kind, content) {
            self.note(Way::Received, Happening::Message(digested));
        }
        Ok(Event::Message(partial.kind, partial.content.freeze()))
    }

    /// Notes a frame; remembers the first close frame.
    pub(super) fn take(&mut self, frame: &Frame) {
        let close_code = close_code(frame.opcode, &frame.payload);
        if frame.opcode == frame::CLOSE && self.close.is_none() {
            let reason = frame.payload.get(2..).unwrap_or_default();
            let reason = String::from_utf8_lossy(reason).into_owned();
            self.close = Some((close_code.unwrap_or(NO_CODE), reason));
        }
        self.note(
            Way::Received,
            Happening::Frame {
                fin: frame.fin,
                rsv: frame.rsv,
                opcode: frame.opcode,
                masked: frame.masked,
                length: frame.payload.len() as u64,
                close_code,
            },
        );
    }

    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        let Some(channel) = self.channel.as_mut() else {
            return Ok(0);
        };
        self.inbound.reserve(8192);
        let count = channel.read_buf(&mut self.inbound).await?;
        Ok(count)
    }
}

/// RFC 6455 section 5.2, RFC 7692 section 6.
const RESERVED: StepError = StepError::Unexpected("a reserved bit that has no meaning here");

/// Messages that are kept while something else is waited for.
const MAX_KEPT: usize = 64;
