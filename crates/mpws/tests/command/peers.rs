//! `peers`: what it says where there is no engine, and to what it cannot read.

use crate::support::{mpws, run, stderr};

#[test]
fn without_an_engine_every_subcommand_says_so_and_ends_with_3() {
    let folder = tempfile::tempdir().expect("a folder");
    for subcommand in ["build", "list", "clean"] {
        let output = mpws(["peers", subcommand, "--state"])
            .arg(folder.path())
            .env("DOCKER_HOST", "unix:///no/such/engine.sock")
            .output()
            .expect("starts");
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let told = stderr(&output);
        assert!(told.contains("no container engine listens at"), "{told}");
        assert!(told.contains("DOCKER_HOST"), "{told}");
    }
}

#[test]
fn a_base_or_a_peer_that_is_none_is_refused_with_those_that_there_are() {
    let base = run(["peers", "build", "--base", "debian10"]);
    assert_eq!(base.status.code(), Some(2), "{base:?}");
    assert!(
        stderr(&base).contains("debian11, debian12, debian13"),
        "{base:?}"
    );
    for name in ["no-such-peer", "fixture"] {
        let peer = run(["peers", "build", name]);
        assert_eq!(peer.status.code(), Some(2), "{peer:?}");
        assert!(stderr(&peer).contains("websockets-13.1"), "{peer:?}");
    }
}
