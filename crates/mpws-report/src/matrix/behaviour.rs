//! How recorded behaviour moves from version to version.

use std::collections::{BTreeMap, BTreeSet};

use mpws_model::result::{CaseFacts, RunResult};
use mpws_model::{FIXTURE, Ip, Protocol};
use serde_json::Value;

use super::rows::{Key, cases, row_of};
use super::table::{Behaviour, Line, Row, Step};

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
            if (cell.environment.asked, cell.environment.ip) != (Protocol::Mptcp, Ip::V4) {
                continue;
            }
            let key = Key::of(&row_of(result, cell, peer));
            for (name, value) in &cell.recorded {
                let value = match value.volatile {
                    false => words(&value.value),
                    true => BY_CHANCE.to_owned(),
                };
                let question = (cell.case.clone(), name.clone());
                answers
                    .entry(question)
                    .or_default()
                    .insert(key.clone(), value);
            }
        }
    }
    let of = |case: &CaseFacts| {
        let questions = answers.iter().filter(|((of, _), _)| *of == case.case);
        let told = questions.filter_map(|((_, what), by_row)| behaviour(case, what, by_row, rows));
        told.collect::<Vec<_>>()
    };
    cases(results).into_iter().flat_map(of).collect()
}

fn behaviour(
    case: &CaseFacts,
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
    if !moves && !case.always_shown.iter().any(|name| name == what) {
        return None;
    }
    Some(Behaviour {
        case: case.case.clone(),
        title: case.title.clone(),
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
