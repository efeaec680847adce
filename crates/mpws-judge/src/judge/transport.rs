//! What carried each connection, why it was not MPTCP, and whether that was expected.

use mpws_model::result::{Check, Transport, TransportKind};
use mpws_model::{Cause, Expect};
use mpws_trace::TransportTruth;

use super::check::check;
use crate::demands::Demands;
use crate::testimony::{Refusal, Testimony};
use crate::wire::Wire;

/// One connection, as proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proven {
    pub(super) kind: TransportKind,
    pub(super) cause: Option<Cause>,
    /// Subflows that carried data, for MPTCP.
    pub(super) subflows: u32,
}

/// What carried each connection of the wire, in order.
pub(super) fn proven(testimony: &Testimony) -> Vec<Proven> {
    let not_asked = why_not_asked(testimony);
    let connections = testimony.wire.connections.iter();
    connections
        .map(|connection| prove(connection.transport, not_asked))
        .collect()
}

fn prove(truth: TransportTruth, not_asked: Cause) -> Proven {
    let (kind, cause, subflows) = match truth {
        TransportTruth::Mptcp { subflows } => (TransportKind::Mptcp, None, subflows),
        TransportTruth::Fallback { cause } => (TransportKind::Fallback, Some(cause), 0),
        TransportTruth::Tcp => (TransportKind::Tcp, Some(not_asked), 0),
        TransportTruth::NotEstablished { cause } => (TransportKind::None, Some(cause), 0),
    };
    Proven {
        kind,
        cause,
        subflows,
    }
}

/// The wire shows that MP_CAPABLE was not in a SYN; the client's errno, its host and its kernel's
/// counters tell why.
fn why_not_asked(testimony: &Testimony) -> Cause {
    if let Some(refusal) = &testimony.refusal {
        return why_refused(refusal);
    }
    let moved = testimony.kernels.client.moved.of("MPCapableSYNTXDisabled");
    if moved.is_some_and(|moved| moved > 0) {
        return Cause::BlackholeMemory;
    }
    Cause::NeverAsked
}

fn why_refused(refusal: &Refusal) -> Cause {
    if refusal.given_to_others {
        // Somebody between the kernel and the program refused.
        return Cause::RefusedByPolicy;
    }
    if refusal.errno != libc::ENOPROTOOPT {
        return Cause::NotInKernel;
    }
    match refusal.enabled {
        Some(false) => Cause::SwitchedOff,
        Some(true) | None => Cause::RefusedByPolicy,
    }
}

/// Judges what carried the connections.
pub(super) fn judge(demands: &Demands, wire: &Wire, proven: &[Proven]) -> Option<Check> {
    if !demands.each.is_empty() {
        return Some(judge_each(demands, proven));
    }
    let expect = as_control(demands.transport, demands.control);
    let observed = describe_all(proven);
    match expect {
        Expect::Recorded if demands.control => {
            let held = proven
                .iter()
                .all(|one| !matches!(one.kind, TransportKind::Mptcp | TransportKind::Fallback));
            let name = "the control is plain TCP";
            Some(check(name, "no MPTCP", &observed, held))
        }
        // Whatever becomes of it: a subject that never asks for MPTCP shows nothing about it.
        Expect::Recorded if !proven.is_empty() => {
            let held = proven.iter().all(|one| one.kind != TransportKind::Tcp);
            let expected = "in the SYN of every connection";
            Some(check("MPTCP is asked for", expected, &observed, held))
        }
        Expect::Recorded => None,
        Expect::Silence => {
            let held = !wire.any_tcp;
            let observed = match held {
                true => "no packet at all".to_owned(),
                false => observed,
            };
            Some(check("transport", &expect.to_string(), &observed, held))
        }
        Expect::Mptcp | Expect::Fallback(_) | Expect::Tcp(_) | Expect::NoConnection(_) => {
            let held = !proven.is_empty() && proven.iter().all(|one| matches(expect, *one));
            Some(check("transport", &expect.to_string(), &observed, held))
        }
    }
}

fn judge_each(demands: &Demands, proven: &[Proven]) -> Check {
    let each = demands.each.iter();
    let each: Vec<Expect> = each.map(|one| as_control(*one, demands.control)).collect();
    let words = |words: Vec<String>| words.join(", ");
    let expected = words(each.iter().map(ToString::to_string).collect());
    let observed = words(proven.iter().map(|one| one.describe()).collect());
    let held = each.len() == proven.len()
        && each
            .iter()
            .zip(proven)
            .all(|(expect, proven)| matches(*expect, *proven));
    check("transport of each connection", &expected, &observed, held)
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
    let is = |kind, cause| proven.kind == kind && proven.cause == Some(cause);
    match expect {
        Expect::Mptcp => proven.kind == TransportKind::Mptcp && proven.subflows > 0,
        Expect::Fallback(cause) => is(TransportKind::Fallback, cause),
        Expect::Tcp(cause) => is(TransportKind::Tcp, cause),
        Expect::NoConnection(cause) => is(TransportKind::None, cause),
        Expect::Silence => false,
        Expect::Recorded => true,
    }
}

fn describe_all(proven: &[Proven]) -> String {
    if proven.is_empty() {
        return "no connection was tried".to_owned();
    }
    let mut words: Vec<String> = proven.iter().map(|one| one.describe()).collect();
    words.dedup();
    words.join(", ")
}

/// One word for the cell: that of its last connection, which is what the user is left with.
pub(super) fn summary(proven: &[Proven]) -> Transport {
    let Some(last) = proven.last() else {
        return Transport {
            kind: TransportKind::None,
            cause: Some(Cause::NoPacket),
            subflows: None,
        };
    };
    Transport {
        kind: last.kind,
        cause: last.cause,
        subflows: (last.kind == TransportKind::Mptcp).then_some(last.subflows),
    }
}

impl Proven {
    /// In words, as checks show it.
    pub(super) fn describe(self) -> String {
        match (self.kind, self.cause) {
            (TransportKind::Mptcp, _) if self.subflows == 0 => "mptcp without data".to_owned(),
            (TransportKind::Mptcp, _) => "mptcp".to_owned(),
            (TransportKind::Fallback, Some(cause)) => format!("fallback ({cause})"),
            (TransportKind::Tcp, Some(cause)) => format!("tcp ({cause})"),
            (TransportKind::None, Some(cause)) => format!("no connection ({cause})"),
            (TransportKind::Fallback | TransportKind::Tcp | TransportKind::None, None)
            | (TransportKind::Unproven, _) => "unproven".to_owned(),
        }
    }

    /// The fallback came after the socket was accepted.
    pub(super) fn is_late(self) -> bool {
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

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
