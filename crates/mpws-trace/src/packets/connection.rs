//! TCP connections, each as both its ends saw it.

use std::{collections::BTreeMap, net::SocketAddr};

use mpws_codec::mptcp::{Key, Token};

use super::{direction::Direction, packet::Packet};
use crate::read::LinkType;

/// What a capture shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Connections in the order of their first packet. Subflows are not here but in
    /// [`Connection::joins`], unless the connection that they join is not in the capture.
    pub connections: Vec<Connection>,
    /// How many packets there were, and what became of them.
    pub counts: Counts,
}

/// Packets of a capture, read and not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub packets: u64,
    /// TCP packets that were captured in part: their options are known, and some of their payload
    /// is not.
    pub cut: u64,
    /// Not TCP over IPv4 or IPv6. Of no interest here.
    pub not_tcp: u64,
    /// Fragments of TCP packets. They are not put together: what they carried is unknown.
    pub fragments: u64,
    /// Cut before the end of the TCP header: what they carried is unknown.
    pub cut_in_headers: u64,
    /// Too broken to tell what they are.
    pub malformed: u64,
    /// With a comment of a lab's wire that cannot be read: what the wire did to them, and so
    /// whether they arrived, is unknown.
    pub unreadable_acts: u64,
    /// Of link types that cannot be read, by link type.
    pub link_types: BTreeMap<LinkType, u64>,
}

/// One attempt at a TCP connection: the packets between two sockets from one SYN to the next with
/// another initial sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Whether it opens an MPTCP (or TCP) connection or joins one.
    pub role: Role,
    /// Who sent the SYN, or the first packet if there is none.
    pub initiator: SocketAddr,
    /// The other end.
    pub responder: SocketAddr,
    /// Names of the interfaces that its packets crossed, each once, in order.
    pub paths: Vec<String>,
    /// Time of its first packet, in nanoseconds since the epoch.
    pub first_ns: u64,
    /// Time of its last packet, in nanoseconds since the epoch.
    pub last_ns: u64,
    /// What the initiator sent and the responder received.
    pub to_responder: Flow,
    /// What the responder sent and the initiator received.
    pub to_initiator: Flow,
    /// A reset answered the SYN; [`Seen::forged`] says whether the wire sent it.
    pub refused: bool,
    /// SYN/ACK and an ACK for it arrived.
    pub established: bool,
    /// The initiator's key, where it was sent.
    pub initiator_key: Option<Key>,
    /// The responder's key, where it was sent.
    pub responder_key: Option<Key>,
    /// Both ends said in the handshake that they speak MPTCP and heard it of each other, the third
    /// ACK included; for joins the same of MP_JOIN.
    pub agreed: bool,
    /// Checksums were asked for by one end at least.
    pub checksum: bool,
    /// For joins: its initiator is the responder of the connection that it joins.
    pub opened_by_responder: bool,
    /// Further subflows of this connection, in the order of their first packet.
    pub joins: Vec<Connection>,
    pub(crate) packets: Vec<Packet>,
}

/// What a TCP connection is to MPTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It opens a connection, of MPTCP or of TCP.
    Initial,
    /// It joins the connection that the receiver of the SYN knows by this token.
    Join(Token),
    /// No SYN of it is in the capture.
    Unknown,
}

/// One direction of a connection: its packets as they left and as they arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// As the sender sent them; forged packets are not among them.
    pub sent: Seen,
    /// As the receiver got them; dropped packets are not among them, forged ones are.
    pub delivered: Seen,
    /// Packets that the wire lost.
    pub dropped: u32,
    /// Packets with payload that the wire lost.
    pub dropped_data: u32,
    /// Packets without SYN that lost an MP_CAPABLE, MP_JOIN or DSS on the way.
    pub stripped: u32,
    /// Packets whose payload the wire changed.
    pub payload_changed: u32,
    /// Bytes that arrived and that no mapping covers; on a plain TCP connection all of them.
    pub unmapped_bytes: u64,
    /// Names of the rules that did something to this flow, each once, in order.
    pub rules: Vec<String>,
}

/// Counts of packets at one end of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// All packets.
    pub packets: u32,
    /// SYN, or SYN/ACK from the responder.
    pub syn: u32,
    /// Of these, with MP_CAPABLE.
    pub syn_mp_capable: u32,
    /// Of these, with MP_JOIN.
    pub syn_mp_join: u32,
    /// Packets without SYN that carry MP_CAPABLE: the third ACK and the first data.
    pub ack_mp_capable: u32,
    /// Packets without SYN that carry MP_JOIN.
    pub ack_mp_join: u32,
    /// Packets with DSS.
    pub dss: u32,
    /// Packets with payload.
    pub data: u32,
    /// Of these, with DSS or MP_CAPABLE.
    pub data_mptcp: u32,
    /// Different payload bytes, by sequence number.
    pub payload_bytes: u64,
    /// Infinite mappings.
    pub infinite_mapping: u32,
    /// DATA_FIN.
    pub data_fin: u32,
    /// MP_FAIL.
    pub mp_fail: u32,
    /// MP_FASTCLOSE.
    pub mp_fastclose: u32,
    /// ADD_ADDR, echoes not counted.
    pub add_addr: u32,
    /// ADD_ADDR that are echoes.
    pub add_addr_echo: u32,
    /// REMOVE_ADDR.
    pub remove_addr: u32,
    /// MP_PRIO.
    pub mp_prio: u32,
    /// FIN.
    pub fin: u32,
    /// RST.
    pub rst: u32,
    /// Reasons in MP_TCPRST, in order.
    pub rst_reasons: Vec<u8>,
    /// Packets that the wire made up.
    pub forged: u32,
    /// Packets whose TCP options are malformed.
    pub malformed: u32,
}

impl Counts {
    /// Packets that belong to no connection.
    pub fn unread(&self) -> u64 {
        self.not_tcp + self.lost()
    }

    /// Packets that may have belonged to a connection, but cannot be read.
    pub fn lost(&self) -> u64 {
        let unknown_links: u64 = self.link_types.values().sum();
        let unreadable = self.cut_in_headers + self.malformed + self.unreadable_acts;
        self.fragments + unreadable + unknown_links
    }
}

impl Connection {
    /// One direction of it.
    pub fn flow(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::ToResponder => &self.to_responder,
            Direction::ToInitiator => &self.to_initiator,
        }
    }

    /// One direction of the connection that it joins, or of itself if it joins none.
    pub(crate) fn flow_of_owner(&self, direction: Direction) -> &Flow {
        self.flow(self.way(direction))
    }

    /// The direction in which data of that direction of the joined connection runs here.
    pub(crate) fn way(&self, direction: Direction) -> Direction {
        if self.opened_by_responder {
            direction.reverse()
        } else {
            direction
        }
    }

    /// Version of MPTCP in the SYN/ACK, or in the SYN where that has none: 1 for RFC 8684, 0 for
    /// RFC 6824. `None` where neither has MP_CAPABLE.
    pub fn mptcp_version(&self) -> Option<u8> {
        let of = |direction| {
            let mut packets = self
                .packets
                .iter()
                .filter(move |packet: &&Packet| packet.direction == direction)
                .take(LOOKED_AT);
            packets.find_map(|packet| {
                let image = packet.delivered.as_deref().or(packet.sent.as_deref())?;
                Some(image.mp_capable().filter(|_| image.syn)?.version)
            })
        };
        of(Direction::ToInitiator).or_else(|| of(Direction::ToResponder))
    }

    /// Itself and then its joins.
    pub fn subflows(&self) -> impl Iterator<Item = &Connection> {
        std::iter::once(self).chain(&self.joins)
    }

    /// Bytes that arrived in one direction, over all subflows; what went twice over different
    /// subflows counts twice.
    pub fn delivered_bytes(&self, direction: Direction) -> u64 {
        self.subflows()
            .map(|subflow| subflow.flow_of_owner(direction).delivered.payload_bytes)
            .sum()
    }

    /// Whether data was mapped and arrived, in either direction, on this subflow.
    pub fn carried_mapped_data(&self) -> bool {
        [&self.to_responder, &self.to_initiator]
            .into_iter()
            .any(|flow| flow.delivered.payload_bytes > flow.unmapped_bytes)
    }
}

/// Packets of a direction among which its SYN or SYN/ACK is looked for.
const LOOKED_AT: usize = 32;
