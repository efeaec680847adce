//! Everything that is known of one connection.

use super::{
    event::{Entry, Event, Fate},
    timeline::timeline,
};
use crate::{
    messages::{Application, Conversation, FrameReader, Handshake, Heads, MAX_HEAD, Message},
    packets::{Connection, Direction, JoinCheck},
    plain::{KeyLog, Plain, Tls, tls},
    rules::{self, Offence},
    stream::DataStream,
};

/// How a connection is looked at.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest compressed message that is inflated, in bytes. Longer ones are told as they are.
    pub max_inflated: usize,
    /// Secrets with which TLS is decrypted.
    pub key_log: Option<KeyLog>,
}

impl Default for Options {
    /// Messages up to 64 MiB are inflated.
    fn default() -> Self {
        Self {
            max_inflated: 64 << 20,
            key_log: None,
        }
    }
}

/// One connection, taken apart.
#[derive(Clone, Debug)]
pub struct Dissection<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// What the client wrote and the server got.
    pub to_responder: DataStream,
    /// What the server wrote and the client got.
    pub to_initiator: DataStream,
    /// How each further subflow was opened, in the order of [`Connection::joins`].
    pub joins: Vec<JoinCheck>,
    /// What the bytes are.
    pub application: Application,
    /// TLS, where the bytes are, or were before they were decrypted.
    pub tls: Option<Tls>,
    /// Opening handshake, where there is one.
    pub handshake: Option<Handshake>,
    /// WebSocket messages of both directions, by the time of their first byte.
    pub messages: Vec<Message>,
    /// Where reading of messages stopped before the end of a direction, and why.
    pub unread: Vec<Unread>,
    /// What happened, in the order of time; messages and violations included.
    pub timeline: Vec<Entry>,
    /// Rules that were broken, in the order of time.
    pub offences: Vec<Offence>,
}

/// Messages of a direction from some place on that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Unread {
    /// Which way.
    pub direction: Direction,
    /// Place in what the application wrote, from its first byte.
    pub from: u64,
    /// Why.
    pub reason: String,
}

impl<'a> Dissection<'a> {
    /// Takes a connection apart. Time and memory grow with the number of its packets and with its data.
    pub fn of(connection: &'a Connection, options: &Options) -> Self {
        let data = Direction::BOTH.map(|direction| connection.data(direction));
        let subflows: Vec<&Connection> = connection.subflows().collect();
        let joins = connection.join_checks();
        let mut plain = [0, 1].map(|index: usize| Plain::of(&data[index], &subflows));
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
        let [to_responder, to_initiator] = &data;
        let handshake = heads.handshake([&plain[0], &plain[1]], [to_responder, to_initiator]);
        let conversations = [0, 1].map(|index: usize| {
            let direction = Direction::BOTH[index];
            if !heads.switched() {
                return Conversation::default();
            }
            let reader = FrameReader {
                direction,
                plain: &plain[index],
                data: &data[index],
                start: heads.frames_from(direction) as u64,
                deflate: heads.deflate(),
                max_inflated: options.max_inflated,
            };
            reader.read()
        });
        let mut offences = rules::mptcp::judge(connection, [to_responder, to_initiator], &joins);
        if let Some(handshake) = &handshake {
            offences.extend(rules::websocket::judge_handshake(&heads, handshake));
        }
        for (direction, conversation) in Direction::BOTH.into_iter().zip(&conversations) {
            offences.extend(rules::websocket::judge_frames(direction, conversation));
        }
        offences.sort_by_key(|offence| offence.time_ns);
        let unread = Direction::BOTH.into_iter().zip(&conversations);
        let unread = unread.filter_map(|(direction, conversation)| {
            let (from, reason) = conversation.stopped?;
            Some(Unread {
                direction,
                from,
                reason: reason.to_owned(),
            })
        });
        let unread = unread.collect();
        let [one, other] = conversations;
        let mut messages = one.messages;
        messages.extend(other.messages);
        messages.sort_by_key(|message| message.first_ns);
        let mut entries = timeline(connection, &joins, [to_responder, to_initiator]);
        entries.extend(application_entries(
            handshake.as_ref(),
            &messages,
            &offences,
        ));
        for entry in &mut entries {
            if entry.path.is_empty()
                && let Some(subflow) = subflows.get(entry.subflow)
            {
                entry.path = subflow.paths.first().cloned().unwrap_or_default();
            }
        }
        entries.sort_by_key(|entry| entry.time_ns);
        let [to_responder, to_initiator] = data;
        Self {
            connection,
            to_responder,
            to_initiator,
            joins,
            application,
            tls,
            handshake,
            messages,
            unread,
            timeline: entries,
            offences,
        }
    }

    /// The data stream of one direction.
    pub fn data(&self, direction: Direction) -> &DataStream {
        match direction {
            Direction::ToResponder => &self.to_responder,
            Direction::ToInitiator => &self.to_initiator,
        }
    }

    /// The messages of one direction, in order.
    pub fn messages(&self, direction: Direction) -> impl Iterator<Item = &Message> {
        self.messages
            .iter()
            .filter(move |message| message.direction == direction)
    }
}

/// What the application did, and what was found wrong, as entries of the timeline.
fn application_entries(
    handshake: Option<&Handshake>,
    messages: &[Message],
    offences: &[Offence],
) -> Vec<Entry> {
    let entry = |time_ns, subflow, direction, event| Entry {
        time_ns,
        subflow,
        path: String::new(),
        direction,
        fate: Fate::Arrived,
        rule: None,
        event,
    };
    let mut entries = Vec::with_capacity(messages.len() + offences.len() + 2);
    if let Some(handshake) = handshake {
        let line = handshake.request.clone();
        let event = Event::Request { line };
        entries.push(entry(
            handshake.request_ns,
            0,
            Direction::ToResponder,
            event,
        ));
        if let Some(time_ns) = handshake.response_ns {
            let status = handshake.status;
            let event = Event::Response { status };
            entries.push(entry(time_ns, 0, Direction::ToInitiator, event));
        }
    }
    for (index, message) in messages.iter().enumerate() {
        let subflow = message.carried.first().map_or(0, |carried| carried.subflow);
        let event = Event::Message {
            message: index,
            text: message.describe(),
        };
        entries.push(entry(message.first_ns, subflow, message.direction, event));
    }
    for (index, offence) in offences.iter().enumerate() {
        let event = Event::Violation {
            violation: index,
            text: offence.to_string(),
        };
        entries.push(entry(
            offence.time_ns,
            offence.subflow,
            offence.direction,
            event,
        ));
    }
    entries
}
