//! How recorded behaviour moves from version to version.

use std::collections::{BTreeMap, BTreeSet};

use mpws_suite::cases::catalogue;
use mpws_suite::plan::FIXTURE;
use mpws_suite::result::RunResult;
use serde_json::Value;

use super::build::{Key, row_of};
use super::{Behaviour, Line, Row, Step};

/// Shown even where nothing moves.
const ALWAYS: [(&str, &str); 3] = [
    ("client-ordering/unconnected", "error"),
    ("client-ordering/unconnected", "socket open after the error"),
    ("client-ordering/black-holed", "socket open after the error"),
];

/// In place of a value that is recorded as one that changes from run to run.
const BY_CHANCE: &str = "not the same in every run";

/// A recorded value of a case: `(case, name)`.
type Question = (String, String);

/// What is recorded of cells over MPTCP with the fixture at the other end, where versions differ.
pub(super) fn moving(results: &[&RunResult], rows: &[Row]) -> Vec<Behaviour> {
    let mut answers: BTreeMap<Question, BTreeMap<Key, String>> = BTreeMap::new();
    for result in results {
        for cell in &result.cells {
            let peer = match (cell.client.as_str(), cell.server.as_str()) {
                (peer, FIXTURE) | (FIXTURE, peer) if peer != FIXTURE => peer,
                _ => continue,
            };
            if (
                cell.environment.asked.as_str(),
                cell.environment.ip.as_str(),
            ) != ("mptcp", "v4")
            {
                continue;
            }
            let key = Key::of(&row_of(result, cell, peer));
            for (name, value) in &cell.recorded {
                let (name, value) = match name.strip_prefix('~') {
                    None => (name.as_str(), words(value)),
                    Some(name) => (name, BY_CHANCE.to_owned()),
                };
                let question = (cell.case.clone(), name.to_owned());
                answers
                    .entry(question)
                    .or_default()
                    .insert(key.clone(), value);
            }
        }
    }
    let order: BTreeMap<&str, usize> = catalogue().iter().map(|case| case.slug).zip(0..).collect();
    let mut questions: Vec<Behaviour> = answers
        .iter()
        .filter_map(|((case, what), by_row)| behaviour(case, what, by_row, rows))
        .collect();
    questions.sort_by_key(|one| order.get(one.case.as_str()).copied());
    questions
}

fn behaviour(
    case: &str,
    what: &str,
    by_row: &BTreeMap<Key, String>,
    rows: &[Row],
) -> Option<Behaviour> {
    if by_row.values().all(|value| value == BY_CHANCE) {
        return None;
    }
    let environments: BTreeSet<String> = rows.iter().map(environment).collect();
    let mut lines: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    for row in rows {
        let Some(value) = by_row.get(&Key::of(row)) else {
            continue;
        };
        let mut who = format!("{} {}", row.library, row.implementation);
        if environments.len() > 1 {
            who.push_str(&format!(" ({})", environment(row)));
        }
        let steps = lines.entry(who.trim().to_owned()).or_default();
        match steps.last_mut() {
            Some(last) if last.value == *value => last.to.clone_from(&row.version),
            _ => steps.push(Step {
                from: row.version.clone(),
                to: row.version.clone(),
                value: value.clone(),
            }),
        }
    }
    let moves = lines.values().any(|steps| steps.len() > 1);
    if !moves && !ALWAYS.contains(&(case, what)) {
        return None;
    }
    let known = catalogue().iter().find(|one| one.slug == case);
    Some(Behaviour {
        case: case.to_owned(),
        title: known.map_or("", |case| case.title).to_owned(),
        what: what.to_owned(),
        lines: lines
            .into_iter()
            .map(|(who, steps)| Line { who, steps })
            .collect(),
    })
}

fn environment(row: &Row) -> String {
    format!(
        "{}, {}, {}, {}",
        row.launched(),
        row.runtime,
        row.libc,
        row.kernel
    )
}

/// A recorded value on one line: a chain of errors as `outermost <- cause`.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(words).collect();
            if items.is_empty() {
                "nothing".to_owned()
            } else {
                items.join(" <- ")
            }
        }
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}
