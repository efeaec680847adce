//! A running peer: calls with deadlines, its log, its transcript.
//!
//! Five things can come of a call, and they never mix ([`CallError`]): the operation failed (data),
//! the peer cannot do it (data), no answer in time, the peer died, the peer broke the protocol.

mod calls;
mod conversation;
mod line;
mod log;
mod process;
mod transcript;

pub(crate) use calls::Core;
pub use calls::{CALL_SLACK, CallError, EXIT_DEADLINE, Peer, Pending, Reply, ShutdownError};
pub(crate) use conversation::Conversation;
pub(crate) use line::{LineError, Lines, excerpt};
pub(crate) use log::LogReader;
pub use process::PeerProcess;
pub(crate) use transcript::{From, Transcript};
