//! Everything that is known of one connection.

use super::{
    event::{Delivery, Entry, Event},
    timeline::timeline,
};
use crate::{
    messages::{Application, Conversation, Handshake, Message, Options, Unread},
    packets::{Connection, Direction, JoinCheck},
    plain::Tls,
    rules::{self, Offence},
    stream::DataStream,
};

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

impl<'a> Dissection<'a> {
    /// Takes a connection apart. Time and memory grow with the number of its packets and with its
    /// data.
    pub fn of(connection: &'a Connection, options: &Options) -> Self {
        let data = Direction::BOTH.map(|direction| connection.data(direction));
        let [to_responder, to_initiator] = data;
        let subflows: Vec<&Connection> = connection.subflows().collect();
        let joins = connection.join_checks();
        let conversation = Conversation::read(connection, [&to_responder, &to_initiator], options);
        let mut offences = rules::mptcp::judge(connection, [&to_responder, &to_initiator], &joins);
        offences.extend(rules::websocket::judge(&conversation));
        offences.sort_by_key(|offence| offence.time_ns);
        let Conversation {
            application,
            tls,
            handshake,
            messages,
            unread,
            ..
        } = conversation;
        let mut entries = timeline(connection, &joins, [&to_responder, &to_initiator]);
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
        delivery: Delivery::Arrived,
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
