//! `mpws check` on recorded captures.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

/// The server sends a compressed message that is not DEFLATE.
const GARBAGE: &str = "../../mpws/tests/command/data/deflate-garbage.pcapng";

#[test]
fn a_broken_rule_ends_with_1_and_names_the_rule() {
    let (code, shown, errors) = check(&["--json"], GARBAGE);
    assert_eq!(code, Some(1), "{shown}{errors}");
    let report: serde_json::Value = serde_json::from_str(&shown).expect("one JSON document");
    let broken = &report["connections"][0]["violations"][0];
    assert_eq!(broken["rule"], "deflate-data");
    assert_eq!(broken["direction"], "to-initiator");
    // The same with a good file beside it, whatever the order.
    let good = "captures/data/plain-mptcp.pcapng";
    for files in [[good, GARBAGE], [GARBAGE, good]] {
        let files = files.map(capture);
        let output = support::run([PathBuf::from("check")].iter().chain(&files));
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}

/// `mpws check -` with a whole capture in a pipe that stays open.
struct Listening {
    child: Child,
    input: Option<ChildStdin>,
    errors: BufReader<ChildStderr>,
}

impl Listening {
    fn start() -> Self {
        let mut child = support::mpws(["check", "--summary", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut input = child.stdin.take().expect("a pipe");
        let whole = fs::read(capture("captures/data/plain-mptcp.pcapng")).expect("a capture");
        input.write_all(&whole).expect("the pipe takes it");
        let errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let listening = Self {
            child,
            input: Some(input),
            errors,
        };
        while !listening.handles_signals() {
            std::thread::sleep(Duration::from_millis(2));
        }
        listening
    }

    /// `SigCgt` of proc(5) has a bit for each signal that is handled; SIGINT is the second.
    fn handles_signals(&self) -> bool {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("the command runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = u64::from_str_radix(caught.expect("a mask").trim(), 16).expect("hexadecimal");
        mask & 2 != 0
    }

    /// Ctrl-C for the first time: it says that it waits.
    fn interrupt_first(&mut self) {
        self.interrupt();
        let mut said = String::new();
        self.errors.read_line(&mut said).expect("a line");
        assert!(said.contains("Ctrl-C again"), "{said}");
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGINT).expect("the command runs");
    }

    /// It ends with a report of all that came.
    fn reports(mut self) {
        let mut shown = String::new();
        let mut output = self.child.stdout.take().expect("a pipe");
        output.read_to_string(&mut shown).expect("text");
        let code = self.child.wait().expect("it ends").code();
        assert_eq!(code, Some(0), "{shown}");
        assert!(shown.contains(": mptcp (1 "), "{shown}");
    }
}

#[test]
fn after_ctrl_c_standard_input_is_read_to_its_end() {
    let mut listening = Listening::start();
    listening.interrupt_first();
    drop(listening.input.take());
    listening.reports();
}

#[test]
fn the_second_ctrl_c_reports_what_has_come() {
    let mut listening = Listening::start();
    listening.interrupt_first();
    listening.interrupt();
    listening.reports();
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
