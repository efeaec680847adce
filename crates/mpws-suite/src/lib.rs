//! Cases, plan, runner and expectations of mpws.
//!
//! For: saying what a WebSocket stack must do over MPTCP ([`case`], [`cases`]), planning which
//! peers are put to it ([`plan`]), running that in labs ([`run`], [`cell`]), and gathering what
//! wire, kernels and peers say of it ([`witness`]). Not for: judging that, which `mpws_judge` does,
//! or showing results; reporters read [`result`] and [`event`] and decide nothing.
//!
//! | module | what it is |
//! |---|---|
//! | [`case`] | what a case is |
//! | [`cases`] | the catalogue, by family |
//! | [`cell`] | what a case's steps can do and judge |
//! | [`deadline`] | every deadline, named |
//! | [`plan`] | cells from cases and peers; selectors |
//! | [`requirement`], [`coverage`] | what cases answer to, and which sections no case covers |
//! | [`run`] | options, the whole run |
//! | [`run::execute`] | one cell from start to judgement |
//! | [`witness`] | what kernels, wire and peers say |
//! | [`expectation`] | known deviations, as data |
//! | [`finding`] | controls compared, findings in plain words |
//! | [`run::evidence`] | what is kept of a cell |
//! | [`sabotage`] | faults of the suite on purpose, for tests |
//! | [`run::host`] | what this host can prove |
//! | [`result`], [`event`] | what comes out |

#![forbid(unsafe_code)]

pub mod case;
pub mod cases;
pub mod cell;
mod clock;
pub mod coverage;
pub mod deadline;
pub mod expectation;
pub mod finding;
pub mod plan;
pub mod run;
pub mod sabotage;
pub mod witness;

pub use mpws_model::{event, requirement, result};
