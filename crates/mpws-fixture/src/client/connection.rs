//! An open connection of a client. Everything takes `&self`: sending, receiving and closing may run
//! at the same time.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mptcp::facts::SocketFacts;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::deflate::Deflating;
use crate::end::{ConnectionEnd, TransportEnd};
use crate::errors::{ReceiveError, SendError};
use crate::report::{ConnectionReport, Recorder};
use crate::websocket::{WebSocket, begun, close_frame, fragments, is_dead, linger, seen, verdict};
use mpws_protocol::payload::{Digested, MessageKind, Payload};

/// Messages that wait to be received; then reading stops, and with it the other side.
const INBOX: usize = 16;

/// An open connection. Dropping it closes the socket without a closing handshake.
#[derive(Debug)]
pub struct ClientConnection {
    recorder: Recorder,
    sink: Arc<Sink>,
    inbox: tokio::sync::Mutex<mpsc::Receiver<Received>>,
    pongs: Arc<Pongs>,
    pings: Mutex<u64>,
    closing: watch::Sender<Option<Instant>>,
    ended: watch::Receiver<bool>,
    close_deadline: Duration,
    pump: JoinHandle<()>,
}

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Text or binary.
    pub kind: MessageKind,
    /// The content; valid UTF-8 where it is text.
    pub content: Bytes,
}

type Sink = tokio::sync::Mutex<Option<Sending>>;
type Pongs = Mutex<HashMap<Vec<u8>, oneshot::Sender<()>>>;

/// The sending half of a connection. One message at a time is compressed and sent: they refer to
/// each other.
#[derive(Debug)]
struct Sending {
    sink: SplitSink<WebSocket, Message>,
    deflating: Option<Deflating>,
}

impl Received {
    /// Its description, to compare with [`Payload::digested`].
    pub fn digested(&self) -> Digested {
        Digested::of(self.kind, &self.content)
    }
}

impl ClientConnection {
    pub(super) fn new(
        ws: WebSocket,
        deflating: Option<Deflating>,
        recorder: Recorder,
        close_deadline: Duration,
    ) -> Self {
        let (sink, stream) = ws.split();
        let sink = Arc::new(Sink::new(Some(Sending { sink, deflating })));
        let pongs = Arc::new(Pongs::default());
        let (outbox, inbox) = mpsc::channel(INBOX);
        let closing = watch::Sender::new(None);
        let (end, ended) = watch::channel(false);
        let pump = Pump {
            stream,
            sink: Arc::clone(&sink),
            pongs: Arc::clone(&pongs),
            outbox,
            closing: closing.clone(),
            recorder: recorder.clone(),
            close_deadline,
        };
        let pump = tokio::spawn(async move {
            pump.run().await;
            end.send_replace(true);
        });
        Self {
            recorder,
            sink,
            inbox: inbox.into(),
            pongs,
            pings: Mutex::new(0),
            closing,
            ended,
            close_deadline,
            pump,
        }
    }

    /// Sends a message in so many frames (1 to 64), each in a `write` of its own.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`] on a connection that has ended, [`SendError::WebSocket`] where the
    /// transport fails, [`SendError::Deadline`] where it is not written in time.
    pub async fn send(
        &self,
        message: &Payload,
        frames: u8,
        deadline: Duration,
    ) -> Result<(), SendError> {
        let content = Bytes::from(message.bytes());
        self.send_bytes(message.kind(), content, frames, deadline)
            .await
    }

    /// As [`Self::send`], with the content given.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn send_bytes(
        &self,
        kind: MessageKind,
        content: Bytes,
        frames: u8,
        deadline: Duration,
    ) -> Result<(), SendError> {
        let make = |deflating: Option<&mut Deflating>| fragments(kind, &content, frames, deflating);
        self.write(make, "sending", deadline).await?;
        self.recorder.sent();
        Ok(())
    }

    /// The next message.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Ended`] when the connection has ended and every message before that was
    /// taken; [`ReceiveError::Deadline`] when none comes in time.
    pub async fn receive(&self, deadline: Duration) -> Result<Received, ReceiveError> {
        let next = async { self.inbox.lock().await.recv().await };
        match timeout(deadline, next).await {
            Err(_) => Err(ReceiveError::Deadline { after: deadline }),
            Ok(Some(message)) => Ok(message),
            Ok(None) => {
                // The inbox closes a moment before the end is written down.
                self.over(deadline).await;
                let (end, source) = self.how_ended();
                Err(ReceiveError::Ended { end, source })
            }
        }
    }

    /// Sends a ping and waits for its pong; returns how long that took.
    ///
    /// # Errors
    ///
    /// As [`Self::send`]; [`SendError::Deadline`] also where no pong comes in time.
    pub async fn ping(&self, deadline: Duration) -> Result<Duration, SendError> {
        let start = Instant::now();
        let until = start + deadline;
        let content = {
            let mut pings = self.pings.lock().unwrap_or_else(PoisonError::into_inner);
            *pings += 1;
            format!("mpws ping {pings}").into_bytes()
        };
        let (answer, pong) = oneshot::channel();
        self.waiting().insert(content.clone(), answer);
        let frame = Message::Ping(content.clone().into());
        let sent = self.write(|_| Ok(vec![frame]), "sending a ping", deadline);
        let sent = sent.await;
        let result = match sent {
            Err(error) => Err(error),
            Ok(()) => match timeout_at(until, pong).await {
                Ok(Ok(())) => Ok(start.elapsed()),
                Ok(Err(_)) => Err(self.ended_error()),
                Err(_) => Err(SendError::Deadline {
                    what: "a pong",
                    after: deadline,
                }),
            },
        };
        self.waiting().remove(&content);
        result
    }

    /// Sends a close frame and waits until the connection has ended; it is cut off after the
    /// connection's close deadline.
    ///
    /// # Errors
    ///
    /// As [`Self::send`]; [`SendError::Deadline`] also where the connection has not ended in time.
    pub async fn close(
        &self,
        code: u16,
        reason: &str,
        deadline: Duration,
    ) -> Result<ConnectionEnd, SendError> {
        let until = Instant::now() + deadline;
        let frame = Message::Close(Some(close_frame(code, reason)));
        let sent = self.write(|_| Ok(vec![frame]), "sending a close frame", deadline);
        let sent = sent.await;
        self.closing.send_if_modified(|closing| {
            let begins = closing.is_none();
            closing.get_or_insert(Instant::now() + self.close_deadline);
            begins
        });
        match sent {
            // A connection that has ended, or is being closed by the other side, needs no close
            // frame of ours.
            Ok(()) | Err(SendError::Ended { .. } | SendError::WebSocket(_)) => {}
            Err(error) => return Err(error),
        }
        self.ended(until.saturating_duration_since(Instant::now()))
            .await
            .ok_or(SendError::Deadline {
                what: "the end of the connection",
                after: deadline,
            })
    }

    /// Waits until the connection has ended, dropping messages that still come; `None` where
    /// `deadline` came first.
    pub async fn ended(&self, deadline: Duration) -> Option<ConnectionEnd> {
        let drop_all = async {
            while self.inbox.lock().await.recv().await.is_some() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            over = self.over(deadline) => if over { self.recorder.edit().end.clone() } else { None },
            () = drop_all => None,
        }
    }

    /// The socket now; `None` once it is closed.
    pub fn facts(&self) -> Option<SocketFacts> {
        self.recorder.watch().with(|fd| SocketFacts::of(fd))?.ok()
    }

    /// What is known of the connection.
    pub fn report(&self) -> ConnectionReport {
        self.recorder.snapshot()
    }

    /// `OPEN`, `CLOSING` or `CLOSED`.
    pub fn state(&self) -> &'static str {
        match (*self.ended.borrow(), self.closing.borrow().is_some()) {
            (true, _) => "CLOSED",
            (false, true) => "CLOSING",
            (false, false) => "OPEN",
        }
    }

    async fn over(&self, deadline: Duration) -> bool {
        let mut ended = self.ended.clone();
        let waited = timeout(deadline, ended.wait_for(|&ended| ended)).await;
        matches!(waited, Ok(Ok(_)))
    }

    /// Sends what `make` makes, which it does when its turn has come.
    async fn write(
        &self,
        make: impl FnOnce(Option<&mut Deflating>) -> Result<Vec<Message>, tungstenite::Error>,
        what: &'static str,
        deadline: Duration,
    ) -> Result<(), SendError> {
        let writing = async {
            let mut sink = self.sink.lock().await;
            let Some(open) = sink.as_mut() else {
                return Err(self.ended_error());
            };
            let result = open.send(make).await.map_err(SendError::from);
            if *self.ended.borrow() {
                // The pump could not take it while this call held it.
                sink.take();
            }
            result
        };
        match timeout(deadline, writing).await {
            Ok(result) => result,
            Err(_) => Err(SendError::Deadline {
                what,
                after: deadline,
            }),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, oneshot::Sender<()>>> {
        self.pongs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended_error(&self) -> SendError {
        let (end, source) = self.how_ended();
        SendError::Ended { end, source }
    }

    fn how_ended(&self) -> (Option<ConnectionEnd>, Option<io::Error>) {
        let end = self.recorder.edit().end.clone();
        let source = match end.as_ref().map(|end| end.transport) {
            Some(TransportEnd::Error { errno }) => Some(io::Error::from_raw_os_error(errno)),
            _ => None,
        };
        (end, source)
    }
}

impl Sending {
    async fn send(
        &mut self,
        make: impl FnOnce(Option<&mut Deflating>) -> Result<Vec<Message>, tungstenite::Error>,
    ) -> Result<(), tungstenite::Error> {
        let mut of_a_message = false;
        for message in make(self.deflating.as_mut())? {
            of_a_message |= matches!(message, Message::Frame(_));
            self.sink.send(message).await?;
        }
        if let Some(deflating) = self.deflating.as_mut().filter(|_| of_a_message) {
            deflating.handed_on();
        }
        Ok(())
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// Reads for a connection, so that pings are answered and the end is seen while nobody receives.
struct Pump {
    stream: SplitStream<WebSocket>,
    sink: Arc<Sink>,
    pongs: Arc<Pongs>,
    outbox: mpsc::Sender<Received>,
    closing: watch::Sender<Option<Instant>>,
    recorder: Recorder,
    close_deadline: Duration,
}

impl Pump {
    async fn run(mut self) {
        let mut close = None;
        let mut closing = self.closing.subscribe();
        let result = loop {
            let next = tokio::select! {
                next = self.stream.next() => next,
                () = passed(&mut closing) => {
                    break Err(SendError::Deadline {
                        what: "the closing handshake",
                        after: self.close_deadline,
                    });
                }
            };
            match next {
                None => break Ok(()),
                Some(Err(error)) => break Err(SendError::WebSocket(error)),
                Some(Ok(Message::Text(text))) => {
                    self.hand_on(MessageKind::Text, text.into(), &mut closing)
                        .await;
                }
                Some(Ok(Message::Binary(content))) => {
                    self.hand_on(MessageKind::Binary, content, &mut closing)
                        .await;
                }
                Some(Ok(Message::Pong(content))) => {
                    let mut pongs = self.pongs.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(answer) = pongs.remove(&content[..]) {
                        // Who no longer waits does not mind.
                        let _ = answer.send(());
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    close = Some(seen(frame.as_ref()));
                    self.closing.send_modify(|closing| {
                        closing.get_or_insert(Instant::now() + self.close_deadline);
                    });
                }
                Some(Ok(_)) => {}
            }
        };
        self.finish(close, result).await;
    }

    async fn hand_on(
        &self,
        kind: MessageKind,
        content: Bytes,
        closing: &mut watch::Receiver<Option<Instant>>,
    ) {
        self.recorder.received(kind, &content);
        tokio::select! {
            biased;
            // An error means that the connection is being dropped.
            _ = self.outbox.send(Received { kind, content }) => {}
            // Nobody may ever receive it; the closing handshake must go on.
            _ = begun(closing) => {}
        }
    }

    async fn finish(self, close: Option<(u16, String)>, result: Result<(), SendError>) {
        let closing = *self.closing.borrow();
        let until = closing.unwrap_or_else(|| Instant::now() + self.close_deadline);
        let mut how = TransportEnd::Local;
        // A sender that is stuck gives the sink back when its own deadline has passed.
        let sink = timeout_at(until, self.sink.lock()).await;
        if let Some(sink) = sink.ok().and_then(|mut sink| sink.take())
            && let Ok(mut ws) = self.stream.reunite(sink.sink)
        {
            if let Err(SendError::WebSocket(error)) = &result
                && let Some(code) = verdict(error)
            {
                let closed = ws.close(Some(close_frame(code, &error.to_string())));
                // The error of interest is the violation.
                let _ = timeout_at(until, closed).await;
            }
            let dead = matches!(&result, Err(SendError::WebSocket(error)) if is_dead(error));
            if !dead && !linger(&mut ws.get_mut().channel, until).await {
                how = TransportEnd::Timeout;
            }
        }
        self.pongs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let error = result.as_ref().err();
        let error = error.map(|e| e as &(dyn std::error::Error + 'static));
        self.recorder.end(close, how, error);
        tracing::debug!(end = ?self.recorder.edit().end, "connection ended");
    }
}

/// Waits until closing has begun and its deadline has passed.
async fn passed(closing: &mut watch::Receiver<Option<Instant>>) {
    match begun(closing).await {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
