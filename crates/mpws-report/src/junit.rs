//! `junit.xml`: for CI systems.
//!
//! One `testsuite` for each family, one `testcase` for each cell, named as the cell.
//!
//! | cell | test case |
//! |---|---|
//! | `pass`, `tolerated` | success |
//! | red, with an expectation that explains it | success; `system-out` tells the deviation |
//! | `fail` | `failure` |
//! | `unsupported` | `skipped` with the reason |
//! | `unprovable`, `error` | `error` |
//!
//! Faults of the run as a whole are failures of a test suite named `the run`.

use std::time::Duration;

use mpws_model::result::{CellResult, Check, RunResult, Verdict};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::{text, words};

/// The result as JUnit XML.
///
/// # Errors
/// Fails only if the XML writer does, which would be a fault of ours.
pub fn render(result: &RunResult) -> Result<String, SerializeError> {
    let mut report = Report::new("mpws");
    report.set_time(Duration::from_millis(result.duration_ms));

    let mut families: Vec<&str> = result.cells.iter().map(CellResult::family).collect();
    families.sort_unstable();
    families.dedup();
    for family in families {
        let cells = result.cells.iter().filter(|cell| cell.family() == family);
        report.add_test_suite(suite(family, cells, result));
    }
    if let Some(run) = run_suite(result) {
        report.add_test_suite(run);
    }
    report.to_string()
}

fn suite<'a>(
    family: &str,
    cells: impl Iterator<Item = &'a CellResult>,
    result: &RunResult,
) -> TestSuite {
    let mut suite = TestSuite::new(text::line(family, text::LINE_LIMIT));
    suite.add_property((
        "kernel".to_owned(),
        text::line(&result.host.kernel, text::LINE_LIMIT),
    ));
    for (facts, runs_on) in words::started(&result.peers) {
        let version = facts.id.version.as_deref().unwrap_or_default();
        suite.add_property((
            format!("peer {}", text::line(&facts.peer, text::LINE_LIMIT)),
            text::line(
                &format!("{version} on {}, {}", runs_on.runtime, runs_on.libc),
                text::LINE_LIMIT,
            ),
        ));
    }
    let mut time = Duration::ZERO;
    for cell in cells {
        time = time.saturating_add(Duration::from_millis(cell.duration_ms));
        suite.add_test_case(test_case(cell));
    }
    suite.set_time(time);
    suite
}

fn test_case(cell: &CellResult) -> TestCase {
    let mut case = TestCase::new(text::line(cell.cell.as_str(), NAME_LIMIT), status(cell));
    case.set_classname(text::line(&cell.case, NAME_LIMIT));
    case.set_time(Duration::from_millis(cell.duration_ms));
    if !cell.expected.is_empty() {
        let known = cell.expected.iter().map(|known| {
            format!(
                "known deviation {}: {}\n",
                text::line(&known.id, text::LINE_LIMIT),
                text::line(&known.reason, text::LINE_LIMIT),
            )
        });
        let reason = text::line(&cell.reason, text::LINE_LIMIT);
        let verdict = cell.verdict.word();
        case.set_system_out(format!("{}{verdict}: {reason}", known.collect::<String>()));
    }
    case
}

fn status(cell: &CellResult) -> TestCaseStatus {
    let mut status = match cell.verdict {
        Verdict::Pass | Verdict::Tolerated => TestCaseStatus::success(),
        _ if !cell.expected.is_empty() => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Unprovable | Verdict::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Unsupported => TestCaseStatus::skipped(),
    };
    status.set_message(text::line(&cell.reason, text::LINE_LIMIT));
    status.set_type(words::of_cell(cell));
    status.set_description(account(cell));
    status
}

/// Which checks did not hold, what the witnesses said and where the files are.
fn account(cell: &CellResult) -> String {
    let mut lines = vec![cell.reason.clone()];
    let broken = cell.checks.iter().filter(|check| !check.held);
    lines.extend(broken.map(
        |Check {
             name,
             expected,
             observed,
             ..
         }| { format!("{name}: expected {expected}, observed {observed}") },
    ));
    let evidence = &cell.evidence;
    let witnesses = [
        ("wire", &evidence.wire),
        ("kernel", &evidence.kernel),
        ("peer", &evidence.peer),
        ("contradiction", &evidence.contradictions),
    ];
    for (witness, words) in witnesses {
        lines.extend(words.iter().map(|word| format!("{witness}: {word}")));
    }
    lines.extend(
        evidence
            .folder
            .iter()
            .map(|folder| format!("files: {folder}")),
    );
    let lines: Vec<String> = lines
        .iter()
        .map(|line| text::line(line, text::LINE_LIMIT))
        .collect();
    text::block(&lines.join("\n"), text::BLOCK_LIMIT)
}

/// What went wrong with the run itself; absent where nothing did.
fn run_suite(result: &RunResult) -> Option<TestSuite> {
    let mut suite = TestSuite::new("the run");
    if result.interrupted {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status
            .set_message("the run was stopped before its end")
            .set_type("interrupted");
        suite.add_test_case(TestCase::new("run to the end", status));
    }
    for problem in &result.problems {
        let problem = text::line(problem, text::LINE_LIMIT);
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(problem.clone()).set_type("problem");
        suite.add_test_case(TestCase::new(problem, status));
    }
    (suite.tests > 0).then_some(suite)
}

const NAME_LIMIT: usize = 300;
