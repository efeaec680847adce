//! Peers that hang, die, lie or flood: each gives its own error, in its own time, and leaves
//! nothing.
//!
//! The peers are this very executable, started at an entry point of its own.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use crate::{bad, support};
use mpws_lab::{Exit, Lab};
use mpws_peers::protocol::{ProcessDescriptors, SocketCreate, SocketFamily, SocketProtocol};
use mpws_peers::{
    CallError, LaunchError, LaunchOptions, Launcher, Peer, Program, ShutdownError, StateFolder,
};

/// Enough for a start on a busy machine, short enough to wait for.
const SHORT: Duration = Duration::from_secs(3);

/// A lab, a launcher and a folder for one bad peer.
struct Bench {
    lab: Lab,
    launcher: Launcher,
    scratch: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateFolder::new(scratch.path().join("state")).unwrap();
        Some(Self {
            lab: support::lab()?,
            launcher: Launcher::process(state).unwrap(),
            scratch,
        })
    }

    fn launch(&self, behaviour: &str) -> Result<Peer, LaunchError> {
        let exe = std::env::current_exe().unwrap();
        let entry = mpws_lab::reexec::VARIABLE;
        let env = [(entry, bad::ENTRY), (bad::BEHAVIOUR, behaviour)];
        let spec = support::command(behaviour, &exe, &env);
        let options = LaunchOptions {
            scratch: Some(self.scratch.path().to_owned()),
            start_deadline: Some(SHORT),
            ..LaunchOptions::default()
        };
        self.launcher
            .launch(&spec, &support::host(&self.lab), &options)
    }

    fn refused(&self, behaviour: &str) -> LaunchError {
        let error = self.launch(behaviour).map(drop).unwrap_err();
        self.assert_nothing_left();
        error
    }

    /// Waits until the peer's process is gone, and looks for its control socket.
    fn assert_nothing_left(&self) {
        // Every bad peer that ran holds this lock as long as it lives.
        if let Ok(alive) = File::open(self.scratch.path().join(bad::ALIVE)) {
            alive.lock().unwrap();
        }
        let left: Vec<_> = list(self.launcher.run_folder());
        assert_eq!(left, ["lock"]);
    }
}

#[test]
fn a_program_that_is_not_there_is_named_with_what_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::new(folder.path().join("state")).unwrap();
    let launcher = Launcher::process(state).unwrap();
    let program = folder.path().join("peer");
    let mut spec = support::command("absent", &program, &[]);
    if let Program::Command { built_by, .. } = &mut spec.program {
        *built_by = Some("`make peer`".to_owned());
    }
    let error = launcher.prepare(&spec, &|_| {}).unwrap_err();
    let text = format!(
        "absent: there is no program {}; `make peer` makes it",
        program.display()
    );
    assert_eq!(error.to_string(), text);
    std::fs::write(&program, "").unwrap();
    launcher.prepare(&spec, &|_| {}).unwrap();
}

fn list(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn socket_create() -> SocketCreate {
    SocketCreate {
        family: SocketFamily::V4,
        kind: Default::default(),
        protocol: SocketProtocol::Tcp,
        by_constant: false,
    }
}

macro_rules! bench {
    () => {
        match Bench::new() {
            Some(bench) => bench,
            None => return,
        }
    };
}

#[test]
fn an_honest_peer_is_trusted() {
    let bench = bench!();
    let peer = bench.launch("honest").unwrap();
    assert_eq!(peer.hello().version, "1.0");
    peer.call(&ProcessDescriptors {}).unwrap();
    assert_eq!(peer.shutdown(SHORT).unwrap(), Exit::Code(0));
    drop(peer);
    bench.assert_nothing_left();
}

#[test]
fn a_peer_that_hangs_at_its_start_is_late() {
    let error = bench!().refused("hang");
    let LaunchError::Late {
        what, after, log, ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(what, "the peer to connect to its control socket");
    assert_eq!(after, SHORT);
    assert!(log.contains("hanging around"), "{log}");
}

#[test]
fn a_peer_that_connects_and_says_nothing_is_late() {
    let error = bench!().refused("silent");
    let LaunchError::Late { what, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(what, "the peer's first line");
}

#[test]
fn a_peer_that_dies_at_its_start_is_told_with_its_last_words() {
    let error = bench!().refused("die");
    let LaunchError::DiedAtStart { exit, log, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(exit, Some(Exit::Code(3)));
    assert!(log.contains("no module named websockets"), "{log}");
}

#[test]
fn a_peer_that_dies_after_it_connected_is_told_too() {
    let error = bench!().refused("connect-and-die");
    let LaunchError::DiedAtStart { exit, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(exit, Some(Exit::Code(4)));
}

#[test]
fn a_program_that_does_not_exist_is_told() {
    let bench = bench!();
    let spec = support::command("missing", Path::new("/nowhere/peer"), &[]);
    let host = support::host(&bench.lab);
    let error = bench
        .launcher
        .launch(&spec, &host, &LaunchOptions::default())
        .unwrap_err();
    let LaunchError::Spawn {
        program, source, ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(program, Path::new("/nowhere/peer"));
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    bench.assert_nothing_left();
}

#[test]
fn a_first_line_of_garbage_is_shown() {
    let error = bench!().refused("garbage");
    let LaunchError::BadHello { detail, .. } = error else {
        panic!("{error:?}");
    };
    assert!(detail.contains("Hello? Is there anybody?"), "{detail}");
}

#[test]
fn a_first_line_that_never_ends_is_cut_off() {
    let error = bench!().refused("long-line");
    let LaunchError::BadHello { detail, .. } = error else {
        panic!("{error:?}");
    };
    assert!(detail.contains("longer than"), "{detail}");
}

#[test]
fn another_version_of_the_protocol_is_told() {
    let error = bench!().refused("other-protocol");
    assert!(
        matches!(error, LaunchError::OtherProtocol { announced: 2, .. }),
        "{error:?}"
    );
}

#[test]
fn another_version_than_the_pinned_one_is_told() {
    let error = bench!().refused("other-version");
    assert_eq!(
        error.to_string(),
        "other-version reports another version: `1.0.1`, not `1.0`"
    );
}

#[test]
fn another_implementation_than_the_pinned_one_is_told() {
    let error = bench!().refused("other-implementation");
    assert!(
        matches!(
            error,
            LaunchError::OtherIdentity {
                what: "implementation",
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_peer_that_can_do_everything_is_not_trusted() {
    let error = bench!().refused("yes-man");
    let LaunchError::Untrusted { probe, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(probe, "an operation that does not exist");
}

#[test]
fn a_peer_that_overlooks_an_unknown_argument_is_not_trusted() {
    let error = bench!().refused("overlooks");
    let LaunchError::Untrusted { probe, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(probe, "an argument that does not exist");
}

#[test]
fn a_peer_that_fails_instead_of_saying_unsupported_is_not_trusted() {
    let error = bench!().refused("fails");
    let LaunchError::Untrusted { answer, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(answer, "the error `KeyError`");
}

#[test]
fn a_peer_that_can_do_nothing_is_not_trusted() {
    let error = bench!().refused("mute");
    let LaunchError::Untrusted { probe, .. } = error else {
        panic!("{error:?}");
    };
    assert!(probe.starts_with("process.descriptors"), "{probe}");
}

#[test]
fn a_peer_that_breaks_the_protocol_while_it_is_probed_is_told() {
    let error = bench!().refused("wrong-id");
    let LaunchError::Probe { source, .. } = error else {
        panic!("{error:?}");
    };
    assert!(matches!(source, CallError::Protocol { .. }), "{source:?}");
}

#[test]
fn a_peer_that_floods_its_log_works_and_its_log_is_bounded() {
    let bench = bench!();
    let peer = bench.launch("flood").unwrap();
    peer.shutdown(SHORT).unwrap();
    let log = peer.log();
    assert!(log.len() < 600 * 1024, "{} bytes", log.len());
    assert!(log.starts_with("first words\n"));
    assert!(log.ends_with("last words\n"));
    assert!(log.contains("bytes not kept"));
}

#[test]
fn a_peer_that_dies_in_a_call_is_told_with_how_it_ended() {
    let bench = bench!();
    let peer = bench.launch("dies-in-call").unwrap();
    let error = peer.call(&socket_create()).unwrap_err();
    let CallError::Died { op, exit, log } = error else {
        panic!("{error:?}");
    };
    assert_eq!(op, "socket.create");
    assert_eq!(exit, Some(Exit::Code(7)));
    assert!(log.contains("segmentation fault, almost"), "{log}");
    let again = peer.call(&ProcessDescriptors {}).unwrap_err();
    assert!(matches!(again, CallError::Died { .. }), "{again:?}");
    drop(peer);
    bench.assert_nothing_left();
}

#[test]
fn a_peer_that_dies_and_leaves_its_connection_to_a_child_has_died_all_the_same() {
    let bench = bench!();
    let peer = bench.launch("leaves-a-child").unwrap();
    let limit = Duration::from_millis(500);
    let error = peer.call_within(&socket_create(), limit).unwrap_err();
    let CallError::Died { exit, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(exit, Some(Exit::Code(9)));
}

#[test]
fn a_peer_that_hangs_in_a_call_is_late_and_goes_with_its_guard() {
    let bench = bench!();
    let peer = bench.launch("hangs-in-call").unwrap();
    let limit = Duration::from_millis(200);
    let error = peer.call_within(&socket_create(), limit).unwrap_err();
    assert!(
        matches!(error, CallError::Deadline { op: "socket.create", after, .. } if after == limit),
        "{error:?}"
    );
    drop(peer);
    bench.assert_nothing_left();
}

#[test]
fn a_reply_that_does_not_fit_is_a_fault_of_the_peer() {
    let bench = bench!();
    let peer = bench.launch("odd-reply").unwrap();
    let error = peer.call(&socket_create()).unwrap_err();
    let CallError::Protocol { detail, .. } = error else {
        panic!("{error:?}");
    };
    assert!(detail.contains("unknown field `colour`"), "{detail}");
}

#[test]
fn a_failed_operation_is_data() {
    let bench = bench!();
    let peer = bench.launch("honest").unwrap();
    let error = peer.call(&socket_create()).unwrap_err();
    let CallError::Failed {
        record, elapsed_us, ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(record.chain[0].class, "OSError");
    assert_eq!(record.chain[0].errno, Some(92));
    assert_eq!(elapsed_us, 17);
    // And the peer goes on.
    peer.call(&ProcessDescriptors {}).unwrap();
}

#[test]
fn a_peer_that_does_not_exit_is_killed_and_that_is_told() {
    let bench = bench!();
    let peer = bench.launch("stays").unwrap();
    let limit = Duration::from_millis(200);
    let error = peer.shutdown(limit).unwrap_err();
    assert!(
        matches!(error, ShutdownError::Killed { after } if after == limit),
        "{error:?}"
    );
    drop(peer);
    bench.assert_nothing_left();
}

#[test]
fn two_peers_work_at_the_same_time() {
    let bench = bench!();
    let slow = bench.launch("answers-in-turn").unwrap();
    // This peer answers its first request only when it has the second: a call alone would hang.
    let first = slow.start(&socket_create());
    let second = slow.start(&ProcessDescriptors {});
    second.wait().unwrap();
    let error = first.wait().unwrap_err();
    assert!(matches!(error, CallError::Failed { .. }), "{error:?}");
}

#[test]
fn the_transcript_holds_both_sides() {
    let bench = bench!();
    let peer = bench.launch("honest").unwrap();
    let transcript = peer.transcript();
    assert!(transcript[0].starts_with("< {") && transcript[0].contains("\"protocol\":1"));
    assert!(transcript[1].starts_with("> "), "{}", transcript[1]);
    assert!(transcript[2].contains("unsupported"), "{}", transcript[2]);
}
