//! What each end sent, held against the rules of RFC 8684, RFC 6455 and RFC 7692.

use std::collections::BTreeMap;

use mpws_trace::{Direction, Dissection, Options, Rule, Trace};

use crate::cell::{Cell, Illegal};
use crate::result::Check;

/// Judges every connection of the cell. A broken rule fails by a check of its own, so that a known deviation covers that
/// rule and no other.
pub(super) fn judge(cell: &Cell, trace: &Trace, checks: &mut Vec<Check>) {
    checks.extend(judged(&broken(trace), &cell.illegal));
}

/// Rules that were broken, each with the first thing that was seen of it.
fn broken(trace: &Trace) -> BTreeMap<Rule, String> {
    let options = Options::default();
    let mut broken = BTreeMap::new();
    for connection in &trace.connections {
        for offence in Dissection::of(connection, &options).offences {
            let end = match offence.direction {
                Direction::ToResponder => "client",
                Direction::ToInitiator => "server",
            };
            broken
                .entry(offence.rule)
                .or_insert_with(|| format!("by the {end}: {offence}"));
        }
    }
    broken
}

fn judged(broken: &BTreeMap<Rule, String>, illegal: &[Illegal]) -> Vec<Check> {
    let mut checks: Vec<Check> = broken
        .iter()
        .filter(|(rule, _)| !illegal.iter().any(|one| one.rule() == **rule))
        .map(|(rule, seen)| Check {
            name: format!("rule {} is kept", rule),
            expected: "kept".to_owned(),
            observed: seen.clone(),
            held: false,
        })
        .collect();
    if checks.is_empty() {
        checks.push(Check {
            name: "rules of RFC 8684, RFC 6455 and RFC 7692 are kept".to_owned(),
            expected: "each that the case does not break itself".to_owned(),
            observed: "each that the case does not break itself".to_owned(),
            held: true,
        });
    }
    let provoked = illegal.iter().filter_map(|one| match one {
        Illegal::Sure(rule) => Some(rule),
        Illegal::Possible(_) => None,
    });
    checks.extend(provoked.map(|rule| {
        let seen = broken.get(rule);
        Check {
            name: format!("rule {} is broken, as the case intends", rule),
            expected: "broken".to_owned(),
            observed: seen.cloned().unwrap_or_else(|| "kept".to_owned()),
            held: seen.is_some(),
        }
    }));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(broken: &[Rule], illegal: &[Illegal]) -> Vec<(String, bool)> {
        let broken = broken.iter().map(|rule| (*rule, String::new())).collect();
        let checks = judged(&broken, illegal);
        checks.into_iter().map(|one| (one.name, one.held)).collect()
    }

    const KEPT: &str = "rules of RFC 8684, RFC 6455 and RFC 7692 are kept";

    #[test]
    fn each_broken_rule_fails_by_itself() {
        let broken = [Rule::JoinHmac, Rule::CloseCode];
        let expected = [
            ("rule join-hmac is kept".to_owned(), false),
            ("rule close-code is kept".to_owned(), false),
        ];
        assert_eq!(names(&broken, &[]), expected);
        assert_eq!(names(&[], &[]), [(KEPT.to_owned(), true)]);
    }

    #[test]
    fn what_a_case_may_break_is_no_failure_and_no_other_rule_is_covered() {
        let may = [Illegal::Possible(Rule::CloseCode)];
        assert_eq!(names(&[Rule::CloseCode], &may), [(KEPT.to_owned(), true)]);
        assert_eq!(names(&[], &may), [(KEPT.to_owned(), true)]);
        let other = ("rule join-hmac is kept".to_owned(), false);
        assert_eq!(names(&[Rule::JoinHmac], &may), [other]);
    }

    #[test]
    fn what_a_case_means_to_break_must_be_seen() {
        let sure = [Illegal::Sure(Rule::DeflateData)];
        let name = "rule deflate-data is broken, as the case intends".to_owned();
        let kept = (KEPT.to_owned(), true);
        assert_eq!(
            names(&[Rule::DeflateData], &sure),
            [kept.clone(), (name.clone(), true)]
        );
        assert_eq!(names(&[], &sure), [kept, (name, false)]);
    }
}
