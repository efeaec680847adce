//! What the runner tells while it runs. Reporters consume events and decide nothing.

use crate::CellName;
use crate::bench::BenchEvent;
use crate::result::{CellResult, LeftOut, RunResult};

/// Something happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RunEvent {
    /// Something is being prepared before cells can run, such as a Python environment.
    Preparing {
        /// What, for a person.
        what: String,
    },
    /// Peers do not exist here, and the plan has no cells of them.
    LeftOut(Vec<LeftOut>),
    /// The plan stands.
    Planned {
        /// Number of cells.
        cells: usize,
        /// Number of cells that run at a time.
        jobs: usize,
    },
    /// A cell has begun.
    CellStarted {
        /// Its name.
        cell: CellName,
    },
    /// A cell has its result. `differs` and findings are only known at the end.
    CellFinished(Box<CellResult>),
    /// The cells are over, and something is measured beside them, for claims.
    Measuring(BenchEvent),
    /// Everything is over; nothing follows.
    Finished(Box<RunResult>),
}
