//! `mpws check` on recorded captures.

use std::fs::{self, File};
use std::path::PathBuf;

use crate::support;

fn capture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../mpws-trace/tests")
        .join(name)
}

fn check(args: &[&str], file: &str) -> (Option<i32>, String, String) {
    let path = capture(file).display().to_string();
    let output = support::run(["check"].iter().chain(args).chain(&[path.as_str()]));
    (
        output.status.code(),
        support::stdout(&output),
        support::stderr(&output),
    )
}

#[test]
fn a_good_capture_ends_with_0_and_says_what_carried_the_bytes() {
    let (code, shown, errors) = check(&["--summary"], "captures/data/plain-mptcp.pcapng");
    assert_eq!(code, Some(0), "{shown}{errors}");
    assert!(shown.contains(": mptcp (1 "), "{shown}");
}

#[test]
fn json_has_a_schema_and_the_transport_with_its_cause() {
    let (code, shown, errors) = check(&["--json"], "captures/data/strip-syn.pcapng");
    assert_eq!(code, Some(0), "{shown}{errors}");
    let report: serde_json::Value = serde_json::from_str(&shown).expect("one JSON document");
    assert_eq!(report["schema"], "mpws-capture/1");
    let transport = &report["connections"][0]["transport"];
    assert_eq!(transport["kind"], "fallback");
    assert_eq!(transport["cause"], "option-stripped-syn");
}

#[test]
fn a_capture_from_elsewhere_is_read_too() {
    let (code, shown, errors) = check(&["--json"], "foreign/mptcp-v1.pcap");
    assert_eq!(code, Some(0), "{shown}{errors}");
    let report: serde_json::Value = serde_json::from_str(&shown).expect("one JSON document");
    assert_eq!(report["file"]["packets"], 20);
    assert_eq!(report["connections"][0]["mptcp_version"], 1);
}

#[test]
fn standard_input_is_a_capture_as_well() {
    let file = File::open(capture("captures/data/plain-mptcp.pcapng")).expect("a capture");
    let output = support::mpws(["check", "--summary", "-"])
        .stdin(file)
        .output()
        .expect("the command starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        support::stdout(&output).contains("standard input"),
        "{output:?}"
    );
}

#[test]
fn a_broken_file_says_where_and_what_came_before_is_told() {
    let whole = fs::read(capture("captures/data/plain-mptcp.pcapng")).expect("a capture");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.pcapng");
    fs::write(&path, &whole[..whole.len() - 3]).expect("written");
    let output = support::run([PathBuf::from("check"), path]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let shown = support::stdout(&output);
    assert!(shown.contains("broken at offset"), "{shown}");
    assert!(shown.contains("the file is cut off"), "{shown}");
    assert!(shown.contains(": mptcp (1 "), "{shown}");
}

#[test]
fn what_is_no_capture_or_shows_no_connection_is_no_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a capture").expect("written");
    for (args, said) in [
        (vec![text.display().to_string()], "neither pcap nor pcapng"),
        (vec!["/nonexistent".to_owned()], "cannot open /nonexistent"),
        (
            vec![
                "--port=9".to_owned(),
                capture("captures/data/plain-mptcp.pcapng")
                    .display()
                    .to_string(),
            ],
            "none of the 1 connections",
        ),
    ] {
        let output = support::run(["check".to_owned()].iter().chain(&args));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(support::stderr(&output).contains(said), "{output:?}");
    }
}
