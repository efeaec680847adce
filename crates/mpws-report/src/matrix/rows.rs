//! The rows of the matrix: which there are, and their order.

use std::collections::{BTreeMap, BTreeSet};

use mpws_model::FIXTURE;
use mpws_model::result::{CaseFacts, CellResult, PeerFacts, RunResult};

use super::table::Row;

/// The peers of a cell that are not the fixture; one that meets itself stands once.
pub(super) fn ends(cell: &CellResult) -> impl Iterator<Item = &str> {
    let both: BTreeSet<&str> = [cell.client.as_str(), cell.server.as_str()].into();
    both.into_iter().filter(|&peer| peer != FIXTURE)
}

/// The row of a peer of a cell, without its cells.
pub(super) fn row_of(result: &RunResult, cell: &CellResult, peer: &str) -> Row {
    let facts = result.peer(peer);
    let known = |fact: Option<&str>| fact.unwrap_or(UNKNOWN).to_owned();
    let runs_on = facts.and_then(|facts| facts.runs_on.as_ref());
    let id = facts.map(|facts| &facts.id);
    Row {
        peer: peer.to_owned(),
        library: id.map_or(peer, |id| &id.family).to_owned(),
        implementation: id
            .and_then(|id| id.implementation.clone())
            .unwrap_or_default(),
        version: known(facts.and_then(PeerFacts::loaded_version)),
        runtime: known(runs_on.map(|runs_on| runs_on.runtime.as_str())),
        libc: known(runs_on.map(|runs_on| runs_on.libc.as_str())),
        launcher: cell.environment.launcher.word().to_owned(),
        base: cell.environment.base.clone(),
        kernel: result.host.kernel.clone(),
        families: BTreeMap::new(),
    }
}

/// What tells rows apart, in the order in which they stand.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    library: String,
    version: Vec<(u64, String)>,
    implementation: String,
    environment: [String; 4],
    peer: String,
}

impl Key {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            library: row.library.clone(),
            version: order(&row.version),
            implementation: row.implementation.clone(),
            environment: [
                row.launched(),
                row.libc.clone(),
                row.runtime.clone(),
                row.kernel.clone(),
            ],
            peer: row.peer.clone(),
        }
    }
}

/// A version as something to sort by: numbers as numbers, 9 before 13.
fn order(version: &str) -> Vec<(u64, String)> {
    let parts = version.split('.');
    let part = |part: &str| {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = part.split_at(digits);
        (number.parse().unwrap_or(0), rest.to_owned())
    };
    parts.map(part).collect()
}

/// The cases of the results, each once, in the order of the catalogue.
pub(super) fn cases<'a>(results: &[&'a RunResult]) -> Vec<&'a CaseFacts> {
    let mut all: Vec<&CaseFacts> = Vec::new();
    for case in results.iter().flat_map(|result| &result.cases) {
        match all.iter_mut().find(|known| known.case == case.case) {
            // Results of an older form have no titles.
            Some(known) if known.title.is_empty() => *known = case,
            Some(_) => {}
            None => all.push(case),
        }
    }
    all.sort_by_key(|case| case.place);
    all
}

const UNKNOWN: &str = "unknown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_sorted_as_versions() {
        let mut versions = ["13.1", "9.1", "13.0.1", "13.0", "17.4", "10.4"];
        versions.sort_by_key(|version| order(version));
        assert_eq!(versions, ["9.1", "10.4", "13.0", "13.0.1", "13.1", "17.4"]);
    }
}
