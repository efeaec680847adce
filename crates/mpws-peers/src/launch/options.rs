//! How a peer is started.

use std::path::PathBuf;
use std::time::Duration;

/// How long a peer may take from its start to its first line.
pub const START_DEADLINE: Duration = Duration::from_secs(10);

/// The same for a peer in a container, whose first line also waits for a machine that starts many
/// containers at a time.
pub const CONTAINER_START_DEADLINE: Duration = Duration::from_secs(120);

/// Bytes of a log that stand in an error.
pub(super) const LAST_WORDS: usize = 2000;

/// How one peer is to run.
#[derive(Clone, Debug, Default)]
pub struct LaunchOptions {
    /// Where it starts, and its `HOME` and `TMPDIR`: an existing folder that it can write to. The
    /// run folder where absent, for a container a new one below. The user of containers becomes its
    /// owner.
    pub scratch: Option<PathBuf>,
    /// Where set, `socket(_, _, IPPROTO_MPTCP)` fails in it with this errno, 1 to 4095.
    pub deny_mptcp: Option<i32>,
    /// Environment variables to add.
    pub env: Vec<(String, String)>,
    /// Sysctls of its network namespace that a container's engine sets before it starts. A process
    /// finds what its host has.
    pub sysctls: Vec<(String, String)>,
    /// From start to first line; [`START_DEADLINE`] or [`CONTAINER_START_DEADLINE`] where absent.
    pub start_deadline: Option<Duration>,
}
