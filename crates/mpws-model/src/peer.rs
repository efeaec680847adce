//! Who the peers of cells are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name of the peer that stands opposite all others: our own.
pub const FIXTURE: &str = "fixture";

/// What a peer is: a version of a library, and an implementation inside it.
///
/// The name of a peer is made of these in one way or another (`websockets-13.1-legacy`, `node-ws`),
/// so that nobody can take it apart again: it is carried beside the name.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct PeerId {
    /// The library or program: `websockets`.
    pub family: String,
    /// Its version: that which was loaded, where the peer started, else that which the catalogue
    /// wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The implementation inside it: `asyncio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<String>,
}

/// A peer of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerFacts {
    /// Its name in cells.
    pub peer: String,
    /// What it is.
    pub id: PeerId,
    /// What it runs on, as it said itself; absent where it never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_on: Option<RunsOn>,
}

/// What a peer runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsOn {
    /// Language runtime and its version: `CPython 3.11.2`.
    pub runtime: String,
    /// C library and its version: `glibc 2.36`.
    pub libc: String,
}

impl PeerFacts {
    /// The version that was loaded; `None` where it never started.
    pub fn loaded_version(&self) -> Option<&str> {
        self.runs_on.as_ref().and(self.id.version.as_deref())
    }
}
