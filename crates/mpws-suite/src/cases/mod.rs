//! The catalogue: every case, by family.
//!
//! A family is a module; a case is a constant in it, written on the ground of [`Case::BASE`]. To
//! add one, put it beside its neighbours and into the family's `CASES`.

pub mod client_ordering;
pub mod compatibility;
pub(crate) mod crossing;
pub mod failover;
pub mod fallback;
pub mod framing;
pub mod join;
pub mod latency;
pub mod negotiation;
pub mod paths;
pub mod resources;
pub mod security;
pub mod server_ordering;
pub mod sockopts;
pub(crate) mod support;
pub mod teardown;
pub(crate) mod unix;

use std::sync::LazyLock;

use crate::case::Case;

/// Every case, in the order of families and of each family's list.
pub fn catalogue() -> &'static [Case] {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| {
        [
            negotiation::CASES,
            fallback::unavailable::CASES,
            fallback::stripped::CASES,
            fallback::dropped::CASES,
            client_ordering::state::CASES,
            client_ordering::arguments::CASES,
            client_ordering::remote::CASES,
            client_ordering::ways::CASES,
            server_ordering::CASES,
            compatibility::wire::CASES,
            compatibility::deflate::CASES,
            compatibility::api::CASES,
            latency::CASES,
            sockopts::matrix::CASES,
            sockopts::inherited::CASES,
            sockopts::info::CASES,
            sockopts::libraries::CASES,
            teardown::kernel::CASES,
            teardown::peers::CASES,
            join::opened::CASES,
            join::flags::CASES,
            join::obstructed::CASES,
            join::boxes::CASES,
            paths::CASES,
            failover::CASES,
            framing::CASES,
            security::join::CASES,
            security::policy::CASES,
            resources::CASES,
        ]
        .concat()
    });
    &ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_case_says_what_it_is_for() {
        for case in catalogue() {
            for (field, text) in [
                ("title", case.title),
                ("why", case.why),
                ("network", case.network),
                ("outcome", case.outcome),
            ] {
                assert!(!text.trim().is_empty(), "{} has no {field}", case.slug);
            }
            assert!(
                !case.requirements.is_empty(),
                "{} answers to nothing",
                case.slug
            );
            assert!(!case.mutants.is_empty(), "{} names no mutant", case.slug);
            assert!(!case.ips.is_empty(), "{} runs on no IP version", case.slug);
            assert!(
                (1..=4).contains(&case.paths),
                "{} has {} paths",
                case.slug,
                case.paths
            );
        }
    }

    #[test]
    fn slugs_are_unique_and_name_a_family_and_a_stimulus() {
        let mut seen = BTreeSet::new();
        for case in catalogue() {
            let parts: Vec<&str> = case.slug.split('/').collect();
            assert_eq!(parts.len(), 2, "{}", case.slug);
            assert!(
                case.slug
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-/".contains(c)),
                "{}",
                case.slug
            );
            assert!(seen.insert(case.slug), "{} stands twice", case.slug);
        }
    }
}
