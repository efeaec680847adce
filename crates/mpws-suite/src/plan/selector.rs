//! Which cells are meant: selectors, parsed once.

use std::fmt;
use std::str::FromStr;

use super::cells::PlannedCell;
use super::pattern::{Pattern, PatternError};

/// A name, a prefix that ends at a boundary, a glob over whole names, or the name of groups of
/// these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
    means: Means,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Means {
    /// Names that are this, or begin with it and go on with `/`, `@` or `:`.
    Prefix,
    /// Names that match.
    Glob(Pattern),
    /// Cells of one of these groups.
    Groups(Vec<Group>),
}

/// Cells that have a name together, such as those behind a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `family/name`; selected by a prefix or a glob that begins with the family.
    pub name: String,
    /// What selects its cells.
    pub cells: Vec<Selector>,
}

/// What selects the cells of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selectors {
    /// In the order in which they were given; none for all cells.
    all: Vec<Selector>,
    /// Names of all groups, for hints.
    groups: Vec<String>,
}

impl Selector {
    /// Whether it selects the cell with this name.
    pub fn matches(&self, cell: &str) -> bool {
        match &self.means {
            Means::Prefix => is_prefix(&self.text, cell),
            Means::Glob(pattern) => pattern.matches(cell),
            Means::Groups(groups) => {
                let mut cells = groups.iter().flat_map(|group| &group.cells);
                cells.any(|one| one.matches(cell))
            }
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Selector {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let pattern: Pattern = text.parse()?;
        Ok(Self {
            text: text.to_owned(),
            means: if pattern.is_name() {
                Means::Prefix
            } else {
                Means::Glob(pattern)
            },
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Selectors {
    /// Reads selectors. One that names groups means their cells.
    ///
    /// # Errors
    ///
    /// [`PatternError`] where one is no pattern.
    pub fn parse<T: AsRef<str>>(
        texts: impl IntoIterator<Item = T>,
        groups: &[Group],
    ) -> Result<Self, PatternError> {
        let read = |text: T| -> Result<Selector, PatternError> {
            let text = text.as_ref();
            let mut selector: Selector = text.parse()?;
            let named: Vec<Group> = groups
                .iter()
                .filter(|group| {
                    family(&group.name) == family(text) && selector.matches(&group.name)
                })
                .cloned()
                .collect();
            if !named.is_empty() {
                selector.means = Means::Groups(named);
            }
            Ok(selector)
        };
        Ok(Self {
            all: texts.into_iter().map(read).collect::<Result<_, _>>()?,
            groups: groups.iter().map(|group| group.name.clone()).collect(),
        })
    }

    /// Whether there is none, so that all cells are meant.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether the cell is meant: one selects it, or there is none.
    pub fn matches(&self, cell: &PlannedCell) -> bool {
        self.is_empty() || self.iter().any(|one| one.matches(&cell.name))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Selector> {
        self.all.iter()
    }

    /// Names of the groups that are selected by name.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = self.all.iter().flat_map(|one| match &one.means {
            Means::Groups(groups) => &groups[..],
            Means::Prefix | Means::Glob(_) => &[],
        });
        groups.map(|group| group.name.as_str())
    }

    /// Cases of these cells and groups with a name similar to that of a selector, the most similar
    /// first, at most 3.
    pub(super) fn nearest(&self, selector: &Selector, cells: &[PlannedCell]) -> Vec<String> {
        let wanted: Vec<&str> = selector
            .text
            .split(['/', '@', '-', '*'])
            .filter(|part| part.len() > 2)
            .collect();
        let mut scored: Vec<(usize, &str)> = cells
            .iter()
            .map(|cell| cell.case.slug)
            .chain(self.groups.iter().map(String::as_str))
            .map(|name| {
                let score = wanted.iter().filter(|part| name.contains(**part)).count();
                (score, name)
            })
            .filter(|(score, _)| *score > 0)
            .collect();
        scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        scored.dedup();
        let names = scored.into_iter().map(|(_, name)| name.to_owned());
        names.take(SUGGESTIONS).collect()
    }
}

/// Names in a hint.
const SUGGESTIONS: usize = 3;

fn is_prefix(prefix: &str, name: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| {
        rest.is_empty() || prefix.ends_with(['/', '@', ':']) || rest.starts_with(['/', '@', ':'])
    })
}

fn family(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, cell: &str) -> bool {
        let selector: Selector = selector.parse().expect(selector);
        selector.matches(cell)
    }

    #[test]
    fn a_plain_selector_is_a_prefix_that_ends_at_a_boundary() {
        let cell = "fallback/syn@fixture:fixture/mptcp/v4";
        assert!(selects("fallback", cell));
        assert!(selects("fallback/", cell));
        assert!(selects("fallback/syn", cell));
        assert!(selects("fallback/syn@fixture:", cell));
        assert!(selects(cell, cell));
        assert!(!selects("fallback/s", cell));
        assert!(!selects("fall", cell));
    }

    #[test]
    fn a_selector_with_a_wildcard_matches_whole_names() {
        let cell = "fallback/syn@fixture:fixture/mptcp/v4";
        assert!(selects("*/v4", cell));
        assert!(!selects("fallback/*@fixture", cell));
    }

    #[test]
    fn the_name_of_groups_means_their_cells_and_nothing_else() {
        let group = |name: &str, cells: &[&str]| Group {
            name: name.to_owned(),
            cells: cells.iter().map(|one| one.parse().expect(one)).collect(),
        };
        let groups = [
            group("claims/one", &["fallback/syn"]),
            group("claims/other", &["join/*"]),
        ];
        let selected = |text: &str| -> (Vec<String>, [bool; 2]) {
            let all = Selectors::parse([text], &groups).expect(text);
            let cells = ["fallback/syn@a:b/mptcp/v4", "join/x@a:b/mptcp/v4"];
            let matched = cells.map(|cell| all.iter().any(|one| one.matches(cell)));
            (all.groups().map(str::to_owned).collect(), matched)
        };
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|&one| one.into()).collect() };
        let both = names(&["claims/one", "claims/other"]);
        assert_eq!(selected("claims"), (both.clone(), [true, true]));
        assert_eq!(selected("claims/"), (both.clone(), [true, true]));
        assert_eq!(selected("claims/o*"), (both, [true, true]));
        assert_eq!(
            selected("claims/one"),
            (names(&["claims/one"]), [true, false])
        );
        // A glob over cells names no group, though it matches the name of one.
        assert_eq!(selected("*o*"), (vec![], [false, true]));
        assert_eq!(selected("claims/none"), (vec![], [false, false]));
    }
}
