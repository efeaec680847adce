//! What a run looks like: on the terminal, as JSON, as JUnit XML and as a Markdown summary.
//!
//! For: turning the events and the result of [`mpws_model`] into output. Not for: deciding
//! anything. No verdict, count or difference is computed here that the result model does not
//! already hold; the sums made are tables of peers and families, which count cells.
//!
//! Text that came from a peer is hostile: it is bounded, its control characters are made visible,
//! and it is escaped for the format it goes into.
//!
//! - [`terminal`]: progress while the run goes on, and the account at its end
//! - [`json`]: `result.json`, the whole result; schema `docs/schemas/result.schema.json`
//! - [`junit`]: `junit.xml`, for CI systems; schema `docs/schemas/junit.xsd`
//! - [`markdown`]: `summary.md`, for a job summary or a pull request
//! - [`mod@bench`]: all that a bench run gives: table, `bench.json`, histograms, charts
//! - [`matrix`]: `support-matrix.json` and `support-matrix.md`: versions against families, with
//!   evidence
//! - [`folder`]: all of these into the output folder, each complete or not at all
//! - [`text`]: how hostile text is made harmless

#![forbid(unsafe_code)]

pub mod bench;
pub mod folder;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod terminal;
pub mod text;

mod claims;
mod tally;
mod words;
