//! What a connection carried: the opening handshake and the messages of both directions.

use super::{
    content::Keep,
    frames::{Fault, FrameReader, Received},
    handshake::{Application, Handshake, Heads, MAX_HEAD},
    message::Message,
};
use crate::{
    packets::{Connection, Direction},
    plain::{KeyLog, Plain, Tls, tls},
    stream::DataStream,
};

/// How a connection is looked at.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest compressed message that is inflated, in bytes. Longer ones are told as they are.
    pub max_inflated: usize,
    /// Secrets with which TLS is decrypted.
    pub key_log: Option<KeyLog>,
    /// What is kept of the content of messages.
    pub keep: Keep,
}

impl Default for Options {
    /// Messages up to 64 MiB are inflated, no content is kept, and TLS stays closed.
    fn default() -> Self {
        Self {
            max_inflated: 64 << 20,
            key_log: None,
            keep: Keep::Nothing,
        }
    }
}

/// What a connection carried, as far as it can be read.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// What the bytes are.
    pub application: Application,
    /// TLS, where the bytes are, or were before they were decrypted.
    pub tls: Option<Tls>,
    /// Opening handshake, where there is one.
    pub handshake: Option<Handshake>,
    /// Messages and control frames of both directions, by the time of their first byte. None where
    /// the opening handshake did not succeed, or cannot be read.
    pub messages: Vec<Message>,
    /// Where reading of messages stopped before the end of a direction, and why.
    pub unread: Vec<Unread>,
    pub(crate) heads: Heads,
    /// What is wrong with frames, first of what the client sent.
    pub(crate) faults: Vec<Fault>,
}

/// Messages of a direction from some place on that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Unread {
    /// Which way.
    pub direction: Direction,
    /// Place in what the application wrote, in bytes from its first one.
    pub from: u64,
    /// Why.
    pub reason: String,
}

impl Connection {
    /// What this connection carried, over all its subflows. Time and memory grow with the number of
    /// its packets and with its data.
    pub fn conversation(&self, options: &Options) -> Conversation {
        let data = Direction::BOTH.map(|direction| self.data(direction));
        Conversation::read(self, [&data[0], &data[1]], options)
    }
}

impl Conversation {
    /// Reads the data streams of a connection, that to the responder first.
    pub(crate) fn read(connection: &Connection, data: [&DataStream; 2], options: &Options) -> Self {
        let subflows: Vec<&Connection> = connection.subflows().collect();
        let mut plain = data.map(|data| Plain::of(data, &subflows));
        let mut tls = None;
        if tls::is_tls(&plain[0].beginning(8)) {
            let (found, carried) = tls::open(&plain[0], &plain[1], options.key_log.as_ref());
            tls = Some(found);
            plain = carried.unwrap_or(plain);
        }
        let opaque = tls.as_ref().is_some_and(|tls| !tls.decrypted);
        let heads = Heads::read(&plain[0], &plain[1]);
        let application = heads.application().unwrap_or_else(|| {
            let beginning = plain[0].beginning(MAX_HEAD);
            match beginning.as_slice() {
                [] if data[0].bytes + data[1].bytes == 0 => Application::Nothing,
                _ if opaque => Application::Tls,
                _ => Application::Other,
            }
        });
        let mut conversation = Self {
            application,
            tls,
            handshake: heads.handshake([&plain[0], &plain[1]], data),
            ..Self::default()
        };
        if heads.switched() {
            for ((direction, plain), data) in Direction::BOTH.into_iter().zip(&plain).zip(data) {
                let reader = FrameReader {
                    direction,
                    plain,
                    data,
                    subflows: &subflows,
                    start: heads.frames_from(direction) as u64,
                    deflate: heads.deflate(),
                    max_inflated: options.max_inflated,
                    keep: options.keep,
                };
                conversation.take(direction, reader.read());
            }
            conversation
                .messages
                .sort_by_key(|message| message.first_ns);
        }
        conversation.heads = heads;
        conversation
    }

    fn take(&mut self, direction: Direction, received: Received) {
        self.messages.extend(received.messages);
        self.faults.extend(received.faults);
        self.unread
            .extend(received.stopped.map(|(from, reason)| Unread {
                direction,
                from,
                reason: reason.to_owned(),
            }));
    }

    /// The messages of one direction, in order.
    pub fn messages(&self, direction: Direction) -> impl Iterator<Item = &Message> {
        self.messages
            .iter()
            .filter(move |message| message.direction == direction)
    }
}
