//! `mpws bench`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write as _};

use mpws_bench::options::BenchOptions;
use mpws_bench::run::{BenchError, BenchEvent};
use mpws_lab::preset::PathSpec;
use mpws_report::terminal::Paint;
use mpws_report::{bench, folder};

use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;

/// Measures, shows what came of it and writes the reports.
pub(crate) fn run(args: &args::Bench) -> Result<Exit, Failure> {
    let options = BenchOptions {
        pairs: args.pairs.clone(),
        all_servers: args.peers == Some(args::BenchPeers::All),
        peer_files: args.peer_files.clone(),
        only: args.only.clone(),
        rounds: args.rounds,
        quick: args.quick,
        paths: paths(args)?,
        seed: args.seed,
        state: args.state.clone(),
        stop: interrupt::stop_flag()
            .map_err(|error| Failure::of(Exit::Internal, "cannot listen for Ctrl-C", &error))?,
    };
    mpws_bench::plan::plan(&options)
        .map_err(BenchError::from)
        .map_err(|error| refused(&error))?;
    folder::probe(&args.out).map_err(|error| {
        Failure::of(Exit::Usage, "the results would have no place", &error)
            .next("choose a folder that you may write to and that has room, with --out DIR")
    })?;

    let mut progress = bench::Progress::new(io::stderr(), io::stderr().is_terminal());
    let outcome = mpws_bench::run::run(&options, &mut |event: BenchEvent| {
        // The measurements go on without a reader.
        let _ = progress.event(&event);
    });
    progress.clear();
    let result = outcome.map_err(|error| refused(&error))?;

    let written = bench::write(&args.out, &result);
    let mut output = Output::default();
    let paint = Paint::for_stream(io::stdout().is_terminal());
    let _ = output.write_all(bench::table::render(&result, paint).as_bytes());
    let written = written.map_err(|error| {
        Failure::of(Exit::Internal, "the results are lost", &error)
            .next("make room or choose another folder with --out DIR, and run again")
    })?;
    if let Some(first) = written.first() {
        let more = written.len() - 1;
        output.line(format!(
            "{} and {more} more files beside it",
            first.display()
        ));
    }
    output.finish()?;
    Ok(if result.interrupted {
        Exit::Interrupted
    } else if result.is_red() {
        Exit::Red
    } else {
        Exit::Green
    })
}

/// Conditions by path; one for a path that no measure has would change nothing.
fn paths(args: &args::Bench) -> Result<BTreeMap<u8, PathSpec>, Failure> {
    let mut paths = BTreeMap::new();
    for one in &args.paths {
        if !(1..=2).contains(&one.path) {
            let what = format!("there are paths 1 and 2, not {}", one.path);
            return Err(Failure::new(Exit::Usage, what));
        }
        if paths.insert(one.path, one.spec.clone()).is_some() {
            let what = format!("path {} has two conditions", one.path);
            return Err(Failure::new(Exit::Usage, what).next("join them with a comma"));
        }
    }
    Ok(paths)
}

/// What a bench that came to no result means to a user.
fn refused(error: &BenchError) -> Failure {
    match error {
        BenchError::Plan(_) => Failure::of(Exit::Usage, "this cannot be measured", error)
            .next("`mpws list --peers` shows the peers, `mpws bench --help` the measures"),
        _ => Failure::of(Exit::Host, "this host cannot measure", error)
            .next("`mpws doctor` tells what is missing and how to get it"),
    }
}
