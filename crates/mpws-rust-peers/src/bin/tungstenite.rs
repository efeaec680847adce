//! tungstenite, used blocking: a thread for each connection.

#![forbid(unsafe_code)]

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mpws_protocol::SocketFacts;
use mpws_protocol::payload::MessageKind;
use mpws_rust_peers::{
    AFTER_ACCEPT_ERROR, Answer, Closed, Event, Failure, Library, Message, Opening, Serving, Stop,
    Talk, failure, late, run, sockets,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::handshake::{HandshakeError, HandshakeRole};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{WebSocket, WebSocketConfig};

fn main() {
    std::process::exit(run(Tungstenite));
}

struct Tungstenite;

impl Library for Tungstenite {
    const NAME: &'static str = "tungstenite";
    const VERSION: &'static str = env!("TUNGSTENITE_VERSION");
    const IMPLEMENTATION: &'static str = "sync";

    fn open(&self, socket: TcpStream, wanted: &Opening) -> Result<Box<dyn Talk>, Failure> {
        limit(&socket, Some(wanted.limit))?;
        let config = config(wanted.max_size);
        let (ws, _) = tungstenite::client::client_with_config(&wanted.uri, socket, Some(config))
            .map_err(|error| handshake(&error))?;
        Ok(Box::new(Client { ws, close: None }))
    }

    fn serve(&self, listener: TcpListener, serving: Serving) -> Result<Box<dyn Stop>, Failure> {
        // A connection may be gone between poll and accept, which must not wait for the next one
        // then.
        listener.set_nonblocking(true)?;
        let (stop, stopped) = UnixStream::pair()?;
        let accepting = std::thread::spawn(move || accept(&listener, &stopped, &serving));
        Ok(Box::new(Server {
            stop,
            accepting: Some(accepting),
        }))
    }
}

struct Client {
    ws: WebSocket<TcpStream>,
    /// The close frame that has come.
    close: Option<Closed>,
}

impl Talk for Client {
    fn send(&mut self, message: Message, frames: u8, until: Instant) -> Result<(), Failure> {
        self.until(until)?;
        let sent = match frames {
            1 => self.ws.send(outgoing(&message)?),
            _ => send_in_frames(&mut self.ws, message, usize::from(frames)),
        };
        sent.map_err(|error| library_error("connection.send", &error))
    }

    fn ping(&mut self, content: &[u8], until: Instant) -> Result<(), Failure> {
        self.until(until)?;
        let ping = tungstenite::Message::Ping(content.to_vec().into());
        self.ws
            .send(ping)
            .map_err(|error| library_error("connection.ping", &error))
    }

    fn close(&mut self, code: u16, reason: &str, until: Instant) -> Result<(), Failure> {
        self.until(until)?;
        match close(&mut self.ws, code, reason) {
            Ok(()) | Err(tungstenite::Error::ConnectionClosed) => Ok(()),
            Err(error) => Err(library_error("connection.close", &error)),
        }
    }

    fn next(&mut self, until: Instant) -> Result<Event, Failure> {
        loop {
            self.until(until)?;
            return Ok(match self.ws.read() {
                Ok(tungstenite::Message::Close(frame)) => {
                    // The library wants to be read on until it says that all is over.
                    self.close = Some(closed(frame));
                    continue;
                }
                Ok(tungstenite::Message::Pong(content)) => Event::Pong(content.to_vec()),
                Ok(message) => incoming(message).map_or(Event::Other, Event::Message),
                Err(tungstenite::Error::ConnectionClosed) => {
                    Event::Closed(self.close.take().unwrap_or_else(Closed::without_frame))
                }
                Err(error) => return Err(library_error("connection.receive", &error)),
            });
        }
    }

    fn facts(&self) -> SocketFacts {
        sockets::facts(self.ws.get_ref())
    }
}

impl Client {
    /// The library waits as long as its stream does.
    fn until(&self, until: Instant) -> Result<(), Failure> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late("the operation"));
        }
        Ok(limit(self.ws.get_ref(), Some(left))?)
    }
}

struct Server {
    /// Closed, it ends the accepting thread.
    stop: UnixStream,
    accepting: Option<JoinHandle<()>>,
}

impl Stop for Server {
    fn stop(&mut self, _: Instant) -> Result<(), Failure> {
        self.stop.shutdown(Shutdown::Both)?;
        let ended = self.accepting.take().map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_| Failure::plain("mpws.Panic", "the accepting thread panicked"))
    }
}

fn accept(listener: &TcpListener, stopped: &UnixStream, serving: &Serving) {
    loop {
        // Tried before waiting: what is no listener may never become readable.
        match listener.accept() {
            Ok((stream, _)) => {
                let serving = serving.clone();
                std::thread::spawn(move || session(stream, &serving));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut waiting = [
                    PollFd::new(listener.as_fd(), PollFlags::POLLIN),
                    PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
                ];
                if poll(&mut waiting, PollTimeout::NONE).is_ok() && waiting[1].any() != Some(false)
                {
                    return;
                }
            }
            Err(error) if serving.history.goes_on_after(&error) => {
                std::thread::sleep(AFTER_ACCEPT_ERROR);
            }
            Err(_) => return,
        }
    }
}

/// One connection of the server, from the handshake to the end.
fn session(stream: TcpStream, serving: &Serving) {
    let upgraded = limit(&stream, Some(serving.limit))
        .map_err(Failure::from)
        .and_then(|()| upgrade(stream, serving));
    let (mut ws, headers) = match upgraded {
        Ok(upgraded) => upgraded,
        Err(failure) => return eprintln!("handshake: {failure:?}"),
    };
    let headers = headers.iter().map(|(name, value)| (&name[..], &value[..]));
    let place = serving.history.begin(sockets::facts(ws.get_ref()), headers);
    let ended = limit(ws.get_ref(), None)
        .map_err(Failure::from)
        .and_then(|()| converse(&mut ws, place, serving));
    drop(ws);
    serving.history.end(place, ended);
}

type Headers = Vec<(String, Vec<u8>)>;

fn upgrade(
    stream: TcpStream,
    serving: &Serving,
) -> Result<(WebSocket<TcpStream>, Headers), Failure> {
    let mut headers = Headers::new();
    #[expect(clippy::result_large_err, reason = "the library's type of a callback")]
    let keep = |request: &Request, response: Response| {
        for (name, value) in request.headers() {
            headers.push((name.to_string(), value.as_bytes().to_vec()));
        }
        Ok(response)
    };
    let config = Some(config(serving.max_size));
    let ws = tungstenite::accept_hdr_with_config(stream, keep, config)
        .map_err(|error| handshake(&error))?;
    Ok((ws, headers))
}

fn converse(
    ws: &mut WebSocket<TcpStream>,
    place: usize,
    serving: &Serving,
) -> Result<Closed, Failure> {
    let failed = |error: tungstenite::Error| library_error("reading or writing", &error);
    let mut close_frame = None;
    loop {
        let message = match ws.read() {
            Ok(tungstenite::Message::Close(frame)) => {
                close_frame = Some(closed(frame));
                continue;
            }
            Ok(message) => message,
            Err(tungstenite::Error::ConnectionClosed) => {
                return Ok(close_frame.unwrap_or_else(Closed::without_frame));
            }
            Err(error) => return Err(failed(error)),
        };
        let Some(message) = incoming(message) else {
            continue;
        };
        match serving.history.answer(place, message) {
            Answer::Send(answers) => {
                for answer in answers {
                    ws.send(outgoing(&answer)?).map_err(failed)?;
                }
            }
            Answer::Close(code, reason) => close(ws, code, &reason).map_err(failed)?,
        }
    }
}

fn close(ws: &mut WebSocket<TcpStream>, code: u16, reason: &str) -> tungstenite::Result<()> {
    ws.close(Some(CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }))?;
    ws.flush()
}

fn send_in_frames(
    ws: &mut WebSocket<TcpStream>,
    message: Message,
    frames: usize,
) -> tungstenite::Result<()> {
    let opcode = match message.kind {
        MessageKind::Text => Data::Text,
        MessageKind::Binary => Data::Binary,
    };
    let content = message.content;
    for number in 0..frames {
        let part = content.len() * number / frames..content.len() * (number + 1) / frames;
        let opcode = if number == 0 { opcode } else { Data::Continue };
        let frame = Frame::message(
            content[part].to_vec(),
            OpCode::Data(opcode),
            number + 1 == frames,
        );
        ws.write(tungstenite::Message::Frame(frame))?;
    }
    ws.flush()
}

fn outgoing(message: &Message) -> Result<tungstenite::Message, Failure> {
    match (message.kind, message.text()) {
        (MessageKind::Text, Some(text)) => Ok(tungstenite::Message::text(text)),
        (MessageKind::Text, None) => Err(Failure::unsupported("text that is not UTF-8")),
        (MessageKind::Binary, _) => Ok(tungstenite::Message::binary(message.content.clone())),
    }
}

/// A message of the user; `None` for frames of the protocol.
fn incoming(message: tungstenite::Message) -> Option<Message> {
    let kind = match &message {
        tungstenite::Message::Text(_) => MessageKind::Text,
        tungstenite::Message::Binary(_) => MessageKind::Binary,
        _ => return None,
    };
    Some(Message {
        kind,
        content: message.into_data().to_vec(),
    })
}

fn closed(frame: Option<CloseFrame>) -> Closed {
    Closed::with(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
}

fn config(max_size: Option<usize>) -> WebSocketConfig {
    match max_size {
        Some(size) => WebSocketConfig::default()
            .max_message_size(Some(size))
            .max_frame_size(Some(size)),
        None => WebSocketConfig::default(),
    }
}

fn limit(stream: &TcpStream, limit: Option<Duration>) -> io::Result<()> {
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)
}

fn handshake<R: HandshakeRole>(error: &HandshakeError<R>) -> Failure {
    match error {
        HandshakeError::Failure(error) => failure::of("tungstenite::Error", error),
        // What a blocking user gets when the limit of the stream is over.
        HandshakeError::Interrupted(_) => Failure::plain(
            "tungstenite::HandshakeError::Interrupted",
            &error.to_string(),
        ),
    }
}

/// A limit of the stream is the adapter's own.
fn library_error(what: &str, error: &tungstenite::Error) -> Failure {
    match error {
        tungstenite::Error::Io(io) if io.kind() == io::ErrorKind::WouldBlock => late(what),
        error => failure::of("tungstenite::Error", error),
    }
}
