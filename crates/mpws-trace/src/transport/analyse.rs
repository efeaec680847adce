//! Sorts packets into connections.

use std::{borrow::Borrow, collections::HashMap, net::SocketAddr, sync::Arc};

use mpws_codec::mptcp::{Key, MpJoin};
use mpws_packet::{By, Delivery};

use super::facts;
use crate::{
    packets::{
        Connection, Counts, Direction, Flow, Image, Packet, Role, Trace, Translation, Unread,
    },
    read::PacketRecord,
};

/// The TCP connections among these packets, which must be in the order in which they were at the
/// wire.
///
/// Works on any capture with each packet in it once; without the wire's comments every packet
/// counts as delivered.
pub fn analyse(records: &[PacketRecord]) -> Trace {
    analyse_packets(records)
}

/// What [`analyse`] finds among packets that come one by one, from a
/// [`CaptureReader`](crate::CaptureReader) for example. Of each only what TCP sees is kept.
pub fn analyse_packets<R: Borrow<PacketRecord>>(records: impl IntoIterator<Item = R>) -> Trace {
    let mut sorter = Sorter::default();
    let mut records = records.into_iter().peekable();
    while let Some(record) = records.next() {
        let delivery = delivery_of(record.borrow());
        let replacement = match delivery {
            Some(Delivery::Rewritten(_)) => records.next_if(|next| {
                let next = delivery_of(next.borrow());
                matches!(
                    next,
                    Some(Delivery::Replacement(_) | Delivery::LostReplacement(_))
                )
            }),
            _ => None,
        };
        let replacement = replacement.as_ref().map(Borrow::borrow);
        sorter.take(record.borrow(), delivery, replacement);
    }
    sorter.finish()
}

/// What became of a packet at the hands of the wire; `None` where that cannot be read.
fn delivery_of(record: &PacketRecord) -> Option<Delivery> {
    record.act().ok().map(|act| act.delivery())
}

#[derive(Default)]
struct Sorter {
    attempts: Vec<Attempt>,
    /// The latest attempt between two sockets, the lower one first.
    latest: HashMap<(SocketAddr, SocketAddr), usize>,
    counts: Counts,
    translation: Translation,
}

/// A connection whose packets are being gathered.
struct Attempt {
    initiator: SocketAddr,
    responder: SocketAddr,
    /// Initial sequence number of the initiator; `None` if no SYN was seen.
    isn: Option<u32>,
    packets: Vec<Packet>,
}

impl Sorter {
    fn take(
        &mut self,
        record: &PacketRecord,
        delivery: Option<Delivery>,
        replacement: Option<&PacketRecord>,
    ) {
        self.counts.packets += 1 + u64::from(replacement.is_some());
        let image = match Image::parse(record) {
            Ok(image) => Arc::new(image),
            Err(unread) => return self.counts.leave(unread),
        };
        let Some(delivery) = delivery else {
            return self.counts.leave(Unread::Act);
        };
        self.counts.cut += u64::from(image.payload.len() < image.payload_length);
        let (mut sent, mut delivered, by) = match delivery {
            Delivery::Arrived(by) => (Some(image.clone()), Some(image.clone()), by),
            Delivery::Lost(by) => (Some(image.clone()), None, Some(by)),
            Delivery::Rewritten(by) => {
                let arrived = |record: &&PacketRecord| {
                    matches!(delivery_of(record), Some(Delivery::Replacement(_)))
                };
                let delivered = replacement
                    .filter(arrived)
                    .and_then(|record| Image::parse(record).ok())
                    .map(Arc::new);
                (Some(image.clone()), delivered, Some(by))
            }
            Delivery::LostReplacement(_) | Delivery::LostForgery(_) => return,
            Delivery::Replacement(by) | Delivery::Forged(by) => {
                (None, Some(image.clone()), Some(by))
            }
        };
        self.translation.undo(&mut sent, &mut delivered);
        let Some(image) = sent.clone().or_else(|| delivered.clone()) else {
            return;
        };
        let attempt = self.attempt(&image, sent.is_none());
        let direction = if attempt.initiator == image.source {
            Direction::ToResponder
        } else {
            Direction::ToInitiator
        };
        attempt.packets.push(Packet {
            time_ns: record.time_ns,
            path: record.interface.clone(),
            direction,
            sent,
            delivered,
            rule: by.as_ref().map(By::to_string),
        });
    }

    /// The attempt that a packet belongs to: a SYN with another initial sequence number begins a
    /// new one, but not where the wire made it up, as a proxy does that asks in the initiator's
    /// name.
    fn attempt(&mut self, image: &Image, forged: bool) -> &mut Attempt {
        let ends = (
            image.source.min(image.destination),
            image.source.max(image.destination),
        );
        let asks = image.syn && image.ack.is_none();
        let known = self.latest.get(&ends).copied().filter(|&index| {
            let attempt = &self.attempts[index];
            !asks
                || (attempt.initiator == image.source && (forged || attempt.isn == Some(image.seq)))
        });
        let index = known.unwrap_or_else(|| {
            // A SYN/ACK comes from the responder, even where its SYN is missing.
            let answers = image.syn && image.ack.is_some();
            let (initiator, responder) = if answers {
                (image.destination, image.source)
            } else {
                (image.source, image.destination)
            };
            let isn = asks.then_some(image.seq);
            self.attempts.push(Attempt {
                initiator,
                responder,
                isn,
                packets: Vec::new(),
            });
            self.latest.insert(ends, self.attempts.len() - 1);
            self.attempts.len() - 1
        });
        &mut self.attempts[index]
    }

    fn finish(self) -> Trace {
        let mut connections: Vec<Connection> = Vec::new();
        for attempt in self.attempts {
            let mut connection = attempt.into_connection();
            let owner = owner_of(&connection, &connections);
            match owner.and_then(|(owner, side)| Some((connections.get_mut(owner)?, side))) {
                Some((owner, opened_by_responder)) => {
                    connection.opened_by_responder = opened_by_responder;
                    owner.joins.push(connection);
                }
                None => connections.push(connection),
            }
        }
        Trace {
            connections,
            counts: self.counts,
        }
    }
}

/// The latest of the connections before that one end knows by the token of the join, and whether
/// that end is its initiator, which means that the responder opened the join.
fn owner_of(connection: &Connection, before: &[Connection]) -> Option<(usize, bool)> {
    let Role::Join(token) = connection.role else {
        return None;
    };
    let knows = |key: Option<Key>| key.is_some_and(|key| key.token() == token);
    let owners = before.iter().enumerate().rev();
    owners
        .map(|(index, owner)| {
            (
                index,
                knows(owner.responder_key),
                knows(owner.initiator_key),
            )
        })
        .find_map(|(index, by_initiator, by_responder)| {
            (by_initiator || by_responder).then_some((index, !by_initiator))
        })
}

impl Counts {
    fn leave(&mut self, unread: Unread) {
        match unread {
            Unread::LinkType(link_type) => *self.link_types.entry(link_type).or_default() += 1,
            Unread::NotTcp => self.not_tcp += 1,
            Unread::Fragment => self.fragments += 1,
            Unread::CutInHeaders => self.cut_in_headers += 1,
            Unread::Malformed => self.malformed += 1,
            Unread::Act => self.unreadable_acts += 1,
        }
    }
}

impl Attempt {
    fn into_connection(self) -> Connection {
        let mut paths: Vec<String> = Vec::new();
        for packet in &self.packets {
            if !paths.iter().any(|path| **path == *packet.path) {
                paths.push(packet.path.to_string());
            }
        }
        let mut connection = Connection {
            role: role(self.isn, &self.packets),
            initiator: self.initiator,
            responder: self.responder,
            paths,
            first_ns: self
                .packets
                .iter()
                .map(|packet| packet.time_ns)
                .min()
                .unwrap_or(0),
            last_ns: self
                .packets
                .iter()
                .map(|packet| packet.time_ns)
                .max()
                .unwrap_or(0),
            to_responder: Flow::default(),
            to_initiator: Flow::default(),
            refused: false,
            established: false,
            initiator_key: None,
            responder_key: None,
            agreed: false,
            checksum: false,
            opened_by_responder: false,
            joins: Vec::new(),
            packets: self.packets,
        };
        facts::establish(&mut connection);
        connection
    }
}

fn role(isn: Option<u32>, packets: &[Packet]) -> Role {
    if isn.is_none() {
        return Role::Unknown;
    }
    let images = packets.iter().filter_map(|packet| packet.sent.as_deref());
    images
        .filter(|image| image.syn && image.ack.is_none())
        .find_map(|image| match image.mp_join() {
            Some(MpJoin::Syn { token, .. }) => Some(Role::Join(*token)),
            _ => None,
        })
        .unwrap_or(Role::Initial)
}
