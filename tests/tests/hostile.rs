//! Whole runs with peers that misbehave as processes: each ends by itself, every planned cell has a
//! result, it is red for the right reason, and nothing is left behind.

use mpws_peers::protocol::Feature;
use std::fs;
use std::sync::{Mutex, PoisonError};

use mpws_suite::result::{CellResult, RunResult, Verdict};
use mpws_suite::run::{Keep, RunOptions};
use mpws_tests::hostile::{self, Misdeed};
use mpws_tests::mutant::Fault;
use mpws_tests::stage::{self, PeerFile, Stage, run};
use rstest::rstest;

/// Runs are made one at a time, so that what is left can be told from what another run has.
static ALONE: Mutex<()> = Mutex::new(());

const CELL: &str = "negotiation/both-ends@hostile:fixture/mptcp/v4";
const CONTROL: &str = "negotiation/both-ends@hostile:fixture/tcp/v4";

#[rstest]
#[case::that_hangs_at_start(
    Misdeed::HangsAtStart,
    "waited 10000 ms for the peer to connect to its control socket"
)]
#[case::that_dies_at_start(
    Misdeed::DiesAtStart,
    "exited with status 3 before its first line; its last words: \"I give up"
)]
#[case::that_greets_with_garbage(Misdeed::Babbles, "its first line is not a greeting")]
#[case::of_another_protocol(
    Misdeed::OtherProtocol,
    "speaks version 2 of the adapter protocol, not 1"
)]
#[case::of_another_version(Misdeed::OtherVersion, "reports another version: `2.0`, not `")]
#[case::that_knows_nothing(
    Misdeed::KnowsNothing,
    "the word of hostile cannot be trusted: it answered process.descriptors"
)]
#[case::that_knows_everything(
    Misdeed::KnowsEverything,
    "cannot be trusted: it answered an operation that does not exist with ok"
)]
#[case::that_dies_in_a_call(Misdeed::DiesInCall, "exited with status 7")]
#[case::that_hangs_in_a_call(Misdeed::HangsInCall, "10000 ms")]
#[case::that_answers_garbage(Misdeed::BabblesInCall, "its reply does not fit the schema")]
fn a_peer(#[case] misdeed: Misdeed, #[case] reason: &str) {
    let (result, left) = run_with(misdeed, Keep::None);
    let Some(cells) = judged(&result, &[CELL, CONTROL]) else {
        return;
    };
    for cell in cells {
        assert_eq!(
            cell.verdict,
            Verdict::Fail,
            "{}: {}",
            cell.cell,
            cell.reason
        );
        assert!(
            cell.reason.contains(reason),
            "{}: {}",
            cell.cell,
            cell.reason
        );
        assert!(
            !cell.reason.contains(['\u{1b}', '\0']),
            "spoils a terminal: {:?}",
            cell.reason
        );
    }
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_peer_that_crashes_is_told_by_the_evidence_too() {
    let (result, left) = run_with(Misdeed::CrashesInCall, Keep::None);
    let Some(cells) = judged(&result, &[CELL, CONTROL]) else {
        return;
    };
    for cell in cells {
        assert_eq!(cell.verdict, Verdict::Fail, "{}", cell.cell);
        let told = cell.reason.matches("was killed by signal 6").count();
        assert_eq!(told, 1, "{}: {}", cell.cell, cell.reason);
        let evidence = &cell.evidence.peer;
        assert!(
            evidence.contains(&"client: was killed by signal 6".to_owned()),
            "{}: {evidence:?}",
            cell.cell
        );
    }
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_peer_that_floods_its_log_is_judged_by_what_it_does_and_its_log_is_cut() {
    let stage = stage_with(Misdeed::FloodsLog);
    let (result, left) = run_on(&stage, Keep::All);
    let Some(cells) = judged(&result, &[CELL, CONTROL]) else {
        return;
    };
    for cell in cells {
        assert_eq!(
            cell.verdict,
            Verdict::Pass,
            "{}: {}",
            cell.cell,
            cell.reason
        );
        let folder = cell.evidence.folder.as_ref().expect("evidence is kept");
        let log = stage.out().join(folder).join("client.log");
        let size = fs::metadata(log).expect("a log").len();
        assert!((256 << 10..1 << 20).contains(&size), "{size} bytes");
    }
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_child_that_a_peer_leaves_behind_goes_with_its_lab() {
    let (result, left) = run_with(Misdeed::LeavesChild, Keep::None);
    let Some(cells) = judged(&result, &[CELL, CONTROL]) else {
        return;
    };
    for cell in cells {
        assert_eq!(
            cell.verdict,
            Verdict::Pass,
            "{}: {}",
            cell.cell,
            cell.reason
        );
    }
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_server_that_claims_mptcp_is_contradicted_by_the_wire() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let cell = "negotiation/both-ends@fixture:mutant-own/mptcp/v4";
    let stage = Stage::with_mutant(Some(Fault::ServerClaimsMptcp));
    let result = stage.run(&[cell], None).expect("a run");
    let Some(cells) = judged(&result, &[cell]) else {
        return;
    };
    let expected = "transport: expected mptcp, observed fallback (remote-is-tcp)";
    assert_eq!(cells[0].verdict, Verdict::Fail);
    assert!(cells[0].reason.starts_with(expected), "{}", cells[0].reason);
    let contradictions = cells[0].evidence.contradictions.join("\n");
    assert!(
        contradictions.contains("the server says that its connection is MPTCP"),
        "{contradictions:?}"
    );
    assert_eq!(left_behind(), Vec::<String>::new());
}

#[test]
fn the_search_for_what_is_left_finds_a_lab_that_still_runs() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = match mpws_lab::Lab::two_hosts(1) {
        Ok(lab) => lab,
        Err(error) => return stage::skip(&format!("no labs: {error}")),
    };
    let host = lab.host("client");
    assert!(left_behind().iter().any(|one| one.starts_with("child")));
    drop((host, lab));
    assert_eq!(left_behind(), Vec::<String>::new());
}

fn stage_with(misdeed: Misdeed) -> Stage {
    let mut stage = Stage::new();
    stage.add(&PeerFile {
        name: "hostile",
        features: &[Feature::Script, Feature::Tls],
        entry: hostile::ENTRY,
        env: &[(hostile::MISDEED, &misdeed.word())],
        version: (misdeed == Misdeed::OtherVersion).then_some("1.0"),
        deviations: None,
    });
    stage
}

fn run_with(misdeed: Misdeed, keep: Keep) -> (RunResult, Vec<String>) {
    run_on(&stage_with(misdeed), keep)
}

/// A run, and what it left behind.
fn run_on(stage: &Stage, keep: Keep) -> (RunResult, Vec<String>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let options = RunOptions {
        keep,
        ..stage.options()
    };
    let result = run(stage.selection(&[CELL, CONTROL]), &options, &mut |_| {}).expect("a run");
    (result, left_behind())
}

/// The results of exactly these cells; `None` where this host can have no labs, and says why.
fn judged<'a>(result: &'a RunResult, names: &[&str]) -> Option<&'a [CellResult]> {
    let reported: Vec<&str> = result.cells.iter().map(|cell| cell.cell.as_str()).collect();
    assert_eq!(reported, names);
    assert_eq!(result.planned, names.len());
    stage::can_judge(result).then_some(&result.cells)
}

/// Children of this process, namespaces that it holds open, and run folders of it.
fn left_behind() -> Vec<String> {
    let own = std::process::id();
    let mut left = Vec::new();
    let entries = |folder: &str| fs::read_dir(folder).expect("a folder").flatten();
    for process in entries("/proc") {
        let Ok(stat) = fs::read_to_string(process.path().join("stat")) else {
            continue;
        };
        // `pid (name) state ppid ..`; the name may hold anything, but not end later than the last
        // parenthesis.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent == Some(own.to_string().as_str()) {
            left.push(format!("child {stat}"));
        }
        // Peers are not our children, but they have our run folder in their environment.
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        if environment.contains(&format!("/mpws-{own}-")) {
            left.push(format!("peer {stat}"));
        }
    }
    for descriptor in entries("/proc/self/fd") {
        let target = fs::read_link(descriptor.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        if target.starts_with("net:[") || target.starts_with("user:[") {
            left.push(format!("namespace {target}"));
        }
    }
    for folder in [std::env::temp_dir(), "/tmp".into()] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        left.extend(names.filter(|name| name.starts_with(&format!("mpws-{own}-"))));
    }
    left
}
