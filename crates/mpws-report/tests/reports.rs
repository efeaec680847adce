//! What each report says of one run, word for word.

mod sample;

use std::path::PathBuf;

use mpws_model::CellName;
use mpws_report::terminal::{Paint, render};
use mpws_report::{json, junit, markdown};

fn written() -> Vec<PathBuf> {
    ["result.json", "junit.xml", "summary.md"]
        .map(|name| PathBuf::from("out").join(name))
        .into()
}

#[test]
fn the_terminal_account_tells_the_whole_run() {
    let account = render(&sample::run(), &written(), Paint::new(false), 200);
    insta::assert_snapshot!("terminal", account);
}

#[test]
fn the_terminal_account_of_a_narrow_terminal_splits_the_table() {
    let account = render(&sample::run(), &[], Paint::new(false), 60);
    insta::assert_snapshot!("terminal_narrow", account);
}

#[test]
fn the_terminal_account_of_a_green_run_is_short() {
    let account = render(&sample::green(), &written(), Paint::new(false), 80);
    insta::assert_snapshot!("terminal_green", account);
}

#[test]
fn peers_that_were_left_out_are_told_with_the_reason_and_are_text() {
    let mut run = sample::green();
    run.left_out = sample::left_out();
    let account = render(&run, &[], Paint::new(false), 200);
    assert!(
        account.contains("left out: lib-9-sync, lib-9-trio: lib 9 exists for Python >=3.14 only"),
        "{account}"
    );
    let summary = markdown::render(&run);
    assert!(
        summary.contains("Left out: lib-9-sync, lib-9-trio\\: "),
        "{summary}"
    );
    assert!(!summary.contains("<script>"), "{summary}");
}

#[test]
fn the_junit_report_has_one_case_for_each_cell() {
    let report = junit::render(&sample::run()).expect("renders");
    insta::assert_snapshot!("junit", report);
}

#[test]
fn the_summary_is_markdown() {
    insta::assert_snapshot!("summary", markdown::render(&sample::run()));
}

#[test]
fn without_colours_no_report_holds_a_control_character_but_line_feeds() {
    let run = sample::run();
    let reports = [
        render(&run, &written(), Paint::new(false), 80),
        junit::render(&run).expect("renders"),
        markdown::render(&run),
        json::render(&run).expect("renders"),
    ];
    for report in reports {
        let control = report.chars().find(|character| {
            *character != '\n' && (character.is_ascii_control() || *character == '\u{9b}')
        });
        // JSON keeps C1 controls, which no JSON reader obeys.
        let control = control.filter(|found| !(report.starts_with('{') && *found == '\u{9b}'));
        assert_eq!(control, None, "{report}");
    }
}

#[test]
fn with_colours_the_words_stay_the_same() {
    let run = sample::run();
    let coloured = render(&run, &written(), Paint::new(true), 80);
    let plain = render(&run, &written(), Paint::new(false), 80);
    assert_ne!(coloured, plain);
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}

#[test]
fn a_run_that_was_stopped_says_so_in_every_report() {
    let run = mpws_model::result::RunResult {
        left_out: Vec::new(),
        taken_over: 0,
        interrupted: true,
        ..sample::green()
    };
    assert!(render(&run, &[], Paint::new(false), 80).contains("interrupted"));
    assert!(markdown::render(&run).contains("**Interrupted**"));
    let report = junit::render(&run).expect("renders");
    assert!(
        report.contains("<error message=\"the run was stopped before its end\""),
        "{report}"
    );
}

#[test]
fn json_reads_back_as_the_same_run() {
    let mut run = sample::run();
    let text = json::render(&run).expect("renders");
    // What is no name is refused where it would be one.
    assert!(mpws_model::result::read(&text).is_err());
    let plain: CellName = "echo/binary@mpws:plain/mptcp/v4".parse().expect("a name");
    for cell in &mut run.cells {
        if cell.server == sample::HOSTILE {
            cell.cell = plain.clone();
        }
    }
    for finding in &mut run.findings {
        finding.cells = vec![plain.clone()];
    }
    let text = json::render(&run).expect("renders");
    assert_eq!(mpws_model::result::read(&text).expect("reads"), run);
}

#[test]
fn a_summary_of_a_huge_run_fits_into_a_job_summary() {
    let mut run = sample::run();
    run.cells = run.cells.iter().cycle().take(5_000).cloned().collect();
    run.findings = run.findings.iter().cycle().take(5_000).cloned().collect();
    run.problems = run.problems.iter().cycle().take(5_000).cloned().collect();
    let summary = markdown::render(&run);
    assert!(summary.len() < 1024 * 1024, "{} bytes", summary.len());
    assert!(summary.contains("more, in `result.json`"));
}
