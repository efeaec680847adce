//! Ctrl-C during a run.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{mpws, skips_without_labs};

/// A run that has begun, of cells of the fixture alone; it is killed if a test fails.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(out: &Path) -> Self {
        Self::of("*@fixture:fixture/*", out)
    }

    fn of(selector: &str, out: &Path) -> Self {
        let mut child = mpws(["run", selector, "--jobs", "1", "--out"])
            .arg(out)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the run starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while !line.ends_with(" at a time\n") {
            line.clear();
            let length = output.read_line(&mut line).expect("a line");
            assert_ne!(length, 0, "the run ended before its first cell");
        }
        Self { child, output }
    }

    /// Waits until so many tenths of the cells are done.
    fn until(&mut self, progress: &str) {
        let mut line = String::new();
        while !line.contains(progress) {
            line.clear();
            let length = self.output.read_line(&mut line).expect("a line");
            assert_ne!(length, 0, "the run ended before it had {progress:?}");
        }
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGINT).expect("the run is there");
    }

    /// What it printed since its start, and its exit code.
    fn end(mut self) -> (String, Option<i32>) {
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).expect("text");
        let code = self.child.wait().expect("it ends").code();
        (printed, code)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_ctrl_c_ends_the_run_with_130_and_the_results_so_far() {
    if skips_without_labs() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path());
    running.interrupt();
    let (printed, code) = running.end();
    assert_eq!(code, Some(130), "{printed}");
    assert!(printed.contains("interrupted"), "{printed}");

    let text = fs::read_to_string(folder.path().join("result.json")).expect("the results");
    let result: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(result["interrupted"], true);
    let planned = result["planned"].as_u64().expect("a number");
    let cells = result["cells"].as_array().expect("cells");
    assert_eq!(cells.len() as u64, planned);
    let last = cells.last().expect("a cell");
    assert_eq!(
        last["verdict"], "error",
        "a cell that did not run is no success: {last}"
    );
}

#[test]
fn the_second_ctrl_c_ends_the_run_at_once_with_130() {
    if skips_without_labs() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path());
    running.interrupt();
    running.interrupt();
    let (printed, code) = running.end();
    assert_eq!(code, Some(130), "{printed}");
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_was() {
    if skips_without_labs() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let selector = "negotiation/*@fixture:fixture/*";
    let mut running = Running::of(selector, folder.path());
    running.until(" done, ");
    // SIGKILL.
    running.child.kill().expect("the run is there");
    assert_eq!(running.end().1, None);
    assert!(!folder.path().join("result.json").exists());
    // As if the power had gone while a line was written.
    let journal = folder.path().join("cells.jsonl");
    let mut torn = fs::OpenOptions::new()
        .append(true)
        .open(&journal)
        .expect("the journal");
    torn.write_all(b"{\"cell\":{\"cell\":\"negotia")
        .expect("written");
    drop(torn);

    let output = mpws(["run", selector, "--resume", "--out"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains(" of them in an earlier run"), "{printed}");
    let text = fs::read_to_string(folder.path().join("result.json")).expect("the results");
    let result: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let cells = result["cells"].as_array().expect("cells").len() as u64;
    assert_eq!(result["planned"], cells);
    let taken = result["taken_over"].as_u64().expect("a number");
    assert!((1..cells).contains(&taken), "{taken} of {cells}");
}

#[test]
fn results_from_other_conditions_are_refused_with_their_cause() {
    if skips_without_labs() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let cell = "negotiation/both-ends@fixture:fixture/mptcp/v4";
    let ran = mpws(["run", cell, "--out"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    assert!(ran.status.success());
    let output = mpws(["run", cell, "--resume", "--path", "1:delay=1ms", "--out"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    // The message is broken into lines.
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("made under other conditions"), "{said}");
    assert!(said.contains("without --resume"), "{said}");
}
