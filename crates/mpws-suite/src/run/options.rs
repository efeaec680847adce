//! What a user may choose of a run, beside its cells.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mpws_peers::image::Base;

use crate::sabotage::Sabotage;

/// How a plan is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Cells that run at a time, at least 1; by default [`default_jobs`], and a quarter of that
    /// where blind peers run in containers.
    pub jobs: Option<usize>,
    /// Where evidence goes (result files are the reporters' business).
    pub out: PathBuf,
    /// Whether to go on where an earlier run into the same folder was stopped
    /// ([`crate::run::journal`]).
    pub resume: bool,
    /// Which cells keep their evidence.
    pub keep: Keep,
    /// How peers run.
    pub launcher: LauncherKind,
    /// Where pinned environments live; by default where [`mpws_peers`] puts them.
    pub state: Option<PathBuf>,
    /// Set it to stop: cells that run end, the rest is reported as not run.
    pub stop: Arc<AtomicBool>,
    /// A fault of the suite, for tests of the suite itself.
    pub sabotage: Option<Sabotage>,
}

impl RunOptions {
    /// A new run with peers as processes, whose red cells keep their evidence in this folder.
    pub fn into_folder(out: PathBuf) -> Self {
        Self {
            jobs: None,
            out,
            resume: false,
            keep: Keep::default(),
            launcher: LauncherKind::default(),
            state: None,
            stop: Arc::default(),
            sabotage: None,
        }
    }
}

/// How peers run. The verdicts are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LauncherKind {
    /// As processes in the hosts of the lab.
    #[default]
    Process,
    /// In containers, whose images stand on this base; the fixture as a process.
    Container {
        /// What the images stand on.
        base: Base,
    },
}

impl LauncherKind {
    /// The same, with containers that stand on this base.
    #[must_use]
    pub fn on(self, base: &Base) -> Self {
        match self {
            Self::Process => Self::Process,
            Self::Container { .. } => Self::Container { base: base.clone() },
        }
    }
}

/// Which cells keep a folder of evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Those that are not green.
    #[default]
    Red,
    /// Every cell.
    All,
    /// No cell.
    None,
}

impl Keep {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Red, Self::All, Self::None];

    /// `red`, `all` or `none`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Eight cells for each processor, at most 64: most of a cell's time is waiting. More make a run
/// hardly shorter.
pub fn default_jobs() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (8 * processors).min(64)
}
