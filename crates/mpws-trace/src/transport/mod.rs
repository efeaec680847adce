//! What carried the bytes of a connection, and why it was not MPTCP.

mod analyse;
mod cause;
mod facts;
mod verdict;

pub use analyse::{analyse, analyse_packets};
pub use cause::{Cause, TransportTruth, UnknownCause};
