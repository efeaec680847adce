//! `mpws matrix`.

use std::path::Path;

use mpws_report::folder;
use mpws_report::matrix::build;
use mpws_suite::result::{RESULT_SCHEMA, RunResult};

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
    let result: RunResult = serde_json::from_str(&text)
        .map_err(|error| Failure::of(Exit::Usage, doing(), &error).next(wanted))?;
    if result.schema == RESULT_SCHEMA {
        Ok(result)
    } else {
        let error =
            std::io::Error::other(format!("schema {:?} is not {RESULT_SCHEMA}", result.schema));
        Err(Failure::of(Exit::Usage, doing(), &error).next(wanted))
    }
}
