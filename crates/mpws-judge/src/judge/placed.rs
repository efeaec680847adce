//! Lab rules and middleboxes of the case: each must have done something to a packet, as the capture
//! shows it.

use mpws_model::result::Check;

use super::check::check;
use crate::demands::{Demands, Placed, PlacedKind};
use crate::testimony::Testimony;
use crate::wire::{Deed, Effect};

/// Judges what the case put on the wire.
///
/// Where the steps ended early, a rule or box for which no packet had come is not judged: that it
/// had nothing to do is a consequence.
pub(super) fn judge(demands: &Demands, testimony: &Testimony) -> Vec<Check> {
    let to_the_end = testimony.steps.end.is_none();
    let mut checks = Vec::new();
    for (index, placed) in demands.placed.iter().enumerate() {
        let came = testimony.came.get(index).copied().unwrap_or(0);
        let shown = testimony.wire.effects.iter().any(|one| shows(one, placed));
        if shown || came > 0 || (to_the_end && !placed.may_idle) {
            checks.push(took_effect(placed, came, shown));
        }
    }
    checks
}

fn took_effect(placed: &Placed, came: u64, shown: bool) -> Check {
    let observed = match (shown, came) {
        (true, _) => "at least one packet",
        (false, 0) => "no packet came for it",
        (false, _) => "none of the packets that came for it",
    };
    let name = format!("{} took effect on the wire", placed.describe());
    check(&name, "at least one packet", observed, shown)
}

/// Whether this is what was put there, doing what it is for.
fn shows(effect: &Effect, placed: &Placed) -> bool {
    let here = placed
        .path
        .is_none_or(|path| effect.path == format!("path{path}"));
    let did = match placed.kind {
        PlacedKind::Rule(deed) => effect.deed == deed,
        PlacedKind::Box => effect.deed != Deed::Pass,
    };
    here && did && effect.by == placed.name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testimony::{End, Steps};
    use crate::wire::Wire;

    fn placed(kind: PlacedKind) -> Placed {
        Placed {
            name: "cut".to_owned(),
            path: Some(2),
            kind,
            may_idle: false,
        }
    }

    fn effect(path: &str, deed: Deed, by: &str) -> Effect {
        Effect {
            path: path.to_owned(),
            deed,
            by: by.to_owned(),
        }
    }

    fn judged(placed: Placed, came: u64, effects: &[Effect], end: Option<End>) -> Vec<Check> {
        let demands = Demands {
            placed: vec![placed],
            ..Demands::default()
        };
        let testimony = Testimony {
            steps: Steps {
                end,
                ..Steps::default()
            },
            wire: Wire {
                effects: effects.iter().cloned().collect(),
                ..Wire::default()
            },
            came: vec![came],
            ..Testimony::default()
        };
        judge(&demands, &testimony)
    }

    #[test]
    fn only_what_the_rule_is_for_on_its_own_path_counts() {
        let rule = placed(PlacedKind::Rule(Deed::Drop));
        assert!(shows(&effect("path2", Deed::Drop, "cut"), &rule));
        for other in [
            effect("path1", Deed::Drop, "cut"),
            effect("path2", Deed::Drop, "cutter"),
            effect("path2", Deed::Delay, "cut"),
        ] {
            assert!(!shows(&other, &rule), "{other:?}");
        }
        let everywhere = Placed { path: None, ..rule };
        assert!(shows(&effect("path1", Deed::Drop, "cut"), &everywhere));
    }

    #[test]
    fn a_box_may_do_anything_but_let_a_packet_pass() {
        let middlebox = placed(PlacedKind::Box);
        for deed in [
            Deed::Delay,
            Deed::Duplicate,
            Deed::Drop,
            Deed::Reset,
            Deed::Rewrite,
            Deed::Forge,
        ] {
            assert!(shows(&effect("path2", deed, "cut"), &middlebox), "{deed:?}");
        }
        assert!(!shows(&effect("path2", Deed::Pass, "cut"), &middlebox));
    }

    #[test]
    fn a_rule_that_packets_came_for_and_that_changed_none_is_red() {
        let checks = judged(placed(PlacedKind::Rule(Deed::Drop)), 3, &[], None);
        let [check] = checks.as_slice() else {
            panic!("{checks:?}");
        };
        assert!(!check.held);
        assert_eq!(check.name, "rule cut took effect on the wire");
        assert_eq!(check.observed, "none of the packets that came for it");
    }

    #[test]
    fn what_took_effect_is_green_whether_or_not_it_might_have_idled() {
        let seen = [effect("path2", Deed::Rewrite, "cut")];
        for may_idle in [false, true] {
            let mut middlebox = placed(PlacedKind::Box);
            middlebox.may_idle = may_idle;
            let checks = judged(middlebox, 1, &seen, None);
            assert!(checks.len() == 1 && checks[0].held, "{checks:?}");
            assert_eq!(checks[0].name, "box cut took effect on the wire");
            assert_eq!(checks[0].observed, "at least one packet");
        }
    }

    #[test]
    fn what_idled_is_red_unless_it_may_or_the_steps_ended_early() {
        let rule = || placed(PlacedKind::Rule(Deed::Drop));
        let idle = judged(rule(), 0, &[], None);
        assert!(idle.len() == 1 && !idle[0].held);
        assert_eq!(idle[0].observed, "no packet came for it");
        let may_idle = Placed {
            may_idle: true,
            ..rule()
        };
        assert!(judged(may_idle.clone(), 0, &[], None).is_empty());
        let ended = Some(End::Failed("it ended".to_owned()));
        assert!(judged(rule(), 0, &[], ended.clone()).is_empty());
        // Packets came for it: whatever became of the rest, it must have done something to them.
        assert!(!judged(may_idle, 1, &[], None)[0].held);
        assert!(!judged(rule(), 1, &[], ended)[0].held);
    }
}
