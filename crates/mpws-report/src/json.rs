//! `result.json`: the whole result, for programs.
//!
//! Its schema is `docs/schemas/result.schema.json`, generated from
//! [`RunResult`]; a test compares the two and renews the file when
//! `MPWS_UPDATE_SCHEMAS=1` is set.

use mpws_model::result::RunResult;
use serde::Serialize;

use crate::matrix::SupportMatrix;

/// The result as JSON text, indented, with a line feed at its end.
///
/// # Errors
/// Fails only if the result holds a value that JSON cannot express, which would be a fault of ours.
pub fn render(result: &RunResult) -> Result<String, serde_json::Error> {
    pretty(result)
}

/// `support-matrix.json`; schema `docs/schemas/support-matrix.schema.json`.
///
/// # Errors
/// As [`render`].
pub fn matrix(matrix: &SupportMatrix) -> Result<String, serde_json::Error> {
    pretty(matrix)
}

fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}
