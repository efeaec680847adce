//! What the support matrix is made of.

use std::collections::BTreeMap;

use mpws_model::Profile;
use mpws_model::result::{LeftOut, Summary, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Value of [`SupportMatrix::schema`].
pub const SCHEMA: &str = "mpws-support-matrix/1";

/// Name of the JSON.
pub const MATRIX_JSON: &str = "support-matrix.json";

/// Name of the Markdown.
pub const MATRIX_MD: &str = "support-matrix.md";

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SupportMatrix {
    /// [`SCHEMA`].
    pub schema: String,
    /// The runs that it was made of, the oldest first.
    pub runs: Vec<Run>,
    /// The families of cases that any library took part in, in the order of the catalogue.
    pub families: Vec<String>,
    /// One for each version and implementation in each environment.
    pub rows: Vec<Row>,
    /// The known deviations behind the fields.
    pub deviations: Vec<Deviation>,
    /// Recorded behaviour that is not the same in all versions.
    pub behaviours: Vec<Behaviour>,
    /// Launchers of which no result tells anything.
    pub unknown_launchers: Vec<String>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// When it began, RFC 3339, UTC.
    pub started_at: String,
    /// What made it.
    pub tool: Tool,
    /// Kernel release.
    pub kernel: String,
    /// Machine architecture.
    pub architecture: String,
    /// Logical processors.
    pub processors: usize,
    /// Whether it ran as root.
    pub root: bool,
    /// How much it covered.
    pub profile: Profile,
    /// Selectors that narrowed it.
    pub selectors: Vec<String>,
    /// Peers that it left out, because they do not exist there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Number of its cells.
    pub planned: usize,
    /// Number of cells that earlier runs had done, before they were stopped.
    pub taken_over: usize,
    /// How long it took for the others, in milliseconds.
    pub duration_ms: u64,
}

/// One version and implementation of a library in one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Name of the peer in cells.
    pub peer: String,
    /// The library.
    pub library: String,
    /// Version that it really loaded; `unknown` where it never started.
    pub version: String,
    /// Implementation inside the library, or empty.
    pub implementation: String,
    /// Its language runtime, or `unknown`.
    pub runtime: String,
    /// Its C library, or `unknown`.
    pub libc: String,
    /// `process` or `container`.
    pub launcher: String,
    /// What the image of a container stood on, such as `debian12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Kernel release.
    pub kernel: String,
    /// What is known of each family; a family that is missing is unknown.
    pub families: BTreeMap<String, Field>,
}

impl Row {
    /// How its peer was started: `process`, or `container on debian12`.
    pub fn launched(&self) -> String {
        match &self.base {
            Some(base) => format!("{} on {base}", self.launcher),
            None => self.launcher.clone(),
        }
    }
}

/// What is known of a row in a family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Counts of its cells.
    pub summary: Summary,
    /// Selector of its cells for `mpws run --matrix`.
    pub selector: String,
    /// The cells that are not green, by name.
    pub not_green: BTreeMap<String, NotGreen>,
}

/// A cell that is not green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotGreen {
    /// `known`, or the verdict.
    pub is: String,
    /// The known deviations that explain it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<String>,
    /// Why it is so, where no deviation explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A known deviation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// Its name in `deviations.toml`.
    pub id: String,
    /// Why it is so.
    pub reason: String,
    /// The cells that showed it.
    pub cells: Vec<String>,
}

/// A recorded value over the versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// The case.
    pub case: String,
    /// What was done, in the words of the catalogue.
    pub title: String,
    /// What was recorded.
    pub what: String,
    /// For each implementation in each environment, how it moves.
    pub lines: Vec<Line>,
}

/// A recorded value over the versions of one implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The library and its implementation, and the environment where there are several.
    pub who: String,
    /// Runs of versions with the same value, in the order of versions.
    pub steps: Vec<Step>,
}

/// Some versions that behave alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The first of them.
    pub from: String,
    /// The last of them.
    pub to: String,
    /// What they do.
    pub value: String,
}
