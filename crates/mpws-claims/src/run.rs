//! A run with the claims that its selectors name.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mpws_bench::options::BenchOptions;
use mpws_model::event::RunEvent;
use mpws_model::result::RunResult;
use mpws_report::{bench, folder};
use mpws_suite::plan::{Planned, Selection};
use mpws_suite::run::{RunError, RunOptions, run_with};

use crate::claim::Claim;
use crate::figures::{Figures, PAIRS};
use crate::judge::judge;
use crate::select::{asked, measures};

/// Rounds of each measure: if there were no difference, all of them would say the same once in
/// sixteen times.
const ROUNDS: u32 = 5;

/// Folder for what was measured, below the output folder.
const FOLDER: &str = "bench";

/// Runs the plan, and judges the claims that its selectors name. What has to be measured for them
/// is measured when the cells are over, under the conditions of the cells' paths; it goes into the
/// folder `bench` of the output folder.
///
/// # Errors
///
/// [`RunError`], before any cell ran. What cannot be measured leaves claims not decided.
pub fn run(
    planned: Planned,
    options: &RunOptions,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<RunResult, RunError> {
    let selection = planned.selection.clone();
    let asked = asked(&selection.selectors);
    let mut last = |result: &mut RunResult, tell: &mut dyn FnMut(RunEvent)| {
        if asked.is_empty() {
            return;
        }
        let figures = measured(&asked, &selection, options, tell);
        result.interrupted |= options.stop.load(Ordering::Relaxed);
        result.claims = judge(&asked, result, &figures);
    };
    run_with(planned, options, &mut last, tell)
}

fn measured(
    asked: &[&Claim],
    selection: &Selection,
    options: &RunOptions,
    tell: &mut dyn FnMut(RunEvent),
) -> Figures {
    let measures = measures(asked);
    if measures.is_empty() {
        return Figures::default();
    }
    let on_path = selection.paths.iter();
    let wanted = BenchOptions {
        pairs: PAIRS
            .map(|(client, server)| format!("{client}:{server}"))
            .into(),
        peer_files: selection.peer_files.clone(),
        only: measures.iter().map(|one| one.word().to_owned()).collect(),
        rounds: ROUNDS,
        quick: true,
        paths: on_path.map(|one| (one.path, one.spec.clone())).collect(),
        state: options.state.clone(),
        stop: Arc::clone(&options.stop),
        ..BenchOptions::default()
    };
    // Figures whose evidence is lost decide nothing.
    let folder = options.out.join(FOLDER);
    let lost = |error| Figures::none(format!("what is measured has no place: {error}"));
    if let Err(error) = folder::probe(&folder) {
        return lost(error);
    }
    let outcome = mpws_bench::run::run(&wanted, &mut |event| tell(RunEvent::Measuring(event)));
    match outcome {
        Ok(result) => match bench::write(&folder, &result) {
            Ok(_) => Figures::of(&result),
            Err(error) => lost(error),
        },
        Err(error) => Figures::none(format!("nothing could be measured: {error}")),
    }
}
