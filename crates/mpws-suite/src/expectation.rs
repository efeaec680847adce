//! Known deviations, as data: which cells, which checks, why, until when.
//!
//! A red cell is explained when every check that failed is covered. An expectation that covers
//! nothing any more is stale, and that is red too: whoever fixes a deviation must see it here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mpws_peers::catalogue::Document;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::pattern::Pattern;
use crate::result::{Capability, CellResult, Check, ExpectedDeviation, Verdict};

/// Value of `schema` in the file.
pub const SCHEMA: u32 = 1;

/// A file of known deviations.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviationFile {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The deviations.
    #[serde(default)]
    pub deviation: Vec<Deviation>,
}

/// One known deviation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// A short name, unique in all files.
    pub id: String,
    /// Patterns over cell names: `*` for any characters, `?` for one, `{>=13.1,<14.2}` for a
    /// version in this range.
    #[schemars(with = "Vec<String>")]
    pub cells: Vec<Pattern>,
    /// Patterns over the names of checks that may fail.
    #[schemars(with = "Vec<String>")]
    pub checks: Vec<Pattern>,
    /// Patterns over what such a check observed, where anything else is no known deviation;
    /// anything where absent.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub observed: Vec<Pattern>,
    /// Only where this host has, or lacks, a capability.
    #[serde(default)]
    pub when: Option<Condition>,
    /// Whether it comes by chance: then it is not stale when it stays away in a run.
    #[serde(default)]
    pub sometimes: bool,
    /// Why it is so, for people.
    pub reason: String,
    /// Date (`YYYY-MM-DD`) after which somebody must look at it again.
    pub expires: String,
}

/// A condition on the host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Name of a capability of `mpws doctor`.
    pub capability: String,
    /// Whether it must be there.
    pub available: bool,
}

/// Why expectations cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectationError {
    /// The file is broken.
    #[error("{}: {detail}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        detail: String,
    },
    /// A deviation makes no sense.
    #[error("{}: deviation `{id}`: {detail}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The deviation.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// All deviations that apply to a run.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    deviations: Vec<Deviation>,
}

impl Expectations {
    /// Reads the files; each once, however many peers name it.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`]: broken, without a reason, expired, or named twice.
    pub fn read<'a>(
        documents: impl Iterator<Item = &'a Document>,
        today: &str,
    ) -> Result<Self, ExpectationError> {
        let files: BTreeMap<&PathBuf, &Document> = documents
            .map(|document| (&document.path, document))
            .collect();
        let mut deviations: Vec<Deviation> = Vec::new();
        for (path, document) in files {
            let file: DeviationFile =
                toml::from_str(&document.text).map_err(|error| ExpectationError::Syntax {
                    path: path.clone(),
                    detail: error.to_string(),
                })?;
            if file.schema != SCHEMA {
                return Err(ExpectationError::Syntax {
                    path: path.clone(),
                    detail: format!("schema {} is not known, only {SCHEMA}", file.schema),
                });
            }
            for deviation in file.deviation {
                if let Some(detail) = deviation.fault(today, &deviations) {
                    let (path, id) = (path.clone(), deviation.id);
                    return Err(ExpectationError::Invalid { path, id, detail });
                }
                deviations.push(deviation);
            }
        }
        Ok(Self { deviations })
    }

    /// Explains a red cell whose failed checks are all covered.
    pub fn explain(&self, cell: &mut CellResult, capabilities: &BTreeMap<String, Capability>) {
        if cell.verdict != Verdict::Fail {
            return;
        }
        if let Some(covering) = self.cover(cell, capabilities) {
            let explained = covering.iter().map(|one| ExpectedDeviation {
                id: one.id.clone(),
                reason: one.reason.clone(),
                by_chance: one.sometimes,
            });
            cell.expected = explained.collect();
        }
    }

    /// Deviations that should have shown and did not, and those that match no cell of the whole
    /// catalogue.
    pub fn problems(
        &self,
        cells: &[CellResult],
        whole_catalogue: &[String],
        capabilities: &BTreeMap<String, Capability>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        for deviation in &self.deviations {
            for pattern in &deviation.cells {
                if !whole_catalogue.iter().any(|name| pattern.matches(name)) {
                    problems.push(format!(
                        "the expectation `{}` names cells that are not in the catalogue: {pattern}",
                        deviation.id
                    ));
                }
            }
            let mut due = cells
                .iter()
                .filter(|cell| deviation.names(cell.cell.as_str()) && ran(cell))
                .peekable();
            let holds = deviation.condition_holds(capabilities);
            let stale = |cell: &CellResult| {
                cell.checks
                    .iter()
                    .all(|check| check.held || !deviation.covers(check))
            };
            if holds && !deviation.sometimes && due.peek().is_some() && due.all(stale) {
                problems.push(format!(
                    "the expectation `{}` is stale: none of its cells deviates any more",
                    deviation.id
                ));
            }
        }
        problems
    }

    /// The deviations that together cover every failed check of the cell.
    fn cover(
        &self,
        cell: &CellResult,
        capabilities: &BTreeMap<String, Capability>,
    ) -> Option<Vec<&Deviation>> {
        let mut covering: Vec<&Deviation> = Vec::new();
        let mut failed = cell.checks.iter().filter(|check| !check.held).peekable();
        failed.peek()?;
        for check in failed {
            let found = self.deviations.iter().find(|deviation| {
                deviation.condition_holds(capabilities)
                    && deviation.names(cell.cell.as_str())
                    && deviation.covers(check)
            })?;
            if !covering.iter().any(|one| one.id == found.id) {
                covering.push(found);
            }
        }
        Some(covering)
    }
}

impl Deviation {
    fn names(&self, cell: &str) -> bool {
        self.cells.iter().any(|pattern| pattern.matches(cell))
    }

    fn covers(&self, check: &Check) -> bool {
        let any = |patterns: &[Pattern], text: &str| patterns.iter().any(|one| one.matches(text));
        any(&self.checks, &check.name)
            && (self.observed.is_empty() || any(&self.observed, &check.observed))
    }

    fn condition_holds(&self, capabilities: &BTreeMap<String, Capability>) -> bool {
        self.when.as_ref().is_none_or(|when| {
            capabilities
                .get(&when.capability)
                .is_some_and(|capability| capability.available == when.available)
        })
    }

    fn fault(&self, today: &str, others: &[Self]) -> Option<String> {
        let date = self.expires.len() == 10
            && self
                .expires
                .bytes()
                .enumerate()
                .all(|(index, byte)| match index {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                });
        if self.reason.trim().is_empty() {
            Some("it gives no reason".to_owned())
        } else if self.cells.is_empty() || self.checks.is_empty() {
            Some("it names no cells or no checks".to_owned())
        } else if !date {
            Some(format!(
                "`expires` is not a date YYYY-MM-DD: {}",
                self.expires
            ))
        } else if self.expires.as_str() < today {
            Some(format!("it expired on {}; look at it again", self.expires))
        } else if others.iter().any(|other| other.id == self.id) {
            Some("its id stands twice".to_owned())
        } else {
            None
        }
    }
}

fn ran(cell: &CellResult) -> bool {
    matches!(
        cell.verdict,
        Verdict::Pass | Verdict::Tolerated | Verdict::Fail
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, observed: &str) -> Check {
        Check {
            name: name.to_owned(),
            expected: "x".to_owned(),
            observed: observed.to_owned(),
            held: false,
        }
    }

    #[test]
    fn a_deviation_that_says_what_is_observed_covers_nothing_else() {
        let text = r#"
            id = "a"
            cells = ["*"]
            checks = ["the steps go through"]
            observed = ["* killed by signal 11; *"]
            reason = "it dies"
            expires = "2999-12-31"
        "#;
        let mut deviation: Deviation = toml::from_str(text).expect("a deviation");
        let killed = check(
            "the steps go through",
            "was killed by signal 11; last words",
        );
        let late = check("the steps go through", "waited 10 ms");
        assert!(deviation.covers(&killed));
        assert!(!deviation.covers(&late));
        assert!(!deviation.covers(&check("transport", &killed.observed)));
        deviation.observed.clear();
        assert!(deviation.covers(&late));
    }
}
