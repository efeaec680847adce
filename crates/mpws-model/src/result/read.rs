//! Reading `result.json`, that of older versions included.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::run::{RESULT_SCHEMA, RunResult};
use crate::CellName;

/// The form before this one.
const FIRST: &str = "mpws-result/1";

/// Why a text is not the result of a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is no JSON, or not of the form that its `schema` says.
    #[error("it is no result of a run: {0}")]
    Form(#[from] serde_json::Error),
    /// Its `schema` is not known.
    #[error("its schema is {found}, and known are {RESULT_SCHEMA} and {FIRST}")]
    Schema {
        /// What it says, or `missing`.
        found: String,
    },
}

/// Reads the text of a `result.json`.
///
/// A result of the form `mpws-result/1` is brought to the present one. What that form did not tell
/// is left empty: titles and requirements of cases. The parts of peers' names are guessed from name
/// and version.
///
/// # Errors
///
/// [`ReadError::Form`] where the text is no JSON or not of its form, [`ReadError::Schema`] where
/// the form is not known.
pub fn read(text: &str) -> Result<RunResult, ReadError> {
    let mut value: Value = serde_json::from_str(text)?;
    let schema = value.get("schema").and_then(Value::as_str);
    match schema {
        Some(RESULT_SCHEMA) => {}
        Some(FIRST) => upgrade(&mut value),
        other => {
            let found = other.map_or_else(|| "missing".to_owned(), |word| format!("`{word}`"));
            return Err(ReadError::Schema { found });
        }
    }
    Ok(serde_json::from_value(value)?)
}

/// From the first form to the second. What is not as that form wants it stays, and is found when
/// the result is read.
fn upgrade(result: &mut Value) {
    result["schema"] = json!(RESULT_SCHEMA);
    let mut cases: Vec<String> = Vec::new();
    let mut ends: BTreeSet<String> = BTreeSet::new();
    for cell in result["cells"].as_array_mut().into_iter().flatten() {
        upgrade_cell(cell);
        let name = cell["cell"].as_str().unwrap_or_default();
        let Ok(name) = name.parse::<CellName>() else {
            continue;
        };
        ends.extend([name.client().to_owned(), name.server().to_owned()]);
        if !cases.iter().any(|case| case == name.case()) {
            cases.push(name.case().to_owned());
        }
    }
    let cases = (1..)
        .zip(&cases)
        .map(|(place, case)| json!({"case": case, "place": place, "title": ""}));
    result["cases"] = cases.collect();
    let peers = result["peers"].as_array().into_iter().flatten();
    let mut by_name: BTreeMap<String, Value> = ends
        .into_iter()
        .map(|name| {
            let unknown = json!({"peer": name, "id": {"family": name}});
            (name, unknown)
        })
        .collect();
    by_name.extend(peers.map(|peer| {
        let name = peer["peer"].as_str().unwrap_or_default().to_owned();
        (name, upgraded_peer(peer))
    }));
    result["peers"] = by_name.into_values().collect();
}

fn upgrade_cell(cell: &mut Value) {
    if let Some(recorded) = cell["recorded"].as_object() {
        let with_field = |(name, value): (&String, &Value)| match name.strip_prefix('~') {
            Some(name) => (name.to_owned(), json!({"value": value, "volatile": true})),
            None => (name.clone(), json!({"value": value})),
        };
        let recorded: Map<String, Value> = recorded.iter().map(with_field).collect();
        cell["recorded"] = recorded.into();
    }
    // Where several deviations explained a cell, they stood one after the other.
    if let Some(known) = cell.get("expected").filter(|known| known.is_object()) {
        let ids = known["id"].as_str().unwrap_or_default().split(", ");
        let reason = &known["reason"];
        let each: Vec<Value> = ids.map(|id| json!({"id": id, "reason": reason})).collect();
        cell["expected"] = each.into();
    }
}

/// `websockets-13.0.1-sync` with its version in the middle; of a name without it, all is the
/// family.
fn upgraded_peer(peer: &Value) -> Value {
    let text = |field: &str| peer[field].as_str().unwrap_or_default();
    let (name, version) = (text("peer"), text("version"));
    let (family, implementation) = match name.split_once(&format!("-{version}")) {
        Some((before, after)) => (before, after.strip_prefix('-').unwrap_or(after)),
        None => (name, ""),
    };
    let mut id = json!({"family": family, "version": version});
    if !implementation.is_empty() {
        id["implementation"] = json!(implementation);
    }
    json!({
        "peer": name,
        "id": id,
        "runs_on": {"runtime": peer["runtime"], "libc": peer["libc"]},
    })
}
