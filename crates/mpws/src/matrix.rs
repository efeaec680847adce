//! `mpws matrix`.

use std::path::Path;

use mpws_model::result::{self, RunResult};
use mpws_report::folder;
use mpws_report::matrix::build;

use crate::args::Matrix;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Makes the support matrix of results and writes it.
pub(crate) fn run(args: &Matrix) -> Result<Exit, Failure> {
    let results: Vec<RunResult> = args
        .results
        .iter()
        .map(|path| read(path))
        .collect::<Result<_, _>>()?;
    let matrix = build(&results)
        .map_err(|error| Failure::of(Exit::Usage, "there is no support matrix", &error))?;
    let written = folder::write_matrix(&args.out, &matrix).map_err(|error| {
        Failure::of(Exit::Usage, "the support matrix has no place", &error)
            .next("choose a folder that you may write to, with --out DIR")
    })?;
    let mut output = Output::default();
    for path in written {
        output.line(path.display());
    }
    output.finish()
}

/// The result of a run, from its `result.json`.
pub(crate) fn read(path: &Path) -> Result<RunResult, Failure> {
    let doing = || format!("cannot read {}", path.display());
    let wanted = "name the result.json of an `mpws run`";
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::of(Exit::Usage, doing(), &error).next(wanted))?;
    result::read(&text).map_err(|error| Failure::of(Exit::Usage, doing(), &error).next(wanted))
}
