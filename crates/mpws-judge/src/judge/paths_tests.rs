//! What is demanded of paths, on both sides of each boundary.

use mpws_model::result::Check;

use super::*;
use crate::demands::Carried;
use crate::testing::{connection, message, moved, testimony, uncounted};
use crate::wire::{SeenConnection, SeenKind};

const COMPLETE: SeenJoin = SeenJoin {
    established: true,
    agreed: true,
    answers: 1,
};

fn joined(join: SeenJoin) -> SeenSubflow {
    SeenSubflow {
        paths: vec!["path2".to_owned()],
        join: Some(join),
        ..SeenSubflow::default()
    }
}

fn with_joins(joins: &[SeenJoin]) -> SeenConnection {
    let mut one = connection();
    one.subflows.extend(joins.iter().map(|join| joined(*join)));
    one
}

fn on_the_wire(connections: Vec<SeenConnection>) -> Testimony {
    let mut all = testimony();
    all.wire.connections = connections;
    all
}

fn judged(demands: Demands, testimony: &Testimony) -> Vec<Check> {
    judge(&demands, testimony)
}

fn demanding_joins(joins: Count, control: bool) -> Demands {
    Demands {
        joins: Some(joins),
        control,
        ..Demands::default()
    }
}

fn held(checks: &[Check], name: &str) -> bool {
    let mut found = checks.iter().filter(|check| check.name.starts_with(name));
    let held = found
        .next()
        .unwrap_or_else(|| panic!("{name}: {checks:?}"))
        .held;
    assert_eq!(found.next(), None, "{name} twice");
    held
}

#[test]
fn nothing_is_judged_that_was_not_demanded() {
    assert!(judged(Demands::default(), &testimony()).is_empty());
}

#[test]
fn a_second_connection_has_survived_nothing() {
    for (number, holds) in [(0, false), (1, true), (2, false)] {
        let seen = on_the_wire(vec![connection(); number]);
        let checks = judged(demanding_joins(Count::Exactly(0), false), &seen);
        assert_eq!(held(&checks, "connections on the wire"), holds, "{number}");
    }
}

#[test]
fn a_join_counts_once_it_is_complete_to_the_fourth_ack() {
    let name = "joins on the wire";
    let count = |joins: &[SeenJoin]| {
        let seen = on_the_wire(vec![with_joins(joins)]);
        let checks = judged(demanding_joins(Count::Exactly(1), false), &seen);
        held(&checks, name)
    };
    assert!(count(&[COMPLETE]));
    assert!(!count(&[]) && !count(&[COMPLETE, COMPLETE]));
    for incomplete in [
        SeenJoin {
            established: false,
            ..COMPLETE
        },
        SeenJoin {
            agreed: false,
            ..COMPLETE
        },
        SeenJoin {
            answers: 0,
            ..COMPLETE
        },
    ] {
        assert!(!count(&[incomplete]), "{incomplete:?}");
        assert!(count(&[incomplete, COMPLETE]), "{incomplete:?}");
    }
}

#[test]
fn joins_of_a_control_are_none_and_its_kernels_are_not_asked() {
    let control = |joins: &[SeenJoin]| {
        let seen = on_the_wire(vec![with_joins(joins)]);
        judged(demanding_joins(Count::Exactly(1), true), &seen)
    };
    assert!(held(&control(&[]), "joins on the wire"));
    assert!(!held(&control(&[COMPLETE]), "joins on the wire"));
    assert_eq!(control(&[]).len(), 2);
}

#[test]
fn both_kernels_must_count_a_join() {
    let name = "joins that the kernels count";
    let counted = |client: &[(&str, i64)], server: &[(&str, i64)]| {
        let mut seen = on_the_wire(vec![with_joins(&[COMPLETE])]);
        seen.kernels.client.moved = moved(client);
        seen.kernels.server.moved = moved(server);
        held(
            &judged(demanding_joins(Count::Exactly(1), false), &seen),
            name,
        )
    };
    let opened = ("MPJoinSynAckRx", 1);
    let accepted = ("MPJoinAckRx", 1);
    assert!(counted(&[opened], &[accepted]));
    // The server may open it.
    assert!(counted(&[accepted], &[opened]));
    assert!(!counted(&[opened], &[]));
    assert!(!counted(&[], &[accepted]));
    assert!(!counted(&[opened], &[("MPJoinAckRx", 2)]));
    assert!(counted(&[("MPJoinSynAckRx", 2)], &[accepted]));
}

#[test]
fn a_kernel_that_does_not_count_joins_has_not_seen_any() {
    for side in [Side::Client, Side::Server] {
        let mut seen = on_the_wire(vec![connection()]);
        match side {
            Side::Client => seen.kernels.client.moved = uncounted(),
            Side::Server => seen.kernels.server.moved = uncounted(),
        }
        let checks = judged(demanding_joins(Count::Exactly(0), false), &seen);
        assert!(!held(&checks, "joins that the kernels count"));
        assert!(
            checks
                .iter()
                .any(|one| one.observed == "uncounted opened, uncounted accepted")
        );
    }
}

#[test]
fn payload_is_that_of_all_subflows_on_the_path() {
    let mut one = with_joins(&[COMPLETE]);
    one.subflows[0].bytes = 0;
    one.subflows[1].bytes = 7;
    let seen = on_the_wire(vec![one]);
    for (path, payload, holds) in [
        (1, false, true),
        (1, true, false),
        (2, true, true),
        (2, false, false),
        (3, false, true),
        (3, true, false),
    ] {
        let demand = |control| Demands {
            carried: vec![Carried { path, payload }],
            control,
            ..Demands::default()
        };
        let checks = judged(demand(false), &seen);
        assert_eq!(
            held(&checks, "payload that path"),
            holds,
            "{path} {payload}"
        );
        let observed = if holds == payload { "some" } else { "none" };
        assert_eq!(checks[0].observed, observed);
        assert!(judged(demand(true), &seen).is_empty());
    }
}

#[test]
fn a_path_that_lost_nothing_was_not_cut() {
    let mut one = with_joins(&[COMPLETE]);
    one.subflows[1].dropped = 1;
    let seen = on_the_wire(vec![one]);
    for control in [false, true] {
        for (path, holds) in [(1, false), (2, true), (3, false)] {
            let demands = Demands {
                dropped: vec![path],
                control,
                ..Demands::default()
            };
            let checks = judged(demands, &seen);
            assert_eq!(held(&checks, "packets that path"), holds, "{path}");
            let observed = if holds { "some" } else { "none" };
            assert_eq!(checks[0].observed, observed);
        }
    }
}

fn echo(there: &[SeenMessage], back: &[SeenMessage]) -> Check {
    let mut one = connection();
    one.to_server.messages = there.to_vec();
    one.to_client.messages = back.to_vec();
    let demands = Demands {
        echoed: true,
        ..Demands::default()
    };
    judged(demands, &on_the_wire(vec![one])).remove(0)
}

#[test]
fn every_message_comes_back_once_unchanged_and_in_order() {
    let (a, b) = (message(SeenKind::Text, b"a"), message(SeenKind::Text, b"b"));
    let two = [a.clone(), b.clone()];
    assert!(echo(&two, &two).held);
    for back in [
        vec![],
        vec![a.clone()],
        vec![b.clone(), a.clone()],
        vec![a.clone(), b.clone(), b.clone()],
        vec![a.clone(), message(SeenKind::Binary, b"b")],
        vec![a.clone(), message(SeenKind::Text, b"bb")],
        vec![a.clone(), unknown(&b)],
    ] {
        assert!(!echo(&two, &back).held, "{back:?}");
        assert!(!echo(&back, &two).held, "{back:?}");
    }
    let wrong = echo(&two, &[a.clone(), a]);
    assert_eq!(
        wrong.observed,
        "2 messages to the server and 2 back, 1 of them in their place"
    );
    assert!(!echo(&[], &[]).held);
}

fn unknown(message: &SeenMessage) -> SeenMessage {
    SeenMessage {
        content: None,
        ..message.clone()
    }
}

#[test]
fn what_is_not_known_is_not_the_same() {
    let unknown = unknown(&message(SeenKind::Text, b"a"));
    assert!(
        !echo(
            std::slice::from_ref(&unknown),
            std::slice::from_ref(&unknown)
        )
        .held
    );
}

#[test]
fn when_and_by_which_path_an_echo_comes_is_not_its_content() {
    let there = message(SeenKind::Binary, b"x");
    let back = SeenMessage {
        last_ns: 5,
        paths: vec!["path2".to_owned()],
        ..there.clone()
    };
    assert!(echo(&[there], &[back]).held);
}

#[test]
fn a_message_is_split_where_its_parts_took_two_paths_in_either_direction() {
    let demands = |control| Demands {
        split: true,
        control,
        ..Demands::default()
    };
    let mut two = message(SeenKind::Binary, b"x");
    two.paths.push("path2".to_owned());
    let whole = connection();
    assert!(!judged(demands(false), &on_the_wire(vec![whole.clone()]))[0].held);
    for side in [Side::Client, Side::Server] {
        let mut one = whole.clone();
        let sent = match side {
            Side::Client => &mut one.to_server,
            Side::Server => &mut one.to_client,
        };
        sent.messages = vec![message(SeenKind::Text, b"a"), two.clone()];
        assert!(judged(demands(false), &on_the_wire(vec![one.clone()]))[0].held);
        assert!(judged(demands(true), &on_the_wire(vec![one])).is_empty());
    }
    let mut apart = whole;
    let mut other = message(SeenKind::Text, b"b");
    other.paths = vec!["path2".to_owned()];
    apart.to_server.messages = vec![message(SeenKind::Text, b"a"), other];
    assert!(!judged(demands(false), &on_the_wire(vec![apart]))[0].held);
}

#[test]
fn the_longest_gap_is_that_between_two_messages_at_one_end() {
    let at = |ms: u64| SeenMessage {
        last_ns: ms * 1_000_000,
        ..message(SeenKind::Text, b"x")
    };
    let mut one = connection();
    one.to_server.messages = [10, 15, 40].map(at).to_vec();
    one.to_client.messages = vec![at(1)];
    let wire = Wire {
        connections: vec![connection(), one],
        ..Wire::default()
    };
    let demands = Demands {
        echoed: true,
        ..Demands::default()
    };
    let gaps: Vec<_> = longest_gaps(&demands, &wire).into_iter().collect();
    let name = "longest gap between messages at the server, on the wire, ms";
    assert_eq!(gaps, [(name.to_owned(), Value::from(25))]);
    assert!(longest_gaps(&Demands::default(), &wire).is_empty());
}
