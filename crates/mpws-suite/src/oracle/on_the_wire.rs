//! Rules and boxes of the case: each must have done something to a packet, as the capture shows it.

use mpws_lab::rule::Action;
use mpws_trace::PacketRecord;

use crate::cell::{Cell, CellEnd, Counted, Mark};
use crate::result::Check;

/// Judges what the case put on the wire.
///
/// Where the steps ended early, a rule or box for which no packet had come is not judged: that it had nothing to do is a
/// consequence.
///
/// # Errors
///
/// When the lab does not say how many packets came for a rule or box.
pub(crate) fn judge(
    cell: &Cell,
    capture: &[PacketRecord],
    to_the_end: bool,
) -> Result<Vec<Check>, CellEnd> {
    let placed = cell.on_the_wire().clone();
    let mut checks = Vec::new();
    for one in placed {
        let came = match one.counted {
            Counted::Lifted(before) => before,
            Counted::Rule(id) => cell.hits(id)?,
            Counted::Box(id) => cell.box_hits(id)?,
        };
        let shown = capture
            .iter()
            .any(|packet| shows(&packet.interface, &packet.comments, &one.mark));
        if shown || came > 0 || (to_the_end && !one.may_idle) {
            checks.push(took_effect(&one.mark, came, shown));
        }
    }
    Ok(checks)
}

fn took_effect(mark: &Mark, came: u64, shown: bool) -> Check {
    let observed = match (shown, came) {
        (true, _) => "at least one packet",
        (false, 0) => "no packet came for it",
        (false, _) => "none of the packets that came for it",
    };
    Check {
        name: format!("{} took effect on the wire", mark.describe()),
        expected: "at least one packet".to_owned(),
        observed: observed.to_owned(),
        held: shown,
    }
}

/// Whether the capture says of a packet that what it is marked with did to it what it is for.
fn shows(interface: &str, comments: &[String], mark: &Mark) -> bool {
    mark.path
        .is_none_or(|path| interface == format!("path{path}"))
        && comments.iter().any(|comment| {
            let Some((verb, names)) = comment.split_once(" by ") else {
                return false;
            };
            let did = match &mark.action {
                Some(action) => verb_of(action) == Some(verb),
                None => verb != "pass",
            };
            did && names.split('+').any(|name| name == mark.name)
        })
}

/// The word of the capture for what an action does.
fn verb_of(action: &Action) -> Option<&'static str> {
    match action {
        Action::Drop => Some("drop"),
        Action::Reset => Some("reset"),
        Action::Delay(_) => Some("delay"),
        Action::Duplicate => Some("duplicate"),
        Action::Rewrite(_) => Some("rewritten"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mpws_lab::rule::Rewrite;

    use super::*;

    fn on_path_2(action: Option<Action>) -> Mark {
        Mark {
            name: "cut".to_owned(),
            path: Some(2),
            action,
        }
    }

    fn shown(interface: &str, comment: &str, action: Option<Action>) -> bool {
        shows(interface, &[comment.to_owned()], &on_path_2(action))
    }

    #[test]
    fn only_what_the_rule_is_for_on_its_own_path_counts() {
        let drop = || Some(Action::Drop);
        assert!(shown("path2", "drop by cut", drop()));
        for (interface, comment) in [
            ("path1", "drop by cut"),
            ("path2", "drop by cutter"),
            ("path2", "delay by cut"),
            ("path2", "cut"),
        ] {
            assert!(!shown(interface, comment, drop()), "{interface} {comment}");
        }
        let mark = Mark {
            path: None,
            ..on_path_2(drop())
        };
        assert!(shows("path1", &["drop by cut".to_owned()], &mark));
    }

    #[test]
    fn several_may_have_changed_the_same_packet() {
        let strip = || Some(Action::Rewrite(Rewrite::StripMptcp));
        assert!(shown("path2", "rewritten by cut+nat", strip()));
        assert!(shown("path2", "rewritten by nat+cut", None));
        assert!(!shown("path2", "rewritten by nat", None));
    }

    #[test]
    fn a_rule_that_packets_came_for_and_that_changed_none_is_red() {
        let check = took_effect(&on_path_2(Some(Action::Drop)), 3, false);
        assert!(!check.held);
        assert_eq!(check.name, "rule cut took effect on the wire");
        assert_eq!(check.observed, "none of the packets that came for it");
    }
}
