//! The report as values.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::{dissect::Dissection, event::Entry};
use crate::{
    messages::{Application, Handshake, Message, Options, Unread},
    packets::{Connection, Direction, Proof, Role, Trace},
    plain::Tls,
    rules::Offence,
    stream::{DataStream, Hole, Share, Unacknowledged},
    transport::TransportTruth,
};

/// Name and version of the format.
pub const SCHEMA: &str = "mpws-capture/1";

/// What a capture shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// Name and version of the format: `mpws-capture/1`.
    pub schema: String,
    /// The file.
    pub file: FileSummary,
    /// Connections in the order of their first packet; subflows stand within.
    pub connections: Vec<ConnectionReport>,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileSummary {
    /// Its name; empty where there is none.
    pub name: String,
    /// Packets that were read.
    pub packets: u64,
    /// Of these, packets that are not TCP over IP: of no interest here.
    pub not_tcp: u64,
    /// TCP packets of which a part was captured: their options are known, some of their payload is
    /// not.
    pub cut: u64,
    /// Fragments of TCP packets: what they carried is unknown.
    pub fragments: u64,
    /// Cut before the end of the TCP header, too broken to tell what they are, or of an unknown
    /// link type: what they carried is unknown. Or what a lab's wire did to them cannot be read:
    /// whether they arrived is unknown.
    pub unreadable: u64,
    /// Time of the first TCP packet, in nanoseconds since the epoch.
    pub first_ns: Option<u64>,
    /// Time of the last TCP packet, in nanoseconds since the epoch.
    pub last_ns: Option<u64>,
    /// Why it could not be read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One connection, of MPTCP or TCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConnectionReport {
    /// Who opened it.
    pub initiator: SocketAddr,
    /// The other end.
    pub responder: SocketAddr,
    /// Time of its first packet, in nanoseconds since the epoch.
    pub first_ns: u64,
    /// Time of its last packet on any subflow, in nanoseconds since the epoch.
    pub last_ns: u64,
    /// What carried its bytes.
    pub transport: TransportTruth,
    /// Version of MPTCP in the SYN/ACK, or in the SYN where that has none; absent where neither
    /// asks for MPTCP.
    pub mptcp_version: Option<u8>,
    /// Checksums were asked for.
    pub checksum: bool,
    /// Token of the initiator, 32 bits in hexadecimal, where its key was seen.
    pub initiator_token: Option<String>,
    /// Token of the responder, 32 bits in hexadecimal, where its key was seen.
    pub responder_token: Option<String>,
    /// What the bytes are.
    pub application: Application,
    /// TLS, where it carried the application's bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Opening handshake of WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<Handshake>,
    /// Subflows; the first is the one that opened the connection.
    pub subflows: Vec<SubflowReport>,
    /// What the initiator wrote and the responder got.
    pub to_responder: StreamReport,
    /// What the responder wrote and the initiator got.
    pub to_initiator: StreamReport,
    /// WebSocket messages of both directions, by the time of their first byte.
    pub messages: Vec<Message>,
    /// Where messages could not be read to the end of a direction.
    pub unread: Vec<Unread>,
    /// What happened, in the order of time.
    pub timeline: Vec<Entry>,
    /// Rules that were broken, in the order of time.
    pub violations: Vec<Offence>,
}

/// One subflow. Directions are those of the connection, also where the responder opened the
/// subflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SubflowReport {
    /// Who opened it.
    pub opener: SocketAddr,
    /// The other end.
    pub acceptor: SocketAddr,
    /// The responder of the connection opened it.
    pub opened_by_responder: bool,
    /// Interfaces of the capture that its packets crossed.
    pub paths: Vec<String>,
    /// Time of its first packet, in nanoseconds since the epoch.
    pub first_ns: u64,
    /// Time of its last packet, in nanoseconds since the epoch.
    pub last_ns: u64,
    /// Its packets.
    pub packets: u64,
    /// How it joined; absent for the first subflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<JoinReport>,
    /// SYN/ACK and an ACK for it arrived.
    pub established: bool,
    /// What it carried to the responder.
    pub to_responder: Share,
    /// What it carried to the initiator.
    pub to_initiator: Share,
    /// How it ended, as far as the capture goes.
    pub end: SubflowEnd,
}

/// How a subflow joined (RFC 8684 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JoinReport {
    /// Token in the SYN, 32 bits in hexadecimal.
    pub token: String,
    /// Address id of the opener.
    pub opener_id: Option<u8>,
    /// Address id of the other end.
    pub acceptor_id: Option<u8>,
    /// B in the SYN or in the SYN/ACK.
    pub backup: bool,
    /// HMAC of the SYN/ACK.
    pub syn_ack_hmac: Proof,
    /// HMAC of the third ACK.
    pub ack_hmac: Proof,
    /// MP_JOIN arrived on all three packets.
    pub joined: bool,
}

/// How a subflow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SubflowEnd {
    /// It did not, in the capture.
    Open,
    /// One end sent FIN.
    HalfClosed,
    /// Both ends sent FIN.
    Closed,
    /// It was reset.
    Reset,
}

/// One direction of the data of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StreamReport {
    /// Different bytes that arrived.
    pub bytes: u64,
    /// Bytes that arrived again as data.
    pub doubled: u64,
    /// Bytes that were sent and of which no copy arrived.
    pub lost: u64,
    /// Place up to which the receiver acknowledged.
    pub acked: u64,
    /// Place of the DATA_FIN.
    pub data_fin: Option<u64>,
    /// Place from which data came without mapping.
    pub unmapped_from: Option<u64>,
    /// The stream is in the capture from its first byte on.
    pub from_start: bool,
    /// What is missing, in order.
    pub holes: Vec<Hole>,
    /// What arrived and the receiver does not take.
    #[serde(rename = "held_back")]
    pub unacknowledged: Option<Unacknowledged>,
}

impl Report {
    /// Puts a report together. Of `file`, the counts and times are filled in here, from the trace.
    pub fn of(trace: &Trace, file: FileSummary, options: &Options) -> Self {
        let all = || trace.connections.iter().flat_map(Connection::subflows);
        let counts = &trace.counts;
        let file = FileSummary {
            packets: counts.packets,
            not_tcp: counts.not_tcp,
            cut: counts.cut,
            fragments: counts.fragments,
            unreadable: counts.lost() - counts.fragments,
            first_ns: all().map(|subflow| subflow.first_ns).min(),
            last_ns: all().map(|subflow| subflow.last_ns).max(),
            ..file
        };
        Self {
            schema: SCHEMA.to_owned(),
            file,
            connections: trace
                .connections
                .iter()
                .map(|connection| ConnectionReport::of(Dissection::of(connection, options)))
                .collect(),
        }
    }

    /// Number of rules that were broken, over all connections.
    pub fn violations(&self) -> usize {
        self.connections
            .iter()
            .map(|one| one.violations.len())
            .sum()
    }
}

impl ConnectionReport {
    /// The report of one connection.
    pub fn of(dissection: Dissection<'_>) -> Self {
        let connection = dissection.connection;
        let version = connection.mptcp_version();
        // Tokens of version 0 are made otherwise.
        let token = |key: Option<mpws_codec::mptcp::Key>| {
            key.filter(|_| version == Some(1))
                .map(|key| format!("{:08x}", key.token().0))
        };
        Self {
            initiator: connection.initiator,
            responder: connection.responder,
            first_ns: connection.first_ns,
            last_ns: connection
                .subflows()
                .map(|subflow| subflow.last_ns)
                .max()
                .unwrap_or(connection.last_ns),
            transport: connection.transport(),
            mptcp_version: version,
            checksum: connection.checksum,
            initiator_token: token(connection.initiator_key),
            responder_token: token(connection.responder_key),
            application: dissection.application,
            subflows: subflows(&dissection),
            tls: dissection.tls,
            handshake: dissection.handshake,
            to_responder: StreamReport::of(&dissection.to_responder),
            to_initiator: StreamReport::of(&dissection.to_initiator),
            messages: dissection.messages,
            unread: dissection.unread,
            timeline: dissection.timeline,
            violations: dissection.offences,
        }
    }
}

impl StreamReport {
    fn of(data: &DataStream) -> Self {
        Self {
            bytes: data.bytes,
            doubled: data.doubled,
            lost: data.lost,
            acked: data.acked,
            data_fin: data.data_fin,
            unmapped_from: data.unmapped_from,
            from_start: data.from_start,
            holes: data.holes.clone(),
            unacknowledged: data.unacknowledged(),
        }
    }
}

fn subflows(dissection: &Dissection<'_>) -> Vec<SubflowReport> {
    let subflows = dissection.connection.subflows().enumerate();
    let reports = subflows.map(|(index, subflow)| {
        let check = index
            .checked_sub(1)
            .and_then(|index| dissection.joins.get(index));
        let share = |direction| {
            let shares = &dissection.data(direction).shares;
            shares.get(index).copied().unwrap_or_default()
        };
        SubflowReport {
            opener: subflow.initiator,
            acceptor: subflow.responder,
            opened_by_responder: subflow.opened_by_responder,
            paths: subflow.paths.clone(),
            first_ns: subflow.first_ns,
            last_ns: subflow.last_ns,
            packets: subflow.packets.len() as u64,
            join: check.map(|check| JoinReport {
                token: format!("{:08x}", check.token.0),
                opener_id: check.initiator_id.map(|id| id.0),
                acceptor_id: check.responder_id.map(|id| id.0),
                backup: check.initiator_backup || check.responder_backup,
                syn_ack_hmac: check.syn_ack,
                ack_hmac: check.ack,
                joined: check.established,
            }),
            established: subflow.established || subflow.role == Role::Unknown,
            to_responder: share(Direction::ToResponder),
            to_initiator: share(Direction::ToInitiator),
            end: end(subflow),
        }
    });
    reports.collect()
}

fn end(subflow: &Connection) -> SubflowEnd {
    let (there, back) = (
        &subflow.to_responder.delivered,
        &subflow.to_initiator.delivered,
    );
    match (there.fin > 0, back.fin > 0) {
        _ if there.rst + back.rst > 0 => SubflowEnd::Reset,
        (true, true) => SubflowEnd::Closed,
        (false, false) => SubflowEnd::Open,
        _ => SubflowEnd::HalfClosed,
    }
}
