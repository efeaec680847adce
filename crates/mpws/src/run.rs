//! `mpws run`.

use std::io::{self, IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mpws_lab::preset::OnPath;
use mpws_model::event::RunEvent;
use mpws_model::result::RunResult;
use mpws_report::folder;
use mpws_report::terminal::{self, Paint, Progress};
use mpws_suite::plan::Planned;
use mpws_suite::run::journal::JournalError;
use mpws_suite::run::{ExitKind, RunError, RunOptions};

use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::{interrupt, list, plan};

/// Runs cells, shows what comes of them and writes the reports.
pub(crate) fn run(args: &args::Run) -> Result<Exit, Failure> {
    let selection = plan::selection(&args.selection, conditions(&args.paths)?)?;
    let planned = plan::of(selection)?;
    if args.list {
        return list::cells(&planned.plan);
    }
    let options = options(args)?;
    folder::probe(&args.out).map_err(|error| {
        Failure::of(Exit::Usage, "the results would have no place", &error)
            .next("choose a folder that you may write to and that has room, with --out DIR")
    })?;

    let (result, mut output) = follow(planned, &options)?;
    let written = folder::write(&args.out, &result);
    let paths = written.as_deref().unwrap_or_default();
    let paint = Paint::for_stream(io::stdout().is_terminal());
    let account = terminal::render(&result, paths, paint, output::width());
    let _ = output.write_all(account.as_bytes());

    written.map_err(|error| {
        Failure::of(Exit::Internal, "the results are lost", &error)
            .next("make room or choose another folder with --out DIR, and run again")
    })?;
    output.finish()?;
    Ok(Exit::of(&result))
}

/// How the cells are run.
fn options(args: &args::Run) -> Result<RunOptions, Failure> {
    let stop = interrupt::stop_flag()
        .map_err(|error| Failure::of(Exit::Internal, "cannot listen for Ctrl-C", &error))?;
    Ok(RunOptions {
        jobs: args.jobs.map(usize::from),
        resume: args.resume,
        keep: args.keep,
        launcher: args.launcher.clone().on(&args.base),
        state: args.state.clone(),
        stop,
        ..RunOptions::into_folder(args.out.clone())
    })
}

/// Reads what `--path` says.
fn conditions(given: &[String]) -> Result<Vec<OnPath>, Failure> {
    given
        .iter()
        .map(|text| {
            text.parse().map_err(|error| {
                let doing = format!("cannot understand --path {text}");
                Failure::of(Exit::Usage, doing, &error)
                    .next("`mpws presets` shows what a path can be like")
            })
        })
        .collect()
}

/// Runs the plan and shows its events.
fn follow(planned: Planned, options: &RunOptions) -> Result<(RunResult, Output), Failure> {
    let mut output = Output::default();
    let paint = Paint::for_stream(io::stdout().is_terminal());
    let mut progress = Progress::new(&mut output, paint, io::stderr().is_terminal());
    let mut told = false;
    let outcome = mpws_claims::run(planned, options, &mut |event: RunEvent| {
        tell_once(&options.stop, &mut told);
        // The output keeps its own errors, so that the run goes on without a reader.
        let _ = progress.event(&event);
    });
    progress.clear();
    drop(progress);
    let result = outcome.map_err(|error| refused(&error))?;
    Ok((result, output))
}

fn tell_once(stop: &Arc<AtomicBool>, told: &mut bool) {
    if !*told && stop.load(Ordering::Relaxed) {
        *told = true;
        let note = "stopping: the results so far will be written; Ctrl-C again ends it at once";
        let _ = writeln!(io::stderr().lock(), "{note}");
    }
}

/// What a run that came to no result means to a user.
fn refused(error: &RunError) -> Failure {
    let journal = match error {
        RunError::Journal(error) => Some(error),
        _ => None,
    };
    if let Some(error) = journal {
        let failure = Failure::of(Exit::Usage, "this run cannot go on there", error);
        return match error {
            JournalError::Changed { .. } | JournalError::Foreign { .. } => failure.next(
                "run without --resume, which begins anew, or choose another folder with --out DIR",
            ),
            JournalError::Busy { .. } => {
                failure.next("wait for its end, or choose another folder with --out DIR")
            }
            _ => failure.next("choose a folder that you may write to, with --out DIR"),
        };
    }
    match error.exit() {
        ExitKind::Usage => Failure::of(Exit::Usage, "the cells cannot be run", error)
            .next("`mpws list --cells` and `mpws list --peers` show what there is"),
        ExitKind::Host => Failure::of(Exit::Host, "this host cannot run cells", error)
            .next("`mpws doctor` tells what is missing and how to get it"),
        ExitKind::Internal => Failure::of(Exit::Internal, "the run failed", error)
            .next("run it again with MPWS_LOG=debug and report what it says"),
    }
}
