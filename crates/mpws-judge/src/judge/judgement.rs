//! Verdict and reason.

use std::collections::BTreeMap;

use mpws_model::Side;
use mpws_model::result::{Check, Evidence, Transport, Verdict};
use serde_json::Value;

use super::check::check;
use super::{behaviour, evidence, paths, placed, rules, transport, witnesses};
use crate::demands::Demands;
use crate::testimony::{End, Exit, Testimony};

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence: why.
    pub reason: String,
    /// What carried the bytes: that of the last connection, which is what the user is left with.
    pub transport: Transport,
    /// Every single judgement, those of the steps first.
    pub checks: Vec<Check>,
    /// What each witness said, in words.
    pub evidence: Evidence,
    /// What the evidence shows beside that: not judged, and different from run to run.
    pub volatile: BTreeMap<String, Value>,
}

/// Judges a cell whose steps are over.
///
/// The same demands and the same testimony always give the same judgement.
pub fn judge(demands: &Demands, testimony: &Testimony) -> Judgement {
    let wire = &testimony.wire;
    let proven = transport::proven(testimony);
    let contradictions = witnesses::contradictions(testimony, &proven);
    let mut checks = testimony.steps.checks.clone();
    checks.extend(transport::judge(demands, wire, &proven));
    checks.extend(behaviour::judge(demands, wire));
    checks.extend(paths::judge(demands, testimony));
    checks.extend(rules::judge(demands, wire));
    checks.push(witnesses::agree(&contradictions));
    checks.extend(placed::judge(demands, testimony));
    checks.extend(to_the_end(testimony.steps.end.as_ref()));
    let (verdict, reason) = match do_not_fit(demands, testimony) {
        Some(why) => (Verdict::Error, why),
        None => verdict(testimony, &checks),
    };
    let mut volatile = paths::longest_gaps(demands, wire);
    volatile.extend(not_ended(testimony));
    Judgement {
        verdict,
        reason,
        transport: transport::summary(&proven),
        checks,
        evidence: evidence::in_words(testimony, &proven, contradictions),
        volatile,
    }
}

/// Why the testimony cannot be one about these demands. What was not counted is not taken for zero.
fn do_not_fit(demands: &Demands, testimony: &Testimony) -> Option<String> {
    let (placed, counted) = (demands.placed.len(), testimony.came.len());
    (placed != counted).then(|| {
        format!("packets were counted for {counted} rules and boxes, and {placed} were placed")
    })
}

/// A failed step is a check like the others, so that no expectation about another one can explain
/// it away.
fn to_the_end(end: Option<&End>) -> Option<Check> {
    let Some(End::Failed(reason)) = end else {
        return None;
    };
    Some(check("the steps go through", "to the end", reason, false))
}

/// Steps that ended early outweigh checks that held so far.
fn verdict(testimony: &Testimony, checks: &[Check]) -> (Verdict, String) {
    if let Some(end) = &testimony.steps.end {
        let verdict = match end {
            End::Failed(_) => Verdict::Fail,
            End::Unsupported(_) => Verdict::Unsupported,
            End::Unprovable(_) => Verdict::Unprovable,
            End::Broken(_) => Verdict::Error,
        };
        return (verdict, why_it_ended(testimony, end));
    }
    if testimony.steps.checks.is_empty() {
        return (Verdict::Error, "the case judged nothing".to_owned());
    }
    let failed: Vec<&Check> = checks.iter().filter(|check| !check.held).collect();
    match failed.as_slice() {
        [] => (Verdict::Pass, format!("{} checks held", checks.len())),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            let reason = format!(
                "{}: expected {}, observed {}{more}",
                first.name, first.expected, first.observed
            );
            (Verdict::Fail, reason)
        }
    }
}

/// The reason of steps that ended early. Programs only see silence: the wire shows which kernel
/// keeps it, and how a process ended shows who did.
fn why_it_ended(testimony: &Testimony, end: &End) -> String {
    let mut reason = end.reason().to_owned();
    for told in evidence::unacknowledged(&testimony.wire) {
        reason.push_str(&format!("; {told}"));
    }
    for (side, peer) in testimony.peers.both() {
        let Some(Exit::Signal(signal)) = peer.exit else {
            continue;
        };
        let how = evidence::killed_by(signal);
        // A step that was waiting for the peer may have told it already.
        if !reason.contains(&how) {
            reason.push_str(&format!("; the {} {how}", side.word()));
        }
    }
    reason
}

/// Peers that did not end when they were told to.
fn not_ended(testimony: &Testimony) -> impl Iterator<Item = (String, Value)> {
    let both = testimony.peers.both();
    both.into_iter()
        .filter_map(|(side, peer)| match &peer.exit {
            Some(Exit::Not(why)) => Some((at_the_end(side), Value::from(why.as_str()))),
            Some(Exit::Code(_) | Exit::Signal(_)) | None => None,
        })
}

fn at_the_end(side: Side) -> String {
    format!("{} at the end", side.word())
}

#[cfg(test)]
#[path = "judgement_tests.rs"]
mod tests;
