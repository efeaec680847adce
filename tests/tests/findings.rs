//! Every page of `docs/findings`: its reproduction runs here and prints what the page says, and a
//! page that says anything else is found out.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use mpws_suite::cases::catalogue;
use mpws_tests::finding::{self, Block, Here, Page};
use mpws_tests::stage;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let pages = match finding::pages() {
        Ok(pages) => pages,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let here = finding::here();
    let mut trials = Vec::new();
    let all = pages.clone();
    trials.push(Trial::test(
        "the_index_names_every_page_and_no_other",
        move || index(&all),
    ));
    for page in pages {
        let whole = page.clone();
        trials.push(Trial::test(format!("complete::{}", page.name), move || {
            complete(&whole)
        }));
        for block in page.blocks.clone() {
            let name = format!("shown::{}::{}", page.name, block.name());
            let page = page.clone();
            trials.push(Trial::test(name, move || shown(&page, &block, here)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The reproduction prints what the page says, and the comparison is able to say no.
fn shown(page: &Page, block: &Block, here: Here) -> Result<(), Failed> {
    if let Some(why) = block.unfit(here) {
        // A page may hold a block for each of two kinds of host; one of them is enough.
        if page.blocks.iter().all(|other| other.unfit(here).is_some()) {
            stage::skip(&format!("{}: {why}", page.name));
        }
        return Ok(());
    }
    let printed = page.run(block)?;
    block.compare(&printed)?;
    for number in 0..block.lines.len() {
        let mut falsified = block.clone();
        falsified.lines[number].push_str(" or so");
        if falsified.compare(&printed).is_ok() {
            return Err(format!("line {} may say anything", number + 1).into());
        }
    }
    Ok(())
}

/// The page tells what whoever it is sent to has to know.
fn complete(page: &Page) -> Result<(), Failed> {
    for part in PARTS {
        if !page.text.contains(part) {
            return Err(format!("it lacks {part:?}").into());
        }
    }
    for case in cases(&page.text) {
        if !catalogue().iter().any(|known| known.slug == case) {
            return Err(format!("it names cells of {case}, and there is no such case").into());
        }
    }
    if page.blocks.is_empty() || page.blocks.iter().any(|block| block.lines.is_empty()) {
        return Err("it does not say what its reproduction prints".into());
    }
    let program = std::fs::read_to_string(&page.program)
        .map_err(|error| format!("{:?}: {error}", page.program))?;
    let lines = program.lines().count();
    if lines >= LONGEST {
        return Err(format!("the reproduction has {lines} lines, {LONGEST} are too many").into());
    }
    Ok(())
}

/// Cases of which a page names the cells, as in `` `family/stimulus@*` ``.
fn cases(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split('`').filter(|word| word.contains('/'));
    words.filter_map(|word| word.strip_suffix("@*"))
}

fn index(pages: &[Page]) -> Result<(), Failed> {
    let path = finding::repository().join("docs/findings/README.md");
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let named: Vec<&str> = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once("/README.md)"))
        .map(|(name, _)| name)
        .filter(|name| !name.contains(['/', ')']))
        .collect();
    let there: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
    let mut sorted = named.clone();
    sorted.sort_unstable();
    if sorted != there {
        return Err(format!("the index names {sorted:?}, there are {there:?}").into());
    }
    Ok(())
}

const PARTS: [&str; 9] = [
    "| component |",
    "| kernel |",
    "| libc |",
    "## What happens",
    "## What was expected",
    "## Reproduction",
    "## Evidence",
    "## Cause",
    "## Cure",
];

const LONGEST: usize = 40;
