//! The support matrix: which version of a library does what where, made of results.
//!
//! For: laying the cells of one or more results of runs
//! ([`RunResult`](mpws_model::result::RunResult)) out by version, implementation, C library,
//! launcher and kernel, with the evidence of each field and the way behaviour moves from version to
//! version. Not for: judging. It is a pure function of the results; the Markdown is a pure function
//! of the JSON. What no result tells is shown as unknown.

mod behaviour;
mod build;
mod markdown;
mod rows;
mod table;

pub use build::{MatrixError, build};
pub use markdown::render;
pub use table::{
    Behaviour, Deviation, Field, Line, MATRIX_JSON, MATRIX_MD, NotGreen, Row, Run, SCHEMA, Step,
    SupportMatrix,
};
