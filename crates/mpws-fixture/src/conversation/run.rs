//! A connection that a script works on: its steps, one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mpws_codec::deflate::Decompressor;
use mpws_codec::websocket::Sender;
use tokio::time::timeout;

use super::hex::unhex;
use crate::deflate::{Deflate, Deflating, Preferences};
use crate::errors::{ScriptError, StepError};
use crate::frame;
use crate::handshake::{Agreed, Asked, Request, Response, Upgraded, respond};
use crate::policy::{FellBack, Moment};
use crate::report::Recorder;
use crate::stream::Channel;
use crate::transcript::{Happening, Way};
use crate::websocket::{cut, pieces};
use mpws_protocol::chain::in_one_line as flat;
use mpws_protocol::payload::MessageKind;
use mpws_protocol::script::Step;

/// One end of a scripted connection.
pub(crate) struct Conversation {
    pub(super) channel: Option<Channel>,
    pub(super) recorder: Recorder,
    /// The request of a client; a server has none.
    pub(super) request: Option<Asked>,
    pub(super) deadline: Duration,
    pub(super) limit: u64,
    /// Whether the socket was made as MPTCP.
    pub(crate) asked: bool,
    /// Subprotocols that a server accepts.
    pub(crate) subprotocols: Vec<String>,
    /// Whether a server takes offers of permessage-deflate.
    pub(crate) deflate: Deflate<Preferences>,
    pub(super) deflating: Option<Deflating>,
    pub(super) decompressor: Option<Decompressor>,
    pub(super) inbound: BytesMut,
    /// What a gather step has written so far, and what it must wait for afterwards.
    pub(super) gathered: Option<(Vec<u8>, Vec<Awaited>)>,
    pub(super) messages: VecDeque<(MessageKind, Bytes)>,
    pub(super) partial: Option<Partial>,
    pub(super) pings: u32,
    pub(super) close: Option<(u16, String)>,
    pub(super) close_sent: bool,
    pub(super) looked: bool,
}

/// A message of which more is to come.
pub(super) struct Partial {
    pub(super) kind: MessageKind,
    pub(super) content: BytesMut,
    pub(super) compressed: bool,
}

/// An answer that a step waits for.
pub(super) enum Awaited {
    Response,
    Pong(Vec<u8>),
    Close,
}

impl Conversation {
    pub(crate) fn server(
        channel: Channel,
        recorder: Recorder,
        deadline: Duration,
        max_message: usize,
    ) -> Self {
        Self {
            channel: Some(channel),
            recorder,
            request: None,
            deadline,
            limit: max_message as u64,
            asked: false,
            subprotocols: Vec::new(),
            deflate: Deflate::Off,
            deflating: None,
            decompressor: None,
            inbound: BytesMut::new(),
            gathered: None,
            messages: VecDeque::new(),
            partial: None,
            pings: 0,
            close: None,
            close_sent: false,
            looked: false,
        }
    }

    pub(crate) fn client(
        channel: Channel,
        recorder: Recorder,
        request: Asked,
        deadline: Duration,
        max_message: usize,
    ) -> Self {
        let mut conversation = Self::server(channel, recorder, deadline, max_message);
        conversation.request = Some(request);
        conversation
    }

    /// Code and reason of the close frame that came, where one did.
    pub(crate) fn close_seen(&self) -> Option<(u16, String)> {
        self.close.clone()
    }

    /// Runs the steps up to the first that fails; then the descriptor is closed.
    pub(crate) async fn run(&mut self, steps: &[Step]) -> Result<(), ScriptError> {
        let mut result = Ok(());
        for (step, number) in steps.iter().zip(1..) {
            if let Err(source) = self.step(step, number).await {
                let name = name(step);
                let error = ScriptError {
                    number,
                    name,
                    source,
                };
                self.note(
                    Way::Local,
                    Happening::Failed {
                        error: flat(&error),
                    },
                );
                result = Err(error);
                break;
            }
        }
        self.channel = None;
        result
    }

    pub(super) async fn step(&mut self, step: &Step, number: u32) -> Result<(), StepError> {
        self.note(
            Way::Local,
            Happening::Step {
                number,
                name: name(step).to_owned(),
            },
        );
        let after = self.deadline;
        match step {
            // These have deadlines of their own.
            Step::Stall { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                self.note(Way::Local, Happening::Stalled { ms: *ms });
                return Ok(());
            }
            Step::EchoUntilClose => return self.echo_until_close().await,
            Step::Gather { steps } => return self.gather(steps, number).await,
            _ => {}
        }
        let what = name(step);
        timeout(after, self.simple(step))
            .await
            .unwrap_or(Err(StepError::Deadline { what, after }))
    }

    pub(super) async fn simple(&mut self, step: &Step) -> Result<(), StepError> {
        match step {
            Step::Upgrade => self.upgrade(1).await,
            Step::UpgradeWith { headers } => self.upgrade_with(headers).await,
            Step::UpgradeInParts { parts } => {
                if self.request.is_none() {
                    return Err(StepError::Misplaced("a server has no request to send"));
                }
                self.upgrade(*parts).await
            }
            Step::ReadRequest => self.read_request().await.map(|_| ()),
            Step::Respond {
                status,
                headers,
                body,
            } => {
                self.read_request().await?;
                let answer = respond(*status, headers, body)?;
                self.note(
                    Way::Sent,
                    Happening::Response {
                        status: *status,
                        headers: headers.iter().take(64).cloned().collect(),
                    },
                );
                self.write(&answer).await
            }
            Step::Send { message, fragments } => self.send(message, *fragments).await,
            Step::Frame(raw) => self.send_raw(raw).await,
            Step::Bytes { hex } => {
                let bytes = unhex(hex)?;
                let count = bytes.len() as u64;
                self.note(Way::Sent, Happening::Bytes { count });
                self.write(&bytes).await
            }
            Step::Receive => self.receive().await.map(|_| ()),
            Step::Ping => {
                self.pings += 1;
                let content = format!("mpws {}", self.pings).into_bytes();
                self.send_frame(frame::PING, true, &content).await?;
                self.await_or_later(Awaited::Pong(content)).await
            }
            Step::Close { code, reason } => {
                let mut content = code.to_be_bytes().to_vec();
                content.extend_from_slice(cut(reason).as_bytes());
                self.send_frame(frame::CLOSE, true, &content).await?;
                self.close_sent = true;
                self.await_or_later(Awaited::Close).await
            }
            Step::HalfClose => {
                self.recorder.watch().half_close()?;
                self.note(Way::Sent, Happening::HalfClose);
                Ok(())
            }
            Step::Reset => {
                self.recorder.watch().linger_zero()?;
                self.channel = None;
                self.note(Way::Sent, Happening::Reset);
                Ok(())
            }
            Step::ExpectEnd => self.expect_end().await,
            Step::Stall { .. } | Step::EchoUntilClose | Step::Gather { .. } => {
                Err(StepError::Misplaced("handled elsewhere"))
            }
        }
    }

    /// Runs the inner steps without writing, writes once, then waits for the answers that they
    /// need.
    pub(super) async fn gather(&mut self, steps: &[Step], number: u32) -> Result<(), StepError> {
        let outermost = self.gathered.is_none();
        if outermost {
            self.gathered = Some((Vec::new(), Vec::new()));
        }
        for step in steps {
            Box::pin(self.step(step, number)).await?;
        }
        if !outermost {
            return Ok(());
        }
        let Some((bytes, awaited)) = self.gathered.take() else {
            return Ok(());
        };
        let after = self.deadline;
        let late = |what| StepError::Deadline { what, after };
        timeout(after, self.write(&bytes))
            .await
            .unwrap_or(Err(late("the gathered write")))?;
        for awaited in awaited {
            timeout(after, self.wait_for(awaited))
                .await
                .unwrap_or(Err(late("an answer to the gathered write")))?;
        }
        Ok(())
    }

    pub(super) async fn upgrade(&mut self, parts: u8) -> Result<(), StepError> {
        let Some(request) = self.request.clone() else {
            let request = self.read_request().await?;
            let upgraded = request.accept(&self.subprotocols, &self.deflate)?;
            return self.switch(&upgraded).await;
        };
        let parsed = Request::parse(&request.bytes)?;
        self.note_request(Way::Sent, &parsed);
        let parts = pieces(&request.bytes.into(), parts);
        let last = parts.len() - 1;
        for (at, part) in parts.into_iter().enumerate() {
            self.write(&part).await?;
            if at < last {
                self.drained().await;
            }
        }
        self.await_or_later(Awaited::Response).await
    }

    pub(super) async fn upgrade_with(
        &mut self,
        headers: &[(String, String)],
    ) -> Result<(), StepError> {
        let request = self.read_request().await?;
        let upgraded = request.accept_with(headers)?;
        self.switch(&upgraded).await
    }

    /// A server's answer.
    pub(super) async fn switch(&mut self, upgraded: &Upgraded) -> Result<(), StepError> {
        let answer = Response::parse(&upgraded.bytes)?;
        self.note(
            Way::Sent,
            Happening::Response {
                status: answer.status,
                headers: answer.fields,
            },
        );
        self.write(&upgraded.bytes).await?;
        self.agree(&upgraded.agreed);
        Ok(())
    }

    /// The opening handshake is over.
    pub(super) fn agree(&mut self, agreed: &Agreed) {
        let (ours, theirs) = match self.request {
            Some(_) => (Sender::Client, Sender::Server),
            None => (Sender::Server, Sender::Client),
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let deflate = agreed.deflate.as_ref();
        self.deflating = deflate.map(|agreed| Deflating::new(agreed, ours));
        self.decompressor = deflate.map(|agreed| agreed.decompressor(theirs, limit));
        self.recorder.upgraded(agreed);
    }

    pub(super) async fn read_request(&mut self) -> Result<Request, StepError> {
        if self.request.is_some() {
            return Err(StepError::Misplaced("a client gets no request"));
        }
        let head = self.read_head().await?;
        let request = Request::parse(&head)?;
        self.recorder.edit().headers.clone_from(&request.fields);
        self.note_request(Way::Received, &request);
        Ok(request)
    }

    pub(super) async fn await_or_later(&mut self, awaited: Awaited) -> Result<(), StepError> {
        match &mut self.gathered {
            Some((_, later)) => {
                later.push(awaited);
                Ok(())
            }
            None => self.wait_for(awaited).await,
        }
    }

    pub(super) async fn echo_until_close(&mut self) -> Result<(), StepError> {
        let after = self.deadline;
        loop {
            let round = async {
                match self.receive().await {
                    Ok((kind, content)) => {
                        self.send_message(kind, &content, 1).await.map(|()| true)
                    }
                    Err(StepError::Closed { .. }) => Ok(false),
                    Err(error) => Err(error),
                }
            };
            match timeout(after, round).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    let what = "the next message or a close frame";
                    return Err(StepError::Deadline { what, after });
                }
            }
        }
    }

    pub(super) async fn answer_close(&mut self) -> Result<(), StepError> {
        if self.close_sent {
            return Ok(());
        }
        self.close_sent = true;
        let content = match &self.close {
            Some((1005, _)) | None => Vec::new(),
            Some((code, _)) => code.to_be_bytes().to_vec(),
        };
        self.send_frame(frame::CLOSE, true, &content).await
    }

    pub(super) fn closed(&self) -> StepError {
        let code = self.close.as_ref().map_or(NO_CODE, |(code, _)| *code);
        StepError::Closed { code }
    }

    pub(super) fn look(&mut self) -> Result<(), FellBack> {
        if self.looked {
            return Ok(());
        }
        self.looked = true;
        self.recorder.look(self.asked, Moment::FirstData)
    }

    pub(super) fn note_request(&self, way: Way, request: &Request) {
        let line = format!("{} {}", request.method, request.target);
        let headers = request.fields.clone();
        self.note(way, Happening::Request { line, headers });
    }

    pub(super) fn note(&self, way: Way, what: Happening) {
        self.recorder.note(way, what);
    }
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Upgrade => "upgrade",
        Step::UpgradeWith { .. } => "upgrade-with",
        Step::UpgradeInParts { .. } => "upgrade-in-parts",
        Step::ReadRequest => "read-request",
        Step::Respond { .. } => "respond",
        Step::Gather { .. } => "gather",
        Step::Send { .. } => "send",
        Step::Frame(_) => "frame",
        Step::Bytes { .. } => "bytes",
        Step::Receive => "receive",
        Step::EchoUntilClose => "echo-until-close",
        Step::Ping => "ping",
        Step::Close { .. } => "close",
        Step::HalfClose => "half-close",
        Step::Reset => "reset",
        Step::Stall { .. } => "stall",
        Step::ExpectEnd => "expect-end",
    }
}

pub(super) fn close_code(opcode: u8, content: &[u8]) -> Option<u16> {
    match content.first_chunk() {
        Some(code) if opcode == frame::CLOSE => Some(u16::from_be_bytes(*code)),
        _ => None,
    }
}

/// RFC 6455 section 7.1.5: a close frame without a code.
pub(super) const NO_CODE: u16 = 1005;
