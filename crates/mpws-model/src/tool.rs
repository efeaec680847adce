//! The program that made a result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// `mpws`.
    pub name: String,
    /// Its version.
    pub version: String,
}
