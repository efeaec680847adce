//! Segments that wait for an ACK, resets, and compression.

use mpws_model::result::Check;

use super::check::check;
use crate::demands::{Demands, NoHolding};
use crate::wire::{SeenKind, SeenMessage, Wire};

/// Judges what was demanded of these; nothing where nothing was.
pub(super) fn judge(demands: &Demands, wire: &Wire) -> Vec<Check> {
    let holding = demands.no_holding.iter();
    let mut checks: Vec<Check> = holding.map(|one| judge_holding(*one, wire)).collect();
    if demands.no_reset {
        checks.push(judge_resets(wire));
    }
    if demands.compressed {
        checks.push(judge_compression(wire));
    }
    checks
}

fn judge_holding(demanded: NoHolding, wire: &Wire) -> Check {
    let NoHolding { side, rounds } = demanded;
    let sent = || wire.connections.iter().map(|one| one.sent_by(side));
    let seen: u64 = sent().map(|one| one.segments).sum();
    let held: u64 = sent().map(|one| one.held).sum();
    // One held segment a round is what Nagle's algorithm does; a busy machine makes one look so now
    // and then.
    let waits = held * 2 >= u64::from(rounds);
    let few = "none, or few by chance";
    let observed = match (seen, waits) {
        (0, _) => "no segment was seen",
        (_, false) => few,
        (_, true) => "one in every second round or more",
    };
    let name = format!("segments of the {} that wait for an ACK", side.word());
    check(&name, few, observed, seen > 0 && !waits)
}

fn judge_resets(wire: &Wire) -> Check {
    let subflows = wire.connections.iter().flat_map(|one| &one.subflows);
    let resets: u32 = subflows.map(|subflow| subflow.resets).sum();
    let seen = !wire.connections.is_empty();
    let observed = match resets {
        _ if !seen => "no connection was seen",
        0 => "none",
        _ => "at least one",
    };
    check(
        "no reset on the wire",
        "none",
        observed,
        seen && resets == 0,
    )
}

fn judge_compression(wire: &Wire) -> Check {
    let connections = wire.connections.iter();
    let all =
        connections.flat_map(|one| one.to_server.messages.iter().chain(&one.to_client.messages));
    let messages: Vec<&SeenMessage> = all.filter(|one| one.kind != SeenKind::Neither).collect();
    let plain = messages.iter().filter(|one| !one.compressed).count();
    let observed = match (messages.len(), plain) {
        (0, _) => "no message was seen".to_owned(),
        (_, 0) => "RSV1 on each".to_owned(),
        (all, _) => format!("{plain} of {all} without RSV1"),
    };
    let held = !messages.is_empty() && plain == 0;
    check(
        "every message is compressed",
        "RSV1 on each",
        &observed,
        held,
    )
}

#[cfg(test)]
mod tests {
    use mpws_model::Side;

    use super::*;
    use crate::testing::{connection, message};
    use crate::wire::SeenConnection;

    fn wire(connections: Vec<SeenConnection>) -> Wire {
        Wire {
            connections,
            ..Wire::default()
        }
    }

    fn holding(side: Side, segments: u64, held: u64) -> Check {
        let mut one = connection();
        let sent = match side {
            Side::Client => &mut one.to_server,
            Side::Server => &mut one.to_client,
        };
        (sent.segments, sent.held) = (segments, held);
        judge_holding(NoHolding { side, rounds: 10 }, &wire(vec![one]))
    }

    #[test]
    fn segments_wait_where_they_do_in_half_of_the_rounds() {
        for side in [Side::Client, Side::Server] {
            for (held, holds) in [(0, true), (4, true), (5, false), (10, false)] {
                assert_eq!(holding(side, 20, held).held, holds, "{side:?} {held}");
            }
        }
        assert_eq!(
            holding(Side::Client, 20, 5).observed,
            "one in every second round or more"
        );
        assert_eq!(
            holding(Side::Client, 20, 4).observed,
            "none, or few by chance"
        );
    }

    #[test]
    fn the_other_side_may_hold_its_segments() {
        let mut one = connection();
        (one.to_server.segments, one.to_client.segments) = (20, 20);
        one.to_client.held = 20;
        let demanded = |side| NoHolding { side, rounds: 10 };
        let wire = wire(vec![one]);
        assert!(judge_holding(demanded(Side::Client), &wire).held);
        assert!(!judge_holding(demanded(Side::Server), &wire).held);
    }

    #[test]
    fn without_a_segment_nothing_was_shown() {
        let check = holding(Side::Client, 0, 0);
        assert!(!check.held);
        assert_eq!(check.observed, "no segment was seen");
    }

    #[test]
    fn one_reset_on_any_subflow_is_seen() {
        let none = judge_resets(&wire(vec![connection()]));
        assert!(none.held && none.observed == "none");
        let mut one = connection();
        one.subflows.push(one.subflows[0].clone());
        one.subflows[1].resets = 1;
        let reset = judge_resets(&wire(vec![connection(), one]));
        assert!(!reset.held && reset.observed == "at least one");
        let empty = judge_resets(&wire(Vec::new()));
        assert!(!empty.held && empty.observed == "no connection was seen");
    }

    #[test]
    fn every_text_and_binary_message_must_be_compressed_either_way() {
        let compressed = |kind| SeenMessage {
            compressed: true,
            ..message(kind, b"x")
        };
        let mut one = connection();
        one.to_server.messages = vec![compressed(SeenKind::Text), compressed(SeenKind::Binary)];
        one.to_client.messages = vec![compressed(SeenKind::Text)];
        assert!(judge_compression(&wire(vec![one.clone()])).held);
        for kind in [SeenKind::Text, SeenKind::Binary] {
            let mut plain = one.clone();
            plain.to_client.messages.push(message(kind, b"y"));
            let check = judge_compression(&wire(vec![plain]));
            assert!(!check.held);
            assert_eq!(check.observed, "1 of 4 without RSV1");
        }
        // A continuation of nothing is another rule's affair.
        one.to_client
            .messages
            .push(message(SeenKind::Neither, b"y"));
        assert!(judge_compression(&wire(vec![one])).held);
        let none = judge_compression(&wire(vec![connection()]));
        assert!(!none.held && none.observed == "no message was seen");
    }

    #[test]
    fn nothing_is_judged_that_was_not_demanded() {
        assert!(judge(&Demands::default(), &wire(Vec::new())).is_empty());
        let demands = Demands {
            no_holding: vec![NoHolding {
                side: Side::Client,
                rounds: 1,
            }],
            no_reset: true,
            compressed: true,
            ..Demands::default()
        };
        let names: Vec<String> = judge(&demands, &wire(Vec::new()))
            .into_iter()
            .map(|check| check.name)
            .collect();
        assert_eq!(
            names,
            [
                "segments of the client that wait for an ACK",
                "no reset on the wire",
                "every message is compressed"
            ]
        );
    }
}
