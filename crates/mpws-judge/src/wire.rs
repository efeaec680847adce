//! The wire's part of a testimony: what the capture of a cell shows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use mpws_model::Side;
use mpws_packet::{Act, Did};
use mpws_trace::{
    Connection, Direction, Dissection, Options, PacketRecord, Role, Rule, Trace, TransportTruth,
    WireFrame,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// Connections from the client to the server's port, in the order of their first packets; subflows are folded in.
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
    /// Data messages that arrived whole, in order.
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
    /// Packets beside SYN/ACK and RST that came back to whoever opened it. The first is the fourth ACK, which says that the third was
    /// taken (RFC 8684 section 3.2): a join that is refused for a limit is refused there.
    pub answers: u32,
}

/// A data message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenMessage {
    /// Opcode of its first frame: 1 text, 2 binary; 0 a continuation of nothing.
    pub opcode: u8,
    /// Bytes of its content.
    pub length: u64,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
    /// RSV1 on its first frame.
    pub compressed: bool,
    /// When the last of it was at the wire, in nanoseconds since the epoch.
    pub last_ns: u64,
    /// Names of the paths that carried it, each once.
    pub paths: Vec<String>,
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
        let ours = trace.connections.iter().filter(|one| {
            one.responder.port() == parties.port
                && parties.client.contains(&one.initiator.ip())
                && !matches!(one.role, Role::Join(_))
        });
        Self {
            any_tcp: !trace.connections.is_empty(),
            connections: ours.map(SeenConnection::of).collect(),
            effects: packets.iter().flat_map(effects).collect(),
            broken: broken(trace),
        }
    }
}

impl SeenConnection {
    fn of(connection: &Connection) -> Self {
        Self {
            client: connection.initiator,
            server: connection.responder,
            transport: connection.transport(),
            subflows: connection.subflows().map(SeenSubflow::of).collect(),
            to_server: SeenDirection::of(connection, Direction::ToResponder),
            to_client: SeenDirection::of(connection, Direction::ToInitiator),
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
    fn of(connection: &Connection, direction: Direction) -> Self {
        let sent = &connection.flow(direction).sent;
        Self {
            syn: sent.syn,
            syn_mp_capable: sent.syn_mp_capable,
            bytes: connection.delivered_bytes(direction),
            segments: connection.data_segments(direction).len() as u64,
            held: connection.held_segments(direction).len() as u64,
            unacknowledged: connection
                .data(direction)
                .held_back()
                .map(|held| held.to_string()),
            messages: messages(&connection.frames(direction)),
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

/// The data messages, fragments put together.
fn messages(frames: &[WireFrame]) -> Vec<SeenMessage> {
    let mut messages: Vec<(SeenMessage, Sha256)> = Vec::new();
    for frame in frames.iter().filter(|frame| frame.opcode < CONTROL) {
        if frame.opcode != CONTINUATION || messages.is_empty() {
            let message = SeenMessage {
                opcode: frame.opcode,
                length: 0,
                sha256: String::new(),
                compressed: frame.rsv & RSV1 != 0,
                last_ns: 0,
                paths: Vec::new(),
            };
            messages.push((message, Sha256::new()));
        }
        let Some((message, content)) = messages.last_mut() else {
            continue;
        };
        content.update(&frame.payload);
        message.length += frame.payload.len() as u64;
        message.last_ns = frame.last_ns;
        for path in &frame.paths {
            if !message.paths.contains(path) {
                message.paths.push(path.clone());
            }
        }
    }
    let done = messages.into_iter().map(|(mut message, content)| {
        let digest = content.finalize();
        message.sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        message
    });
    done.collect()
}

/// What was done to a packet, and by whom. A record that cannot be read was refused when the capture was read.
fn effects(packet: &PacketRecord) -> Vec<Effect> {
    let marked = Act::of_comments(&packet.comments).unwrap_or_default();
    // The lab still writes its comments without the mark.
    let act = match marked == Act::default() {
        true => packet.comments.join("; ").parse().unwrap_or_default(),
        false => marked,
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

fn broken(trace: &Trace) -> BTreeMap<Rule, Broken> {
    let options = Options::default();
    let mut broken = BTreeMap::new();
    for connection in &trace.connections {
        for offence in Dissection::of(connection, &options).offences {
            let side = match offence.direction {
                Direction::ToResponder => Side::Client,
                Direction::ToInitiator => Side::Server,
            };
            broken.entry(offence.rule).or_insert_with(|| Broken {
                side,
                seen: offence.to_string(),
            });
        }
    }
    broken
}

/// Opcode of a continuation frame (RFC 6455 section 5.2).
const CONTINUATION: u8 = 0;
/// Opcodes from here on are control frames.
const CONTROL: u8 = 8;
/// RSV1 among the three reserved bits; it stands on the first frame of a compressed message (RFC 7692 section 6).
const RSV1: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, payload: &[u8], paths: &[&str], last_ns: u64) -> WireFrame {
        WireFrame {
            opcode,
            fin: true,
            rsv: 0,
            masked: false,
            payload: payload.to_vec(),
            violations: Vec::new(),
            first_ns: 0,
            last_ns,
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }
    }

    #[test]
    fn fragments_are_one_message_and_control_frames_none() {
        let seen = messages(&[
            frame(1, b"a", &["path1"], 10),
            frame(9, b"ping", &["path3"], 11),
            frame(0, b"b", &["path2"], 12),
            frame(2, b"ab", &["path2"], 13),
        ]);
        let told: Vec<_> = seen
            .iter()
            .map(|one| (one.opcode, one.length, one.paths.join(" "), one.last_ns))
            .collect();
        assert_eq!(
            told,
            [
                (1, 2, "path1 path2".to_owned(), 12),
                (2, 2, "path2".to_owned(), 13)
            ]
        );
        assert_eq!(seen[0].sha256, seen[1].sha256);
        assert!(seen[0].sha256.starts_with("fb8e20fc2e4c3f24"));
    }

    #[test]
    fn a_continuation_of_nothing_is_told_as_what_it_is() {
        let seen = messages(&[frame(0, b"a", &[], 1), frame(1, b"b", &[], 2)]);
        let opcodes: Vec<u8> = seen.iter().map(|one| one.opcode).collect();
        assert_eq!(opcodes, [0, 1]);
    }

    #[test]
    fn only_the_first_frame_says_whether_a_message_is_compressed() {
        let rsv = |opcode, rsv| WireFrame {
            rsv,
            ..frame(opcode, b"x", &[], 0)
        };
        let seen = messages(&[rsv(1, 4), rsv(0, 0), rsv(1, 0), rsv(0, 4)]);
        let told: Vec<bool> = seen.iter().map(|one| one.compressed).collect();
        assert_eq!(told, [true, false]);
    }
}
