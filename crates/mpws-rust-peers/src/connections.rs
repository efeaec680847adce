//! `client.*` and `connection.*`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mpws_protocol::payload::{Digested, Payload};
use mpws_protocol::{
    BurstDone, ClientOpen, ClientOpened, ConnectionBurst, ConnectionClose, ConnectionEnd,
    ConnectionEnded, ConnectionFacts, ConnectionId, ConnectionLook, ConnectionPing,
    ConnectionReceive, ConnectionSend, Failure, Nothing, PingDone, SocketFacts, micros_since,
};

use crate::failure::refuse;
use crate::library::{Library, Opening, Talk};
use crate::limits::{after, size};
use crate::message::{Closed, Event, Message, ended_with, failed_with};
use crate::sockets::Sockets;

/// The connections that were opened, by number.
#[derive(Default)]
pub struct Connections(Mutex<Vec<Arc<Connection>>>);

/// One connection of a client. Its operations run one after the other.
struct Connection(Mutex<State>);

struct State {
    /// `None` once it is over: dropped, and so closed.
    talk: Option<Box<dyn Talk>>,
    /// Messages that came while something else was waited for.
    early: VecDeque<Message>,
    end: Option<ConnectionEnd>,
}

impl Connections {
    pub(crate) fn open(
        &self,
        library: &impl Library,
        sockets: &Sockets,
        args: ClientOpen,
    ) -> Result<ClientOpened, Failure> {
        refuse(&[
            (args.as_descriptor, "bare descriptors"),
            (args.host.is_some() || args.port.is_some(), "host and port"),
            (args.null_host, "null_host"),
            (args.protocol.is_some(), "sockets of its own"),
            (args.deflate, "permessage-deflate"),
            (!args.subprotocols.is_empty(), "subprotocols"),
            (args.tls.is_some(), "TLS"),
            (args.top_level, "top-level names"),
            (!args.extra.is_empty(), "further arguments"),
        ])?;
        let number = args
            .socket
            .ok_or_else(|| Failure::unsupported("this peer has no sockets of its own"))?;
        let wanted = Opening {
            uri: args.uri,
            limit: Duration::from_millis(args.open_timeout_ms),
            max_size: args.max_size.map(size),
        };
        // A socket that is closed already cannot be handed over, and is not left open.
        let (socket, inode) = sockets
            .give(number)
            .map_err(|failure| failure.socket_after(SocketFacts::default()))?;
        let talk = library
            .open(socket.into(), &wanted)
            .map_err(|failure| failure.socket_after(inode.facts()))?;
        let facts = talk.facts();
        let connection = Connection(Mutex::new(State {
            talk: Some(talk),
            early: VecDeque::new(),
            end: None,
        }));
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(Arc::new(connection));
        Ok(ClientOpened {
            connection: ConnectionId::try_from(open.len()).unwrap_or(ConnectionId::MAX),
            facts,
            subprotocol: None,
            extensions: Vec::new(),
        })
    }

    pub(crate) fn send(&self, args: ConnectionSend) -> Result<Nothing, Failure> {
        let message = Message::from(&args.message);
        let connection = self.of(args.connection)?;
        connection
            .state()
            .send(message, args.fragments, after(args.deadline_ms))?;
        Ok(Nothing {})
    }

    pub(crate) fn receive(&self, args: ConnectionReceive) -> Result<Digested, Failure> {
        let connection = self.of(args.connection)?;
        let message = connection.state().receive(after(args.deadline_ms))?;
        Ok(Digested::of(message.kind, &message.content))
    }

    pub(crate) fn burst(&self, args: ConnectionBurst) -> Result<BurstDone, Failure> {
        let connection = self.of(args.connection)?;
        let mut state = connection.state();
        let until = after(args.deadline_ms);
        let message = Message::from(&Payload::Binary {
            size: args.size,
            seed: 0,
        });
        let mut rounds_us = Vec::new();
        for _ in 0..args.rounds {
            let start = Instant::now();
            for _ in 0..args.writes {
                state.send(message.clone(), args.fragments, until)?;
            }
            for _ in 0..args.answers {
                state.receive(until)?;
            }
            rounds_us.push(micros_since(start));
        }
        Ok(BurstDone { rounds_us })
    }

    pub(crate) fn ping(&self, args: ConnectionPing) -> Result<PingDone, Failure> {
        let connection = self.of(args.connection)?;
        let start = Instant::now();
        connection.state().ping(after(args.deadline_ms))?;
        Ok(PingDone {
            rtt_us: micros_since(start),
        })
    }

    pub(crate) fn close(&self, args: ConnectionClose) -> Result<ConnectionEnd, Failure> {
        let connection = self.of(args.connection)?;
        let mut state = connection.state();
        let until = after(args.deadline_ms);
        if state.end.is_none() {
            state
                .talk()?
                .close(args.code, &args.reason, until)
                .or_else(|failure| state.failed(failure).map(drop))?;
        }
        state.ended(until)
    }

    pub(crate) fn ended(&self, args: ConnectionEnded) -> Result<ConnectionEnd, Failure> {
        let connection = self.of(args.connection)?;
        connection.state().ended(after(args.deadline_ms))
    }

    pub(crate) fn look(&self, args: ConnectionLook) -> Result<ConnectionFacts, Failure> {
        let connection = self.of(args.connection)?;
        let state = connection.state();
        let facts = state.talk.as_ref().map(|talk| talk.facts());
        Ok(ConnectionFacts {
            state: if facts.is_some() { "OPEN" } else { "CLOSED" }.to_owned(),
            facts: facts.unwrap_or_else(SocketFacts::default),
        })
    }

    fn of(&self, number: ConnectionId) -> Result<Arc<Connection>, Failure> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        open.get(index.wrapping_sub(1))
            .cloned()
            .ok_or_else(|| Failure::unsupported(format!("there is no connection {number}")))
    }
}

impl Connection {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send(&mut self, message: Message, frames: u8, until: Instant) -> Result<(), Failure> {
        self.talk()?.send(message, frames, until)
    }

    fn receive(&mut self, until: Instant) -> Result<Message, Failure> {
        if let Some(message) = self.early.pop_front() {
            return Ok(message);
        }
        loop {
            if let Event::Message(message) = self.next(until)? {
                return Ok(message);
            }
        }
    }

    fn ping(&mut self, until: Instant) -> Result<(), Failure> {
        let content = b"mpws";
        self.talk()?.ping(content, until)?;
        loop {
            match self.next(until)? {
                Event::Message(message) => self.early.push_back(message),
                Event::Pong(got) if got == content => return Ok(()),
                _ => {}
            }
        }
    }

    /// Reads and drops what comes until the end.
    fn ended(&mut self, until: Instant) -> Result<ConnectionEnd, Failure> {
        loop {
            if let Some(end) = &self.end {
                return Ok(end.clone());
            }
            match self.next(until) {
                Err(failure) if self.end.is_none() => return Err(failure),
                _ => {}
            }
        }
    }

    /// What comes next; the end is an error.
    fn next(&mut self, until: Instant) -> Result<Event, Failure> {
        match self.talk()?.next(until) {
            Ok(Event::Closed(closed)) => {
                let said = closed_error(&closed);
                self.over(ended_with(closed));
                Err(said)
            }
            Ok(event) => Ok(event),
            Err(failure) => self.failed(failure),
        }
    }

    /// An error of the library ends the connection, the adapter's own limit does not.
    fn failed(&mut self, failure: Failure) -> Result<Event, Failure> {
        if let Failure::Error(record) = &failure
            && !failure.is_deadline()
        {
            self.over(failed_with(record));
        }
        Err(failure)
    }

    fn over(&mut self, end: ConnectionEnd) {
        self.talk = None;
        self.end = Some(end);
    }

    fn talk(&mut self) -> Result<&mut Box<dyn Talk>, Failure> {
        let end = self.end.as_ref();
        self.talk.as_mut().ok_or_else(|| {
            let code = end.and_then(|end| end.code).unwrap_or(1006);
            Failure::plain(
                "mpws.Closed",
                &format!("the connection has ended with {code}"),
            )
        })
    }
}

fn closed_error(closed: &Closed) -> Failure {
    let Closed { code, reason } = closed;
    Failure::plain("mpws.Closed", &format!("code {code}, reason {reason:?}"))
}
