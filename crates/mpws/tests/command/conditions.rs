//! `run --path` and `presets`.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{mpws, run, skips_without_labs, stderr, stdout};

const CELL: &str = "negotiation/both-ends@fixture:fixture/mptcp/v4";

fn run_under(condition: &str, out: &Path) -> (Option<i32>, Value) {
    let output = mpws(["run", CELL, "--keep", "none", "--path", condition, "--out"])
        .arg(out)
        .output()
        .expect("starts");
    let text = fs::read_to_string(out.join("result.json")).expect("a result");
    let result = serde_json::from_str(&text).expect("JSON");
    (output.status.code(), result)
}

fn refuses(output: &Output, words: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = stderr(output);
    let told: Vec<&str> = told.split_whitespace().collect();
    for word in words {
        assert!(told.join(" ").contains(word), "{word:?} is not in {told:?}");
    }
}

#[test]
fn a_condition_makes_the_network_of_the_cells_and_stands_in_the_result() {
    if skips_without_labs() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (code, result) = run_under("1:strip", folder.path());
    assert_eq!(code, Some(1), "{result}");
    assert_eq!(result["paths"], serde_json::json!(["1:strip"]));
    let cell = &result["cells"][0];
    assert_eq!(cell["transport"]["kind"], "fallback", "{cell}");
    let command = result["findings"][0]["command"]
        .as_str()
        .expect("a command");
    assert!(command.ends_with("--path '1:strip'"), "{command}");
}

#[test]
fn what_does_mptcp_no_harm_leaves_the_verdict_as_it_was() {
    if skips_without_labs() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (code, result) = run_under("1:normaliser,conntrack,delay=2ms", folder.path());
    assert_eq!(code, Some(0), "{result}");
    let written = "1:strip=tcp-options,mss=1000,conntrack,delay=2ms";
    assert_eq!(result["paths"], serde_json::json!([written]));
    assert_eq!(result["cells"][0]["transport"]["kind"], "mptcp");
}

#[test]
fn a_condition_that_cannot_be_read_is_refused_with_what_would_be_right() {
    let refused = |condition| run(["run", "--list", "--path", condition]);
    refuses(
        &refused("1:srtip"),
        &["unknown key `srtip`; did you mean `strip`?", "mpws presets"],
    );
    refuses(
        &refused("1:delay=30"),
        &["the unit is missing", "us, ms or s"],
    );
    refuses(&refused("strip"), &["the number of a path"]);
    let told = stderr(&refused("1:\u{1b}[2J"));
    assert!(!told.contains('\u{1b}'), "{told:?}");
}

#[test]
fn a_condition_that_no_chosen_cell_can_have_is_refused() {
    let refused = |condition| run(["run", "--list", CELL, "--path", condition]);
    refuses(
        &refused("8:strip"),
        &["`8:strip` is for path 8", "mpws explain CASE"],
    );
    refuses(&refused("1:balance=2"), &["leads to a third host"]);
}

#[test]
fn presets_are_listed_with_effect_and_example_and_the_documentation_has_them_all() {
    let listed = stdout(&run(["presets"]));
    let documentation = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/presets.md"
    ));
    let documentation = documentation.expect("documentation");
    for preset in mpws_lab::preset::PRESETS {
        assert!(listed.contains(preset.title) && listed.contains(preset.effect));
        assert!(listed.contains(&preset.example()), "{}", preset.name);
        let row = format!(
            "| M{} | `{}` | `{}` | {} | {} |",
            preset.model, preset.name, preset.spec, preset.title, preset.effect
        );
        assert!(documentation.contains(&row), "{row}");
    }
    for key in mpws_lab::preset::KEYS {
        assert!(listed.contains(key.what), "{}", key.name);
        let row = format!("| `{}` | {} | {} |", key.name, key.value, key.what);
        assert!(documentation.contains(&row), "{row}");
    }
    let one = stdout(&run(["presets", "nat"]));
    assert_eq!(one.lines().count(), 3, "{one}");
    refuses(&run(["presets", "no-such"]), &["no-such", "strip-syn"]);
}
