//! The process of the peer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::SocketFacts;

/// Count the process's open sockets, after a garbage collection and one turn of the event loop; the
/// control socket is left out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessDescriptors {}

/// Open sockets of a process.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Descriptors {
    /// TCP and MPTCP sockets: by descriptor, with local and remote address.
    pub sockets: Vec<SocketFacts>,
}

/// Let the process open only so many descriptors more than it has now, or again as many as it may
/// (`RLIMIT_NOFILE`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessLimit {
    /// How many more; the limit with which the process started where absent.
    #[serde(default)]
    pub free: Option<u32>,
}

/// A limit is set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limited {
    /// The limit now: no descriptor gets this number or a higher one.
    pub limit: u64,
}

/// Lines that the library logged (debug level), oldest first, at most 500.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessLog {
    /// Only lines that contain this.
    #[serde(default)]
    pub containing: Option<String>,
}

/// Log lines.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLines {
    /// The lines, each at most 500 characters.
    pub lines: Vec<String>,
}
