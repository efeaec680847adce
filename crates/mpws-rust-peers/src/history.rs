//! What a server remembers of its connections, and what it answers to them.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mpws_protocol::payload::{Digested, Payload};
use mpws_protocol::script::Behaviour;
use mpws_protocol::{
    ConnectionEnd, ConnectionRecord, ErrorRecord, Failure, ServerWait, SocketFacts,
};
use nix::libc;

use crate::message::{Closed, Message, ended_with, failed_with};

/// How long an accept loop waits after an error: without descriptors the next `accept()` fails at
/// once.
pub const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);

/// Messages whose digests are kept.
const KEPT_MESSAGES: usize = 64;

/// Header fields that are kept.
const KEPT_HEADERS: [&str; 3] = ["Host", "User-Agent", "Sec-WebSocket-Extensions"];

/// Errors of `accept()` after which the next one may succeed (accept(2)).
const PASSING: [i32; 6] = [
    libc::ECONNABORTED,
    libc::EINTR,
    libc::EMFILE,
    libc::ENFILE,
    libc::ENOBUFS,
    libc::ENOMEM,
];

/// The connections of a server, and what it answers to them.
#[derive(Debug)]
pub struct History {
    behaviour: Behaviour,
    connections: Mutex<Vec<ConnectionRecord>>,
    /// Why accepting has ended by itself.
    error: Mutex<Option<ErrorRecord>>,
    changed: Condvar,
}

/// What a server is to do after a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Send these, one after the other.
    Send(Vec<Message>),
    /// Close with this code and reason.
    Close(u16, String),
}

impl History {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            connections: Mutex::default(),
            error: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// A connection was upgraded; gives its place.
    pub fn begin<'a>(
        &self,
        facts: SocketFacts,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> usize {
        let kept = |name: &str| KEPT_HEADERS.iter().find(|k| k.eq_ignore_ascii_case(name));
        let request_headers = headers.filter_map(|(name, value)| {
            let value = String::from_utf8_lossy(value).into_owned();
            Some(((*kept(name)?).to_owned(), value))
        });
        let request_headers = request_headers.collect();
        let mut connections = self.connections();
        let place = connections.len();
        connections.push(ConnectionRecord {
            number: u32::try_from(place + 1).unwrap_or(u32::MAX),
            facts,
            upgraded: true,
            subprotocol: None,
            extensions: Vec::new(),
            request_headers,
            received: Vec::new(),
            received_count: 0,
            raw_bytes: None,
            end: None,
        });
        self.changed.notify_all();
        place
    }

    /// A message came to the connection at this place; what to do.
    pub fn answer(&self, place: usize, message: Message) -> Answer {
        let mut connections = self.connections();
        let record = &mut connections[place];
        record.received_count += 1;
        if record.received.len() < KEPT_MESSAGES {
            let digested = Digested::of(message.kind, &message.content);
            record.received.push(digested);
        }
        let even = record.received_count.is_multiple_of(2);
        drop(connections);
        match &self.behaviour {
            Behaviour::Close { code, reason } => Answer::Close(*code, reason.clone()),
            Behaviour::AnswerTwice => Answer::Send(vec![message.clone(), message]),
            Behaviour::AnswerPairs if !even => Answer::Send(Vec::new()),
            &Behaviour::AnswerWith { size } => {
                Answer::Send(vec![Message::from(&Payload::Binary { size, seed: 0 })])
            }
            _ => Answer::Send(vec![message]),
        }
    }

    /// The connection at this place has ended, and its socket is closed.
    pub fn end(&self, place: usize, how: Result<Closed, Failure>) {
        let end = match how {
            Ok(closed) => ended_with(closed),
            Err(Failure::Error(record)) => failed_with(&record),
            Err(Failure::Unsupported(_)) => ConnectionEnd::default(),
        };
        self.connections()[place].end = Some(end);
        self.changed.notify_all();
    }

    /// An `accept()` failed. `false` where no other will do better, and accepting ends with this
    /// error.
    pub fn goes_on_after(&self, error: &io::Error) -> bool {
        eprintln!("accept: {error}");
        let errno = error.raw_os_error();
        if errno.is_some_and(|errno| PASSING.contains(&errno)) {
            return true;
        }
        let copy = errno.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        if let Failure::Error(record) = Failure::from(copy) {
            *self.error() = Some(*record);
        }
        // Whoever waits holds the connections when it looks.
        drop(self.connections());
        self.changed.notify_all();
        false
    }

    pub(crate) fn wait(&self, wanted: &ServerWait, until: Instant) {
        let (seen, ended) = (wanted.seen, wanted.ended);
        let reached = |connections: &[ConnectionRecord]| {
            let over = connections.iter().filter(|one| one.end.is_some()).count();
            connections.len() >= seen as usize
                && over >= ended as usize
                && (!wanted.serving_ended || self.error().is_some())
        };
        let limit = until.saturating_duration_since(Instant::now());
        let connections = self.connections();
        drop(
            self.changed
                .wait_timeout_while(connections, limit, |connections| !reached(connections)),
        );
    }

    pub(crate) fn error(&self) -> MutexGuard<'_, Option<ErrorRecord>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connections(&self) -> MutexGuard<'_, Vec<ConnectionRecord>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
