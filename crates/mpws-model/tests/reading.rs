//! Results of this and of earlier forms are read; anything else is refused.

use mpws_model::claims::ClaimVerdict;
use mpws_model::result::{
    Launcher, PeerFacts, RESULT_SCHEMA, ReadError, Recorded, RunResult, RunsOn, Verdict, read,
};
use mpws_model::{Cause, Ip, PeerId, Protocol};
use serde_json::{Value, json};

/// Written by version 0.1.0: `mpws run claims/connect-first --peer websockets-13.1-sync --peer
/// websockets-13.1-legacy`.
const FIRST: &str = include_str!("result-v1.json");

fn first() -> RunResult {
    read(FIRST).expect("a result of the first form")
}

#[test]
fn a_result_of_the_first_form_keeps_its_cells_verdicts_reasons_and_causes() {
    let written: Value = serde_json::from_str(FIRST).expect("JSON");
    let result = first();
    assert_eq!(result.schema, RESULT_SCHEMA);
    assert_eq!(result.cells.len(), 8);
    assert_eq!(result.planned, 8);
    assert_eq!(result.claims[0].verdict, ClaimVerdict::ItDepends);
    for (cell, was) in result
        .cells
        .iter()
        .zip(written["cells"].as_array().expect("cells"))
    {
        assert_eq!(was["cell"], cell.cell.as_str());
        assert_eq!(was["verdict"], cell.verdict.word());
        assert_eq!(was["reason"], cell.reason.as_str());
        assert_eq!(was["transport"]["cause"], json!(cell.transport.cause));
        assert_eq!(
            was["checks"].as_array().map(Vec::len),
            Some(cell.checks.len())
        );
    }
    let cell = &result.cells[0];
    assert_eq!(cell.verdict, Verdict::Fail);
    assert_eq!(cell.transport.cause, Some(Cause::NoPacket));
    assert_eq!(cell.environment.asked, Protocol::Mptcp);
    assert_eq!(cell.environment.ip, Ip::V4);
    assert_eq!(cell.environment.launcher, Launcher::Process);
}

#[test]
fn recorded_values_of_the_first_form_that_change_from_run_to_run_are_volatile() {
    let result = first();
    let recorded = &result.cells[0].recorded;
    let error = json!([
        "websockets.legacy.exceptions.InvalidMessage",
        "BrokenPipeError[32]"
    ]);
    assert_eq!(recorded["error"], Recorded::steady(error));
    assert!(recorded["elapsed ms"].volatile);
    assert!(!recorded.keys().any(|name| name.starts_with('~')));
}

#[test]
fn peers_and_cases_of_the_first_form_are_known_by_what_it_told() {
    let result = first();
    let legacy = PeerFacts {
        peer: "websockets-13.1-legacy".to_owned(),
        id: PeerId {
            family: "websockets".to_owned(),
            version: Some("13.1".to_owned()),
            implementation: Some("legacy".to_owned()),
        },
        runs_on: Some(RunsOn {
            runtime: "CPython 3.11.7".to_owned(),
            libc: "glibc 2.36".to_owned(),
        }),
    };
    assert_eq!(result.peer("websockets-13.1-legacy"), Some(&legacy));
    let fixture = &result.peer("fixture").expect("it took part").id;
    assert_eq!(
        (fixture.family.as_str(), &fixture.implementation),
        ("fixture", &None)
    );
    let cases: Vec<(&str, usize)> = result
        .cases
        .iter()
        .map(|case| (case.case.as_str(), case.place))
        .collect();
    assert_eq!(
        cases,
        [
            ("client-ordering/unconnected", 1),
            ("client-ordering/in-progress", 2)
        ]
    );
}

#[test]
fn deviations_of_the_first_form_that_stood_one_after_the_other_are_several() {
    let mut written: Value = serde_json::from_str(FIRST).expect("JSON");
    written["cells"][0]["expected"] = json!({"id": "one, two", "reason": "this; that"});
    let result = read(&written.to_string()).expect("a result");
    let known: Vec<(&str, &str)> = result.cells[0]
        .expected
        .iter()
        .map(|known| (known.id.as_str(), known.reason.as_str()))
        .collect();
    assert_eq!(known, [("one", "this; that"), ("two", "this; that")]);
    assert_eq!(result.cells[1].expected.len(), 1);
    assert!(result.cells[2].expected.is_empty());
}

#[test]
fn a_peer_of_the_first_form_that_never_started_is_there_and_ran_on_nothing() {
    let mut written: Value = serde_json::from_str(FIRST).expect("JSON");
    written["peers"] = json!([]);
    let result = read(&written.to_string()).expect("a result");
    let peer = result.peer("websockets-13.1-legacy").expect("in a cell");
    assert_eq!(peer.runs_on, None);
    assert_eq!(peer.loaded_version(), None);
}

#[test]
fn what_was_read_is_written_in_the_present_form_and_read_again_as_it_is() {
    let result = first();
    let text = serde_json::to_string(&result).expect("JSON");
    assert_eq!(read(&text).expect("the present form"), result);
}

#[test]
fn other_forms_and_other_texts_are_refused() {
    let other = FIRST.replacen("mpws-result/1", "mpws-result/9", 1);
    let error = read(&other).expect_err("an unknown form");
    assert!(matches!(error, ReadError::Schema { .. }), "{error}");
    assert!(error.to_string().contains("`mpws-result/9`"), "{error}");
    for text in ["{}", "[]", "null", "17"] {
        let error = read(text).expect_err(text);
        assert!(error.to_string().contains("missing"), "{error}");
    }
    for text in ["", "{", &FIRST[..FIRST.len() / 2]] {
        assert!(matches!(read(text), Err(ReadError::Form(_))), "{text}");
    }
    for broken in [
        FIRST.replacen("\"cells\"", "\"sells\"", 1),
        FIRST.replacen("@websockets-13.1-legacy:", "@websockets-13.1-legacy;", 1),
        FIRST.replacen("\"no-packet\"", "\"no-idea\"", 1),
        FIRST.replacen("\"recorded\": {", "\"recorded\": 1, \"x\": {", 1),
    ] {
        assert!(matches!(read(&broken), Err(ReadError::Form(_))));
    }
}
