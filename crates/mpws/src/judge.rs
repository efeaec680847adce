//! `mpws judge`.

use std::path::{Path, PathBuf};

use mpws_judge::saved::{Again, judge_again};
use mpws_report::text;
use serde_json::json;

use crate::args::Judge;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::matrix;
use crate::output::Output;

/// Judges the cells of a result by their evidence, and tells where that comes to something else
/// than the result says.
pub(crate) fn run(args: &Judge) -> Result<Exit, Failure> {
    let (folder, file) = places(&args.results);
    let result = matrix::read(&file)?;
    let (mut same, mut not_kept) = (0_usize, 0_usize);
    let mut differing = Vec::new();
    for cell in &result.cells {
        let again = judge_again(&folder, cell).map_err(|error| {
            let doing = format!("the evidence of {} cannot be judged", cell.cell);
            Failure::of(Exit::Usage, doing, &error)
        })?;
        match again {
            Again::NotKept => not_kept += 1,
            Again::Same => same += 1,
            Again::Differs(differences) => differing.push((cell.cell.to_string(), differences)),
        }
    }
    let judged = same + differing.len();
    if judged == 0 {
        let what = format!("no cell of {} has evidence to be judged by", file.display());
        return Err(Failure::new(Exit::Usage, what)
            .next("run the cells with --keep all, which keeps the evidence of green cells too"));
    }
    let mut output = Output::default();
    if args.json {
        let differences = differing.iter().map(|(cell, differences)| {
            let of_cell = differences
                .iter()
                .map(|one| json!({ "what": one.what, "before": one.before, "now": one.now }));
            json!({ "cell": cell, "differences": of_cell.collect::<Vec<_>>() })
        });
        output.line(json!({
            "schema": SCHEMA,
            "judged": judged,
            "same": same,
            "not_kept": not_kept,
            "differences": differences.collect::<Vec<_>>(),
        }));
    } else {
        for (cell, differences) in &differing {
            output.line(text::line(cell, LONGEST));
            for one in differences {
                output.line(format!("  {}:", text::line(&one.what, LONGEST)));
                output.line(format!("    before: {}", text::line(&one.before, LONGEST)));
                output.line(format!("    now:    {}", text::line(&one.now, LONGEST)));
            }
        }
        output.line(format!(
            "{judged} cells judged again: {same} the same, {} differ",
            differing.len()
        ));
        if not_kept > 0 {
            output.line(format!(
                "{not_kept} cells kept no evidence (`mpws run --keep all` does)"
            ));
        }
    }
    let printed = output.finish()?;
    Ok(match differing.is_empty() {
        true => printed,
        false => Exit::Red,
    })
}

/// The folder that evidence lies below, and the result file in it.
fn places(results: &Path) -> (PathBuf, PathBuf) {
    if results.is_dir() {
        return (results.to_owned(), results.join("result.json"));
    }
    let folder = results.parent().unwrap_or_else(|| Path::new(""));
    (folder.to_owned(), results.to_owned())
}

/// Characters of a line of evidence that are shown.
const LONGEST: usize = 1000;
/// Version of what `--json` prints.
const SCHEMA: &str = "mpws-judged-again/1";
