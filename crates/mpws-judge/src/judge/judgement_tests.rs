//! The judgement as a whole: verdict, reason, and what each witness said.

use mpws_model::result::Verdict;
use mpws_model::{Cause, Expect};
use mpws_trace::{Rule, TransportTruth};

use super::*;
use crate::demands::{Count, NoHolding, Placed, PlacedKind};
use crate::testing::{carried_by, held, moved, testimony};
use crate::wire::{Broken, Deed, SeenConnection};

fn judged(testimony: &Testimony) -> Judgement {
    judge(&Demands::default(), testimony)
}

#[test]
fn a_cell_on_which_all_agree_passes_and_says_how_many_checks_held() {
    let judgement = judged(&testimony());
    assert_eq!(judgement.verdict, Verdict::Pass);
    let names: Vec<&str> = judgement
        .checks
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let rules = "rules of RFC 8684, RFC 6455 and RFC 7692 are kept";
    assert_eq!(names, ["echo", "transport", rules, "the witnesses agree"]);
    assert_eq!(judgement.reason, "4 checks held");
    assert!(judgement.volatile.is_empty());
}

#[test]
fn a_case_that_judged_nothing_is_a_fault_of_the_suite_whatever_else_holds() {
    let mut nothing = testimony();
    nothing.steps.checks.clear();
    let judgement = judged(&nothing);
    assert_eq!(judgement.verdict, Verdict::Error);
    assert_eq!(judgement.reason, "the case judged nothing");
}

#[test]
fn one_check_that_did_not_hold_is_enough_and_the_first_is_the_reason() {
    let mut failed = testimony();
    let wrong = |name: &str| Check {
        name: name.to_owned(),
        expected: "42".to_owned(),
        observed: "41".to_owned(),
        held: false,
    };
    failed.steps.checks.push(wrong("answer"));
    let judgement = judged(&failed);
    assert_eq!(judgement.verdict, Verdict::Fail);
    assert_eq!(judgement.reason, "answer: expected 42, observed 41");
    failed.steps.checks.push(wrong("question"));
    let reason = judged(&failed).reason;
    assert_eq!(reason, "answer: expected 42, observed 41 (and 1 more)");
}

#[test]
fn each_demand_that_is_not_met_makes_the_cell_red() {
    let no_holding = NoHolding {
        side: Side::Client,
        rounds: 1,
    };
    let idle = Placed {
        name: "cut".to_owned(),
        path: None,
        kind: PlacedKind::Rule(Deed::Drop),
        may_idle: false,
    };
    let base = Demands::default;
    let demands = [
        Demands {
            transport: Expect::Silence,
            ..base()
        },
        Demands {
            each: vec![Expect::Mptcp; 2],
            ..base()
        },
        Demands {
            no_holding: vec![no_holding],
            ..base()
        },
        Demands {
            compressed: true,
            ..base()
        },
        Demands {
            joins: Some(Count::Exactly(1)),
            ..base()
        },
        Demands {
            dropped: vec![1],
            ..base()
        },
        Demands {
            echoed: true,
            ..base()
        },
        Demands {
            split: true,
            ..base()
        },
        Demands {
            placed: vec![idle],
            ..base()
        },
        Demands {
            illegal: vec![crate::Illegal::Sure(Rule::CloseCode)],
            ..base()
        },
        Demands {
            control: true,
            ..base()
        },
    ];
    for demands in demands {
        let mut all = testimony();
        all.came = vec![0; demands.placed.len()];
        let judgement = judge(&demands, &all);
        assert_eq!(judgement.verdict, Verdict::Fail, "{demands:?}");
    }
}

#[test]
fn a_testimony_that_counts_for_other_rules_than_were_placed_is_no_evidence() {
    let mut other = testimony();
    other.came = vec![1];
    let judgement = judged(&other);
    assert_eq!(judgement.verdict, Verdict::Error);
    let reason = "packets were counted for 1 rules and boxes, and 0 were placed";
    assert_eq!(judgement.reason, reason);
}

#[test]
fn a_broken_rule_and_a_contradiction_make_the_cell_red() {
    let mut broken = testimony();
    let seen = Broken {
        side: Side::Client,
        seen: "it was".to_owned(),
    };
    broken.wire.broken.insert(Rule::CloseCode, seen);
    assert_eq!(judged(&broken).verdict, Verdict::Fail);
    let mut silent = testimony();
    silent.kernels.server.moved = moved(&[]);
    let judgement = judged(&silent);
    assert_eq!(judgement.verdict, Verdict::Fail);
    assert_eq!(judgement.evidence.contradictions.len(), 1);
}

#[test]
fn steps_that_ended_early_are_never_green_for_the_checks_that_held_before() {
    let why = || "why".to_owned();
    for (end, verdict) in [
        (End::Failed(why()), Verdict::Fail),
        (End::Unsupported(why()), Verdict::Unsupported),
        (End::Unprovable(why()), Verdict::Unprovable),
        (End::Broken(why()), Verdict::Error),
    ] {
        let mut ended = testimony();
        ended.steps.end = Some(end.clone());
        let judgement = judged(&ended);
        assert_eq!(
            (judgement.verdict, judgement.reason.as_str()),
            (verdict, "why")
        );
        let step = judgement
            .checks
            .iter()
            .find(|one| one.name == "the steps go through");
        assert_eq!(step.is_some(), matches!(end, End::Failed(_)), "{end:?}");
        assert!(step.is_none_or(|step| !step.held && step.observed == "why"));
    }
}

#[test]
fn steps_that_ended_early_tell_which_kernel_kept_silent_and_who_was_killed() {
    let mut ended = testimony();
    ended.steps.end = Some(End::Failed("no answer".to_owned()));
    ended.wire.connections[0].to_server.unacknowledged = Some("held back: 7 B".to_owned());
    ended.peers.server.exit = Some(Exit::Signal(11));
    let judgement = judged(&ended);
    let reason =
        "no answer; data to the server is held back: 7 B; the server was killed by signal 11";
    assert_eq!(judgement.reason, reason);
    assert!(
        judgement
            .evidence
            .wire
            .contains(&"data to the server is held back: 7 B".to_owned())
    );
    assert!(
        judgement
            .evidence
            .peer
            .contains(&"server: was killed by signal 11".to_owned())
    );
    ended.steps.end = Some(End::Failed("it was killed by signal 11".to_owned()));
    ended.wire.connections[0].to_server.unacknowledged = None;
    ended.wire.connections[0].to_client.unacknowledged = Some("slow".to_owned());
    let reason = judged(&ended).reason;
    assert_eq!(
        reason,
        "it was killed by signal 11; data to the client is slow"
    );
}

#[test]
fn a_cell_that_went_through_keeps_its_reason_whatever_was_slow() {
    let mut whole = testimony();
    whole.wire.connections[0].to_server.unacknowledged = Some("held back".to_owned());
    whole.peers.client.exit = Some(Exit::Signal(9));
    let judgement = judged(&whole);
    assert_eq!(judgement.reason, "4 checks held");
    assert_eq!(judgement.evidence.wire.len(), 1);
    assert!(
        judgement
            .evidence
            .peer
            .contains(&"client: was killed by signal 9".to_owned())
    );
}

#[test]
fn a_peer_that_did_not_end_is_recorded() {
    let mut late = testimony();
    late.peers.client.exit = Some(Exit::Not("it still runs".to_owned()));
    late.peers.server.exit = Some(Exit::Code(3));
    let recorded: Vec<_> = judged(&late).volatile.into_iter().collect();
    let name = "client at the end".to_owned();
    assert_eq!(recorded, [(name, Value::from("it still runs"))]);
}

#[test]
fn each_witness_is_quoted() {
    let told = judged(&testimony()).evidence;
    assert_eq!(
        told.wire,
        [
            "10.0.1.1:40000 -> 10.0.1.2:8765: mptcp; SYN 0 sent (0 with MP_CAPABLE), SYN/ACK 0 sent (0 with MP_CAPABLE); 0 B to the server, 0 B to the client"
        ]
    );
    assert_eq!(
        told.kernel,
        ["client: MPCapableSYNACKRX +1", "server: MPCapableACKRX +1"]
    );
    let said =
        "SO_PROTOCOL 262, TCP_IS_MPTCP true, TCP_NODELAY true, the API says protocol unknown";
    assert_eq!(
        told.peer,
        [format!("client: {said}"), format!("server: {said}")]
    );
}

#[test]
fn a_wire_without_a_packet_and_a_kernel_without_mptcp_say_so() {
    let told = judged(&Testimony::default()).evidence;
    assert_eq!(told.wire, ["no TCP packet between the hosts"]);
    assert_eq!(
        told.kernel,
        [
            "client: no MPTCP counter moved",
            "server: no MPTCP counter moved"
        ]
    );
    assert!(told.peer.is_empty());
}

#[test]
fn the_same_testimony_gives_the_same_judgement_after_a_way_through_a_file() {
    let mut all = testimony();
    let cause = Cause::FellBackMidStream;
    all.wire
        .connections
        .push(carried_by(TransportTruth::Fallback { cause }));
    let seen: SeenConnection = all.wire.connections[0].clone();
    all.wire.connections.push(seen);
    let demands = Demands {
        each: vec![Expect::Mptcp, Expect::Fallback(cause), Expect::Mptcp],
        joins: Some(Count::AtLeast(0)),
        echoed: true,
        ..Demands::default()
    };
    let text = serde_json::to_string(&(&demands, &all)).expect("it serialises");
    let (read, said): (Demands, Testimony) = serde_json::from_str(&text).expect("it comes back");
    assert_eq!((&read, &said), (&demands, &all));
    assert_eq!(judge(&read, &said), judge(&demands, &all));
    assert_eq!(all.steps.checks, [held()]);
}
