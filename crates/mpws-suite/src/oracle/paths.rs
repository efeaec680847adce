//! Several paths: joins, what each path carried, and whether the messages came through whole.

use std::collections::BTreeMap;

use mptcp::counters::CounterDelta;
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::{Connection, Direction, WireFrame};
use serde_json::Value;

use crate::cell::{Cell, Count};
use crate::result::Check;

/// Judges what the case said of paths; nothing where it said nothing.
pub(super) fn judge(
    cell: &Cell,
    connections: &[&Connection],
    client_moved: &CounterDelta,
    server_moved: &CounterDelta,
    checks: &mut Vec<Check>,
) {
    let expected = &cell.paths.expected;
    let control = cell.protocol == SocketProtocol::Tcp;
    if let Some(joins) = expected.joins {
        let joins = if control { Count::Exactly(0) } else { joins };
        checks.push(one_connection(connections));
        checks.push(joined_on_the_wire(joins, connections));
        if !control {
            checks.push(joined_in_the_kernels(joins, client_moved, server_moved));
        }
    }
    if !control {
        for &(path, carried) in &expected.carried {
            checks.push(payload_on(path, carried, connections));
        }
    }
    for &path in &expected.dropped {
        checks.push(dropped_on(path, connections));
    }
    if expected.echoed {
        checks.push(echoed(connections));
    }
    if expected.split && !control {
        checks.push(split(connections));
    }
}

/// The longest time in which no message arrived at an end, between its first and its last: the gap that a path leaves
/// when it goes, beside what the program saw of it.
pub(super) fn recorded(cell: &Cell, connections: &[&Connection]) -> BTreeMap<String, Value> {
    let mut recorded = BTreeMap::new();
    if !cell.paths.expected.echoed {
        return recorded;
    }
    for (end, direction) in [
        ("server", Direction::ToResponder),
        ("client", Direction::ToInitiator),
    ] {
        let gaps = connections
            .iter()
            .filter_map(|connection| longest_gap_ns(&connection.frames(direction)));
        if let Some(gap) = gaps.max() {
            let name = format!("~longest gap between messages at the {end}, on the wire, ms");
            recorded.insert(name, (gap / 1_000_000).into());
        }
    }
    recorded
}

fn longest_gap_ns(frames: &[WireFrame]) -> Option<u64> {
    let messages = frames.iter().filter(|frame| frame.opcode < CONTROL);
    let arrivals: Vec<u64> = messages.map(|frame| frame.last_ns).collect();
    let gaps = arrivals.windows(2).filter_map(|two| match two {
        [before, after] => after.checked_sub(*before),
        _ => None,
    });
    gaps.max()
}

/// A peer that opens a second connection in silence has not survived anything.
fn one_connection(connections: &[&Connection]) -> Check {
    Check {
        name: "connections on the wire".to_owned(),
        expected: "1".to_owned(),
        observed: connections.len().to_string(),
        held: connections.len() == 1,
    }
}

fn joined_on_the_wire(joins: Count, connections: &[&Connection]) -> Check {
    let done: usize = connections
        .iter()
        .map(|one| one.joins.iter().filter(|join| is_complete(join)).count())
        .sum();
    Check {
        name: "joins on the wire, complete from the SYN with MP_JOIN to the fourth ACK".to_owned(),
        expected: joins.describe(),
        observed: done.to_string(),
        held: joins.holds(i64::try_from(done).unwrap_or(i64::MAX)),
    }
}

/// The fourth ACK says that the third was taken (RFC 8684 section 3.2): a join that is refused for a limit is refused there.
fn is_complete(join: &Connection) -> bool {
    let answers = &join.to_initiator.delivered;
    join.established && join.agreed && answers.packets > answers.syn + answers.rst
}

/// Whoever opens a join counts the SYN/ACK, the other end the third ACK, without which there is no join.
fn joined_in_the_kernels(joins: Count, client: &CounterDelta, server: &CounterDelta) -> Check {
    let sum = |name: &str| Some(client.of(name)? + server.of(name)?);
    let (opened, accepted) = (sum("MPJoinSynAckRx"), sum("MPJoinAckRx"));
    let held = match (opened, accepted) {
        (Some(opened), Some(accepted)) => joins.holds(accepted) && opened >= accepted,
        _ => false,
    };
    let shown =
        |count: Option<i64>| count.map_or_else(|| "uncounted".to_owned(), |c| c.to_string());
    Check {
        name: "joins that the kernels count".to_owned(),
        expected: format!("{} accepted", joins.describe()),
        observed: format!("{} opened, {} accepted", shown(opened), shown(accepted)),
        held,
    }
}

fn payload_on(path: u8, carried: bool, connections: &[&Connection]) -> Check {
    let name = format!("path{path}");
    let bytes: u64 = connections
        .iter()
        .flat_map(|one| one.subflows())
        .filter(|subflow| subflow.paths.contains(&name))
        .map(|one| {
            one.to_responder.delivered.payload_bytes + one.to_initiator.delivered.payload_bytes
        })
        .sum();
    let words = |carried: bool| if carried { "some" } else { "none" };
    Check {
        name: format!("payload that path {path} carried"),
        expected: words(carried).to_owned(),
        observed: words(bytes > 0).to_owned(),
        held: carried == (bytes > 0),
    }
}

fn dropped_on(path: u8, connections: &[&Connection]) -> Check {
    let name = format!("path{path}");
    let lost: u32 = connections
        .iter()
        .flat_map(|one| one.subflows())
        .filter(|subflow| subflow.paths.contains(&name))
        .map(|one| one.to_responder.dropped + one.to_initiator.dropped)
        .sum();
    let words = |any: bool| if any { "some" } else { "none" };
    Check {
        name: format!("packets that path {path} lost"),
        expected: words(true).to_owned(),
        observed: words(lost > 0).to_owned(),
        held: lost > 0,
    }
}

fn echoed(connections: &[&Connection]) -> Check {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for connection in connections {
        there.extend(messages(&connection.frames(Direction::ToResponder)));
        back.extend(messages(&connection.frames(Direction::ToInitiator)));
    }
    let held = !there.is_empty() && there == back;
    Check {
        name: "on the wire every message comes back once, in order".to_owned(),
        expected: "the same messages both ways".to_owned(),
        observed: if held {
            "the same messages both ways".to_owned()
        } else {
            format!(
                "{} messages to the server and {} back, {} of them in their place",
                there.len(),
                back.len(),
                there.iter().zip(&back).filter(|(a, b)| a == b).count()
            )
        },
        held,
    }
}

fn split(connections: &[&Connection]) -> Check {
    let split = connections.iter().any(|connection| {
        [Direction::ToResponder, Direction::ToInitiator]
            .into_iter()
            .any(|direction| {
                let frames = connection.frames(direction);
                spans(&frames)
            })
    });
    let words = |split: bool| if split { "at least one" } else { "none" };
    Check {
        name: "messages whose parts arrived on different paths".to_owned(),
        expected: words(true).to_owned(),
        observed: words(split).to_owned(),
        held: split,
    }
}

/// Whether the frames of one data message came by more than one path.
fn spans(frames: &[WireFrame]) -> bool {
    let mut paths: Vec<&str> = Vec::new();
    for frame in frames.iter().filter(|frame| frame.opcode < CONTROL) {
        if frame.opcode != CONTINUATION {
            paths.clear();
        }
        for path in &frame.paths {
            if !paths.contains(&path.as_str()) {
                paths.push(path);
            }
        }
        if paths.len() > 1 {
            return true;
        }
    }
    false
}

/// The data messages, fragments put together: opcode and content.
fn messages(frames: &[WireFrame]) -> Vec<(u8, Vec<u8>)> {
    let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
    for frame in frames.iter().filter(|frame| frame.opcode < CONTROL) {
        match messages.last_mut() {
            Some((_, content)) if frame.opcode == CONTINUATION => {
                content.extend_from_slice(&frame.payload);
            }
            _ => messages.push((frame.opcode, frame.payload.clone())),
        }
    }
    messages
}

/// Opcode of a continuation frame (RFC 6455 section 5.2).
const CONTINUATION: u8 = 0;
/// Opcodes from here on are control frames.
const CONTROL: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, payload: &[u8], paths: &[&str]) -> WireFrame {
        WireFrame {
            opcode,
            fin: true,
            rsv: 0,
            masked: false,
            payload: payload.to_vec(),
            violations: Vec::new(),
            first_ns: 0,
            last_ns: 0,
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }
    }

    #[test]
    fn fragments_are_one_message_and_control_frames_none() {
        let frames = [
            frame(1, b"a", &["path1"]),
            frame(9, b"ping", &["path2"]),
            frame(0, b"b", &["path1"]),
            frame(2, b"c", &["path2"]),
        ];
        let expected = [(1, b"ab".to_vec()), (2, b"c".to_vec())];
        assert_eq!(messages(&frames), expected);
    }

    #[test]
    fn a_message_is_split_only_if_its_own_frames_took_different_paths() {
        let whole = [
            frame(1, b"a", &["path1"]),
            frame(9, b"", &["path2"]),
            frame(2, b"b", &["path2"]),
        ];
        assert!(!spans(&whole));
        let halves = [frame(1, b"a", &["path1"]), frame(0, b"b", &["path2"])];
        assert!(spans(&halves));
        assert!(spans(&[frame(2, b"ab", &["path1", "path2"])]));
    }

    #[test]
    fn the_longest_gap_is_that_between_two_data_messages() {
        let at = |opcode, last_ns| WireFrame {
            last_ns,
            ..frame(opcode, b"", &[])
        };
        let frames = [at(1, 10), at(1, 15), at(9, 16), at(2, 40), at(8, 100)];
        assert_eq!(longest_gap_ns(&frames), Some(25));
        assert_eq!(longest_gap_ns(&frames[..1]), None);
    }

    #[test]
    fn a_count_is_exact_or_a_least_number() {
        assert!(Count::Exactly(1).holds(1) && !Count::Exactly(1).holds(2));
        assert!(Count::AtLeast(1).holds(2) && !Count::AtLeast(1).holds(0));
    }
}
