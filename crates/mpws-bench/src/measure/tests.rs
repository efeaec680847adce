//! No figure without its transport, and none from a peer that answers wrong. Real labs, real
//! sockets.

use mpws_fixture::script::{Behaviour, EchoFault};
use mpws_lab::rule::{Action, Rewrite, Rule};
use mpws_peers::protocol::SocketProtocol;
use mpws_peers::{Catalogue, Launcher, PeerSpec, StateFolder};

use super::rounds::Done;
use super::{Round, prepare, round};
use crate::end::RowEnd;
use crate::figure::Reading;
use crate::options::BenchOptions;
use crate::plan::FIXTURE;
use crate::proof;
use crate::result::{Fault, Measure, Proof};
use crate::stage::Stage;

/// A stage whose client is this program, or the fixture as a peer; nothing where this machine
/// cannot have one.
fn with_stage<T>(
    measure: Measure,
    foreign: bool,
    run: impl FnOnce(&mut Stage<'_>) -> T,
) -> Option<T> {
    let lab = mpws_lab::probe();
    if !lab.available {
        assert!(
            std::env::var_os("MPWS_EXPECT_ALL").is_none_or(|value| value != "1"),
            "cannot run here, and everything is expected to: {}",
            lab.detail
        );
        eprintln!("skipped: {}", lab.detail);
        return None;
    }
    let catalogue = Catalogue::builtin().expect("the catalogue");
    let fixture: &PeerSpec = catalogue.peer(FIXTURE).expect("the fixture");
    let state = StateFolder::new(std::env::temp_dir()).expect("a folder");
    let launcher = Launcher::process(state).expect("a launcher");
    let mut stage =
        Stage::open(&launcher, fixture, fixture, foreign, measure.paths()).expect("a stage");
    prepare(&stage, measure, &BenchOptions::default()).expect("the network");
    Some(run(&mut stage))
}

fn one(
    stage: &mut Stage<'_>,
    measure: Measure,
    foreign: bool,
    protocol: SocketProtocol,
) -> Result<Done, RowEnd> {
    let options = BenchOptions {
        quick: true,
        ..BenchOptions::default()
    };
    let round_of = Round {
        stage,
        protocol,
        volume: options.volume(),
        seed: 7,
    };
    round(measure, foreign, round_of)
}

/// Measures one round and proves it.
fn proven(
    stage: &mut Stage<'_>,
    measure: Measure,
    foreign: bool,
    protocol: SocketProtocol,
    subflows: u32,
) -> Result<(Reading, Proof), RowEnd> {
    let done = one(stage, measure, foreign, protocol)?;
    let trace = proof::trace(&stage.lab)?;
    let proof = proof::prove(&trace, &done.witnessed, protocol, subflows)?;
    Ok((done.reading.read(&trace)?, proof))
}

fn fault<T>(result: Result<T, RowEnd>) -> (Fault, String) {
    match result.err() {
        Some(RowEnd::Error(fault, reason)) => (fault, reason),
        other => panic!("an error was expected, not {other:?}"),
    }
}

#[test]
fn every_measure_on_one_path_has_figures_and_a_proof_for_both_transports() {
    for measure in [
        Measure::Connect,
        Measure::Upgrade,
        Measure::Latency1000,
        Measure::BulkUp,
        Measure::BulkDown,
    ] {
        with_stage(measure, false, |stage| {
            for protocol in [SocketProtocol::Mptcp, SocketProtocol::Tcp] {
                let (reading, proof) =
                    proven(stage, measure, false, protocol, 1).expect("a figure");
                match reading {
                    Reading::Times(times) => assert!(times.iter().all(|&time| time > 0)),
                    Reading::Goodput(rate) => assert!(rate > 0.0),
                    Reading::Stream(_) => panic!("no stream was measured"),
                }
                assert!(proof.connections > 0);
                let path = proof.paths.first().expect("a path");
                assert!(path.wire_up > 0 && path.wire_down > 0, "{proof:?}");
                assert_eq!(path.kernel_up.is_some(), protocol == SocketProtocol::Mptcp);
            }
        });
    }
}

#[test]
fn bulk_bytes_crossed_the_wire_in_the_direction_that_is_measured() {
    let volume = BenchOptions {
        quick: true,
        ..BenchOptions::default()
    }
    .volume();
    for (measure, up) in [(Measure::BulkUp, true), (Measure::BulkDown, false)] {
        with_stage(measure, false, |stage| {
            let (_, proof) =
                proven(stage, measure, false, SocketProtocol::Mptcp, 1).expect("a figure");
            let path = &proof.paths[0];
            let (with, against) = if up {
                (path.wire_up, path.wire_down)
            } else {
                (path.wire_down, path.wire_up)
            };
            assert!(with >= volume.bulk_bytes, "{path:?}");
            assert!(against < volume.bulk_bytes / 10, "{path:?}");
        });
    }
}

#[test]
fn a_peer_as_client_is_timed_by_the_wire() {
    for measure in [Measure::Upgrade, Measure::Latency64] {
        with_stage(measure, true, |stage| {
            for protocol in [SocketProtocol::Mptcp, SocketProtocol::Tcp] {
                let (reading, _) = proven(stage, measure, true, protocol, 1).expect("a figure");
                let Reading::Times(times) = reading else {
                    panic!("no times");
                };
                let expected = if measure == Measure::Upgrade { 5 } else { 100 };
                assert_eq!(times.len(), expected);
                assert!(times.iter().all(|&time| time > 0));
            }
        });
    }
}

#[test]
fn what_the_wire_cannot_show_of_a_peer_is_not_measured() {
    with_stage(Measure::BulkUp, true, |stage| {
        let ended = one(stage, Measure::BulkUp, true, SocketProtocol::Mptcp);
        assert!(matches!(ended.err(), Some(RowEnd::NotMeasured(_))));
    });
}

#[test]
fn a_connection_that_fell_back_gives_no_figure() {
    for foreign in [false, true] {
        with_stage(Measure::Latency64, foreign, |stage| {
            let strip = Rule::new("strip", Action::Rewrite(Rewrite::StripMptcp));
            stage.lab.install(&strip).expect("a rule");
            let ended = one(stage, Measure::Latency64, foreign, SocketProtocol::Mptcp);
            let (fault, reason) = match ended.err() {
                Some(RowEnd::Error(fault, reason)) => (fault, reason),
                other => panic!("an error was expected, not {other:?}"),
            };
            // A peer that requires MPTCP refuses by itself; ours tells what it was.
            let expected = if foreign {
                Fault::Peer
            } else {
                Fault::Transport
            };
            assert_eq!(fault, expected, "{reason}");
        });
    }
}

#[test]
fn a_transport_that_the_row_is_not_about_is_no_proof() {
    with_stage(Measure::Latency64, false, |stage| {
        let mut done = one(stage, Measure::Latency64, false, SocketProtocol::Tcp).expect("a round");
        let trace = proof::trace(&stage.lab).expect("a trace");
        for witnessed in &mut done.witnessed {
            witnessed.protocol = SocketProtocol::Mptcp;
        }
        let told = proof::prove(&trace, &done.witnessed, SocketProtocol::Mptcp, 1);
        let (is, reason) = fault(told);
        assert_eq!(is, Fault::Transport);
        assert!(reason.contains("plain TCP"), "{reason}");
        let none = proof::prove(&trace, &[], SocketProtocol::Tcp, 1);
        assert_eq!(fault(none).0, Fault::Transport);
    });
}

#[test]
fn the_kernels_word_must_fit_the_transport() {
    with_stage(Measure::Latency64, false, |stage| {
        let server = stage.serve_echo(SocketProtocol::Mptcp).expect("a server");
        for (really, claimed) in [
            (SocketProtocol::Tcp, SocketProtocol::Mptcp),
            (SocketProtocol::Mptcp, SocketProtocol::Tcp),
        ] {
            let server = match really {
                SocketProtocol::Mptcp => server,
                SocketProtocol::Tcp => stage.serve_echo(really).expect("a server"),
            };
            let link = stage.link(really, server).expect("a connection");
            assert!(stage.witness(&link, really, server).is_ok());
            let (is, reason) = fault(stage.witness(&link, claimed, server));
            assert_eq!(is, Fault::Transport, "{reason}");
            assert!(reason.contains("kernel"), "{reason}");
        }
    });
}

#[test]
fn an_echo_that_is_short_changed_or_doubled_gives_no_figure() {
    for (echo, word) in [
        (Behaviour::AnswerWith { size: 10 }, "10 bytes"),
        (fault_of(EchoFault::Alter), "other content"),
        (fault_of(EchoFault::Double), "other content"),
    ] {
        with_stage(Measure::Latency64, false, |stage| {
            stage.echo = echo;
            let ended = one(stage, Measure::Latency64, false, SocketProtocol::Mptcp);
            let (is, reason) = fault(ended);
            assert_eq!(is, Fault::Peer);
            assert!(reason.contains(word), "{reason}");
        });
    }
}

#[test]
fn a_server_that_answers_a_peer_short_is_seen_on_the_wire() {
    with_stage(Measure::Latency64, true, |stage| {
        stage.echo = Behaviour::AnswerWith { size: 10 };
        let ended = proven(stage, Measure::Latency64, true, SocketProtocol::Tcp, 1);
        let (is, reason) = fault(ended);
        assert_eq!(is, Fault::Peer);
        assert!(
            reason.contains("the server sent a message of 10 bytes"),
            "{reason}"
        );
    });
}

#[test]
fn a_stream_survives_the_cut_of_its_first_path_whole() {
    with_stage(Measure::Failover, false, |stage| {
        let (reading, proof) =
            proven(stage, Measure::Failover, false, SocketProtocol::Mptcp, 2).expect("a figure");
        let Reading::Stream(stream) = reading else {
            panic!("no stream");
        };
        assert!(stream.messages.len() > 100);
        assert!(stream.messages.iter().all(|(_, back)| back.is_some()));
        assert_eq!((stream.doubled, stream.reordered), (0, 0));
        assert_eq!(proof.paths.len(), 2, "{proof:?}");
    });
}

#[test]
fn without_a_second_subflow_there_is_no_figure_of_two_paths() {
    with_stage(Measure::Latency64, false, |stage| {
        // One path, so data goes over one subflow.
        let done = one(stage, Measure::Latency64, false, SocketProtocol::Mptcp).expect("a round");
        let trace = proof::trace(&stage.lab).expect("a trace");
        let told = proof::prove(&trace, &done.witnessed, SocketProtocol::Mptcp, 2);
        assert_eq!(fault(told).0, Fault::Transport);
    });
}

fn fault_of(fault: EchoFault) -> Behaviour {
    Behaviour::FaultyEcho { fault }
}
