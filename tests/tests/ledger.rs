//! The ledger: one result for every planned cell, and no mistake in what was asked for goes
//! unnoticed.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use mpws_lab::rule::{Action, Rule, Which};
use mpws_suite::case::{Case, Pairs};
use mpws_suite::cell::{Cell, CellEnd, Connect, Serve};
use mpws_suite::event::RunEvent;
use mpws_suite::expectation::ExpectationError;
use mpws_suite::plan::{PlanError, Planned, Selection};
use mpws_suite::result::{CellResult, ControlRole, FindingKind, RunResult, Summary, Verdict};
use mpws_suite::run::execute;
use mpws_suite::run::{Keep, RunError, RunOptions};
use mpws_suite::sabotage::Sabotage;
use mpws_tests::stage::{PeerFile, Stage, can_judge, run};
use mpws_tests::{kill, mutant};
use rstest::rstest;

const FIXTURES: &str = "negotiation/both-ends@fixture:fixture";
const SUBJECT: &str = "negotiation/both-ends@fixture:fixture/mptcp/v4";
const TWIN: &str = "negotiation/both-ends@fixture:fixture/tcp/v4";
const LIAR: &str = "negotiation/both-ends@liar:fixture/mptcp/v4";

fn ran(stage: &Stage, cells: &[&str]) -> RunResult {
    stage.run(cells, None).expect("a run")
}

#[test]
fn every_planned_cell_is_reported_once_and_in_order() {
    let stage = Stage::new();
    // The second selector selects again what the first one does.
    let cells = [FIXTURES, SUBJECT, "negotiation/tcp-client@fixture:fixture"];
    let planned = Planned::of(stage.selection(&cells)).expect("a plan");
    let planned = planned.plan.cells.into_iter();
    let planned: Vec<String> = planned.map(|cell| cell.name).collect();
    let result = ran(&stage, &cells);
    let reported: Vec<String> = result
        .cells
        .iter()
        .map(|cell| cell.cell.to_string())
        .collect();
    assert_eq!(reported, planned);
    assert_eq!(result.planned, planned.len());
    assert_eq!(
        reported.iter().collect::<BTreeSet<_>>().len(),
        planned.len()
    );
    assert_eq!(result.summary, Summary::of(&result.cells));
    assert!(!result.interrupted);
}

#[test]
fn what_is_found_out_when_the_cells_are_over_is_in_the_last_event_and_in_the_result() {
    let stage = Stage::new();
    let planned = Planned::of(stage.selection(&[FIXTURES])).expect("a plan");
    let mut events = Vec::new();
    let mut last = |result: &mut RunResult, tell: &mut dyn FnMut(RunEvent)| {
        assert_eq!(result.cells.len(), result.planned);
        tell(RunEvent::Preparing {
            what: "the last thing".to_owned(),
        });
        result.problems.push("found out last".to_owned());
    };
    let mut tell = |event| events.push(event);
    let result =
        mpws_suite::run::run_with(planned, &stage.options(), &mut last, &mut tell).expect("a run");
    assert_eq!(result.problems, ["found out last"]);
    let [
        ..,
        RunEvent::Preparing { what },
        RunEvent::Finished(finished),
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(what, "the last thing");
    assert_eq!(**finished, result);
}

#[test]
fn events_tell_of_each_cell_what_the_result_says() {
    let stage = Stage::new();
    let mut told = Vec::new();
    let mut started = BTreeSet::new();
    let mut announced = None;
    let mut finished = None;
    let mut tell = |event| match event {
        RunEvent::Planned { cells, .. } => announced = Some(cells),
        RunEvent::CellStarted { cell } => assert!(started.insert(cell)),
        RunEvent::CellFinished(cell) => told.push((cell.cell, cell.verdict)),
        RunEvent::Finished(result) => finished = Some(result),
        _ => {}
    };
    let result = run(stage.selection(&[FIXTURES]), &stage.options(), &mut tell).expect("a run");
    told.sort();
    let mut reported: Vec<_> = result
        .cells
        .iter()
        .map(|cell| (cell.cell.clone(), cell.verdict))
        .collect();
    reported.sort();
    assert_eq!(told, reported);
    assert_eq!(started.len(), reported.len());
    assert_eq!(announced, Some(reported.len()));
    assert_eq!(finished.as_deref(), Some(&result));
}

#[test]
fn a_cell_is_compared_with_its_control_when_both_ran() {
    let result = ran(&Stage::new(), &[SUBJECT, TWIN]);
    if !can_judge(&result) {
        return;
    }
    let [subject, control] = result.cells.as_slice() else {
        panic!("two cells: {:?}", result.cells);
    };
    assert_eq!(subject.control.role, ControlRole::Subject);
    assert_eq!(subject.control.cell, Some(TWIN.parse().expect("a name")));
    assert_eq!(
        subject.control.differs,
        Some(false),
        "{:?}",
        subject.control
    );
    assert_eq!(control.control.role, ControlRole::Control);
    assert_eq!(control.control.cell, Some(SUBJECT.parse().expect("a name")));
}

#[test]
fn a_fault_that_tcp_does_not_have_is_found_as_a_difference() {
    let stage = Stage::with_mutant(Some(mutant::Fault::ClientNeverAsks));
    let cells = [
        "negotiation/both-ends@mutant-own:fixture/mptcp/v4",
        "negotiation/both-ends@mutant-own:fixture/tcp/v4",
    ];
    let result = stage.run(&cells, None).expect("a run");
    if !can_judge(&result) {
        return;
    }
    let differences = &result.cells[0].control.differences;
    assert_eq!(differences, &["verdict: over MPTCP fail, over TCP pass"]);
    let told = result.findings.iter().any(|finding| {
        finding.kind == FindingKind::Difference
            && finding.cells == cells[..1]
            && finding.text.contains("over MPTCP fail, over TCP pass")
    });
    assert!(told, "{:?}", result.findings);
}

#[test]
fn without_its_control_a_cell_claims_no_comparison() {
    let result = ran(&Stage::new(), &[SUBJECT]);
    assert_eq!(result.cells[0].control.role, ControlRole::Subject);
    assert_eq!(result.cells[0].control.cell, None);
    assert_eq!(result.cells[0].control.differs, None);
}

#[test]
fn a_run_that_is_stopped_reports_what_ran_and_names_what_did_not() {
    let stage = Stage::new();
    let options = RunOptions {
        jobs: Some(1),
        ..stage.options()
    };
    let stop = options.stop.clone();
    let mut first = None;
    let mut tell = |event| {
        if let RunEvent::CellFinished(cell) = event {
            first.get_or_insert(cell);
            stop.store(true, Ordering::Relaxed);
        }
    };
    let result = run(stage.selection(&[FIXTURES]), &options, &mut tell).expect("a run");
    assert!(result.interrupted);
    assert_eq!(result.cells.len(), result.planned);
    let first = first.expect("one cell ran");
    let (left, ran): (Vec<_>, Vec<_>) = result
        .cells
        .iter()
        .partition(|cell| cell.reason == "not run: the run was stopped before");
    let of_first = ran.iter().find(|cell| cell.cell == first.cell);
    let of_first = of_first.expect("what ran is reported");
    assert_eq!(of_first.verdict, first.verdict);
    assert_eq!(of_first.reason, first.reason);
    // The second may have begun before the word came.
    assert!(ran.len() <= 2, "{ran:?}");
    for cell in left {
        assert_eq!(cell.verdict, Verdict::Error, "{}", cell.cell);
        assert!(cell.is_red());
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_with_the_cells_that_are_missing() {
    let stage = Stage::new();
    let first = RunOptions {
        jobs: Some(1),
        ..stage.options()
    };
    let stop = first.stop.clone();
    let mut tell = |event| {
        if let RunEvent::CellFinished(_) = event {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let stopped = run(stage.selection(&[FIXTURES]), &first, &mut tell).expect("a run");
    let done: Vec<&str> = names(&stopped, |cell| cell.reason != execute::NOT_RUN);
    assert!(done.len() < stopped.planned, "{done:?}");

    let mut started = Vec::new();
    let again = RunOptions {
        resume: true,
        ..stage.options()
    };
    let whole = run(stage.selection(&[FIXTURES]), &again, &mut |event| {
        if let RunEvent::CellStarted { cell } = event {
            started.push(cell);
        }
    });
    let whole = whole.expect("it goes on");
    assert_eq!(whole.taken_over, done.len());
    assert_eq!(whole.planned, stopped.planned);
    assert!(!whole.interrupted);
    assert!(names(&whole, |cell| cell.reason == execute::NOT_RUN).is_empty());
    started.sort();
    let mut missing = names(&stopped, |cell| cell.reason == execute::NOT_RUN);
    missing.sort_unstable();
    assert_eq!(started, missing);
    // What was taken over is compared with its control as well.
    assert_eq!(
        names(&whole, |cell| cell.control.role == ControlRole::None),
        names(&stopped, |cell| cell.control.role == ControlRole::None)
    );
}

#[test]
fn results_of_other_peers_are_not_taken_over() {
    let stage = Stage::new();
    ran(&stage, &[SUBJECT]);
    let resumed = |selection: Selection| {
        let options = RunOptions {
            resume: true,
            ..stage.options()
        };
        run(selection, &options, &mut |_| {})
    };
    let same = stage.selection(&[SUBJECT]);
    assert_eq!(resumed(same.clone()).expect("the same").taken_over, 1);
    let slower = Selection {
        paths: vec!["1:delay=1ms".parse().expect("a condition")],
        ..same
    };
    let error = resumed(slower).expect_err("other conditions");
    let cause = std::error::Error::source(&error).expect("a cause");
    let said = cause.to_string();
    assert!(
        said.contains("conditions of paths (was , is 1:delay=1ms)"),
        "{said}"
    );
}

fn names(result: &RunResult, which: impl Fn(&CellResult) -> bool) -> Vec<&str> {
    let cells = result.cells.iter().filter(|cell| which(cell));
    cells.map(|cell| cell.cell.as_str()).collect()
}

#[test]
fn evidence_is_kept_of_red_cells_and_of_no_others() {
    let stage = Stage::with_mutant(Some(mutant::Fault::ClientNeverAsks));
    let red = "negotiation/both-ends@mutant-own:fixture/mptcp/v4";
    let options = RunOptions {
        keep: Keep::Red,
        ..stage.options()
    };
    let result = run(stage.selection(&[red, SUBJECT]), &options, &mut |_| {}).expect("a run");
    if !can_judge(&result) {
        return;
    }
    for cell in &result.cells {
        let folder = cell
            .evidence
            .folder
            .as_ref()
            .map(|below| stage.out().join(below));
        assert_eq!(folder.is_some(), cell.cell == red, "{}", cell.cell);
        if let Some(folder) = folder {
            for file in &cell.evidence.files {
                assert!(folder.join(file).is_file(), "{file}");
            }
            assert!(
                cell.evidence
                    .files
                    .iter()
                    .any(|file| file == "capture.pcapng")
            );
        }
    }
}

#[test]
fn a_selector_that_selects_nothing_is_an_error_that_helps() {
    let stage = Stage::new();
    let error =
        Planned::of(stage.selection(&[FIXTURES, "negotiation/bothends"])).expect_err("refused");
    let PlanError::NoSuchCell { selector, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(selector, "negotiation/bothends");
    let near = Planned::of(stage.selection(&["fallback/syn-stripped"])).expect_err("refused");
    assert!(
        near.to_string().contains("fallback/syn-option-stripped"),
        "{near}"
    );
}

#[test]
fn an_unknown_peer_is_an_error_that_names_the_known_ones() {
    let error = Planned::of(Selection {
        peers: vec!["fixtures".parse().expect("a name")],
        ..Stage::new().selection(&[])
    });
    let error = error.expect_err("refused");
    assert!(matches!(error, PlanError::NoSuchPeer { .. }), "{error:?}");
    assert!(
        error.to_string().contains("websockets-13.1-legacy"),
        "{error}"
    );
}

#[rstest]
#[case::no_toml("schema = ", "line 1, column 10")]
#[case::an_unknown_key("schema = 1\nnmae = \"x\"\n", "nmae")]
#[case::another_schema(
    "schema = 2\nname = \"x\"\nkind = \"adapter\"\nroles = [\"client\"]\n[command]\nargv = [\"x\"]\n",
    "schema"
)]
#[case::a_name_that_is_taken(
    "schema = 1\nname = \"fixture\"\nkind = \"adapter\"\nroles = [\"client\"]\n[command]\nargv = [\"x\"]\n",
    "fixture"
)]
fn a_broken_peer_file_is_an_error_that_says_where(#[case] text: &str, #[case] says: &str) {
    let mut stage = Stage::new();
    stage.add_text("peer", text);
    let error = Planned::of(stage.selection(&[])).expect_err("refused");
    let PlanError::Peers(error) = error else {
        panic!("{error:?}");
    };
    assert!(error.to_string().contains(says), "{error}");
}

/// A run with a client that never asks for MPTCP, and with these known deviations of it.
fn with_deviations(text: &str) -> Result<RunResult, RunError> {
    let mut stage = Stage::new();
    stage.add(&PeerFile {
        name: "liar",
        features: &[],
        entry: mutant::ENTRY,
        env: &[(mutant::FAULT, mutant::Fault::ClientNeverAsks.name())],
        version: None,
        deviations: Some(text),
    });
    stage.run(&[LIAR], None)
}

fn deviation(cells: &str, checks: &str, expires: &str) -> String {
    format!(
        "schema = 1\n[[deviation]]\nid = \"lies\"\ncells = [{cells:?}]\nchecks = [{checks:?}]\n\
         reason = \"it never asks\"\nexpires = {expires:?}\n"
    )
}

#[test]
fn a_known_deviation_explains_a_red_cell_when_it_covers_every_failed_check() {
    let result = with_deviations(&deviation(LIAR, "transport", "2999-12-31")).expect("a run");
    if !can_judge(&result) {
        return;
    }
    assert_eq!(result.cells[0].verdict, Verdict::Fail);
    assert!(!result.cells[0].is_red());
    assert_eq!((result.summary.known, result.summary.fail), (1, 0));
    assert_eq!(result.problems, Vec::<String>::new());
}

#[test]
fn a_known_deviation_that_covers_another_check_explains_nothing_and_is_stale() {
    let text = deviation(LIAR, "echo of *", "2999-12-31");
    let result = with_deviations(&text).expect("a run");
    if !can_judge(&result) {
        return;
    }
    assert!(result.cells[0].is_red());
    let problem = "the expectation `lies` is stale: none of its cells deviates any more";
    assert_eq!(result.problems, [problem]);
}

#[test]
fn a_known_deviation_of_cells_that_do_not_exist_is_a_problem_of_the_run() {
    let text = deviation("negotiation/*@lair:*", "transport", "2999-12-31");
    let result = with_deviations(&text).expect("a run");
    assert_eq!(result.problems.len(), 1, "{:?}", result.problems);
    assert!(result.problems[0].contains("names cells that are not in the catalogue"));
    assert!(result.cells[0].is_red());
}

#[rstest]
#[case::that_has_expired(deviation(LIAR, "transport", "2020-01-01"), "expired")]
#[case::without_a_date(deviation(LIAR, "transport", "never"), "not a date")]
#[case::without_a_reason(
    deviation(LIAR, "transport", "2999-12-31").replace("it never asks", " "),
    "gives no reason"
)]
#[case::with_an_unknown_key(
    deviation(LIAR, "transport", "2999-12-31") + "ignore = true\n",
    "ignore"
)]
fn a_known_deviation(#[case] text: String, #[case] says: &str) {
    let error = with_deviations(&text).expect_err("refused before any cell runs");
    let RunError::Plan(PlanError::Expectations(error)) = error else {
        panic!("{error:?}");
    };
    let (ExpectationError::Syntax { detail, .. } | ExpectationError::Invalid { detail, .. }) =
        error
    else {
        panic!("{error:?}");
    };
    assert!(detail.contains(says), "{detail}");
}

/// A case with a rule that drops the first SYN.
const WITH_A_RULE: Case = Case {
    slug: "ledger/with-a-rule",
    pairs: Pairs::Fixtures,
    control: false,
    mutants: &["rule-left-out"],
    steps: first_syn_lost,
    ..Case::BASE
};

fn first_syn_lost(cell: &mut Cell) -> Result<(), CellEnd> {
    let first = Rule::new("first-syn", Action::Drop).syn();
    cell.rule(first.which(Which::First(1)))?;
    let server = cell.serve(Serve::echo())?;
    let connection = cell.connect(Connect::default())?.connection;
    cell.finish(server, connection)
}

#[rstest]
#[case::with_the_mutant(&[WITH_A_RULE], None, Verdict::Pass, "checks held")]
#[case::whose_rule_lets_everything_pass(
    &[WITH_A_RULE],
    Some(Sabotage::RuleLeftOut),
    Verdict::Fail,
    "rule first-syn took effect on the wire: expected at least one packet, observed none of the packets that came for it"
)]
fn a_case_with_a_rule(
    #[case] cases: &'static [Case],
    #[case] sabotage: Option<Sabotage>,
    #[case] verdict: Verdict,
    #[case] reason: &str,
) {
    let stage = Stage::new();
    let selection = Selection {
        cases,
        ..stage.selection(&[])
    };
    let options = RunOptions {
        sabotage,
        ..stage.options()
    };
    let result = run(selection, &options, &mut |_| {}).expect("a run");
    if !can_judge(&result) {
        return;
    }
    let [cell] = result.cells.as_slice() else {
        panic!("one cell: {:?}", result.cells);
    };
    assert_eq!(cell.verdict, verdict, "{}", cell.reason);
    assert!(cell.reason.contains(reason), "{}", cell.reason);
}

#[test]
fn a_case_that_puts_a_rule_on_the_wire_and_does_not_name_its_mutant_is_found() {
    const NAMED: &[Case] = &[WITH_A_RULE];
    const NAMELESS: &[Case] = &[Case {
        mutants: &["echo-alters"],
        ..WITH_A_RULE
    }];
    for (cases, found) in [(NAMED, false), (NAMELESS, true)] {
        let stage = Stage::new();
        let selection = Selection {
            cases,
            ..stage.selection(&[])
        };
        let result = run(selection, &stage.options(), &mut |_| {}).expect("a run");
        if !can_judge(&result) {
            return;
        }
        let said = kill::nameless(&cases[0], &result.cells[0]);
        assert_eq!(said.is_some(), found, "{said:?}");
    }
}
