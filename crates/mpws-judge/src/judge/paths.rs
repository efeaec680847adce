//! Several paths: joins, what each path carried and lost, and whether the messages came through
//! whole.

use std::collections::BTreeMap;

use mpws_model::Side;
use mpws_model::result::Check;
use serde_json::Value;

use super::check::check;
use crate::demands::{Count, Demands};
use crate::testimony::Testimony;
use crate::wire::{SeenDirection, SeenJoin, SeenMessage, SeenSubflow, Wire};

/// Judges what was demanded of paths; nothing where nothing was.
pub(super) fn judge(demands: &Demands, testimony: &Testimony) -> Vec<Check> {
    let wire = &testimony.wire;
    let mut checks = Vec::new();
    if let Some(joins) = demands.joins {
        let joins = match demands.control {
            true => Count::Exactly(0),
            false => joins,
        };
        checks.push(one_connection(wire));
        checks.push(joined_on_the_wire(joins, wire));
        if !demands.control {
            checks.push(joined_in_the_kernels(joins, testimony));
        }
    }
    if !demands.control {
        let carried = demands.carried.iter();
        checks.extend(carried.map(|one| payload_on(one.path, one.payload, wire)));
    }
    checks.extend(demands.dropped.iter().map(|path| dropped_on(*path, wire)));
    if demands.echoed {
        checks.push(echoed(wire));
    }
    if demands.split && !demands.control {
        checks.push(split(wire));
    }
    checks
}

/// A peer that opens a second connection in silence has not survived anything.
fn one_connection(wire: &Wire) -> Check {
    let seen = wire.connections.len();
    check("connections on the wire", "1", &seen.to_string(), seen == 1)
}

fn joined_on_the_wire(joins: Count, wire: &Wire) -> Check {
    let all = subflows(wire).filter_map(|subflow| subflow.join);
    let done = all.filter(|join| is_complete(*join)).count();
    check(
        "joins on the wire, complete from the SYN with MP_JOIN to the fourth ACK",
        &joins.describe(),
        &done.to_string(),
        joins.holds(i64::try_from(done).unwrap_or(i64::MAX)),
    )
}

fn is_complete(join: SeenJoin) -> bool {
    join.established && join.agreed && join.answers > 0
}

/// Whoever opens a join counts the SYN/ACK, the other end the third ACK, without which there is no
/// join.
fn joined_in_the_kernels(joins: Count, testimony: &Testimony) -> Check {
    let sum = |name: &str| {
        let [client, server] = testimony.kernels.both().map(|(_, one)| one.moved.of(name));
        Some(client? + server?)
    };
    let (opened, accepted) = (sum("MPJoinSynAckRx"), sum("MPJoinAckRx"));
    let held = match (opened, accepted) {
        (Some(opened), Some(accepted)) => joins.holds(accepted) && opened >= accepted,
        _ => false,
    };
    let shown =
        |count: Option<i64>| count.map_or_else(|| "uncounted".to_owned(), |c| c.to_string());
    check(
        "joins that the kernels count",
        &format!("{} accepted", joins.describe()),
        &format!("{} opened, {} accepted", shown(opened), shown(accepted)),
        held,
    )
}

fn payload_on(path: u8, demanded: bool, wire: &Wire) -> Check {
    let bytes: u64 = on(path, wire).map(|subflow| subflow.bytes).sum();
    let words = |any| if any { "some" } else { "none" };
    let name = format!("payload that path {path} carried");
    let any = bytes > 0;
    check(&name, words(demanded), words(any), any == demanded)
}

fn dropped_on(path: u8, wire: &Wire) -> Check {
    let lost: u32 = on(path, wire).map(|subflow| subflow.dropped).sum();
    let name = format!("packets that path {path} lost");
    let observed = if lost > 0 { "some" } else { "none" };
    check(&name, "some", observed, lost > 0)
}

fn subflows(wire: &Wire) -> impl Iterator<Item = &SeenSubflow> {
    wire.connections.iter().flat_map(|one| &one.subflows)
}

fn on(path: u8, wire: &Wire) -> impl Iterator<Item = &SeenSubflow> {
    let name = format!("path{path}");
    subflows(wire).filter(move |subflow| subflow.paths.contains(&name))
}

fn echoed(wire: &Wire) -> Check {
    let all = |sent: fn(&Wire, Side) -> Vec<&SeenMessage>| {
        [Side::Client, Side::Server].map(|side| sent(wire, side))
    };
    let [there, back] = all(messages);
    let in_place = |(one, other): &(&&SeenMessage, &&SeenMessage)| is_same(one, other);
    let held = !there.is_empty()
        && there.len() == back.len()
        && there.iter().zip(&back).all(|pair| in_place(&pair));
    let same = "the same messages both ways";
    let observed = match held {
        true => same.to_owned(),
        false => format!(
            "{} messages to the server and {} back, {} of them in their place",
            there.len(),
            back.len(),
            there.iter().zip(&back).filter(in_place).count()
        ),
    };
    let name = "on the wire every message comes back once, in order";
    check(name, same, &observed, held)
}

fn messages(wire: &Wire, side: Side) -> Vec<&SeenMessage> {
    let sent = wire.connections.iter().map(|one| one.sent_by(side));
    sent.flat_map(|sent| &sent.messages).collect()
}

/// What is not known is the same as nothing.
fn is_same(one: &SeenMessage, other: &SeenMessage) -> bool {
    one.kind == other.kind && one.content.is_some() && one.content == other.content
}

fn split(wire: &Wire) -> Check {
    let all = [Side::Client, Side::Server].map(|side| messages(wire, side));
    let split = all.iter().flatten().any(|message| message.paths.len() > 1);
    let observed = if split { "at least one" } else { "none" };
    let name = "messages whose parts arrived on different paths";
    check(name, "at least one", observed, split)
}

/// The longest time in which no message arrived at an end, between its first and its last, in
/// milliseconds: the gap that a path leaves when it goes, beside what the program saw of it.
pub(super) fn longest_gaps(demands: &Demands, wire: &Wire) -> BTreeMap<String, Value> {
    let mut gaps = BTreeMap::new();
    if !demands.echoed {
        return gaps;
    }
    for (end, sender) in [("server", Side::Client), ("client", Side::Server)] {
        let all = wire.connections.iter().map(|one| one.sent_by(sender));
        if let Some(gap) = all.filter_map(longest_gap_ns).max() {
            let name = format!("longest gap between messages at the {end}, on the wire, ms");
            gaps.insert(name, Value::from(gap / 1_000_000));
        }
    }
    gaps
}

fn longest_gap_ns(sent: &SeenDirection) -> Option<u64> {
    let gaps = sent.messages.windows(2).filter_map(|two| match two {
        [before, after] => after.last_ns.checked_sub(before.last_ns),
        _ => None,
    });
    gaps.max()
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
