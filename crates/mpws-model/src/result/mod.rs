//! The result of a run: what reporters read and what `result.json` holds.

mod cell;
mod read;
mod run;

pub use crate::peer::{PeerFacts, RunsOn};
pub use crate::tool::Tool;
pub use cell::{
    CellResult, Check, Control, ControlRole, Environment, Evidence, ExpectedDeviation, Launcher,
    Recorded, Transport, TransportKind, Verdict,
};
pub use read::{ReadError, read};
pub use run::{
    Capability, CaseFacts, Finding, FindingKind, HostFacts, LeftOut, RESULT_SCHEMA, RunResult,
    Summary,
};
