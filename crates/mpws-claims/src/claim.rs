//! What a claim is.

use mpws_model::bench::Measure;
use mpws_suite::plan::Selector;

/// The selector of all claims; `claims/ID` is that of one, and IDs may be globs.
pub const SELECTOR: &str = "claims";

/// One statement of the article, in our own words.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Its name, after `claims/`.
    pub id: &'static str,
    /// Number of the statement in the article as docs/claims.md restates it, from 1.
    pub number: u8,
    /// What is claimed.
    pub statement: &'static str,
    /// What must be looked at. It holds when every answer of every aspect says so.
    pub aspects: &'static [Aspect],
    /// Capabilities of the host (`mpws doctor`) on which it hinges.
    pub hinges_on: &'static [&'static str],
}

/// One thing to look at.
#[derive(Clone, Copy, Debug)]
pub struct Aspect {
    /// In a few words.
    pub name: &'static str,
    /// Where answers come from.
    pub source: Source,
    /// What an affirmative answer says of the claim; the opposite of a negative one.
    pub yes: Sense,
}

/// Where answers come from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Cells that ask for MPTCP; their TCP controls give the verdict over plain TCP.
    Cells {
        /// Selectors, as of `mpws run`.
        select: &'static [&'static str],
        /// How each is read.
        read: Reading,
    },
    /// Figures of [`PAIRS`](crate::PAIRS), measured over MPTCP and TCP side by side.
    Figures {
        /// Measures of `mpws bench`.
        measures: &'static [Measure],
        /// What is asked of each.
        ask: Ask,
    },
}

/// How a cell is read: each gives yes, no, or nothing where the cell does not show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Does the cell pass?
    Passes,
    /// Did the check with this name hold?
    Check(&'static str),
    /// Which of these was recorded under this name?
    Recorded {
        /// The name.
        name: &'static str,
        /// Values that mean yes.
        yes: &'static [&'static str],
        /// Values that mean no.
        no: &'static [&'static str],
    },
    /// Is the outermost class of the recorded error one of the library's own with one of these
    /// names?
    LibraryError(&'static [&'static str]),
    /// Did the check with this name (a glob) fail over MPTCP and hold over TCP?
    FailsOnlyOverMptcp(&'static str),
    /// Does a pair of different versions fail where both pairs of one version pass? Asked of pairs
    /// of different versions; pairs of one version are what they are compared with.
    FailsOnlyAcrossVersions,
    /// Does what passes with one version fail with another? One answer for each case.
    ChangesBetweenVersions,
}

impl Reading {
    /// The question, for people.
    pub fn question(&self) -> String {
        match self {
            Self::Passes => "does the cell pass?".to_owned(),
            Self::Check(name) => format!("did the check `{name}` hold?"),
            Self::Recorded { name, yes, no } => format!(
                "what was recorded as `{name}`? yes: {}; no: {}",
                yes.join(", "),
                no.join(", ")
            ),
            Self::LibraryError(names) => format!(
                "is the outermost class of the recorded error one of the library's own {}?",
                names.join(", ")
            ),
            Self::FailsOnlyOverMptcp(name) => {
                format!("did the check `{name}` fail over MPTCP and hold over TCP?")
            }
            Self::FailsOnlyAcrossVersions => {
                "does a pair of two versions fail where both pairs of one version pass?".to_owned()
            }
            Self::ChangesBetweenVersions => {
                "does the case pass with one version and fail with another?".to_owned()
            }
        }
    }
}

/// What is asked of a figure: yes when every round says so, no when none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Is it larger over MPTCP than over TCP?
    Larger,
    /// Is it smaller?
    Smaller,
}

impl Ask {
    /// The question, for people.
    pub fn question(self) -> &'static str {
        match self {
            Self::Larger => "is it larger over MPTCP than over TCP in every round?",
            Self::Smaller => "is it smaller over MPTCP than over TCP in every round?",
        }
    }
}

/// What an answer says of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It supports it.
    Supports,
    /// It contradicts it.
    Contradicts,
}

impl Claim {
    /// Its selector, `claims/ID`.
    pub fn selector(&self) -> String {
        format!("{SELECTOR}/{}", self.id)
    }
}

/// What selects these cells, parsed.
pub fn selectors(select: &[&str]) -> Vec<Selector> {
    // A test selects cells with each of them.
    select.iter().filter_map(|one| one.parse().ok()).collect()
}
