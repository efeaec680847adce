//! What a bench run looks like: a table, `bench.json`, histograms and charts. Nothing is measured
//! or judged here.
//!
//! - [`Progress`]: what is seen while it goes on
//! - [`table`]: the table at its end
//! - [`hgrm`]: distributions of times in the text form of HdrHistogram
//! - [`svg`]: a chart for each pair
//! - [`write()`]: all of these into the output folder, each complete or not at all

pub mod hgrm;
mod progress;
pub mod svg;
pub mod table;
mod unit;

use std::path::{Path, PathBuf};

use mpws_model::bench::{BenchResult, Figure, Outcome};

use crate::folder::{self, WriteError};

pub use progress::Progress;

/// Name of the JSON report in the output folder.
pub const BENCH_JSON: &str = "bench.json";

/// The result as JSON text, indented, with a line feed at its end.
///
/// # Errors
/// Fails only if the result holds a value that JSON cannot express, which would be a fault of ours.
pub fn json(result: &BenchResult) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(result)?;
    text.push('\n');
    Ok(text)
}

/// Writes `bench.json`, an SVG for each pair and a histogram for each distribution. Returns the
/// paths.
///
/// # Errors
/// The first failure; `bench.json` is written first.
pub fn write(folder: &Path, result: &BenchResult) -> Result<Vec<PathBuf>, WriteError> {
    let text = json(result).map_err(|source| WriteError::Render {
        format: "JSON",
        source: source.into(),
    })?;
    let mut written = vec![folder::replace(folder, BENCH_JSON, &text)?];
    for pair in &result.pairs {
        let name = format!("{}_{}", file_name(&pair.client), file_name(&pair.server));
        if let Some(chart) = svg::pair(pair) {
            written.push(folder::replace(
                folder,
                &format!("bench-{name}.svg"),
                &chart,
            )?);
        }
        for row in &pair.rows {
            let Outcome::Measured { mptcp, tcp, .. } = &row.outcome else {
                continue;
            };
            for (transport, side) in [("mptcp", mptcp), ("tcp", tcp)] {
                if let Figure::Times(times) = &side.figure {
                    let measure = row.measure.word();
                    let file = format!("times-{name}-{measure}-{transport}.hgrm");
                    written.push(folder::replace(folder, &file, &hgrm::text(times))?);
                }
            }
        }
    }
    Ok(written)
}

/// A peer's name, harmless as part of a file's.
fn file_name(peer: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    peer.chars()
        .map(|c| if harmless(c) { c } else { '_' })
        .collect()
}
