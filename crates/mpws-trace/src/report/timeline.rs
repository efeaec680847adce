//! From packets to the history of a connection.

use std::collections::HashSet;

use mpws_codec::mptcp::{AddressId, MpJoin, MptcpOption};

use super::event::{Delivery, Entry, Event, Opening};
use crate::{
    packets::{Connection, Direction, Image, JoinCheck, Packet, Proof, Role},
    stream::DataStream,
    transport::TransportTruth,
};

/// What happened on a connection below the application, in the order of time.
pub(crate) fn timeline(
    connection: &Connection,
    joins: &[JoinCheck],
    data: [&DataStream; 2],
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (index, subflow) in connection.subflows().enumerate() {
        let check = index.checked_sub(1).and_then(|index| joins.get(index));
        let mut reader = Reader {
            connection,
            subflow,
            index,
            check,
            // Without its SYN in the capture, the first packet is no third ACK.
            confirmed: subflow.role == Role::Unknown,
            ended: HashSet::new(),
            said: HashSet::new(),
            entries: &mut entries,
        };
        for packet in &subflow.packets {
            reader.take(packet);
        }
    }
    entries.extend(fallback(connection));
    for (direction, data) in Direction::BOTH.into_iter().zip(data) {
        sent_again(connection, direction, data, &mut entries);
    }
    entries.sort_by_key(|entry| entry.time_ns);
    entries
}

struct Reader<'a> {
    connection: &'a Connection,
    subflow: &'a Connection,
    index: usize,
    check: Option<&'a JoinCheck>,
    /// The third ACK was seen.
    confirmed: bool,
    /// Ends of streams that were told, by direction and whether the stream is TCP's.
    ended: HashSet<(Direction, bool)>,
    /// Options that were told, to know repetitions.
    said: HashSet<(Direction, Vec<u8>)>,
    entries: &'a mut Vec<Entry>,
}

impl Reader<'_> {
    fn take(&mut self, packet: &Packet) {
        let Some(image) = packet.sent.as_deref().or(packet.delivered.as_deref()) else {
            return;
        };
        if packet.delivered.is_none() && image.payload_length > 0 && !image.syn {
            self.lost(packet, image.payload_length as u64);
        }
        let plain = image.mptcp.is_empty() && !image.syn && !image.fin && !image.rst;
        if plain && (self.confirmed || packet.direction == Direction::ToInitiator) {
            return;
        }
        self.handshake(packet, image);
        for option in &image.mptcp {
            self.option(packet, image, option);
        }
        if image.fin && self.ended.insert((packet.direction, true)) {
            self.push(packet, Event::Fin);
        }
        if image.rst {
            let reset = image.mptcp.iter().find_map(|option| match option {
                MptcpOption::MpTcprst(reset) => Some(reset),
                _ => None,
            });
            let event = Event::Rst {
                reason: reset.map(|reset| reset.reason.0),
                transient: reset.is_some_and(|reset| reset.transient),
            };
            self.push(packet, event);
        }
    }

    fn handshake(&mut self, packet: &Packet, image: &Image) {
        let forward = packet.direction == Direction::ToResponder;
        if image.syn {
            let opening = self.opening(image);
            let mut word = vec![u8::from(forward)];
            word.extend(image.seq.to_be_bytes());
            let repeated = !self.said.insert((packet.direction, word));
            let event = if image.ack.is_none() {
                Event::Syn { opening, repeated }
            } else {
                Event::SynAck { opening, repeated }
            };
            self.push(packet, event);
            return;
        }
        let confirms = image.mp_capable().is_some() || image.mp_join().is_some();
        if !forward || image.rst || image.ack.is_none() || self.confirmed && !confirms {
            return;
        }
        // Data with MP_CAPABLE that follows on an ACK with it is no news.
        let repeated = self.confirmed;
        if repeated && image.mp_join().is_none() {
            return;
        }
        self.confirmed = true;
        let opening = self.opening(image);
        self.push(packet, Event::ThirdAck { opening, repeated });
    }

    fn opening(&self, image: &Image) -> Opening {
        let proof = |proof: fn(&JoinCheck) -> Proof| Some(self.check.map_or(Proof::Unknown, proof));
        if let Some(capable) = image.mp_capable() {
            return Opening::MpCapable {
                version: capable.version,
                checksum: capable.flags.checksum_required(),
                no_join_to_source: capable.flags.no_join_to_source(),
            };
        }
        match image.mp_join() {
            None => Opening::Tcp,
            Some(MpJoin::Syn { common, .. }) => Opening::MpJoin {
                address_id: Some(common.address.0),
                backup: common.backup,
                hmac: None,
            },
            Some(MpJoin::SynAck { common, .. }) => Opening::MpJoin {
                address_id: Some(common.address.0),
                backup: common.backup,
                hmac: proof(|check| check.syn_ack),
            },
            Some(MpJoin::Ack { .. }) => Opening::MpJoin {
                address_id: None,
                backup: false,
                hmac: proof(|check| check.ack),
            },
        }
    }

    fn option(&mut self, packet: &Packet, image: &Image, option: &MptcpOption) {
        let owner_direction = self.subflow.way(packet.direction);
        let event = match option {
            MptcpOption::AddAddr(add) if add.echo => Event::AddAddrEcho {
                id: add.id.0,
                address: add.address,
                port: add.port,
            },
            MptcpOption::AddAddr(add) => Event::AddAddr {
                id: add.id.0,
                address: add.address,
                port: add.port,
                hmac: self.connection.add_addr_proof(owner_direction, add),
                repeated: !self.said.insert((packet.direction, option.build())),
            },
            MptcpOption::RemoveAddr(remove) => Event::RemoveAddr {
                ids: remove.ids.iter().map(|&AddressId(id)| id).collect(),
            },
            MptcpOption::MpPrio(priority) => Event::Priority {
                backup: priority.backup,
            },
            MptcpOption::MpFail { data_seq, .. } => Event::Fail {
                data_seq: data_seq.0,
            },
            MptcpOption::MpFastclose(close) => Event::FastClose {
                key: match self.connection.keys(owner_direction) {
                    Some((_, receiver)) => Proof::of(receiver == close.receiver_key),
                    None => Proof::Unknown,
                },
            },
            MptcpOption::Dss(dss) => {
                let infinite = dss.mapping.is_some_and(|mapping| mapping.is_infinite());
                if infinite {
                    self.push(packet, Event::InfiniteMapping);
                }
                let first =
                    dss.data_fin && !image.rst && self.ended.insert((packet.direction, false));
                if !first {
                    return;
                }
                Event::DataFin
            }
            MptcpOption::MpCapable(_)
            | MptcpOption::MpJoin(_)
            | MptcpOption::MpTcprst(_)
            | MptcpOption::Other { .. } => return,
        };
        self.push(packet, event);
    }

    /// Tells of a lost packet with data, together with the lost ones just before it.
    fn lost(&mut self, packet: &Packet, more: u64) {
        let direction = self.subflow.way(packet.direction);
        if let Some(Entry {
            direction: before,
            subflow,
            rule,
            event:
                Event::Lost {
                    packets,
                    bytes,
                    until_ns,
                },
            ..
        }) = self.entries.last_mut()
            && *before == direction
            && *subflow == self.index
            && *rule == packet.rule
            && packet.time_ns.saturating_sub(*until_ns) < IN_A_ROW_NS
        {
            *packets += 1;
            *bytes += more;
            *until_ns = packet.time_ns;
            return;
        }
        let event = Event::Lost {
            packets: 1,
            bytes: more,
            until_ns: packet.time_ns,
        };
        self.push(packet, event);
    }

    fn push(&mut self, packet: &Packet, event: Event) {
        let delivery = match (&packet.sent, &packet.delivered) {
            (Some(_), None) => Delivery::Lost,
            (None, _) => Delivery::Forged,
            (Some(sent), Some(delivered)) if sent != delivered => Delivery::Changed,
            (Some(_), Some(_)) => Delivery::Arrived,
        };
        self.entries.push(Entry {
            time_ns: packet.time_ns,
            subflow: self.index,
            path: packet.path.to_string(),
            direction: self.subflow.way(packet.direction),
            delivery,
            rule: packet.rule.clone(),
            event,
        });
    }
}

/// When the connection fell back, if it did.
fn fallback(connection: &Connection) -> Option<Entry> {
    let TransportTruth::Fallback { cause } = connection.transport() else {
        return None;
    };
    let packets = &connection.packets;
    let gave_up = |packet: &Packet| {
        let mut options = packet.delivered.iter().flat_map(|image| &image.mptcp);
        options.any(|option| {
            matches!(option, MptcpOption::Dss(dss)
                if dss.mapping.is_some_and(|mapping| mapping.is_infinite()))
        })
    };
    let answered = |packet: &Packet| {
        packet
            .delivered
            .as_ref()
            .is_some_and(|image| image.syn && image.ack.is_some())
    };
    let index = if connection.agreed {
        let unmapped = connection.first_unmapped();
        let infinite = packets.iter().position(gave_up);
        unmapped.into_iter().chain(infinite).min()
    } else {
        packets.iter().rposition(answered)
    };
    let packet = packets.get(index.unwrap_or(0))?;
    Some(Entry {
        time_ns: packet.time_ns,
        subflow: 0,
        path: packet.path.to_string(),
        direction: packet.direction,
        delivery: Delivery::Arrived,
        rule: None,
        event: Event::Fallback { cause },
    })
}

fn sent_again(
    connection: &Connection,
    direction: Direction,
    data: &DataStream,
    entries: &mut Vec<Entry>,
) {
    let subflows: Vec<_> = connection.subflows().collect();
    let start = entries.len();
    for one in &data.retransmissions {
        let before = entries
            .get_mut(start..)
            .and_then(<[Entry]>::last_mut)
            .filter(|before| before.subflow == one.subflow);
        if let Some(Entry {
            event:
                Event::SentAgain {
                    level,
                    packets,
                    bytes,
                    until_ns,
                },
            ..
        }) = before
            && *level == one.level
            && one.time_ns.saturating_sub(*until_ns) < IN_A_ROW_NS
        {
            *packets += 1;
            *bytes += one.length;
            *until_ns = one.time_ns;
            continue;
        }
        let path = subflows
            .get(one.subflow)
            .and_then(|subflow| subflow.paths.first());
        entries.push(Entry {
            time_ns: one.time_ns,
            subflow: one.subflow,
            path: path.cloned().unwrap_or_default(),
            direction,
            delivery: Delivery::Arrived,
            rule: None,
            event: Event::SentAgain {
                level: one.level,
                packets: 1,
                bytes: one.length,
                until_ns: one.time_ns,
            },
        });
    }
}

/// Packets of one kind with less than this between them are told in one entry: 100 ms.
const IN_A_ROW_NS: u64 = 100_000_000;
