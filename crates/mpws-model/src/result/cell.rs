//! The result of one cell.

use std::collections::BTreeMap;

use mpws_packet::Ip;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Cause, CellName, Protocol};

/// The result of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellResult {
    /// Its name, which says the five things that follow in one text.
    pub cell: CellName,
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
    /// The known deviations that explain a red verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<ExpectedDeviation>,
    /// What carried the bytes, as proven.
    pub transport: Transport,
    /// Milliseconds from the start of its lab to the end of its judgement.
    pub duration_ms: u64,
    /// Each single judgement.
    pub checks: Vec<Check>,
    /// Recorded behaviour by name: not judged, but compared with the control and between versions.
    pub recorded: BTreeMap<String, Recorded>,
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
    pub cell: Option<CellName>,
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
    /// IP version.
    pub ip: Ip,
    /// Protocol asked for.
    pub asked: Protocol,
    /// How its peers ran.
    pub launcher: Launcher,
    /// What the images of containers stand on, such as `debian12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// How the peers of a cell run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Launcher {
    /// All are processes in the hosts of the lab.
    Process,
    /// At least one runs in a container. The fixture is always a process.
    Container,
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
    /// Whether it comes by chance: the same cell passes in other runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_chance: bool,
}

/// What carried the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transport {
    /// The kind.
    pub kind: TransportKind,
    /// Why it is not MPTCP, or not what was asked for.
    pub cause: Option<Cause>,
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
    /// What had to be: a value, or a plain sentence.
    pub expected: String,
    /// What was: a value, or a plain sentence.
    pub observed: String,
    /// Whether it held.
    pub held: bool,
}

/// A recorded value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The value.
    pub value: Value,
    /// Whether it changes from run to run: then it is kept and never compared.
    #[serde(default, skip_serializing_if = "is_false")]
    pub volatile: bool,
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

impl CellResult {
    /// The family: what stands before the first slash of the case.
    pub fn family(&self) -> &str {
        self.cell.family()
    }

    /// Whether it fails by known deviations that come by chance, and by no other: in other runs it
    /// may pass.
    pub fn fails_by_chance(&self) -> bool {
        !self.expected.is_empty() && self.expected.iter().all(|one| one.by_chance)
    }

    /// Whether it is neither green nor explained by an expectation.
    pub fn is_red(&self) -> bool {
        !matches!(self.verdict, Verdict::Pass | Verdict::Tolerated) && self.expected.is_empty()
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

impl Launcher {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Process, Self::Container];

    /// `process` or `container`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Container => "container",
        }
    }
}

impl Recorded {
    /// A value that is compared with the control and between versions.
    pub fn steady(value: impl Into<Value>) -> Self {
        Self {
            value: value.into(),
            volatile: false,
        }
    }

    /// A value that changes from run to run: kept, never compared.
    pub fn volatile(value: impl Into<Value>) -> Self {
        Self {
            value: value.into(),
            volatile: true,
        }
    }
}

impl Control {
    /// Of a cell without a twin.
    pub const NONE: Self = Self {
        role: ControlRole::None,
        cell: None,
        differs: None,
        differences: Vec::new(),
    };
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
