//! Progress lines and the output folder.

mod sample;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mpws_model::event::RunEvent;
use mpws_model::result::RunResult;
use mpws_report::folder::{self, WriteError};
use mpws_report::terminal::{Paint, Progress};

fn shown(run: &RunResult) -> String {
    let mut out = Vec::new();
    let mut progress = Progress::new(&mut out, Paint::new(false), false);
    let mut events = vec![RunEvent::Preparing {
        what: format!("an environment {}", sample::HOSTILE),
    }];
    events.push(RunEvent::Planned {
        cells: run.cells.len(),
        jobs: 2,
    });
    for cell in &run.cells {
        events.push(RunEvent::CellStarted {
            cell: cell.cell.clone(),
        });
        events.push(RunEvent::CellFinished(Box::new(cell.clone())));
    }
    events.push(RunEvent::Finished(Box::new(run.clone())));
    for event in &events {
        progress.event(event).expect("a vector takes everything");
    }
    String::from_utf8(out).expect("text")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    names
}

#[test]
fn progress_has_a_line_for_each_cell_that_is_not_green() {
    insta::assert_snapshot!("progress", shown(&sample::run()));
}

#[test]
fn progress_tells_what_is_left_out_before_it_begins() {
    let mut out = Vec::new();
    let mut progress = Progress::new(&mut out, Paint::new(false), false);
    progress
        .event(&RunEvent::LeftOut(sample::left_out()))
        .expect("a vector takes everything");
    let text = String::from_utf8(out).expect("text");
    assert!(
        text.starts_with("left out: lib-9-sync, lib-9-trio: lib 9 exists for "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn progress_of_a_long_run_has_a_line_for_each_tenth() {
    let mut run = sample::green();
    run.cells = run.cells.iter().cycle().take(200).cloned().collect();
    let lines: Vec<String> = shown(&run)
        .lines()
        .filter(|line| line.contains(" done, "))
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), 10, "{lines:?}");
    assert_eq!(lines[9], "200 of 200 done, 0 not green, 0 known");
}

#[test]
fn a_closed_pipe_is_reported_to_the_caller() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut progress = Progress::new(Closed, Paint::new(false), false);
    let event = RunEvent::Planned { cells: 1, jobs: 1 };
    let error = progress.event(&event).expect_err("nothing can be written");
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn the_reports_take_the_place_of_those_of_the_run_before() {
    let temporary = tempfile::tempdir().expect("a folder");
    let out = temporary.path().join("new/results");
    folder::write(&out, &sample::run()).expect("writes");
    let first = fs::read_to_string(out.join(folder::RESULT_JSON)).expect("reads");
    let written = folder::write(&out, &sample::green()).expect("writes again");
    let second = fs::read_to_string(out.join(folder::RESULT_JSON)).expect("reads");
    assert_ne!(first, second);
    assert_eq!(names(&out), ["junit.xml", "result.json", "summary.md"]);
    assert_eq!(written.len(), 3);
}

#[test]
fn the_reports_can_be_read_by_others_as_far_as_the_umask_allows() {
    let temporary = tempfile::tempdir().expect("a folder");
    let ordinary = temporary.path().join("ordinary");
    fs::write(&ordinary, "").expect("writes");
    folder::write(temporary.path(), &sample::green()).expect("writes");
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode();
    assert_eq!(
        mode(&temporary.path().join(folder::RESULT_JSON)),
        mode(&ordinary)
    );
}

#[test]
fn probing_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().expect("a folder");
    let out = temporary.path().join("a/b");
    folder::probe(&out).expect("can be written to");
    assert_eq!(names(&out), Vec::<String>::new());
}

#[test]
fn probing_names_the_folder_that_cannot_be_made() {
    let temporary = tempfile::tempdir().expect("a folder");
    let file = temporary.path().join("file");
    fs::write(&file, "").expect("writes");
    let error = folder::probe(&file.join("out")).expect_err("a file is in the way");
    assert!(matches!(error, WriteError::Folder { .. }), "{error:?}");
}

#[test]
fn a_full_disk_is_found_before_the_run() {
    // A file of the process file system stands for a place where no file can be made.
    let error = folder::probe(Path::new("/proc/self")).expect_err("no file can be made there");
    assert!(matches!(error, WriteError::File { .. }), "{error:?}");
}
