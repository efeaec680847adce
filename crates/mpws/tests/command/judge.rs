//! `mpws judge`: saved evidence, judged again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::{mpws, skips_without_labs, stderr, stdout};

/// A family that has fallbacks, rules on the wire and connections that do not come about, with the
/// fixture alone.
fn ran(keep: &str) -> Option<tempfile::TempDir> {
    if skips_without_labs() {
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = mpws([
        "run",
        "fallback/*@fixture:fixture/*",
        "failover/link-down@fixture:fixture/*",
        "negotiation/both-ends@fixture:fixture/*",
    ])
    .args(["--keep", keep, "--out"])
    .arg(folder.path())
    .output()
    .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    Some(folder)
}

fn judge(results: &Path, args: &[&str]) -> Output {
    let mut command = mpws(["judge"]);
    command.args(args).arg(results);
    command.output().expect("it runs")
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let text = fs::read(path).expect("it is there");
    let mut value = serde_json::from_slice(&text).expect("JSON");
    change(&mut value);
    fs::write(path, value.to_string()).expect("written");
}

/// The folder of evidence of one cell.
fn evidence(results: &Path, cell: &str) -> PathBuf {
    let text = fs::read(results.join("result.json")).expect("it is there");
    let result: Value = serde_json::from_slice(&text).expect("JSON");
    let cells = result["cells"].as_array().expect("cells");
    let found = cells.iter().find(|one| one["cell"] == cell).expect(cell);
    results.join(found["evidence"]["folder"].as_str().expect("a folder"))
}

const CELL: &str = "fallback/syn-option-stripped@fixture:fixture/mptcp/v4";

#[test]
fn a_family_judged_again_by_its_evidence_comes_to_the_same_and_every_change_of_evidence_is_seen() {
    let Some(folder) = ran("all") else { return };
    let results = folder.path();
    let again = judge(results, &[]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    let told = stdout(&again);
    assert!(told.ends_with(" the same, 0 differ\n"), "{told}");
    assert!(!told.contains("kept no evidence"), "{told}");

    // What is said: the server's kernel counted an MPTCP connection that the wire does not show,
    // and so on.
    let testimony = evidence(results, CELL).join("testimony.json");
    edit(&testimony, |saved| {
        saved["testimony"]["peers"]["client"]["connections"][0]["is_mptcp"] = true.into();
    });
    let lie = judge(results, &[]);
    assert_eq!(lie.status.code(), Some(1), "{lie:?}");
    let told = stdout(&lie);
    assert!(
        told.starts_with(CELL) && told.contains("before: pass\n    now:    fail"),
        "{told}"
    );
    assert!(
        told.contains("the client says that its connection is MPTCP"),
        "{told}"
    );

    // What is demanded.
    edit(&testimony, |saved| {
        saved["testimony"]["peers"]["client"]["connections"][0]["is_mptcp"] = false.into();
        saved["demands"]["transport"] = serde_json::json!({ "kind": "mptcp" });
    });
    let json = judge(&results.join("result.json"), &["--json"]);
    assert_eq!(json.status.code(), Some(1), "{json:?}");
    let told: Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!(told["differences"][0]["cell"], CELL);
    assert_eq!(told["differences"][0]["differences"][0]["now"], "fail");

    // What the wire shows: the capture of a cell over plain TCP in its place.
    edit(&testimony, |saved| {
        saved["demands"]["transport"] =
            serde_json::json!({ "kind": "fallback", "cause": "option-stripped-syn" });
    });
    assert_eq!(judge(results, &[]).status.code(), Some(0));
    let control = "negotiation/both-ends@fixture:fixture/tcp/v4";
    let other = evidence(results, control).join("capture.pcapng");
    fs::copy(other, evidence(results, CELL).join("capture.pcapng")).expect("copied");
    let told = stdout(&judge(results, &[]));
    assert!(told.contains("now:    tcp (never-asked)"), "{told}");

    // What cannot be judged is told, and is no verdict.
    for (text, words) in [
        ("{}", "has schema \"none\""),
        ("{", "is no testimony"),
        (r#"{"schema":"mpws-testimony/99"}"#, "mpws-testimony/99"),
    ] {
        fs::write(&testimony, text).expect("written");
        let broken = judge(results, &[]);
        assert_eq!(broken.status.code(), Some(2), "{broken:?}");
        // Where lines are broken is the terminal's affair.
        let told: String = stderr(&broken).split_whitespace().collect();
        let words: String = words.split_whitespace().collect();
        assert!(told.contains(&words), "{words}: {told}");
    }
}

#[test]
fn a_result_without_evidence_is_refused_with_the_way_to_have_some() {
    let Some(folder) = ran("none") else { return };
    let none = judge(folder.path(), &[]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    assert!(stderr(&none).contains("--keep all"), "{none:?}");
}
