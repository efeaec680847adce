//! The result of a run: what reporters read and what `result.json` holds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Profile;
use crate::claims::ClaimResult;

/// Value of [`RunResult::schema`].
pub const RESULT_SCHEMA: &str = "mpws-result/1";

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
    /// The peers that took part.
    pub peers: Vec<PeerFacts>,
    /// How much the plan covered before selectors narrowed it.
    #[serde(default)]
    pub profile: Profile,
    /// The family of which every version took part, where it was the run of a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<String>,
    /// Selectors that narrowed the plan; empty for the whole catalogue.
    pub selectors: Vec<String>,
    /// Conditions of paths under which all cells ran that have the path, as `--path` takes them; empty where each cell
    /// had the network that its case describes and nothing else.
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

/// The program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// `mpws`.
    pub name: String,
    /// Its version.
    pub version: String,
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
    /// What this host can prove: name of the capability to the detail (`yes`, or why not).
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

/// A peer that took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerFacts {
    /// Its name in cells.
    pub peer: String,
    /// Version that it said it really loaded.
    pub version: String,
    /// Its language runtime.
    pub runtime: String,
    /// Its C library.
    pub libc: String,
}

/// The result of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellResult {
    /// Full name: `case@client:server/transport/ip`.
    pub cell: String,
    /// The case.
    pub case: String,
    /// Client peer.
    pub client: String,
    /// Server peer.
    pub server: String,
    /// How it stands to its twin over the other transport.
    pub control: Control,
    /// Where it ran.
    pub environment: Environment,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence: why.
    pub reason: String,
    /// The known deviation that explains a red verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedDeviation>,
    /// What carried the bytes, as proven.
    pub transport: Transport,
    /// Milliseconds from the start of its lab to the end of its judgement.
    pub duration_ms: u64,
    /// Each single judgement.
    pub checks: Vec<Check>,
    /// Recorded behaviour: not judged, but compared with the control and between versions.
    pub recorded: BTreeMap<String, Value>,
    /// What each witness said.
    pub evidence: Evidence,
}

/// How a cell stands to its TCP control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// What this cell is.
    pub role: ControlRole,
    /// Name of the other cell, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// Whether MPTCP behaved otherwise than TCP; absent where there was nothing to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<bool>,
    /// In what: `name: over MPTCP this, over TCP that`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}

/// What a cell is to its twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControlRole {
    /// It runs over MPTCP and has a control.
    Subject,
    /// It is the control: the same over plain TCP.
    Control,
    /// It has none, because it is about the transport itself.
    None,
}

/// Where a cell ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// `v4` or `v6`.
    pub ip: String,
    /// Protocol asked for: `mptcp` or `tcp`.
    pub asked: String,
    /// `container` where a peer of the cell ran in a container, else `process`. The fixture is always a process.
    pub launcher: String,
    /// What the images of containers stand on, such as `debian12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// What became of a cell.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check held.
    Pass,
    /// Allowed, but not the best that can be done.
    Tolerated,
    /// A check did not hold.
    Fail,
    /// A peer cannot do what the case asks, and said so.
    Unsupported,
    /// This host cannot show it either way.
    Unprovable,
    /// The suite itself failed, or the cell did not run.
    Error,
}

/// A known deviation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedDeviation {
    /// Its name in the expectations.
    pub id: String,
    /// Why it is so.
    pub reason: String,
}

/// What carried the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transport {
    /// The kind.
    pub kind: TransportKind,
    /// Why it is not MPTCP, or not what was asked for; the word of a [`Cause`](crate::Cause).
    pub cause: Option<String>,
    /// Subflows that carried data, for MPTCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subflows: Option<u32>,
}

/// Kind of transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransportKind {
    /// MPTCP to the end.
    Mptcp,
    /// MPTCP was asked for, and TCP carried the bytes (from some point on).
    Fallback,
    /// Plain TCP, as asked for.
    Tcp,
    /// No connection came about.
    None,
    /// The witnesses do not suffice.
    Unproven,
}

/// One judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was looked at, a short phrase that is stable from run to run.
    pub name: String,
    /// What had to be.
    pub expected: String,
    /// What was.
    pub observed: String,
    /// Whether it held.
    pub held: bool,
}

/// What the witnesses said, and where the files are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Folder with the files, below the output folder; absent where they were not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The files in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The wire's word.
    pub wire: Vec<String>,
    /// The kernels' word, client then server.
    pub kernel: Vec<String>,
    /// The peers' word, client then server.
    pub peer: Vec<String>,
    /// Where witnesses contradict each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<String>,
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
    pub cells: Vec<String>,
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

impl CellResult {
    /// The family: what stands before the first slash of the case.
    pub fn family(&self) -> &str {
        self.case.split('/').next().unwrap_or(&self.case)
    }

    /// Whether it is neither green nor explained by an expectation.
    pub fn is_red(&self) -> bool {
        !matches!(self.verdict, Verdict::Pass | Verdict::Tolerated) && self.expected.is_none()
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
                Verdict::Fail if cell.expected.is_some() => &mut summary.known,
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

impl TransportKind {
    /// The word used in all outputs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mptcp => "mptcp",
            Self::Fallback => "fallback",
            Self::Tcp => "tcp",
            Self::None => "none",
            Self::Unproven => "unproven",
        }
    }
}

impl Verdict {
    /// The word used in all outputs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Tolerated => "tolerated",
            Self::Fail => "fail",
            Self::Unsupported => "unsupported",
            Self::Unprovable => "unprovable",
            Self::Error => "error",
        }
    }
}
