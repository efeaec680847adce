//! One connection of a server, from accept to close.

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Message};

use super::behaviour::Answers;
use super::shared::Shared;
use crate::conversation::Conversation;
use crate::deflate::{Agreement, Deflating};
use crate::end::TransportEnd;
use crate::errors::{HandshakeError, SessionError};
use crate::handshake::{Request, read_head, refusal};
use crate::policy::{FellBack, Moment};
use crate::report::Recorder;
use crate::stream::{Channel, Socket};
use crate::websocket::{
    self, WebSocket, begun, close_frame, fragments, is_dead, linger, seen, verdict,
};
use mpws_protocol::chain::in_one_line as flat;
use mpws_protocol::payload::MessageKind;
use mpws_protocol::script::Behaviour;

type Stop = watch::Receiver<Option<Instant>>;

pub(super) async fn run(
    shared: Arc<Shared>,
    socket: Socket,
    recorder: Recorder,
    looked: Result<(), FellBack>,
    mut stop: Stop,
) {
    let opening = async {
        looked?;
        open(&shared, socket, &recorder).await
    };
    let opened = tokio::select! {
        opened = opening => opened,
        _ = begun(&mut stop) => {
            recorder.end(None, TransportEnd::Local, None);
            return;
        }
    };
    match opened {
        Ok((channel, leftover, agreed)) => match &shared.config.behaviour {
            Behaviour::Script { steps } => {
                let deadline = shared.config.step_deadline;
                let max = shared.config.max_message;
                let mut conversation =
                    Conversation::server(channel, recorder.clone(), deadline, max);
                conversation.asked = shared.asked;
                conversation
                    .subprotocols
                    .clone_from(&shared.config.subprotocols);
                conversation.deflate = shared.config.deflate;
                tokio::select! {
                    run = conversation.run(steps) => {
                        let error = run.map_err(SessionError::from).err();
                        let error = error.as_ref().map(|e| e as &(dyn std::error::Error + 'static));
                        recorder.end(conversation.close_seen(), TransportEnd::Local, error);
                    }
                    _ = begun(&mut stop) => {
                        recorder.end(conversation.close_seen(), TransportEnd::Aborted, None);
                    }
                }
            }
            behaviour => {
                let max = shared.config.max_message;
                let agreed = agreed.as_ref();
                let (ws, deflating) =
                    websocket::start(channel, leftover, Role::Server, max, agreed).await;
                let answering = Answering {
                    answers: Answers::new(behaviour.clone()),
                    deflating,
                };
                talk(&shared, ws, answering, &recorder, &mut stop).await;
            }
        },
        Err(error) => {
            tracing::debug!(error = %flat(&error), "connection not opened");
            recorder.end(None, TransportEnd::Local, Some(&error));
        }
    }
    tracing::debug!(report = ?recorder.edit().end, "connection ended");
}

/// TLS and, without a script, the opening handshake.
async fn open(
    shared: &Shared,
    socket: Socket,
    recorder: &Recorder,
) -> Result<(Channel, BytesMut, Option<Agreement>), SessionError> {
    let after = shared.config.open_deadline;
    let deadline = Instant::now() + after;
    let late = |what| SessionError::Deadline { what, after };
    let mut channel = match &shared.config.tls {
        None => Channel::Plain(socket),
        Some(tls) => {
            recorder.edit().tls = true;
            let accepting = tokio_rustls::TlsAcceptor::from(Arc::clone(tls)).accept(socket);
            let tls = timeout_at(deadline, accepting)
                .await
                .map_err(|_| late("the TLS handshake"))?
                .map_err(SessionError::Tls)?;
            Channel::Tls(Box::new(tls.into()))
        }
    };
    if matches!(shared.config.behaviour, Behaviour::Script { .. }) {
        return Ok((channel, BytesMut::new(), None));
    }
    let mut buffer = BytesMut::new();
    let upgrading = upgrade(shared, &mut channel, &mut buffer, recorder);
    match timeout_at(deadline, upgrading).await {
        Ok(Ok(agreed)) => Ok((channel, buffer, agreed)),
        Ok(Err(error)) => {
            if let SessionError::Handshake(why) = &error
                && let Some(answer) = refusal(why)
            {
                // It lies beyond help if even the refusal cannot be written.
                let _ = timeout_at(deadline, channel.write_all(&answer)).await;
                let close = Instant::now() + shared.config.close_deadline;
                linger(&mut channel, close.min(deadline)).await;
            }
            Err(error)
        }
        Err(_) => Err(late("the opening handshake")),
    }
}

async fn upgrade(
    shared: &Shared,
    channel: &mut Channel,
    buffer: &mut BytesMut,
    recorder: &Recorder,
) -> Result<Option<Agreement>, SessionError> {
    let head = read_head(channel, buffer).await;
    recorder.look(shared.asked, Moment::FirstData)?;
    let request = Request::parse(&head?)?;
    recorder.edit().headers.clone_from(&request.fields);
    let upgraded = request.accept(&shared.config.subprotocols, &shared.config.deflate)?;
    channel
        .write_all(&upgraded.bytes)
        .await
        .and(channel.flush().await)
        .map_err(HandshakeError::Io)?;
    tracing::debug!(target = %request.target, agreed = ?upgraded.agreed, "upgraded");
    recorder.upgraded(&upgraded.agreed);
    Ok(upgraded.agreed.deflate)
}

/// Answers messages until the connection is closed.
async fn talk(
    shared: &Shared,
    mut ws: WebSocket,
    mut answering: Answering,
    recorder: &Recorder,
    stop: &mut Stop,
) {
    let mut close = None;
    let mut closing: Option<Instant> = None;
    let mut stopping = false;
    let after = shared.config.close_deadline;
    let result = loop {
        let next = tokio::select! {
            next = ws.next() => next,
            _ = begun(stop), if !stopping => {
                stopping = true;
                closing.get_or_insert(Instant::now() + after);
                if let Err(error) = ws.close(Some(close_frame(1001, "server stops"))).await {
                    break Err(error.into());
                }
                continue;
            }
            () = tokio::time::sleep_until(closing.unwrap_or_else(Instant::now)), if closing.is_some() => {
                break Err(SessionError::Deadline { what: "the closing handshake", after });
            }
        };
        let message = match next {
            None => break Ok(()),
            Some(Err(error)) => break Err(error.into()),
            Some(Ok(Message::Close(frame))) => {
                close = Some(seen(frame.as_ref()));
                closing.get_or_insert(Instant::now() + after);
                continue;
            }
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => message,
            Some(Ok(_)) => continue,
        };
        let content = message.clone().into_data();
        recorder.received(kind(&message), &content);
        if closing.is_some() {
            continue;
        }
        let sent = match &shared.config.behaviour {
            Behaviour::Close { code, reason } => {
                closing = Some(Instant::now() + after);
                ws.close(Some(close_frame(*code, reason))).await
            }
            _ => answering.answer(&mut ws, message, recorder).await,
        };
        if let Err(error) = sent {
            break Err(error.into());
        }
    };
    let deadline = closing.unwrap_or_else(|| Instant::now() + after);
    finish(ws, close, deadline, recorder, result).await;
}

/// What is answered, and how it is sent.
struct Answering {
    answers: Answers,
    deflating: Option<Deflating>,
}

impl Answering {
    async fn answer(
        &mut self,
        ws: &mut WebSocket,
        message: Message,
        recorder: &Recorder,
    ) -> Result<(), tungstenite::Error> {
        for answer in self.answers.to(message) {
            // `send` flushes: each answer is a write of its own, which is what Nagle's algorithm
            // would hold back.
            match &mut self.deflating {
                None => ws.send(answer).await?,
                Some(deflating) => {
                    let kind = kind(&answer);
                    let content = answer.into_data();
                    for frame in fragments(kind, &content, 1, Some(deflating))? {
                        ws.send(frame).await?;
                    }
                    deflating.handed_on();
                }
            }
            recorder.sent();
        }
        Ok(())
    }
}

fn kind(message: &Message) -> MessageKind {
    if message.is_text() {
        MessageKind::Text
    } else {
        MessageKind::Binary
    }
}

/// Fails the connection where the other side broke a rule (RFC 6455 section 7.1.7), then ends the
/// transport.
async fn finish(
    mut ws: WebSocket,
    close: Option<(u16, String)>,
    deadline: Instant,
    recorder: &Recorder,
    result: Result<(), SessionError>,
) {
    if let Err(SessionError::WebSocket(error)) = &result
        && let Some(code) = verdict(error)
    {
        let closed = ws.close(Some(close_frame(code, &error.to_string())));
        // The error of interest is the violation.
        let _ = timeout_at(deadline, closed).await;
    }
    let alive = !matches!(&result, Err(SessionError::WebSocket(error)) if is_dead(error));
    let lingered = alive && linger(&mut ws.get_mut().channel, deadline).await;
    let how = match (&result, lingered) {
        (Ok(()), true) => TransportEnd::Eof,
        (_, false) if alive => TransportEnd::Timeout,
        _ => TransportEnd::Local,
    };
    let error = result.as_ref().err();
    recorder.end(
        close,
        how,
        error.map(|e| e as &(dyn std::error::Error + 'static)),
    );
}
