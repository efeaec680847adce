//! What the tests that cross crates share: the proof that the suite is honest.
//!
//! For: peers that lie in exactly one way ([`mutant`]), peers that misbehave as processes
//! ([`hostile`]), programs without an adapter that do either ([`blind`]), a stage on which whole
//! runs are made with them ([`stage`]), which cells must notice which of them ([`kill`]), and the
//! pages of findings ([`finding`]). Not for: users; what they need is in the crates themselves.
//!
//! All kinds of peers are entry points of every executable that uses this crate, so a test binary
//! is its own peer.

#![forbid(unsafe_code)]

pub mod blind;
pub mod finding;
pub mod hostile;
pub mod kill;
pub mod mutant;
pub mod stage;
