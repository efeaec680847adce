//! The result of judging a claim; part of the result of a run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::CellName;
use crate::bench::Measure;
use crate::result::Verdict;

/// A claim, judged by the results of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimResult {
    /// Its name.
    pub id: String,
    /// Number of the statement in the article, from 1.
    pub number: u8,
    /// What is claimed.
    pub statement: String,
    /// Whether it holds here.
    pub verdict: ClaimVerdict,
    /// One sentence: why.
    pub reason: String,
    /// The verdict that the TCP controls of the same cells give; absent where an aspect has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_tcp: Option<ClaimVerdict>,
    /// On what it depends: aspects, and properties that part the answers of an aspect without an
    /// exception.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependence>,
    /// What this host says of the capabilities on which the claim hinges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<HostCondition>,
    /// C libraries of the peers behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libc: Vec<String>,
    /// Each answer behind it.
    pub answers: Vec<ClaimAnswer>,
}

/// Whether a claim holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimVerdict {
    /// Every answer supports it.
    True,
    /// Every answer contradicts it.
    False,
    /// Some support it and some contradict it, or the figures are within their own spread.
    ItDepends,
    /// An answer is missing.
    NotDecided,
}

/// A property that parts answers: with these values the claim holds, with those it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dependence {
    /// The aspect whose answers it parts; absent where the claim has one aspect, or the property is
    /// the aspect itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aspect: Option<String>,
    /// The property, such as `implementation`.
    pub on: String,
    /// Values with which every answer supports the claim.
    pub holds: Vec<String>,
    /// Values with which every answer contradicts it.
    pub fails: Vec<String>,
    /// Values with which it does neither: answers of both kinds, or rounds of a figure that
    /// contradict each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub neither: Vec<String>,
}

/// A capability of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostCondition {
    /// Its name, as in `mpws doctor`.
    pub capability: String,
    /// Whether the host has it; absent where it was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<bool>,
    /// What was tried and what came of it.
    pub detail: String,
}

/// What one cell, case or figure says of a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimAnswer {
    /// The aspect.
    pub aspect: String,
    /// What it says.
    pub says: Says,
    /// Why, in a few words.
    pub because: String,
    /// The cells that were read, the first one foremost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<CellName>,
    /// Verdict of the first cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What the first cell recorded, as far as it is the same from run to run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recorded: BTreeMap<String, Value>,
    /// The figure that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
}

/// What an answer says of the claim.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Says {
    /// It supports it.
    Supports,
    /// It contradicts it.
    Contradicts,
    /// Rounds of the figure contradict each other.
    WithinNoise,
    /// It does not show it.
    Nothing,
}

/// A figure over MPTCP divided by that over TCP, round by round of one bench row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Measure of `mpws bench`.
    pub measure: Measure,
    /// Client peer.
    pub client: String,
    /// Server peer.
    pub server: String,
    /// Median over MPTCP divided by median over TCP.
    pub ratio: f64,
    /// The same for each round, in order.
    pub rounds: Vec<f64>,
}

impl ClaimVerdict {
    /// The word used in all outputs.
    pub fn word(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::ItDepends => "it depends",
            Self::NotDecided => "not decided",
        }
    }
}

impl Says {
    /// The word used in all outputs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Supports => "supports",
            Self::Contradicts => "contradicts",
            Self::WithinNoise => "within noise",
            Self::Nothing => "says nothing",
        }
    }
}

impl Ratio {
    /// Smallest and largest of the rounds; `None` where there is none.
    pub fn spread(&self) -> Option<(f64, f64)> {
        let low = self.rounds.iter().copied().reduce(f64::min)?;
        let high = self.rounds.iter().copied().reduce(f64::max)?;
        Some((low, high))
    }
}
