//! The judgement: demands and testimony in, verdict out. Nothing else is asked.
//!
//! | file | what it decides |
//! |---|---|
//! | `judgement.rs` | verdict and reason, from all of the others |
//! | `transport.rs` | what carried each connection and why, and whether that was expected |
//! | `behaviour.rs` | segments that wait, resets, compression |
//! | `paths.rs` | joins, what each path carried and lost, whether messages came through whole |
//! | `rules.rs` | RFC rules that were broken |
//! | `placed.rs` | whether lab rules and middleboxes did something |
//! | `witnesses.rs` | where wire, kernels and peers contradict each other |
//! | `evidence.rs` | what each witness said, in words |

mod behaviour;
mod check;
mod evidence;
mod judgement;
mod paths;
mod placed;
mod rules;
mod transport;
mod witnesses;

pub use judgement::{Judgement, judge};
