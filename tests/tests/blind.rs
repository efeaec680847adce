//! Programs that know nothing of the adapter protocol and misbehave as processes: each run ends by
//! itself, and each cell is red for a reason that a reader understands.

use mpws_suite::result::{CellResult, Verdict};
use mpws_suite::run::{Keep, RunOptions};
use mpws_tests::blind::{Misdeed, peer_file};
use mpws_tests::stage::{Stage, can_judge, run};
use rstest::rstest;

const SERVER: &str = "negotiation/both-ends@fixture:blind/mptcp/v4";
const CLIENT: &str = "negotiation/both-ends@blind:fixture/mptcp/v4";

#[rstest]
#[case::server_that_exits_at_once(SERVER, Misdeed::ExitsAtOnce, &["exit status: 3", "I give up"])]
#[case::client_that_exits_at_once(CLIENT, Misdeed::ExitsAtOnce, &["exit status: 3", "I give up"])]
#[case::server_that_never_listens(
    SERVER,
    Misdeed::Hangs,
    &["does not listen on 10.1.0.2:8765 after 10000 ms", "nothing listens in its host"]
)]
#[case::client_that_never_connects(
    CLIENT,
    Misdeed::Hangs,
    &["did not write \"open\\n\" within 20000 ms, the sign that it is open"]
)]
#[case::server_on_the_wrong_port(
    SERVER,
    Misdeed::ListensElsewhere,
    &["does not listen on 10.1.0.2:8765", "in its host there listens 10.1.0.2:8766 (MPTCP)"]
)]
#[case::server_that_speaks_no_websocket(
    SERVER,
    Misdeed::SpeaksNoWebSocket,
    &["the connection was not opened"]
)]
#[case::client_that_speaks_no_websocket(CLIENT, Misdeed::SpeaksNoWebSocket, &["did not come"])]
#[case::server_that_dies_in_the_middle(
    SERVER,
    Misdeed::DiesInTheMiddle,
    &["the connection was not opened"]
)]
#[case::client_that_dies_in_the_middle(
    CLIENT,
    Misdeed::DiesInTheMiddle,
    &["exit status: 7", "these are my last words"]
)]
fn a_blind(#[case] cell: &str, #[case] misdeed: Misdeed, #[case] reasons: &[&str]) {
    let stage = stage_with(&misdeed.word());
    let Some(result) = ran(&stage, cell, Keep::None) else {
        return;
    };
    assert_eq!(result.verdict, Verdict::Fail, "{}", result.reason);
    for reason in reasons {
        assert!(
            result.reason.contains(reason),
            "{reason:?} is not in {}",
            result.reason
        );
    }
}

#[rstest]
#[case::server(SERVER, "server.log")]
#[case::client(CLIENT, "client.log")]
fn a_blind_peer_that_floods_its_output_is_judged_by_what_it_does_and_its_log_is_cut(
    #[case] cell: &str,
    #[case] log: &str,
) {
    let stage = stage_with(&Misdeed::Floods.word());
    let Some(result) = ran(&stage, cell, Keep::All) else {
        return;
    };
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.reason);
    let folder = result.evidence.folder.expect("evidence is kept");
    let size = std::fs::metadata(stage.out().join(folder).join(log)).expect("a log");
    let size = size.len();
    assert!((256 << 10..1 << 20).contains(&size), "{size} bytes");
}

#[rstest]
#[case::server(SERVER)]
#[case::client(CLIENT)]
fn a_blind_peer_that_does_its_work_is_green_over_mptcp(#[case] cell: &str) {
    let stage = stage_with("none");
    let Some(result) = ran(&stage, cell, Keep::None) else {
        return;
    };
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.reason);
}

#[test]
fn a_peer_whose_package_is_missing_is_unprovable_and_names_the_package() {
    let mut stage = Stage::new();
    let need =
        "\n[[blind.needs]]\nprogram = \"mpws-no-such-program\"\npackage = \"mpws-nothing\"\n";
    stage.add_text("blind", &(peer_file("blind", "none") + need));
    let Some(result) = ran(&stage, SERVER, Keep::None) else {
        return;
    };
    assert_eq!(result.verdict, Verdict::Unprovable);
    assert!(result.is_red());
    let reason = "mpws-no-such-program is not there: install the Debian package mpws-nothing";
    assert!(result.reason.contains(reason), "{}", result.reason);
}

#[test]
fn a_blind_peer_is_planned_for_what_can_be_seen_from_outside_alone() {
    let stage = stage_with("none");
    let plan = stage.plan().expect("a plan");
    let blind = plan
        .cells
        .iter()
        .filter(|cell| [&cell.client.name, &cell.server.name].contains(&&"blind".to_owned()));
    let mut cells = 0;
    for cell in blind {
        assert!(cell.case.blind, "{}", cell.name);
        cells += 1;
    }
    assert!(cells > 40, "{cells} cells");
}

fn stage_with(wrong: &str) -> Stage {
    let mut stage = Stage::new();
    stage.add_text("blind", &peer_file("blind", wrong));
    stage
}

/// The result of this one cell; `None` where this host can have no labs, and says why.
fn ran(stage: &Stage, cell: &str, keep: Keep) -> Option<CellResult> {
    let options = RunOptions {
        keep,
        ..stage.options()
    };
    let mut result = run(stage.selection(&[cell]), &options, &mut |_| {}).expect("a run");
    assert_eq!(result.planned, 1);
    can_judge(&result).then(|| result.cells.remove(0))
}
