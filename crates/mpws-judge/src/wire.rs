//! The wire's part of a testimony: what the capture of a cell shows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use mpws_model::Side;
use mpws_packet::Did;
use mpws_trace::{
    Connection, Direction, Dissection, Keep, Message, MessageKind, Offence, Options, PacketRecord,
    Role, Rule, Trace, TransportTruth,
};
use serde::{Deserialize, Serialize};

/// Who is who in a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parties {
    /// Addresses from which the client opens connections.
    pub client: Vec<IpAddr>,
    /// The port that the server listens on.
    pub port: u16,
}

/// What crossed the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// Whether any TCP packet was seen, of whatever connection.
    pub any_tcp: bool,
    /// Connections from the client to the server's port, in the order of their first packets;
    /// subflows are folded in.
    pub connections: Vec<SeenConnection>,
    /// What lab rules and middleboxes did to packets.
    pub effects: BTreeSet<Effect>,
    /// RFC rules that were broken, each with the first thing that was seen of it.
    pub broken: BTreeMap<Rule, Broken>,
}

/// One connection, its subflows folded in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenConnection {
    /// Who sent the SYN.
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
    /// What carried its bytes, as its packets prove it.
    pub transport: TransportTruth,
    /// Its subflows, the first one included.
    pub subflows: Vec<SeenSubflow>,
    /// What the client sent.
    pub to_server: SeenDirection,
    /// What the server sent.
    pub to_client: SeenDirection,
}

/// One direction of a connection, over all subflows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenDirection {
    /// SYNs (to the server) or SYN/ACKs that were sent on the first subflow.
    pub syn: u32,
    /// Of these, with MP_CAPABLE.
    pub syn_mp_capable: u32,
    /// Payload bytes that arrived; what went twice over different subflows counts twice.
    pub bytes: u64,
    /// Segments with payload, as far as their waiting can be told.
    pub segments: u64,
    /// Of these, segments that left only when an ACK had come.
    pub held: u64,
    /// Data that arrived and that the kernel of its receiver did not acknowledge, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unacknowledged: Option<String>,
    /// Data messages, in order.
    pub messages: Vec<SeenMessage>,
}

/// One subflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenSubflow {
    /// Names of the paths that its packets crossed, such as `path2`.
    pub paths: Vec<String>,
    /// Whether it joined the connection, and how far the join came; absent for the first subflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<SeenJoin>,
    /// Payload bytes that arrived, both ways.
    pub bytes: u64,
    /// Packets that the wire lost, both ways.
    pub dropped: u32,
    /// Packets with RST that arrived, both ways.
    pub resets: u32,
}

/// How far a join came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenJoin {
    /// SYN/ACK and third ACK arrived.
    pub established: bool,
    /// All of them with MP_JOIN.
    pub agreed: bool,
    /// Packets beside SYN/ACK and RST that came back to whoever opened it. The first is the fourth
    /// ACK, which says that the third was taken (RFC 8684 section 3.2): a join that is refused for
    /// a limit is refused there.
    pub answers: u32,
}

/// A data message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenMessage {
    /// What its first frame says that it is.
    pub kind: SeenKind,
    /// RSV1 on its first frame, with permessage-deflate agreed on.
    pub compressed: bool,
    /// When the last of it was at the wire, in nanoseconds since the epoch.
    pub last_ns: u64,
    /// Names of the paths that carried it, each once.
    pub paths: Vec<String>,
    /// What its program wrote, inflated where it was compressed; absent where that is not known,
    /// because it did not arrive whole or could not be inflated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<SeenContent>,
}

/// What a data message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeenKind {
    /// Text.
    Text,
    /// Binary.
    Binary,
    /// A continuation of nothing, or a reserved opcode.
    Neither,
}

/// The content of a message, as far as it can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenContent {
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Something that a lab rule, a middlebox or a link did to at least one packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The path, such as `path2`.
    pub path: String,
    /// What was done.
    pub deed: Deed,
    /// Who did it: the name of a rule or box, or a property of the link.
    pub by: String,
}

/// What can be done to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// It passed unchanged, but not in its turn.
    Pass,
    /// It passed unchanged, late.
    Delay,
    /// It passed unchanged, twice.
    Duplicate,
    /// It was lost.
    Drop,
    /// It was lost, and its sender got a reset.
    Reset,
    /// It was changed.
    Rewrite,
    /// Nobody sent it.
    Forge,
}

/// The first offence against an RFC rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// Who broke it.
    pub side: Side,
    /// Section, and what was seen, in words.
    pub seen: String,
}

impl Wire {
    /// What a capture shows: its packets, and the connections that were found in them.
    pub fn of(trace: &Trace, packets: &[PacketRecord], parties: &Parties) -> Self {
        let options = Options {
            keep: Keep::Digest,
            ..Options::default()
        };
        let mut wire = Self {
            any_tcp: !trace.connections.is_empty(),
            effects: packets.iter().flat_map(effects).collect(),
            ..Self::default()
        };
        for connection in &trace.connections {
            let dissection = Dissection::of(connection, &options);
            for offence in &dissection.offences {
                let broken = wire.broken.entry(offence.rule);
                broken.or_insert_with(|| Broken::of(offence));
            }
            if parties.include(connection) {
                wire.connections.push(SeenConnection::of(&dissection));
            }
        }
        wire
    }
}

impl Parties {
    /// Whether the client opened this connection to the server.
    fn include(&self, connection: &Connection) -> bool {
        connection.responder.port() == self.port
            && self.client.contains(&connection.initiator.ip())
            && !matches!(connection.role, Role::Join(_))
    }
}

impl Broken {
    fn of(offence: &Offence) -> Self {
        Self {
            side: match offence.direction {
                Direction::ToResponder => Side::Client,
                Direction::ToInitiator => Side::Server,
            },
            seen: offence.to_string(),
        }
    }
}

impl SeenConnection {
    fn of(dissection: &Dissection<'_>) -> Self {
        let connection = dissection.connection;
        Self {
            client: connection.initiator,
            server: connection.responder,
            transport: connection.transport(),
            subflows: connection.subflows().map(SeenSubflow::of).collect(),
            to_server: SeenDirection::of(dissection, Direction::ToResponder),
            to_client: SeenDirection::of(dissection, Direction::ToInitiator),
        }
    }

    /// What a side sent.
    pub fn sent_by(&self, side: Side) -> &SeenDirection {
        match side {
            Side::Client => &self.to_server,
            Side::Server => &self.to_client,
        }
    }
}

impl SeenDirection {
    fn of(dissection: &Dissection<'_>, direction: Direction) -> Self {
        let connection = dissection.connection;
        let sent = &connection.flow(direction).sent;
        let messages = dissection.messages(direction);
        Self {
            syn: sent.syn,
            syn_mp_capable: sent.syn_mp_capable,
            bytes: connection.delivered_bytes(direction),
            segments: connection.data_segments(direction).len() as u64,
            held: connection.nagle_delays(direction).len() as u64,
            unacknowledged: dissection
                .data(direction)
                .unacknowledged()
                .map(|held| held.to_string()),
            messages: messages
                .filter(|one| one.is_data())
                .map(SeenMessage::of)
                .collect(),
        }
    }
}

impl SeenMessage {
    fn of(message: &Message) -> Self {
        Self {
            kind: match message.kind {
                MessageKind::Text => SeenKind::Text,
                MessageKind::Binary => SeenKind::Binary,
                _ => SeenKind::Neither,
            },
            compressed: message.compressed,
            last_ns: message.last_ns,
            paths: message.paths.iter().map(|path| path.to_string()).collect(),
            content: message.content.as_ref().map(|content| SeenContent {
                length: content.length,
                sha256: content.sha256_hex(),
            }),
        }
    }
}

impl SeenSubflow {
    fn of(subflow: &Connection) -> Self {
        let flows = [&subflow.to_responder, &subflow.to_initiator];
        let answers = &subflow.to_initiator.delivered;
        Self {
            paths: subflow.paths.clone(),
            join: matches!(subflow.role, Role::Join(_)).then(|| SeenJoin {
                established: subflow.established,
                agreed: subflow.agreed,
                answers: answers.packets.saturating_sub(answers.syn + answers.rst),
            }),
            bytes: flows.map(|flow| flow.delivered.payload_bytes).iter().sum(),
            dropped: flows.map(|flow| flow.dropped).iter().sum(),
            resets: flows.map(|flow| flow.delivered.rst).iter().sum(),
        }
    }
}

/// What was done to a packet, and by whom. [`mpws_trace::read_pcapng`] refuses a capture with a
/// record of which that cannot be read; here it shows nothing, so that what should have acted stays
/// unproven.
fn effects(packet: &PacketRecord) -> Vec<Effect> {
    let Ok(act) = packet.act() else {
        return Vec::new();
    };
    let did = act.did();
    let lost = act.lost_by().map(|by| (Deed::Drop, by));
    let done = deed(did).zip(did.by());
    let all = done.into_iter().chain(lost);
    let named = all.flat_map(|(deed, by)| by.actors().iter().map(move |actor| (deed, actor)));
    named
        .map(|(deed, actor)| Effect {
            path: packet.interface.to_string(),
            deed,
            by: actor.to_string(),
        })
        .collect()
}

fn deed(did: &Did) -> Option<Deed> {
    Some(match did {
        Did::Nothing => return None,
        Did::Passed(_) => Deed::Pass,
        Did::Delayed(_) => Deed::Delay,
        Did::Duplicated(_) => Deed::Duplicate,
        Did::Dropped(_) => Deed::Drop,
        Did::Reset(_) => Deed::Reset,
        Did::Rewritten(_) | Did::Replacement(_) => Deed::Rewrite,
        Did::Forged(_) => Deed::Forge,
    })
}
