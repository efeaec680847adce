//! The account at the end of a run.

use std::path::PathBuf;

use console::measure_text_width;
use mpws_model::result::{Finding, FindingKind, RunResult, Summary};

use super::Paint;
use crate::tally::Tally;
use crate::{text, words};

/// The account of a run: table of peers and families, findings with the command that repeats each,
/// claims, faults of the run, totals, and where the results are. `width` is that of the terminal,
/// in columns; a table that is wider is split by families.
pub fn render(result: &RunResult, written: &[PathBuf], paint: Paint, width: usize) -> String {
    let mut account = String::new();
    table(result, paint, width, &mut account);
    findings(result, paint, &mut account);
    super::claims::claims(&result.claims, paint, &mut account);
    problems(result, paint, &mut account);
    totals(result, written, paint, &mut account);
    account
}

fn table(result: &RunResult, paint: Paint, width: usize, account: &mut String) {
    let tally = Tally::of(result);
    if tally.rows.is_empty() {
        return;
    }
    let heads: Vec<String> = tally
        .rows
        .iter()
        .map(|(peer, _)| text::line(peer, PEER_LIMIT))
        .collect();
    let head_width = heads
        .iter()
        .map(|head| measure_text_width(head))
        .max()
        .unwrap_or(0);

    let columns: Vec<Column> = tally
        .families
        .iter()
        .map(|family| Column::of(family, &tally, paint))
        .collect();
    let mut rest = columns.as_slice();
    while !rest.is_empty() {
        let fitting = fitting(rest, width.saturating_sub(head_width));
        let (shown, left) = rest.split_at(fitting);
        rest = left;

        account.push('\n');
        pad("", head_width, account);
        for column in shown {
            account.push_str(GAP);
            pad(&paint.bold(&column.name), column.width, account);
        }
        end_line(account);
        for (row, head) in heads.iter().enumerate() {
            pad(head, head_width, account);
            for column in shown {
                account.push_str(GAP);
                pad(&column.fields[row], column.width, account);
            }
            end_line(account);
        }
    }
    account.push_str(&paint.faint(LEGEND));
    account.push('\n');
}

/// A family's column.
struct Column {
    name: String,
    fields: Vec<String>,
    width: usize,
}

impl Column {
    fn of(family: &str, tally: &Tally, paint: Paint) -> Self {
        let name = text::line(family, PEER_LIMIT);
        let fields: Vec<String> = tally
            .rows
            .iter()
            .map(|(_, row)| {
                row.get(family)
                    .map_or_else(|| "-".to_owned(), |sum| field(sum, paint))
            })
            .collect();
        let width = fields
            .iter()
            .map(|field| measure_text_width(field))
            .chain([measure_text_width(&name)])
            .max()
            .unwrap_or(0);
        Self {
            name,
            fields,
            width,
        }
    }
}

/// `10 1k 2F`: a count and, unless it is of green cells, its letter.
fn field(summary: &Summary, paint: Paint) -> String {
    let mut parts = Vec::new();
    for ((word, count), letter) in words::counts(summary).into_iter().zip(LETTERS) {
        if count == 0 {
            continue;
        }
        let part = format!("{count}{letter}");
        parts.push(match word {
            "pass" => paint.green(&part),
            "tolerated" | "known" => paint.yellow(&part),
            _ => paint.red(&part),
        });
    }
    parts.join(" ")
}

/// Number of columns that fit side by side, at least one.
fn fitting(columns: &[Column], width: usize) -> usize {
    let mut taken = 0;
    let fitting = columns
        .iter()
        .take_while(|column| {
            taken += GAP.len() + column.width;
            taken <= width
        })
        .count();
    fitting.max(1)
}

fn findings(result: &RunResult, paint: Paint, account: &mut String) {
    for kind in ORDER {
        for finding in result
            .findings
            .iter()
            .filter(|finding| finding.kind == kind)
        {
            account.push('\n');
            one_finding(finding, paint, account);
        }
    }
}

fn one_finding(finding: &Finding, paint: Paint, account: &mut String) {
    let kind = words::of_finding(finding.kind);
    let kind = match finding.kind {
        FindingKind::Unexpected | FindingKind::Contradiction => paint.red(kind),
        FindingKind::Known | FindingKind::Difference => paint.yellow(kind),
        FindingKind::Shown => paint.green(kind),
    };
    account.push_str(&format!(
        "{kind}: {}\n",
        text::line(&finding.text, FINDING_LIMIT)
    ));
    for cell in finding.cells.iter().take(CELLS_SHOWN) {
        account.push_str(&format!(
            "  {}\n",
            text::line(cell.as_str(), text::LINE_LIMIT)
        ));
    }
    if let Some(more) = finding
        .cells
        .len()
        .checked_sub(CELLS_SHOWN)
        .filter(|more| *more > 0)
    {
        account.push_str(&format!("  and {} more, listed in result.json\n", more));
    }
    let command = text::line(&finding.command, text::LINE_LIMIT);
    account.push_str(&format!("  repeat it: {}\n", paint.bold(&command)));
}

fn problems(result: &RunResult, paint: Paint, account: &mut String) {
    if result.problems.is_empty() {
        return;
    }
    account.push('\n');
    for problem in &result.problems {
        let problem = text::line(problem, FINDING_LIMIT);
        account.push_str(&format!("{}: {problem}\n", paint.red("problem")));
    }
}

fn totals(result: &RunResult, written: &[PathBuf], paint: Paint, account: &mut String) {
    account.push('\n');
    if result.interrupted {
        account.push_str(&paint.red("interrupted: cells that did not run are counted as error"));
        account.push('\n');
    }
    for line in words::left_out(&result.left_out) {
        let line = text::line(&line, FINDING_LIMIT);
        account.push_str(&format!("left out: {line}\n"));
    }
    let totals = format!(
        "{} in {}{}: {}",
        words::number_of(result.planned, "cell"),
        words::duration(result.duration_ms),
        words::taken_over(result),
        words::totals(&result.summary),
    );
    account.push_str(&paint.bold(&totals));
    account.push('\n');
    if !written.is_empty() {
        let paths: Vec<String> = written
            .iter()
            .map(|path| text::line(&path.display().to_string(), text::LINE_LIMIT))
            .collect();
        account.push_str(&format!("results: {}\n", paths.join(", ")));
    }
}

fn pad(field: &str, width: usize, account: &mut String) {
    account.push_str(field);
    let missing = width.saturating_sub(measure_text_width(field));
    account.extend(std::iter::repeat_n(' ', missing));
}

fn end_line(account: &mut String) {
    account.truncate(account.trim_end_matches(' ').len());
    account.push('\n');
}

/// What a person should read last stands last: what needs doing.
const ORDER: [FindingKind; 5] = [
    FindingKind::Known,
    FindingKind::Difference,
    FindingKind::Shown,
    FindingKind::Contradiction,
    FindingKind::Unexpected,
];
/// In the order of [`words::counts`].
const LETTERS: [&str; 7] = ["", "t", "k", "F", "u", "?", "E"];
const LEGEND: &str = "cells that pass, t tolerated, k known deviation, F fail, u unsupported, \
    ? unprovable, E error;\na cell counts for both of its peers";
const GAP: &str = "  ";
const PEER_LIMIT: usize = 40;
const FINDING_LIMIT: usize = 600;
const CELLS_SHOWN: usize = 3;
