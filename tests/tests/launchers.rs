//! How a peer is started changes no verdict.

use std::collections::BTreeMap;

use mpws_peers::image::Base;
use mpws_suite::plan::Selection;
use mpws_suite::result::{CellResult, Launcher, RunResult, Verdict};
use mpws_suite::run::{LauncherKind, RunOptions};
use mpws_suite::sabotage::Sabotage;
use mpws_tests::stage::{Stage, can_judge, run, skip};

/// Both roles, both library versions in either role, and the cases that a launcher has a hand in.
const CELLS: &[&str] = &[
    "negotiation/both-ends@*/mptcp/v4",
    "negotiation/wss@websockets-14.2-asyncio:fixture/mptcp/v4",
    "compatibility/conversation@websockets-13.1-*:websockets-14.2-*/mptcp/v4",
    "compatibility/conversation@websockets-14.2-*:websockets-13.1-*/mptcp/v4",
    "fallback/switched-off-at-client@*/v4",
    "fallback/switched-off-at-server@*",
    "fallback/policy-eacces@*/v4",
    "fallback/policy-at-server@*",
    "fallback/constant-missing@*/v4",
    "client-ordering/published-recipe@websockets-*",
    "client-ordering/unconnected@websockets-*",
    "client-ordering/unix-socket@websockets-*",
];

/// A blind peer in both roles, with its known deviations.
const OF_A_BLIND_PEER: &[&str] = &[
    "negotiation/both-ends@*node-ws*/mptcp/v4",
    "negotiation/tcp-server@*node-ws*/v4",
    "fallback/switched-off-at-client@node-ws:fixture/mptcp/v4",
    "fallback/policy-eacces@node-ws:fixture/mptcp/v4",
    "failover/link-down@*node-ws*/mptcp/v4",
];

/// Cells that a container's own means decide.
const BY_OWN_MEANS: &[&str] = &[
    "fallback/switched-off-at-client@websockets-14.2-asyncio:fixture/mptcp/v4",
    "fallback/policy-eacces@websockets-14.2-asyncio:fixture/mptcp/v4",
];

#[test]
fn processes_and_containers_come_to_the_same_verdicts() {
    both_ways(CELLS, &[]);
}

#[test]
fn a_blind_peer_comes_to_the_same_verdicts_as_a_process_and_in_a_container() {
    let Some(inside) = both_ways(OF_A_BLIND_PEER, &["node-ws"]) else {
        return;
    };
    for cell in &inside.cells {
        assert_ne!(cell.verdict, Verdict::Unprovable, "{}", cell.reason);
    }
}

/// Runs cells in containers and as processes; gives the first.
fn both_ways(cells: &[&str], peers: &[&str]) -> Option<RunResult> {
    let inside = in_containers(cells, peers, None)?;
    let stage = Stage::new();
    let outside = run(chosen(&stage, cells, peers), &stage.options(), &mut |_| {}).expect("a run");
    let absent = |cell: &&CellResult| cell.reason.contains("install the Debian package");
    if let Some(cell) = outside.cells.iter().find(absent) {
        skip(&cell.reason);
        return None;
    }
    let (mut inside_told, mut outside_told) = (verdicts(&inside), verdicts(&outside));
    // A deviation that comes by chance may come in one of the two runs and not in the other.
    for cell in inside.cells.iter().chain(&outside.cells) {
        if cell.fails_by_chance() {
            inside_told.remove(cell.cell.as_str());
            outside_told.remove(cell.cell.as_str());
        }
    }
    for cell in inside.cells.iter().chain(&outside.cells) {
        let green = cell.verdict == Verdict::Pass || cell.fails_by_chance();
        let compared = inside_told.contains_key(cell.cell.as_str());
        assert!(compared || green, "{}: {}", cell.cell, cell.reason);
    }
    assert_eq!(inside_told, outside_told);
    assert_eq!(inside.problems, outside.problems);
    for cell in &inside.cells {
        let only_fixtures = cell.client == "fixture" && cell.server == "fixture";
        let (launcher, base) = match only_fixtures {
            true => (Launcher::Process, None),
            false => (Launcher::Container, Some("debian12".to_owned())),
        };
        assert_eq!(cell.environment.launcher, launcher, "{}", cell.cell);
        assert_eq!(cell.environment.base, base, "{}", cell.cell);
    }
    assert!(
        outside
            .cells
            .iter()
            .all(|cell| cell.environment.launcher == Launcher::Process)
    );
    Some(inside)
}

#[test]
fn what_the_engine_is_not_told_turns_its_cells_red() {
    let sabotages = [Sabotage::SysctlLeftOn, Sabotage::FilterLeftOut];
    for (cell, sabotage) in BY_OWN_MEANS.iter().zip(sabotages) {
        let Some(result) = in_containers(&[cell], &[], Some(sabotage)) else {
            return;
        };
        assert_eq!(
            result.cells[0].verdict,
            Verdict::Fail,
            "{cell}: {}",
            result.cells[0].reason
        );
    }
}

#[test]
fn without_an_engine_every_cell_is_unprovable_and_says_why() {
    let stage = Stage::new();
    let base = Base::Image("mpws-test-no-such-image:1".to_owned());
    let options = RunOptions {
        launcher: LauncherKind::Container { base },
        ..stage.options()
    };
    let result = run(stage.selection(BY_OWN_MEANS), &options, &mut |_| {}).expect("a run");
    if !can_judge(&result) {
        return;
    }
    // With an engine it is the image that is missing; what to do about it is said in either case.
    for cell in &result.cells {
        assert_eq!(cell.verdict, Verdict::Unprovable, "{}", cell.reason);
        let says = |words: &str| cell.reason.contains(words);
        assert!(says("containers") || says("docker pull"), "{}", cell.reason);
    }
}

/// These cells with these peers, all peers for none.
fn chosen(stage: &Stage, cells: &[&str], peers: &[&str]) -> Selection {
    Selection {
        peers: peers.iter().map(|name| name.parse().expect(name)).collect(),
        ..stage.selection(cells)
    }
}

fn in_containers(cells: &[&str], peers: &[&str], sabotage: Option<Sabotage>) -> Option<RunResult> {
    let stage = Stage::new();
    let launcher = LauncherKind::Container {
        base: Base::Debian12,
    };
    let options = RunOptions {
        launcher,
        sabotage,
        ..stage.options()
    };
    let result = run(chosen(&stage, cells, peers), &options, &mut |_| {}).expect("a run");
    if !can_judge(&result) {
        return None;
    }
    let containers = &result.host.capabilities["containers"];
    if !containers.available {
        skip(&format!("no containers: {:?}", containers.remedy));
        return None;
    }
    if let Some(cell) = result
        .cells
        .iter()
        .find(|cell| cell.reason.contains("no image"))
    {
        skip(&cell.reason);
        return None;
    }
    Some(result)
}

/// Of each cell: the verdict, what carried the bytes, and the deviation that explains it.
fn verdicts(result: &RunResult) -> BTreeMap<&str, String> {
    let of = |cell: &CellResult| {
        let known: Vec<&String> = cell.expected.iter().map(|known| &known.id).collect();
        format!("{:?} {:?} {known:?}", cell.verdict, cell.transport)
    };
    let cells = result.cells.iter();
    cells.map(|cell| (cell.cell.as_str(), of(cell))).collect()
}
