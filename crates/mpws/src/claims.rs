//! `mpws run claims`: what is measured beside the cells, and the judgement.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mpws_bench::options::BenchOptions;
use mpws_bench::run::BenchEvent;
use mpws_model::result::RunResult;
use mpws_report::bench;
use mpws_report::folder::{self, WriteError};
use mpws_suite::claims::{self, Claim, Figures};
use mpws_suite::plan::Selection;
use mpws_suite::run::RunOptions;

/// Judges the claims that the selectors name, if they name any. What has to be measured for them is
/// measured now, when the cells are over; it goes into the folder `bench` of the output folder.
pub(crate) fn judge(result: &mut RunResult, selection: &Selection, options: &RunOptions) {
    let asked = claims::asked(&selection.selectors);
    if asked.is_empty() {
        return;
    }
    let figures = measure(&asked, selection, options);
    result.interrupted |= options.stop.load(Ordering::Relaxed);
    result.claims = claims::judge(&asked, result, &figures);
}

fn measure(asked: &[&Claim], selection: &Selection, options: &RunOptions) -> Figures {
    let measures = claims::measures(asked);
    if measures.is_empty() {
        return Figures::default();
    }
    let bench = BenchOptions {
        pairs: claims::PAIRS.map(str::to_owned).into(),
        peer_files: selection.peer_files.clone(),
        only: measures.into_iter().map(str::to_owned).collect(),
        rounds: ROUNDS,
        quick: true,
        paths: conditions(selection),
        state: options.state.clone(),
        stop: Arc::clone(&options.stop),
        ..BenchOptions::default()
    };
    let folder = options.out.join(FOLDER);
    if let Err(error) = folder::probe(&folder) {
        return lost(&error);
    }
    let mut progress = bench::Progress::new(io::stderr(), io::stderr().is_terminal());
    let outcome = mpws_bench::run::run(&bench, &mut |event: BenchEvent| {
        // The measurements go on without a reader.
        let _ = progress.event(&event);
    });
    progress.clear();
    match outcome {
        Ok(measured) => match bench::write(&folder, &measured) {
            Ok(_) => mpws_bench::claims::figures(&measured),
            Err(error) => lost(&error),
        },
        Err(error) => Figures {
            none: Some(format!("nothing could be measured: {error}")),
            ..Figures::default()
        },
    }
}

/// Figures whose evidence is lost decide nothing.
fn lost(error: &WriteError) -> Figures {
    Figures {
        none: Some(format!("what is measured has no place: {error}")),
        ..Figures::default()
    }
}

/// The conditions of the cells' paths are those of the measurements.
fn conditions(selection: &Selection) -> BTreeMap<u8, mpws_lab::preset::PathSpec> {
    let on_path = selection.paths.iter();
    on_path.map(|one| (one.path, one.spec.clone())).collect()
}

/// Rounds of each measure: if there were no difference, all of them would say the same once in
/// sixteen times.
const ROUNDS: u32 = 5;

/// Folder for what was measured, below the output folder.
const FOLDER: &str = "bench";
