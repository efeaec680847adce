//! What each witness said, in words.

use std::fmt::Display;

use mptcp::counters::CounterDelta;
use mpws_model::Side;
use mpws_model::result::Evidence;

use super::transport::Proven;
use crate::testimony::{Exit, PeerConnection, Testimony};
use crate::wire::{SeenConnection, Wire};

/// All that was said.
pub(super) fn in_words(
    testimony: &Testimony,
    proven: &[Proven],
    contradictions: Vec<String>,
) -> Evidence {
    let wire = &testimony.wire;
    let seen = wire.connections.iter().zip(proven);
    let mut lines: Vec<String> = seen.map(|(one, proven)| wire_line(one, *proven)).collect();
    if !wire.any_tcp {
        lines.push("no TCP packet between the hosts".to_owned());
    }
    if testimony.steps.end.is_some() {
        lines.extend(unacknowledged(wire));
    }
    let kernels = testimony.kernels.both().into_iter();
    Evidence {
        wire: lines,
        kernel: kernels
            .map(|(side, kernel)| kernel_line(side, &kernel.moved))
            .collect(),
        peer: peer_lines(testimony),
        contradictions,
        ..Evidence::default()
    }
}

/// Data that arrived and that the kernel of its receiver did not acknowledge, however often it came
/// again.
pub(super) fn unacknowledged(wire: &Wire) -> Vec<String> {
    let ways = [(Side::Server, Side::Client), (Side::Client, Side::Server)];
    let mut told = Vec::new();
    for connection in &wire.connections {
        for (receiver, sender) in ways {
            if let Some(what) = &connection.sent_by(sender).unacknowledged {
                told.push(format!("data to the {} is {what}", receiver.word()));
            }
        }
    }
    told
}

/// How a process ended that a signal killed.
pub(super) fn killed_by(signal: i32) -> String {
    format!("was killed by signal {signal}")
}

fn wire_line(seen: &SeenConnection, proven: Proven) -> String {
    format!(
        "{} -> {}: {}; SYN {} sent ({} with MP_CAPABLE), SYN/ACK {} sent ({} with MP_CAPABLE); {} B to the server, {} B to the client",
        seen.client,
        seen.server,
        proven.describe(),
        seen.to_server.syn,
        seen.to_server.syn_mp_capable,
        seen.to_client.syn,
        seen.to_client.syn_mp_capable,
        seen.to_server.bytes,
        seen.to_client.bytes,
    )
}

fn kernel_line(side: Side, moved: &CounterDelta) -> String {
    let moved = moved.mptcp_moved();
    let list: Vec<String> = moved
        .iter()
        .map(|(name, by)| format!("{name} {by:+}"))
        .collect();
    let side = side.word();
    match list.is_empty() {
        true => format!("{side}: no MPTCP counter moved"),
        false => format!("{side}: {}", list.join(", ")),
    }
}

fn peer_lines(testimony: &Testimony) -> Vec<String> {
    let both = testimony.peers.both();
    let mut lines: Vec<String> = Vec::new();
    for (side, peer) in both {
        let connections = peer.connections.iter().flatten();
        lines.extend(connections.map(|one| format!("{}: {}", side.word(), said_of(*one))));
    }
    for (side, peer) in both {
        // A crash shows at the other end as no more than a connection that ends.
        if let Some(Exit::Signal(signal)) = peer.exit {
            lines.push(format!("{}: {}", side.word(), killed_by(signal)));
        }
    }
    lines
}

fn said_of(connection: PeerConnection) -> String {
    format!(
        "SO_PROTOCOL {}, TCP_IS_MPTCP {}, TCP_NODELAY {}, the API says protocol {}",
        shown(connection.so_protocol),
        shown(connection.is_mptcp),
        shown(connection.nodelay),
        shown(connection.api_protocol)
    )
}

fn shown<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}
