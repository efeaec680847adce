//! The result of a whole run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::{CellResult, Verdict};
use crate::claims::ClaimResult;
use crate::peer::PeerFacts;
use crate::tool::Tool;
use crate::{CellName, Profile};

/// Value of [`RunResult::schema`].
pub const RESULT_SCHEMA: &str = "mpws-result/2";

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// [`RESULT_SCHEMA`].
    pub schema: String,
    /// What made it.
    pub tool: Tool,
    /// When it began, RFC 3339, UTC.
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Where it ran.
    pub host: HostFacts,
    /// The peers of its plan, each once, by name.
    pub peers: Vec<PeerFacts>,
    /// The cases of its plan, in the order of the catalogue.
    pub cases: Vec<CaseFacts>,
    /// How much the plan covered before selectors narrowed it.
    #[serde(default)]
    pub profile: Profile,
    /// The family of which every version took part, where it was the run of a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<String>,
    /// Selectors that narrowed the plan; empty for the whole catalogue.
    pub selectors: Vec<String>,
    /// Conditions of paths under which all cells ran that have the path, as `--path` takes them;
    /// empty where each cell had the network that its case describes and nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Peers that the run of a matrix left out of its plan, because they do not exist here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Number of cells that were planned.
    pub planned: usize,
    /// Number of cells whose results an earlier run had written before it was stopped (`--resume`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_over: usize,
    /// Whether it was stopped before its end; cells that did not run are reported as `error`.
    pub interrupted: bool,
    /// One entry for each planned cell, in the order of the plan.
    pub cells: Vec<CellResult>,
    /// What the run found out, in plain words.
    pub findings: Vec<Finding>,
    /// What the article claims, as far as it was asked about by the selector `claims`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimResult>,
    /// Faults of the run as a whole, such as an expectation that no longer holds; red.
    pub problems: Vec<String>,
    /// The count of each verdict.
    pub summary: Summary,
}

/// A peer that does not exist where a run of a matrix was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Its name in cells.
    pub peer: String,
    /// Number of cells that it would have had; one with two such peers counts for both.
    pub cells: usize,
    /// Why.
    pub reason: String,
}

/// The machine, as far as it matters for the verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// Kernel release.
    pub kernel: String,
    /// Machine architecture.
    pub architecture: String,
    /// C library of the command itself.
    pub libc: String,
    /// Logical processors.
    pub processors: usize,
    /// Whether labs were made with root's rights instead of a user namespace.
    pub root: bool,
    /// What this host can prove, by the name of the capability.
    pub capabilities: BTreeMap<String, Capability>,
}

/// Whether a host can do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// Whether it can.
    pub available: bool,
    /// What was tried and what came of it.
    pub detail: String,
    /// How to get it, where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// A case, as far as reports tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFacts {
    /// Its name, `family/stimulus`.
    pub case: String,
    /// Its place in the catalogue, from 1. Families stand in the order of their first cases.
    pub place: usize,
    /// One line on what is done; empty where it is not known.
    pub title: String,
    /// Where what it demands stands, such as `RFC 8684 section 3.7`; none where it is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
    /// Names of recorded values that the support matrix shows even where they are the same in all
    /// versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub always_shown: Vec<String>,
}

/// Something worth telling a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// One or two sentences in plain words.
    pub text: String,
    /// Kind of finding.
    pub kind: FindingKind,
    /// The cells behind it.
    pub cells: Vec<CellName>,
    /// A command that repeats one of them.
    pub command: String,
}

/// Kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// What the run has proven.
    Shown,
    /// A red cell that no expectation explains.
    Unexpected,
    /// A known deviation, seen again.
    Known,
    /// MPTCP behaves otherwise than TCP.
    Difference,
    /// Witnesses contradict each other.
    Contradiction,
}

/// The count of each verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// `pass`.
    pub pass: usize,
    /// `tolerated`.
    pub tolerated: usize,
    /// `fail` that an expectation explains.
    pub known: usize,
    /// `fail` that nothing explains.
    pub fail: usize,
    /// `unsupported`.
    pub unsupported: usize,
    /// `unprovable`.
    pub unprovable: usize,
    /// `error`.
    pub error: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl RunResult {
    /// What is known of a peer of the plan.
    pub fn peer(&self, name: &str) -> Option<&PeerFacts> {
        self.peers.iter().find(|facts| facts.peer == name)
    }
}

impl CaseFacts {
    /// The family: what stands before the first slash of the case.
    pub fn family(&self) -> &str {
        self.case.split('/').next().unwrap_or(&self.case)
    }
}

impl Summary {
    /// Counts the cells.
    pub fn of(cells: &[CellResult]) -> Self {
        let mut summary = Self::default();
        for cell in cells {
            let count = match cell.verdict {
                Verdict::Pass => &mut summary.pass,
                Verdict::Tolerated => &mut summary.tolerated,
                Verdict::Fail if !cell.expected.is_empty() => &mut summary.known,
                Verdict::Fail => &mut summary.fail,
                Verdict::Unsupported => &mut summary.unsupported,
                Verdict::Unprovable => &mut summary.unprovable,
                Verdict::Error => &mut summary.error,
            };
            *count += 1;
        }
        summary
    }
}
