//! The support matrix: what it shows, that it is the same each time, and that the checked-in one is
//! whole.

use mpws_model::result::{CellResult, Launcher, Recorded, RunResult, RunsOn, Verdict};
use mpws_model::testing;
use mpws_report::matrix::{self, MatrixError, SupportMatrix};
use serde_json::json;

/// A result with a cell of the case for each peer: name, error, whether it is a known deviation.
fn result(case: &str, started_at: &str, peers: &[(&str, &str, bool)]) -> RunResult {
    let cell = |(peer, error, known): &(&str, &str, bool)| {
        let name = format!("{case}@{peer}:fixture/mptcp/v4");
        let cell = CellResult {
            recorded: [(
                "error".to_owned(),
                Recorded::steady(json!([error, "OSError"])),
            )]
            .into(),
            ..testing::cell(&name)
        };
        if *known {
            let verdict = Verdict::Fail;
            testing::known(CellResult { verdict, ..cell }, "keeps-nothing")
        } else {
            cell
        }
    };
    let facts = |(peer, ..): &(&str, &str, bool)| {
        let version = peer.split('-').nth(1).expect("a version");
        testing::peer(peer, "lib", version, "asyncio")
    };
    let place = ["fallback/syn-option-stripped", CASE]
        .iter()
        .position(|one| *one == case);
    RunResult {
        started_at: started_at.to_owned(),
        peers: peers.iter().map(facts).collect(),
        cases: vec![testing::case(case, place.expect("a case") + 1)],
        ..testing::run(peers.iter().map(cell).collect())
    }
}

const CASE: &str = "client-ordering/unconnected";

fn made() -> Vec<RunResult> {
    let peers = [
        ("lib-13.0-asyncio", "ConnectionError", true),
        ("lib-13.1-asyncio", "EOFError", true),
        ("lib-14.1-asyncio", "EOFError", true),
        ("lib-9.1-asyncio", "ConnectionError", false),
    ];
    vec![
        result(CASE, "2026-01-01T00:00:00Z", &peers),
        result(
            "fallback/syn-option-stripped",
            "2026-01-02T00:00:00Z",
            &peers[..1],
        ),
    ]
}

#[test]
fn it_lays_cells_out_by_version_with_their_evidence() {
    let matrix = matrix::build(&made()).expect("a matrix");
    let versions: Vec<&str> = matrix.rows.iter().map(|row| row.version.as_str()).collect();
    assert_eq!(versions, ["9.1", "13.0", "13.1", "14.1"]);
    assert_eq!(matrix.families, ["fallback", "client-ordering"]);
    let row = &matrix.rows[1];
    assert_eq!(
        (row.library.as_str(), row.implementation.as_str()),
        ("lib", "asyncio")
    );
    let field = &row.families["client-ordering"];
    assert_eq!((field.summary.pass, field.summary.known), (0, 1));
    let (cell, why) = field.not_green.first_key_value().expect("a cell");
    assert_eq!(
        cell,
        "client-ordering/unconnected@lib-13.0-asyncio:fixture/mptcp/v4"
    );
    assert_eq!(
        (why.is.as_str(), why.deviations.as_slice()),
        ("known", ["keeps-nothing".to_owned()].as_slice())
    );
    assert_eq!(matrix.deviations[0].reason, "the reason of keeps-nothing");
    assert_eq!(matrix.deviations[0].cells.len(), 4);
    // Nobody ran fallback with the other versions, and nobody a container.
    assert!(!matrix.rows[0].families.contains_key("fallback"));
    assert_eq!(matrix.unknown_launchers, ["container"]);
    let page = matrix::render(&matrix);
    assert!(page.contains("| lib 9.1 | asyncio | P1 | "), "{page}");
    assert!(page.contains("| unknown | [1](#lib-9.1-asyncio)"), "{page}");
    assert!(page.contains("launcher container"), "{page}");
}

#[test]
fn it_tells_which_releases_do_not_exist_where_it_was_measured() {
    let reason = "lib 9 exists for Python >=3.14 only, and this is <script>";
    let left_out = ["lib-9-sync", "lib-9-trio"].map(|peer| testing::left_out(peer, reason));
    let mut results = made();
    for result in &mut results {
        result.left_out = left_out.to_vec();
    }
    let matrix = matrix::build(&results).expect("a matrix");
    assert_eq!(matrix.runs[0].left_out, left_out);
    let page = matrix::render(&matrix);
    let line = "Not there: lib-9-sync, lib-9-trio\\: lib 9 exists for Python";
    assert_eq!(page.matches(line).count(), 1, "{page}");
    assert!(!page.contains("<script>"), "{page}");
}

#[test]
fn rows_are_told_apart_by_what_their_containers_stand_on() {
    let peers = [("lib-13.1-asyncio", "EOFError", false)];
    let on = |base: &str| {
        let mut result = result(CASE, "2026-01-03T00:00:00Z", &peers);
        for cell in &mut result.cells {
            cell.environment.launcher = Launcher::Container;
            cell.environment.base = Some(base.to_owned());
        }
        result
    };
    let process = result(CASE, "2026-01-01T00:00:00Z", &peers);
    let matrix = matrix::build(&[process, on("debian13"), on("debian11")]).expect("a matrix");
    let launched: Vec<String> = matrix.rows.iter().map(matrix::Row::launched).collect();
    assert_eq!(
        launched,
        ["container on debian11", "container on debian13", "process"]
    );
    assert!(matrix.unknown_launchers.is_empty());
    let page = matrix::render(&matrix);
    assert!(page.contains("| P2 | container on debian13 |"), "{page}");
}

#[test]
fn it_tells_from_which_version_to_which_behaviour_is_the_same() {
    let matrix = matrix::build(&made()).expect("a matrix");
    let behaviour = &matrix.behaviours[0];
    assert_eq!(
        (behaviour.case.as_str(), behaviour.what.as_str()),
        (CASE, "error")
    );
    let steps: Vec<(&str, &str, &str)> = behaviour.lines[0]
        .steps
        .iter()
        .map(|step| (step.from.as_str(), step.to.as_str(), step.value.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("9.1", "13.0", "ConnectionError <- OSError"),
            ("13.1", "14.1", "EOFError <- OSError"),
        ]
    );
    assert!(matrix::render(&matrix).contains("**13.1 to 14.1** EOFError &lt;- OSError"));
}

#[test]
fn what_changes_from_run_to_run_does_not_move_and_what_a_case_always_shows_is_shown() {
    let peers = [
        ("lib-13.0-asyncio", "EOFError", false),
        ("lib-13.1-asyncio", "EOFError", false),
    ];
    let mut result = result(CASE, "2026-01-01T00:00:00Z", &peers);
    let shown = |result: &RunResult| {
        let matrix = matrix::build(std::slice::from_ref(result)).expect("a matrix");
        let told = matrix
            .behaviours
            .into_iter()
            .map(|one| (one.what, one.title));
        told.collect::<Vec<_>>()
    };
    assert_eq!(shown(&result), []);
    result.cases[0].always_shown = vec!["error".to_owned()];
    let title = format!("what {CASE} does");
    assert_eq!(shown(&result), [("error".to_owned(), title)]);
    result.cells[1].recorded.insert(
        "error".to_owned(),
        Recorded::volatile(json!(["SomethingElse"])),
    );
    let matrix = matrix::build(std::slice::from_ref(&result)).expect("a matrix");
    let values = matrix.behaviours[0].lines[0].steps.iter();
    let values: Vec<&str> = values.map(|step| step.value.as_str()).collect();
    assert_eq!(values, ["EOFError <- OSError", "not the same in every run"]);
    for cell in &mut result.cells {
        cell.recorded
            .values_mut()
            .for_each(|one| one.volatile = true);
    }
    assert_eq!(shown(&result), []);
}

#[test]
fn a_peer_that_never_started_is_in_its_family_with_an_unknown_version() {
    let peers = [("lib-13.0-asyncio", "EOFError", false)];
    let mut result = result(CASE, "2026-01-01T00:00:00Z", &peers);
    result.peers[0].runs_on = None;
    let matrix = matrix::build(&[result]).expect("a matrix");
    let row = &matrix.rows[0];
    assert_eq!(
        (row.library.as_str(), row.implementation.as_str()),
        ("lib", "asyncio")
    );
    assert_eq!([&row.version, &row.runtime, &row.libc], ["unknown"; 3]);
}

#[test]
fn it_is_the_same_each_time_whatever_the_order_of_the_results() {
    let mut results = made();
    let one = matrix::build(&results).expect("a matrix");
    results.reverse();
    for result in &mut results {
        result.cells.reverse();
    }
    let other = matrix::build(&results).expect("a matrix");
    assert_eq!(one, other);
    assert_eq!(matrix::render(&one), matrix::render(&other));
}

#[test]
fn what_it_cannot_be_made_of_is_refused() {
    assert!(matches!(matrix::build(&[]), Err(MatrixError::Empty)));
    let mut twice = made();
    twice.push(twice[0].clone());
    assert!(matches!(
        matrix::build(&twice),
        Err(MatrixError::Twice { .. })
    ));
    let mut stopped = made();
    stopped[0].interrupted = true;
    assert!(matches!(
        matrix::build(&stopped),
        Err(MatrixError::Interrupted { .. })
    ));
}

#[test]
fn names_from_a_result_cannot_break_the_page() {
    let mut results = made();
    results[0].peers[0].runs_on = Some(RunsOn {
        runtime: "x | <script>\n# y".to_owned(),
        libc: "glibc 2.36".to_owned(),
    });
    let page = matrix::render(&matrix::build(&results).expect("a matrix"));
    assert!(
        !page.contains("<script>") && !page.contains("\n# y"),
        "{page}"
    );
}

#[test]
fn the_checked_in_page_is_what_the_checked_in_json_gives() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let read = |name| std::fs::read_to_string(docs.join(name)).expect("a checked-in file");
    let json = read(matrix::MATRIX_JSON);
    let matrix: SupportMatrix = serde_json::from_str(&json).expect("a support matrix");
    assert_eq!(matrix.schema, matrix::SCHEMA);
    assert!(
        matrix::render(&matrix) == read(matrix::MATRIX_MD),
        "docs/support-matrix.md is not what support-matrix.json gives; `mpws matrix` writes both"
    );
    assert!(mpws_report::json::matrix(&matrix).expect("JSON") == json);
}
