//! From witnesses to a judgement of the transport. No peer's own word decides anything here.

pub(crate) mod on_the_wire;
mod paths;
mod rules;

use std::collections::BTreeMap;
use std::net::IpAddr;

use mptcp::counters::CounterDelta;
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::{Cause, Connection, Direction, Role, Trace, TransportTruth};

use crate::case::{Expect, Side};
use crate::cell::{Cell, PORT};
use crate::result::{Check, Evidence, Transport, TransportKind};

/// What the oracle found.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What carried the bytes of the cell.
    pub transport: Transport,
    /// Single judgements.
    pub checks: Vec<Check>,
    /// What each witness said.
    pub evidence: Evidence,
    /// What the wire shows of times; not judged.
    pub recorded: BTreeMap<String, serde_json::Value>,
}

/// One connection between client and server, as proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proven {
    kind: TransportKind,
    cause: Option<Cause>,
    subflows: u32,
}

/// Judges a cell whose steps are over.
pub fn judge(
    cell: &Cell,
    trace: &Trace,
    client_moved: &CounterDelta,
    server_moved: &CounterDelta,
) -> Judgement {
    let connections = connections(cell, trace);
    let not_asked = why_not_asked(cell, client_moved);
    let proven: Vec<Proven> = connections
        .iter()
        .map(|connection| prove(connection, not_asked))
        .collect();
    let mut checks = Vec::new();
    let control = cell.protocol == SocketProtocol::Tcp;
    judge_expectation(cell, control, &proven, trace, &mut checks);
    for &(side, rounds) in &cell.no_holding {
        checks.push(judge_holding(side, rounds, &connections));
    }
    if cell.no_reset {
        checks.push(judge_resets(&connections));
    }
    if cell.compressed {
        checks.push(judge_compression(&connections));
    }
    paths::judge(cell, &connections, client_moved, server_moved, &mut checks);
    rules::judge(cell, trace, &mut checks);
    let mut evidence = Evidence {
        wire: connections
            .iter()
            .zip(&proven)
            .map(|(one, proven)| wire_line(one, *proven))
            .collect(),
        kernel: vec![
            kernel_line("client", client_moved),
            kernel_line("server", server_moved),
        ],
        ..Evidence::default()
    };
    evidence.peer = peer_lines(cell);
    evidence.contradictions = contradictions(cell, &proven, client_moved, server_moved);
    if trace.connections.is_empty() {
        evidence
            .wire
            .push("no TCP packet between the hosts".to_owned());
    }
    checks.push(Check {
        name: "the witnesses agree".to_owned(),
        expected: "no contradiction".to_owned(),
        observed: if evidence.contradictions.is_empty() {
            "no contradiction".to_owned()
        } else {
            evidence.contradictions.join("; ")
        },
        held: evidence.contradictions.is_empty(),
    });
    Judgement {
        transport: summary(&proven),
        checks,
        evidence,
        recorded: paths::recorded(cell, &connections),
    }
}

/// Connections from client to server, subflows folded in, in the order of their first packet.
fn connections<'a>(cell: &Cell, trace: &'a Trace) -> Vec<&'a Connection> {
    let client: Vec<IpAddr> = [crate::case::Ip::V4, crate::case::Ip::V6]
        .into_iter()
        .filter_map(|ip| cell.address_in(Side::Client, ip).parse().ok())
        .collect();
    trace
        .connections
        .iter()
        .filter(|one| one.responder.port() == PORT && client.contains(&one.initiator.ip()))
        .filter(|one| !matches!(one.role, Role::Join(_)))
        .collect()
}

/// Data that arrived and that the kernel of its receiver did not acknowledge, however often it came again.
pub fn held_back(cell: &Cell, trace: &Trace) -> Vec<String> {
    let ways = [
        (Side::Server, Direction::ToResponder),
        (Side::Client, Direction::ToInitiator),
    ];
    let mut told = Vec::new();
    for connection in connections(cell, trace) {
        for (side, direction) in ways {
            if let Some(held) = connection.data(direction).held_back() {
                told.push(format!("data to the {} is {held}", side.word()));
            }
        }
    }
    told
}

fn prove(connection: &Connection, not_asked: Cause) -> Proven {
    let proven = |kind, cause, subflows| Proven {
        kind,
        cause,
        subflows,
    };
    match connection.transport() {
        TransportTruth::Mptcp { subflows } => proven(TransportKind::Mptcp, None, subflows),
        TransportTruth::Fallback { cause } => proven(TransportKind::Fallback, Some(cause), 0),
        TransportTruth::Tcp => proven(TransportKind::Tcp, Some(not_asked), 0),
        TransportTruth::NotEstablished { cause } => proven(TransportKind::None, Some(cause), 0),
    }
}

/// The wire shows that MP_CAPABLE was not in the SYN; errno, sysctl and counters tell why.
fn why_not_asked(cell: &Cell, client_moved: &CounterDelta) -> Cause {
    let refusal = cell.refusals.iter().find(|(side, _)| *side == Side::Client);
    if let Some((_, errno)) = refusal {
        let host = cell.host(Side::Client);
        let family = match cell.ip {
            crate::case::Ip::V4 => AF_INET,
            crate::case::Ip::V6 => AF_INET6,
        };
        let kernel = host.socket(family, SOCK_STREAM, IPPROTO_MPTCP);
        return match (kernel, errno) {
            // The kernel would give one here and now: somebody between it and the program refused.
            (Ok(_), _) => Cause::RefusedByPolicy,
            (Err(_), &ENOPROTOOPT) => match host.sysctl("net.mptcp.enabled") {
                Ok(value) if value == "0" => Cause::SwitchedOff,
                _ => Cause::RefusedByPolicy,
            },
            (Err(_), _) => Cause::NotInKernel,
        };
    }
    if client_moved
        .of("MPCapableSYNTXDisabled")
        .is_some_and(|moved| moved > 0)
    {
        return Cause::BlackholeMemory;
    }
    Cause::NeverAsked
}

fn judge_expectation(
    cell: &Cell,
    control: bool,
    proven: &[Proven],
    trace: &Trace,
    checks: &mut Vec<Check>,
) {
    let mut check = |name: String, expected: String, observed: String, held: bool| {
        checks.push(Check {
            name,
            expected,
            observed,
            held,
        });
    };
    if !cell.each.is_empty() {
        let each: Vec<Expect> = cell
            .each
            .iter()
            .map(|one| as_control(*one, control))
            .collect();
        let expected = each
            .iter()
            .map(|one| one.describe())
            .collect::<Vec<_>>()
            .join(", ");
        let observed = proven
            .iter()
            .map(|one| one.describe())
            .collect::<Vec<_>>()
            .join(", ");
        let held = each.len() == proven.len()
            && each
                .iter()
                .zip(proven)
                .all(|(expect, proven)| matches(*expect, *proven));
        check(
            "transport of each connection".to_owned(),
            expected,
            observed,
            held,
        );
        return;
    }
    let expect = as_control(cell.expect, control);
    let observed = if proven.is_empty() {
        "no connection was tried".to_owned()
    } else {
        let mut words: Vec<String> = proven.iter().map(|one| one.describe()).collect();
        words.dedup();
        words.join(", ")
    };
    match expect {
        Expect::Recorded if control => {
            let held = proven
                .iter()
                .all(|one| !matches!(one.kind, TransportKind::Mptcp | TransportKind::Fallback));
            check(
                "the control is plain TCP".to_owned(),
                "no MPTCP".to_owned(),
                observed,
                held,
            );
        }
        // Whatever becomes of it: a subject that never asks for MPTCP shows nothing about it.
        Expect::Recorded if !proven.is_empty() => {
            let held = proven.iter().all(|one| one.kind != TransportKind::Tcp);
            check(
                "MPTCP is asked for".to_owned(),
                "in the SYN of every connection".to_owned(),
                observed,
                held,
            );
        }
        Expect::Recorded => {}
        Expect::Silence => {
            let held = trace.connections.is_empty();
            let observed = if held {
                "no packet at all".to_owned()
            } else {
                observed
            };
            check("transport".to_owned(), expect.describe(), observed, held);
        }
        _ => {
            let held = !proven.is_empty() && proven.iter().all(|one| matches(expect, *one));
            check("transport".to_owned(), expect.describe(), observed, held);
        }
    }
}

/// What the control must show where its subject shows this.
fn as_control(expect: Expect, control: bool) -> Expect {
    match expect {
        Expect::Mptcp | Expect::Fallback(_) | Expect::Tcp(_) if control => {
            Expect::Tcp(Cause::NeverAsked)
        }
        other => other,
    }
}

fn matches(expect: Expect, proven: Proven) -> bool {
    match expect {
        Expect::Mptcp => proven.kind == TransportKind::Mptcp && proven.subflows > 0,
        Expect::Fallback(cause) => {
            proven.kind == TransportKind::Fallback && proven.cause == Some(cause)
        }
        Expect::Tcp(cause) => proven.kind == TransportKind::Tcp && proven.cause == Some(cause),
        Expect::NoConnection(cause) => {
            proven.kind == TransportKind::None && proven.cause == Some(cause)
        }
        Expect::Silence => false,
        Expect::Recorded => true,
    }
}

fn judge_holding(side: Side, rounds: u32, connections: &[&Connection]) -> Check {
    let direction = match side {
        Side::Client => Direction::ToResponder,
        Side::Server => Direction::ToInitiator,
    };
    let looked_at: usize = connections
        .iter()
        .map(|one| one.data_segments(direction).len())
        .sum();
    let held: usize = connections
        .iter()
        .map(|one| one.held_segments(direction).len())
        .sum();
    // One held segment a round is what Nagle's algorithm does; a busy machine makes one look so now and then.
    let waits = held as u64 * 2 >= u64::from(rounds);
    let none = "none, or few by chance";
    Check {
        name: format!("segments of the {} that wait for an ACK", side.word()),
        expected: none.to_owned(),
        observed: match (looked_at, waits) {
            (0, _) => "no segment was seen".to_owned(),
            (_, false) => none.to_owned(),
            (_, true) => "one in every second round or more".to_owned(),
        },
        held: looked_at > 0 && !waits,
    }
}

fn judge_resets(connections: &[&Connection]) -> Check {
    let flows = connections
        .iter()
        .flat_map(|connection| connection.subflows())
        .flat_map(|subflow| {
            [Direction::ToResponder, Direction::ToInitiator].map(|way| subflow.flow(way))
        });
    let resets: u32 = flows.map(|flow| flow.delivered.rst).sum();
    let held = resets == 0 && !connections.is_empty();
    Check {
        name: "no reset on the wire".to_owned(),
        expected: "none".to_owned(),
        observed: match resets {
            _ if connections.is_empty() => "no connection was seen".to_owned(),
            0 => "none".to_owned(),
            _ => "at least one".to_owned(),
        },
        held,
    }
}

fn judge_compression(connections: &[&Connection]) -> Check {
    let mut messages = 0;
    let mut plain = 0;
    for direction in [Direction::ToResponder, Direction::ToInitiator] {
        for connection in connections {
            let frames = connection.frames(direction);
            // RFC 7692 section 6: RSV1 stands on the first frame of a compressed message.
            let first = frames.iter().filter(|frame| matches!(frame.opcode, 1 | 2));
            for frame in first {
                messages += 1;
                plain += usize::from(frame.rsv & 4 == 0);
            }
        }
    }
    Check {
        name: "every message is compressed".to_owned(),
        expected: "RSV1 on each".to_owned(),
        observed: match (messages, plain) {
            (0, _) => "no message was seen".to_owned(),
            (_, 0) => "RSV1 on each".to_owned(),
            _ => format!("{plain} of {messages} without RSV1"),
        },
        held: messages > 0 && plain == 0,
    }
}

/// Where wire, kernels and peers do not fit together.
fn contradictions(
    cell: &Cell,
    proven: &[Proven],
    client_moved: &CounterDelta,
    server_moved: &CounterDelta,
) -> Vec<String> {
    let mut found = Vec::new();
    let mptcp = proven
        .iter()
        .filter(|one| one.kind == TransportKind::Mptcp && one.subflows > 0)
        .count();
    let agreed = i64::try_from(mptcp).unwrap_or(i64::MAX);
    for (side, moved, name) in [
        ("client", client_moved, "MPCapableSYNACKRX"),
        ("server", server_moved, "MPCapableACKRX"),
    ] {
        match moved.of(name) {
            Some(count) if count < agreed => found.push(format!(
                "the wire shows {agreed} MPTCP connections, but {name} of the {side}'s kernel moved by {count}"
            )),
            None if agreed > 0 => found.push(format!("the {side}'s kernel has no counter {name}")),
            _ => {}
        }
    }
    if mptcp == 0 && !proven.is_empty() && proven.iter().all(|one| one.kind == TransportKind::Tcp) {
        for (side, moved) in [("client", client_moved), ("server", server_moved)] {
            if moved.of("MPCapableSYNRX").is_some_and(|count| count > 0) {
                found.push(format!(
                    "the wire shows plain TCP, but the {side}'s kernel received MP_CAPABLE"
                ));
            }
        }
    }
    let [only] = proven else { return found };
    let Some(last) = cell.snapshots.last() else {
        return found;
    };
    let is_mptcp = only.kind == TransportKind::Mptcp;
    for (side, facts) in [
        ("client", &last.client_facts),
        ("server", &last.server_facts),
    ] {
        for fact in facts.iter().filter(|fact| fact.open) {
            if let Some(claim) = fact.is_mptcp
                && claim != is_mptcp
                // The server looks when it accepts: a fallback after that is no lie.
                && !(side == "server" && only.cause_is_late())
            {
                found.push(format!(
                    "the {side} says that its connection is {}MPTCP, the wire shows {}",
                    if claim { "" } else { "not " },
                    only.describe()
                ));
            }
        }
    }
    if is_mptcp {
        for (side, sockets) in [
            ("client", &last.client_sockets),
            ("server", &last.server_sockets),
        ] {
            let live = sockets
                .iter()
                .any(|socket| socket.fallback() == Some(false));
            if !live {
                found.push(format!(
                    "the wire shows MPTCP, but the {side}'s kernel lists no live MPTCP socket"
                ));
            }
        }
    }
    found
}

fn summary(proven: &[Proven]) -> Transport {
    let Some(first) = proven.first() else {
        return Transport {
            kind: TransportKind::None,
            cause: Some(Cause::NoPacket.to_string()),
            subflows: None,
        };
    };
    // One word for the cell: that of its last connection, which is what the user is left with.
    let last = proven.last().unwrap_or(first);
    Transport {
        kind: last.kind,
        cause: last.cause.map(|cause| cause.to_string()),
        subflows: (last.kind == TransportKind::Mptcp).then_some(last.subflows),
    }
}

impl Proven {
    fn describe(self) -> String {
        match (self.kind, self.cause) {
            (TransportKind::Mptcp, _) if self.subflows == 0 => "mptcp without data".to_owned(),
            (TransportKind::Mptcp, _) => "mptcp".to_owned(),
            (TransportKind::Fallback, Some(cause)) => format!("fallback ({cause})"),
            (TransportKind::Tcp, Some(cause)) => format!("tcp ({cause})"),
            (TransportKind::None, Some(cause)) => format!("no connection ({cause})"),
            _ => "unproven".to_owned(),
        }
    }

    /// The fallback came after the socket was accepted.
    fn cause_is_late(self) -> bool {
        matches!(
            self.cause,
            Some(
                Cause::OptionStrippedClientData
                    | Cause::OptionStrippedServerData
                    | Cause::FellBackMidStream
                    | Cause::FellBackEarly
                    | Cause::InfiniteMapping
                    | Cause::DataDropped
            )
        )
    }
}

fn wire_line(connection: &Connection, proven: Proven) -> String {
    format!(
        "{} -> {}: {}; SYN {} sent ({} with MP_CAPABLE), SYN/ACK {} sent ({} with MP_CAPABLE); {} B to the server, {} B to the client",
        connection.initiator,
        connection.responder,
        proven.describe(),
        connection.to_responder.sent.syn,
        connection.to_responder.sent.syn_mp_capable,
        connection.to_initiator.sent.syn,
        connection.to_initiator.sent.syn_mp_capable,
        connection.delivered_bytes(Direction::ToResponder),
        connection.delivered_bytes(Direction::ToInitiator),
    )
}

fn kernel_line(side: &str, moved: &CounterDelta) -> String {
    let moved = moved.mptcp_moved();
    let list: Vec<String> = moved
        .iter()
        .map(|(name, by)| format!("{name} {by:+}"))
        .collect();
    if list.is_empty() {
        format!("{side}: no MPTCP counter moved")
    } else {
        format!("{side}: {}", list.join(", "))
    }
}

fn peer_lines(cell: &Cell) -> Vec<String> {
    let Some(last) = cell.snapshots.last() else {
        return Vec::new();
    };
    [
        ("client", &last.client_facts),
        ("server", &last.server_facts),
    ]
    .into_iter()
    .flat_map(|(side, facts)| {
        facts.iter().map(move |fact| {
            format!(
                "{side}: SO_PROTOCOL {}, TCP_IS_MPTCP {}, TCP_NODELAY {}, the API says protocol {}",
                shown(fact.so_protocol),
                shown(fact.is_mptcp),
                shown(fact.nodelay),
                shown(fact.api_protocol)
            )
        })
    })
    .collect()
}

fn shown<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}

const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;
const SOCK_STREAM: i32 = 1;
const IPPROTO_MPTCP: i32 = 262;
const ENOPROTOOPT: i32 = 92;
