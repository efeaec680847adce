//! Peers that lie in exactly one way, and the honest peer that they are compared with.
//!
//! [`honest::Honest`] is the fixture with what the cases ask for and it lacks. A mutant is that
//! peer with one [`Fault`] in front of it. Where the honest peer is green and the mutant red, the
//! fault alone was noticed.

pub mod falsify;
mod fault;
pub mod honest;
mod process;
mod wire;

pub use fault::Fault;
pub(crate) use process::converse;
pub use process::{ENTRY, FAULT, HANDOVER};
