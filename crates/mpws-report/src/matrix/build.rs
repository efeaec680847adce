//! From results to the matrix.

use std::collections::{BTreeMap, BTreeSet};

use mpws_model::result::{CellResult, Launcher, RunResult, Summary};

use super::behaviour;
use super::rows::{Key, cases, ends, row_of};
use super::table::{Deviation, NotGreen, Row, Run, SCHEMA, SupportMatrix};
use crate::words;

/// Why there is no matrix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// Nothing to make it of.
    #[error("the results have no cell with a library in it")]
    Empty,
    /// A run was stopped.
    #[error("the run of {started_at} was interrupted; `mpws run --resume` brings it to its end")]
    Interrupted {
        /// When it began.
        started_at: String,
    },
    /// Two results tell of the same cell in the same environment.
    #[error("two results have the cell {cell} of the same environment; leave one of them out")]
    Twice {
        /// The cell.
        cell: String,
    },
}

/// The matrix of some results, whatever their order.
///
/// # Errors
///
/// See [`MatrixError`].
pub fn build(results: &[RunResult]) -> Result<SupportMatrix, MatrixError> {
    let mut results: Vec<&RunResult> = results.iter().collect();
    results.sort_by_key(|result| (&result.started_at, &result.host.kernel, result.planned));
    if let Some(stopped) = results.iter().find(|result| result.interrupted) {
        let started_at = stopped.started_at.clone();
        return Err(MatrixError::Interrupted { started_at });
    }
    let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
    let mut seen: BTreeSet<(Key, &str)> = BTreeSet::new();
    for result in &results {
        for cell in &result.cells {
            for peer in ends(cell) {
                let row = row_of(result, cell, peer);
                let key = Key::of(&row);
                if !seen.insert((key.clone(), cell.cell.as_str())) {
                    let cell = cell.cell.to_string();
                    return Err(MatrixError::Twice { cell });
                }
                add(rows.entry(key).or_insert(row), cell);
            }
        }
    }
    if rows.is_empty() {
        return Err(MatrixError::Empty);
    }
    let rows: Vec<Row> = rows.into_values().collect();
    let there = |family: &&str| rows.iter().any(|row| row.families.contains_key(*family));
    let launchers: BTreeSet<&str> = rows.iter().map(|row| row.launcher.as_str()).collect();
    Ok(SupportMatrix {
        schema: SCHEMA.to_owned(),
        runs: results.iter().map(|result| run_of(result)).collect(),
        families: families(&results)
            .into_iter()
            .filter(there)
            .map(str::to_owned)
            .collect(),
        deviations: deviations(&results),
        behaviours: behaviour::moving(&results, &rows),
        unknown_launchers: Launcher::ALL
            .into_iter()
            .map(Launcher::word)
            .filter(|one| !launchers.contains(one))
            .map(str::to_owned)
            .collect(),
        rows,
    })
}

fn add(row: &mut Row, cell: &CellResult) {
    let peer = row.peer.clone();
    let field = row.families.entry(cell.family().to_owned()).or_default();
    let counted = Summary::of(std::slice::from_ref(cell));
    let sum = &mut field.summary;
    sum.pass += counted.pass;
    sum.tolerated += counted.tolerated;
    sum.known += counted.known;
    sum.fail += counted.fail;
    sum.unsupported += counted.unsupported;
    sum.unprovable += counted.unprovable;
    sum.error += counted.error;
    field.selector = format!("{}/*{peer}*", cell.family());
    if counted.pass + counted.tolerated > 0 {
        return;
    }
    let not_green = NotGreen {
        is: words::of_cell(cell).to_owned(),
        deviations: cell.expected.iter().map(|known| known.id.clone()).collect(),
        reason: cell.expected.is_empty().then(|| cell.reason.clone()),
    };
    field.not_green.insert(cell.cell.to_string(), not_green);
}

/// The deviations of cells with a library in them.
fn deviations(results: &[&RunResult]) -> Vec<Deviation> {
    let mut all: BTreeMap<&str, (&str, BTreeSet<&str>)> = BTreeMap::new();
    let cells = results.iter().flat_map(|result| &result.cells);
    for cell in cells.filter(|cell| ends(cell).next().is_some()) {
        for known in &cell.expected {
            let entry = all.entry(&known.id);
            let (_, cells) = entry.or_insert_with(|| (&known.reason, BTreeSet::new()));
            cells.insert(cell.cell.as_str());
        }
    }
    all.into_iter()
        .map(|(id, (reason, cells))| Deviation {
            id: id.to_owned(),
            reason: reason.to_owned(),
            cells: cells.into_iter().map(str::to_owned).collect(),
        })
        .collect()
}

/// Families in the order of the catalogue.
fn families<'a>(results: &[&'a RunResult]) -> Vec<&'a str> {
    let mut families: Vec<&str> = Vec::new();
    for case in cases(results) {
        if !families.contains(&case.family()) {
            families.push(case.family());
        }
    }
    families
}

fn run_of(result: &RunResult) -> Run {
    Run {
        started_at: result.started_at.clone(),
        tool: result.tool.clone(),
        kernel: result.host.kernel.clone(),
        architecture: result.host.architecture.clone(),
        processors: result.host.processors,
        root: result.host.root,
        profile: result.profile,
        selectors: result.selectors.clone(),
        left_out: result.left_out.clone(),
        planned: result.planned,
        taken_over: result.taken_over,
        duration_ms: result.duration_ms,
    }
}
