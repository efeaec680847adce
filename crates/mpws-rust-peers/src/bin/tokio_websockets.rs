//! tokio-websockets: a task for each connection.

#![forbid(unsafe_code)]

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use mpws_protocol::SocketFacts;
use mpws_protocol::payload::MessageKind;
use mpws_rust_peers::{
    AFTER_ACCEPT_ERROR, Answer, Closed, Event, Failure, Library, Message, Opening, Serving, Stop,
    Talk, failure, late, run, sockets,
};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_websockets::{ClientBuilder, CloseCode, Limits, ServerBuilder, WebSocketStream};

fn main() {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start the runtime: {error}");
            std::process::exit(1);
        }
    };
    let library = TokioWebsockets(runtime.handle().clone());
    std::process::exit(run(library));
}

type Stream = WebSocketStream<tokio::net::TcpStream>;

/// Runs on this runtime; the adapter's threads wait for it.
struct TokioWebsockets(Handle);

impl Library for TokioWebsockets {
    const NAME: &'static str = "tokio-websockets";
    const VERSION: &'static str = env!("TOKIO_WEBSOCKETS_VERSION");
    const IMPLEMENTATION: &'static str = "tokio";

    fn open(&self, socket: TcpStream, wanted: &Opening) -> Result<Box<dyn Talk>, Failure> {
        let builder = ClientBuilder::new()
            .uri(&wanted.uri)
            .map_err(|error| failure::of("http::uri::InvalidUri", &error))?
            .limits(limits(wanted.max_size));
        socket.set_nonblocking(true)?;
        let opened: Result<Stream, Failure> = self.0.block_on(async {
            let socket = tokio::net::TcpStream::from_std(socket)?;
            let opening = tokio::time::timeout(wanted.limit, builder.connect_on(socket));
            let opened = opening
                .await
                .map_err(|late| failure::of("tokio::time::error", &late))?;
            let (ws, _) = opened.map_err(|error| library_error(&error))?;
            Ok(ws)
        });
        Ok(Box::new(Client {
            runtime: self.0.clone(),
            ws: opened?,
            close: None,
        }))
    }

    fn serve(&self, listener: TcpListener, serving: Serving) -> Result<Box<dyn Stop>, Failure> {
        listener.set_nonblocking(true)?;
        let _inside = self.0.enter();
        // tokio tries when epoll says so, which it may never do of what is no listener: so it is
        // tried once before.
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                let stream = tokio::net::TcpStream::from_std(stream)?;
                self.0.spawn(session(stream, serving.clone()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(Box::new(Server {
            runtime: self.0.clone(),
            accepting: self.0.spawn(accept(listener, serving)),
        }))
    }
}

struct Client {
    runtime: Handle,
    ws: Stream,
    /// The close frame that has come.
    close: Option<Closed>,
}

impl Talk for Client {
    fn send(&mut self, message: Message, frames: u8, until: Instant) -> Result<(), Failure> {
        if frames != 1 {
            let why = "the library cuts messages by size only";
            return Err(Failure::unsupported(why));
        }
        let message = outgoing(&message)?;
        self.put(message, "connection.send", until)
    }

    fn ping(&mut self, content: &[u8], until: Instant) -> Result<(), Failure> {
        let ping = tokio_websockets::Message::ping(content.to_vec());
        self.put(ping, "connection.ping", until)
    }

    fn close(&mut self, code: u16, reason: &str, until: Instant) -> Result<(), Failure> {
        let close = close(code, reason)?;
        self.put(close, "connection.close", until)
    }

    fn next(&mut self, until: Instant) -> Result<Event, Failure> {
        let Self { runtime, ws, close } = self;
        within(runtime, until, "connection.receive", async {
            match ws.next().await {
                Some(Ok(message)) if message.is_pong() => {
                    Ok(Event::Pong(message.as_payload().to_vec()))
                }
                Some(Ok(message)) if message.is_close() => {
                    *close = Some(closed(&message));
                    Ok(Event::Other)
                }
                Some(Ok(message)) => Ok(incoming(message).map_or(Event::Other, Event::Message)),
                Some(Err(error)) => Err(library_error(&error)),
                None => {
                    let close = close.take().unwrap_or_else(Closed::without_frame);
                    Ok(Event::Closed(close))
                }
            }
        })
    }

    fn facts(&self) -> SocketFacts {
        sockets::facts(self.ws.get_ref())
    }
}

impl Client {
    fn put(
        &mut self,
        message: tokio_websockets::Message,
        what: &str,
        until: Instant,
    ) -> Result<(), Failure> {
        let Self { runtime, ws, .. } = self;
        within(runtime, until, what, async {
            ws.send(message)
                .await
                .map_err(|error| library_error(&error))
        })
    }
}

struct Server {
    runtime: Handle,
    accepting: JoinHandle<()>,
}

impl Stop for Server {
    fn stop(&mut self, until: Instant) -> Result<(), Failure> {
        let Self { runtime, accepting } = self;
        accepting.abort();
        within(runtime, until, "server.stop", async {
            match accepting.await {
                Err(error) if error.is_panic() => {
                    Err(Failure::plain("mpws.Panic", &error.to_string()))
                }
                _ => Ok(()),
            }
        })
    }
}

async fn accept(listener: tokio::net::TcpListener, serving: Serving) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(session(stream, serving.clone()));
            }
            Err(error) if serving.history.goes_on_after(&error) => {
                tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
            }
            Err(_) => return,
        }
    }
}

/// One connection of the server, from the handshake to the end.
async fn session(stream: tokio::net::TcpStream, serving: Serving) {
    let builder = ServerBuilder::new().limits(limits(serving.max_size));
    let upgraded = tokio::time::timeout(serving.limit, builder.accept(stream));
    let (request, mut ws) = match upgraded.await {
        Ok(Ok(upgraded)) => upgraded,
        Ok(Err(error)) => return eprintln!("handshake: {error}"),
        Err(late) => return eprintln!("handshake: {late}"),
    };
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let place = serving.history.begin(sockets::facts(ws.get_ref()), headers);
    let ended = converse(&mut ws, place, &serving).await;
    drop(ws);
    serving.history.end(place, ended);
}

async fn converse(ws: &mut Stream, place: usize, serving: &Serving) -> Result<Closed, Failure> {
    let mut close_frame = None;
    while let Some(message) = ws.next().await {
        let message = match message {
            Ok(message) => message,
            Err(error) => {
                // The library has a close frame ready where the client broke a rule; it is sent
                // when it is used on.
                drop(ws.close().await);
                return Err(library_error(&error));
            }
        };
        if message.is_close() {
            close_frame = Some(closed(&message));
        }
        let Some(message) = incoming(message) else {
            continue;
        };
        let answers = match serving.history.answer(place, message) {
            Answer::Send(answers) => {
                let answers = answers.iter().map(outgoing);
                answers.collect::<Result<Vec<_>, _>>()?
            }
            Answer::Close(code, reason) => vec![close(code, &reason)?],
        };
        for answer in answers {
            let sent = ws.send(answer).await;
            sent.map_err(|error| library_error(&error))?;
        }
    }
    Ok(close_frame.unwrap_or_else(Closed::without_frame))
}

fn within<T>(
    runtime: &Handle,
    until: Instant,
    what: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let left: Duration = until.saturating_duration_since(Instant::now());
    runtime.block_on(async {
        let done = tokio::time::timeout(left, work).await;
        done.unwrap_or_else(|_| Err(late(what)))
    })
}

fn outgoing(message: &Message) -> Result<tokio_websockets::Message, Failure> {
    match (message.kind, message.text()) {
        (MessageKind::Text, Some(text)) => Ok(tokio_websockets::Message::text(text)),
        (MessageKind::Text, None) => Err(Failure::unsupported("text that is not UTF-8")),
        (MessageKind::Binary, _) => Ok(tokio_websockets::Message::binary(message.content.clone())),
    }
}

/// A message of the user; `None` for frames of the protocol.
fn incoming(message: tokio_websockets::Message) -> Option<Message> {
    let kind = if message.is_text() {
        MessageKind::Text
    } else if message.is_binary() {
        MessageKind::Binary
    } else {
        return None;
    };
    Some(Message {
        kind,
        content: message.into_payload().to_vec(),
    })
}

fn close(code: u16, reason: &str) -> Result<tokio_websockets::Message, Failure> {
    let code = CloseCode::try_from(code)
        .map_err(|_| Failure::unsupported(format!("the library has no close code {code}")))?;
    Ok(tokio_websockets::Message::close(Some(code), reason))
}

fn closed(message: &tokio_websockets::Message) -> Closed {
    let frame = message.as_close();
    Closed::with(frame.map(|(code, reason)| (code.into(), reason.to_owned())))
}

fn limits(max_size: Option<usize>) -> Limits {
    match max_size {
        Some(size) => Limits::default().max_payload_len(Some(size)),
        None => Limits::default(),
    }
}

fn library_error(error: &tokio_websockets::Error) -> Failure {
    failure::of("tokio_websockets::Error", error)
}
