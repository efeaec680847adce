//! RFC rules that an end broke.

use std::collections::BTreeMap;

use mpws_model::result::Check;
use mpws_trace::Rule;

use super::check::check;
use crate::demands::{Demands, Illegal};
use crate::wire::{Broken, Wire};

/// A broken rule fails by a check of its own, so that a known deviation covers that rule and no
/// other. One that the case breaks itself must be seen to be broken.
pub(super) fn judge(demands: &Demands, wire: &Wire) -> Vec<Check> {
    let broken = &wire.broken;
    let allowed = |rule: &Rule| demands.illegal.iter().any(|one| one.rule() == *rule);
    let mut checks: Vec<Check> = broken
        .iter()
        .filter(|(rule, _)| !allowed(rule))
        .map(|(rule, seen)| {
            let name = format!("rule {rule} is kept");
            check(&name, "kept", &seen.describe(), false)
        })
        .collect();
    if checks.is_empty() {
        let name = "rules of RFC 8684, RFC 6455 and RFC 7692 are kept";
        let kept = "each that the case does not break itself";
        checks.push(check(name, kept, kept, true));
    }
    let provoked = demands.illegal.iter().filter_map(|one| match one {
        Illegal::Sure(rule) => Some(*rule),
        Illegal::Possible(_) => None,
    });
    checks.extend(provoked.map(|rule| is_broken(rule, broken)));
    checks
}

fn is_broken(rule: Rule, broken: &BTreeMap<Rule, Broken>) -> Check {
    let seen = broken.get(&rule);
    let observed = seen.map_or_else(|| "kept".to_owned(), Broken::describe);
    let name = format!("rule {rule} is broken, as the case intends");
    check(&name, "broken", &observed, seen.is_some())
}

impl Broken {
    fn describe(&self) -> String {
        format!("by the {}: {}", self.side.word(), self.seen)
    }
}

#[cfg(test)]
mod tests {
    use mpws_model::Side;

    use super::*;

    fn judged(broken: &[Rule], illegal: &[Illegal]) -> Vec<(String, bool)> {
        let seen = Broken {
            side: Side::Server,
            seen: "what was seen".to_owned(),
        };
        let wire = Wire {
            broken: broken.iter().map(|rule| (*rule, seen.clone())).collect(),
            ..Wire::default()
        };
        let demands = Demands {
            illegal: illegal.to_vec(),
            ..Demands::default()
        };
        let checks = judge(&demands, &wire);
        for check in &checks {
            let observed = match broken
                .iter()
                .any(|rule| check.name.contains(&rule.to_string()))
            {
                true => "by the server: what was seen",
                false if check.held => check.expected.as_str(),
                false => "kept",
            };
            assert_eq!(check.observed, observed, "{}", check.name);
        }
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
        assert_eq!(judged(&broken, &[]), expected);
        assert_eq!(judged(&[], &[]), [(KEPT.to_owned(), true)]);
    }

    #[test]
    fn what_a_case_may_break_is_no_failure_and_no_other_rule_is_covered() {
        let may = [Illegal::Possible(Rule::CloseCode)];
        assert_eq!(judged(&[Rule::CloseCode], &may), [(KEPT.to_owned(), true)]);
        assert_eq!(judged(&[], &may), [(KEPT.to_owned(), true)]);
        let other = ("rule join-hmac is kept".to_owned(), false);
        assert_eq!(judged(&[Rule::JoinHmac], &may), [other]);
    }

    #[test]
    fn what_a_case_means_to_break_must_be_seen() {
        let sure = [Illegal::Sure(Rule::DeflateData)];
        let name = "rule deflate-data is broken, as the case intends".to_owned();
        let kept = (KEPT.to_owned(), true);
        let seen = judged(&[Rule::DeflateData], &sure);
        assert_eq!(seen, [kept.clone(), (name.clone(), true)]);
        assert_eq!(judged(&[], &sure), [kept, (name, false)]);
    }
}
