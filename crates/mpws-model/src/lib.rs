//! The data that mpws tells: results, events, verdicts, claims, and the words that its cells are
//! named by.
//!
//! For: everything that makes, keeps, compares or shows results. Not for: deciding anything.
//! Nothing here runs, measures or judges, and nothing here depends on how a result came about.
//!
//! | module | what it is |
//! |---|---|
//! | [`result`] | the result of a run: what `result.json` holds, and reading it |
//! | [`event`] | what the runner tells while it runs |
//! | [`mod@bench`] | the result of measurements: what `bench.json` holds |
//! | [`claims`] | the result of judging a claim |
//! | [`cause`] | why a connection is not MPTCP |
//! | [`expect`] | what must carry the bytes of a cell |
//! | [`profile`] | how much a run covers |
//! | [`requirement`] | what a case answers to |
//! | [`name`], [`peer`] | the name of a cell; what a peer is |
//! | [`protocol`] | what sockets ask for |
//! | [`mod@shown`] | how values stand in checks |
//! | [`side`] | the ends of a cell |
//! | `testing` | results for tests, with the feature of this name |

#![forbid(unsafe_code)]

pub mod bench;
pub mod cause;
pub mod claims;
pub mod event;
pub mod expect;
pub mod name;
pub mod peer;
pub mod profile;
pub mod protocol;
pub mod requirement;
pub mod result;
pub mod shown;
pub mod side;
#[cfg(feature = "testing")]
pub mod testing;
mod tool;

pub use cause::{Cause, UnknownCause};
pub use expect::Expect;
pub use mpws_packet::Ip;
pub use name::{CellName, InvalidCellName};
pub use peer::{FIXTURE, PeerId};
pub use profile::Profile;
pub use protocol::{Protocol, UnknownProtocol};
pub use requirement::Requirement;
pub use shown::shown;
pub use side::Side;
