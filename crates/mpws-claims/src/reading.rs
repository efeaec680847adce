//! From a cell or a figure to an answer. What a cell does not show is no answer, whatever its
//! verdict.

use std::collections::{BTreeMap, BTreeSet};

use mpws_model::bench::Measure;
use mpws_model::claims::Ratio;
use mpws_model::result::{CellResult, PeerFacts, Verdict};
use mpws_suite::plan::pattern::glob;
use serde_json::Value;

use crate::claim::{Ask, Reading};
use crate::figures::{Figures, PAIRS};

/// Yes, no, or neither; with the reason.
#[derive(Clone, Debug)]
pub(super) struct Answer<'a> {
    pub(super) word: Word,
    pub(super) because: String,
    /// The cells that were read, the first one foremost.
    pub(super) cells: Vec<&'a CellResult>,
    pub(super) ratio: Option<&'a Ratio>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Yes,
    No,
    /// Some rounds say yes, some no.
    Both,
    /// It is not shown.
    Unknown,
}

/// The results that readings look at.
#[derive(Clone, Copy)]
pub(super) struct Results<'a> {
    pub(super) cells: &'a [CellResult],
    pub(super) peers: &'a [PeerFacts],
}

impl<'a> Results<'a> {
    /// One answer for each of these cells, or for each case of them.
    pub(super) fn read(self, reading: Reading, chosen: &[&'a CellResult]) -> Vec<Answer<'a>> {
        match reading {
            Reading::ChangesBetweenVersions => self.changes(chosen),
            Reading::FailsOnlyAcrossVersions => {
                let across = chosen
                    .iter()
                    .filter(|cell| self.version(&cell.client) != self.version(&cell.server));
                across.map(|cell| self.across(cell, chosen)).collect()
            }
            _ => chosen
                .iter()
                .map(|cell| self.single(reading, cell))
                .collect(),
        }
    }

    /// The version that a peer reported, or its name where it reported none.
    pub(super) fn version(self, peer: &'a str) -> &'a str {
        self.peers
            .iter()
            .find(|facts| facts.peer == peer)
            .and_then(PeerFacts::loaded_version)
            .unwrap_or(peer)
    }

    /// The implementation inside the library that a peer is.
    pub(super) fn implementation(self, peer: &str) -> Option<&'a str> {
        let facts = self.peers.iter().find(|facts| facts.peer == peer)?;
        facts.id.implementation.as_deref()
    }

    fn single(self, reading: Reading, cell: &'a CellResult) -> Answer<'a> {
        let (word, because) = match unfit(cell) {
            Some(why) => (Word::Unknown, why),
            None => match reading {
                Reading::Check(name) => check(cell, name),
                Reading::Recorded { name, yes, no } => recorded(cell, name, yes, no),
                Reading::LibraryError(names) => library_error(cell, names),
                Reading::FailsOnlyOverMptcp(name) => return self.only_over_mptcp(name, cell),
                _ => (yes_if(passes(cell)), cell.reason.clone()),
            },
        };
        Answer::of(word, because, vec![cell])
    }

    fn only_over_mptcp(self, name: &str, cell: &'a CellResult) -> Answer<'a> {
        let twin = cell.control.cell.as_ref();
        let Some(twin) = twin.and_then(|name| self.cells.iter().find(|one| one.cell == *name))
        else {
            let why = "its TCP control did not run".to_owned();
            return Answer::of(Word::Unknown, why, vec![cell]);
        };
        let both = vec![cell, twin];
        if let Some(why) = unfit(twin) {
            return Answer::of(Word::Unknown, why, both);
        }
        let (mptcp, because) = check(cell, name);
        let (tcp, over_tcp) = check(twin, name);
        let word = match (mptcp, tcp) {
            (Word::Unknown, _) | (_, Word::Unknown) => Word::Unknown,
            (Word::No, Word::Yes) => Word::Yes,
            _ => Word::No,
        };
        Answer::of(word, format!("{because}; over TCP {over_tcp}"), both)
    }

    /// A pair of different versions beside the pairs of one version with the same implementations.
    fn across(self, cell: &'a CellResult, chosen: &[&'a CellResult]) -> Answer<'a> {
        if let Some(why) = unfit(cell) {
            return Answer::of(Word::Unknown, why, vec![cell]);
        }
        let alike = |other: &&&CellResult| {
            other.case == cell.case
                && other.environment == cell.environment
                && self.implementation(&other.client) == self.implementation(&cell.client)
                && self.implementation(&other.server) == self.implementation(&cell.server)
                && self.version(&other.client) == self.version(&other.server)
        };
        let like: Vec<&'a CellResult> = chosen.iter().filter(alike).copied().collect();
        let mut all = vec![cell];
        all.extend(&like);
        if let Some(why) = like.iter().find_map(|one| unfit(one)) {
            return Answer::of(Word::Unknown, why, all);
        }
        let versions: BTreeSet<&str> = like.iter().map(|one| self.version(&one.client)).collect();
        let (mine, other) = (self.version(&cell.client), self.version(&cell.server));
        if passes(cell) {
            Answer::of(Word::No, cell.reason.clone(), all)
        } else if !versions.contains(mine) || !versions.contains(other) {
            let why = "there is no pair of one version to compare it with".to_owned();
            Answer::of(Word::Unknown, why, all)
        } else if like.iter().all(|one| passes(one)) {
            Answer::of(Word::Yes, cell.reason.clone(), all)
        } else {
            let why = format!("it fails with one version as well: {}", cell.reason);
            Answer::of(Word::No, why, all)
        }
    }

    fn changes(self, chosen: &[&'a CellResult]) -> Vec<Answer<'a>> {
        let mut cases: BTreeMap<&str, Vec<&'a CellResult>> = BTreeMap::new();
        for cell in chosen {
            cases.entry(&cell.case).or_default().push(cell);
        }
        cases
            .into_values()
            .map(|mut cells| {
                if let Some(why) = cells.iter().find_map(|one| unfit(one)) {
                    return Answer::of(Word::Unknown, why, cells);
                }
                let of = |cells: &[&'a CellResult], good: bool| -> BTreeSet<&'a str> {
                    let those = cells.iter().filter(|one| passes(one) == good);
                    those.map(|one| self.version(library(one))).collect()
                };
                let (good, bad) = (of(&cells, true), of(&cells, false));
                cells.sort_by_key(|one| passes(one));
                if good.union(&bad).count() < 2 {
                    let why = "only one version took part".to_owned();
                    return Answer::of(Word::Unknown, why, cells);
                }
                let because = format!("works with {}, not with {}", list(&good), list(&bad));
                Answer::of(yes_if(!good.is_empty() && !bad.is_empty()), because, cells)
            })
            .collect()
    }
}

/// One answer for each measure of each pair.
pub(super) fn figures<'a>(figures: &'a Figures, measures: &[Measure], ask: Ask) -> Vec<Answer<'a>> {
    let mut answers = Vec::new();
    for measure in measures {
        let name = measure.word();
        let mut found = Vec::new();
        for ratio in figures.ratios.iter().filter(|one| one.measure == *measure) {
            let says = |round: &f64| match ask {
                Ask::Larger => *round > 1.0,
                Ask::Smaller => *round < 1.0,
            };
            let (yes, no): (Vec<f64>, Vec<f64>) = ratio.rounds.iter().partition(|one| says(one));
            let word = match (yes.is_empty(), no.is_empty()) {
                (true, true) => Word::Unknown,
                (false, true) => Word::Yes,
                (true, false) => Word::No,
                (false, false) => Word::Both,
            };
            let (low, high) = ratio.spread().unwrap_or_default();
            let because = format!(
                "{name} of {} with {}: MPTCP/TCP {:.2}, rounds {low:.2} to {high:.2}",
                ratio.client, ratio.server, ratio.ratio
            );
            let answer = Answer::of(word, because, Vec::new());
            found.push(Answer {
                ratio: Some(ratio),
                ..answer
            });
        }
        let missing = figures.missing.iter();
        for one in missing.filter(|one| one.measure == *measure) {
            let because = format!(
                "{name} of {} with {}: {}",
                one.client, one.server, one.reason
            );
            found.push(Answer::of(Word::Unknown, because, Vec::new()));
        }
        if found.len() < PAIRS.len() {
            let why = figures
                .none
                .as_deref()
                .unwrap_or("not all pairs were measured");
            let because = format!("{name}: {why}");
            found.push(Answer::of(Word::Unknown, because, Vec::new()));
        }
        answers.extend(found);
    }
    answers
}

impl<'a> Answer<'a> {
    fn of(word: Word, because: String, cells: Vec<&'a CellResult>) -> Self {
        Self {
            word,
            because,
            cells,
            ratio: None,
        }
    }
}

/// The end of a cell that is not the fixture; the client where neither is.
pub(super) fn library(cell: &CellResult) -> &str {
    if cell.client == mpws_model::FIXTURE {
        &cell.server
    } else {
        &cell.client
    }
}

/// Why a cell shows nothing.
fn unfit(cell: &CellResult) -> Option<String> {
    matches!(
        cell.verdict,
        Verdict::Unsupported | Verdict::Unprovable | Verdict::Error
    )
    .then(|| format!("{}: {}", cell.verdict.word(), cell.reason))
}

fn passes(cell: &CellResult) -> bool {
    matches!(cell.verdict, Verdict::Pass | Verdict::Tolerated)
}

fn yes_if(yes: bool) -> Word {
    if yes { Word::Yes } else { Word::No }
}

fn check(cell: &CellResult, name: &str) -> (Word, String) {
    let mut found = cell
        .checks
        .iter()
        .filter(|one| glob(name, &one.name))
        .peekable();
    if found.peek().is_none() {
        let why = format!("it ended before this was judged: {}", cell.reason);
        return (Word::Unknown, why);
    }
    match found.find(|one| !one.held) {
        Some(failed) => (Word::No, format!("{}: {}", failed.name, failed.observed)),
        None => (Word::Yes, format!("{name}: as it should be")),
    }
}

fn recorded(cell: &CellResult, name: &str, yes: &[&str], no: &[&str]) -> (Word, String) {
    let Some(value) = steady(cell, name) else {
        let why = format!("it did not record `{name}`: {}", cell.reason);
        return (Word::Unknown, why);
    };
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let word = if yes.contains(&text.as_str()) {
        Word::Yes
    } else if no.contains(&text.as_str()) {
        Word::No
    } else {
        Word::Unknown
    };
    (word, format!("{name}: {text}"))
}

/// A recorded value, unless it changes from run to run: such a one decides nothing.
fn steady<'a>(cell: &'a CellResult, name: &str) -> Option<&'a Value> {
    let recorded = cell.recorded.get(name).filter(|one| !one.volatile);
    recorded.map(|one| &one.value)
}

fn library_error(cell: &CellResult, names: &[&str]) -> (Word, String) {
    let chain = match steady(cell, "error") {
        Some(Value::Array(chain)) => chain,
        Some(other) => return (Word::No, format!("error: {other}")),
        None => {
            let why = format!("it recorded no error: {}", cell.reason);
            return (Word::Unknown, why);
        }
    };
    let classes: Vec<&str> = chain.iter().filter_map(Value::as_str).collect();
    let outermost = classes.first().copied().unwrap_or_default();
    let own = outermost.starts_with("websockets.");
    let class = outermost.rsplit('.').next().unwrap_or_default();
    let class = class.split('[').next().unwrap_or_default();
    let word = yes_if(own && names.contains(&class));
    (word, classes.join(" from "))
}

fn list(words: &BTreeSet<&str>) -> String {
    if words.is_empty() {
        "any".to_owned()
    } else {
        words.iter().copied().collect::<Vec<_>>().join(", ")
    }
}
