//! The published recipe, claim by claim: what a well-known article says of MPTCP sockets and Python
//! `websockets`, and whether it holds here.
//!
//! For: judging these claims by the cells of a run and by what is measured beside it. Not for:
//! running cells or measuring, which [`mpws_suite`] and [`mpws_bench`] do, or showing results.
//!
//! A claim is data: a statement, its aspects, and for each aspect which cells or figures speak of
//! it, how each is read, and what an affirmative answer says of the claim. The verdict comes from
//! the results of this run by one rule for all claims; none is written down anywhere.
//!
//! | file | what it is |
//! |---|---|
//! | `claim.rs` | what a claim is |
//! | `catalogue.rs` | the claims |
//! | `select.rs` | which claims are asked about, and what they need |
//! | `figures.rs` | what was measured |
//! | `reading.rs` | from a cell or a figure to an answer |
//! | `judge.rs` | from answers to a verdict, and on what it depends |
//! | `run.rs` | a run with the claims that its selectors name |

#![forbid(unsafe_code)]

mod catalogue;
mod claim;
mod figures;
mod judge;
mod reading;
mod run;
mod select;
#[cfg(test)]
mod tests;

pub use catalogue::CLAIMS;
pub use claim::{Ask, Aspect, Claim, Reading, SELECTOR, Sense, Source, selectors};
pub use figures::{Figures, Missing, PAIRS};
pub use judge::judge;
pub use run::run;
pub use select::{asked, groups, measures};
