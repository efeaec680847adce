//! Exit codes and errors of commands that need no lab.

use std::fs::{self, File};
use std::io;
use std::process::Output;

use crate::support::{mpws, run, stderr, stdout};

fn refuses(output: &Output, words: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(stdout(output), "");
    let told: String = stderr(output)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told}");
    }
}

#[test]
fn what_a_support_matrix_cannot_be_made_of_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.json");
    fs::write(&path, "{\"schema\":\"something\"}").expect("written");
    let out = folder.path().join("out");
    for (named, words) in [
        (path.as_path(), ["other.json", "name the result.json"]),
        (folder.path(), ["cannot read", "name the result.json"]),
    ] {
        let output = mpws(["matrix", "--out"])
            .arg(&out)
            .arg(named)
            .output()
            .expect("it runs");
        refuses(&output, &words);
    }
    assert!(!out.exists());
}

#[test]
fn peers_of_the_matrix_are_listed_with_it_and_named_without_it() {
    let listed = stdout(&run(["list", "--matrix", "websockets", "--peers"]));
    assert!(listed.contains("websockets-17.4-trio"), "{listed}");
    assert!(!stdout(&run(["list", "--peers"])).contains("websockets-17.4"));
    refuses(
        &run(["list", "--peer", "websockets-17.4-*"]),
        &[
            "is in the matrix of websockets only",
            "add --matrix websockets",
        ],
    );
    refuses(
        &run(["list", "--matrix", "fixture"]),
        &["there is no matrix of `fixture`; there are:", "websockets"],
    );
    refuses(
        &run(["list", "--peer", "websockets-{13}-*"]),
        &["`{13}` is not a range of versions"],
    );
}

#[test]
fn every_case_is_listed_and_can_be_explained() {
    let listed = stdout(&run(["list"]));
    assert!(!listed.is_empty());
    for line in listed.lines() {
        let case = line.split(' ').next().expect("a name");
        let output = run(["explain", case]);
        assert!(output.status.success(), "{output:?}");
        let told = stdout(&output);
        for part in ["requirement", "why it matters", "must be seen", "cells ("] {
            assert!(told.contains(part), "{part} of {case}: {told}");
        }
    }
}

#[test]
fn the_cells_of_a_case_are_those_that_its_prefix_selects() {
    let cases = stdout(&run(["list"]));
    let case = cases.split(' ').next().expect("a case");
    let prefix = format!("{case}@");
    let cells = stdout(&run(["list", "--cells", &prefix]));
    assert!(cells.lines().count() > 0);
    assert!(
        cells.lines().all(|cell| cell.starts_with(&prefix)),
        "{cells}"
    );
    assert_eq!(cells, stdout(&run(["run", "--list", &prefix])));
}

#[test]
fn each_section_is_listed_with_its_cases_and_one_that_none_answers_to_as_such() {
    let listed = stdout(&run(["list", "--requirements"]));
    let lines: Vec<&str> = listed.lines().collect();
    let of = |section: &str| {
        let head = lines.iter().position(|line| line.starts_with(section));
        let behind = lines.iter().skip(head.expect(section) + 1);
        let cases = behind.take_while(|line| line.starts_with("  "));
        cases.map(|line| line.trim()).collect::<Vec<&str>>()
    };
    let joins = of("RFC 8684 section 3.2, Starting a New Subflow: ");
    assert!(joins.contains(&"join/syn-dropped"), "{listed}");
    let none = "RFC 8684 section 3.9.2, Delayed Subflow Start and Subflow Symmetry: no case";
    assert!(of(none).is_empty(), "{listed}");
    // Of a larger profile, too.
    assert!(of("RFC 8684 section 3.3.6, ").contains(&"failover/there-and-back"));
    assert!(of("net.mptcp.enabled: ").contains(&"fallback/switched-off-at-server"));
    // A selector narrows it, as it does a list of cases.
    let narrowed = stdout(&run(["list", "--requirements", "negotiation/"]));
    assert!(!narrowed.contains("join/syn-dropped"), "{narrowed}");
    assert!(narrowed.contains("negotiation/both-ends"), "{narrowed}");
}

#[test]
fn the_fixture_is_among_the_peers() {
    let peers = stdout(&run(["list", "--peers"]));
    assert!(
        peers.lines().any(|line| line.starts_with("fixture ")),
        "{peers}"
    );
}

#[test]
fn a_reader_that_leaves_ends_the_command_quietly() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let output = mpws(["list", "--cells"])
        .stdout(writer)
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let output = mpws(["list"]).stdout(full).output().expect("starts");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(
        stderr(&output).contains("cannot write to standard output"),
        "{output:?}"
    );
}

#[test]
fn a_selector_that_matches_nothing_is_refused() {
    for args in [&["run", "nothing/such@"][..], &["list", "nothing/such@"]] {
        refuses(&run(args), &["nothing/such@", "mpws list --cells"]);
    }
}

#[test]
fn an_unknown_peer_is_refused() {
    refuses(
        &run(["run", "--peer", "no-such-peer"]),
        &["no-such-peer", "mpws list --peers"],
    );
}

#[test]
fn a_broken_peer_file_is_refused_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("peer.toml");
    fs::write(&file, "schema = 1\nname = \n").expect("writes");
    let output = mpws(["list", "--peer-file"])
        .arg(&file)
        .output()
        .expect("starts");
    refuses(&output, &["peer.toml"]);
}

#[test]
fn an_unknown_case_is_refused_with_a_name_that_is_near() {
    let cases = stdout(&run(["list"]));
    let case = cases.split(' ').next().expect("a case");
    refuses(
        &run(["explain", &format!("{case}-typo")]),
        &["there is no case", case],
    );
}

#[test]
fn a_folder_that_cannot_be_written_to_is_refused_before_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("writes");
    let output = mpws(["run", "--out"])
        .arg(file.join("out"))
        .output()
        .expect("starts");
    refuses(&output, &["the results would have no place", "--out DIR"]);
}

#[test]
fn hostile_text_of_the_command_line_does_not_reach_the_terminal() {
    let output = run(["explain", "no\x1b[2J/such\u{202e}case"]);
    let told = stderr(&output);
    assert!(told.contains("\\x1b[2J"), "{told:?}");
    assert!(!told.contains(['\x1b', '\u{202e}']), "{told:?}");
}

#[test]
fn doctor_tells_something_of_each_capability() {
    let output = run(["doctor"]);
    let told = stdout(&output);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    assert!(
        told.lines()
            .any(|line| line.starts_with("yes  ") || line.starts_with("NO   "))
    );
}
