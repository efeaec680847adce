//! The Python peers of the catalogue, made and launched for real.
//!
//! The first run needs the package index; later ones find what was made in the folder of state.

use std::time::Duration;

use crate::support;
use mpws_peers::protocol::{
    ProcessDescriptors, SocketBind, SocketCreate, SocketFamily, SocketLook, SocketProtocol,
};
use mpws_peers::{
    CallError, Catalogue, EnvironmentError, LaunchError, LaunchOptions, Launcher, Program,
    StateFolder,
};

/// A launcher that has prepared a peer of the catalogue, or nothing where this machine cannot.
pub fn prepared(name: &str) -> Option<(Launcher, mpws_peers::PeerSpec)> {
    let catalogue = Catalogue::builtin().unwrap();
    let spec = catalogue.peer(name).unwrap().clone();
    let launcher = Launcher::process(StateFolder::usual().unwrap()).unwrap();
    match launcher.prepare(&spec, &|line| eprintln!("{line}")) {
        Ok(()) => Some((launcher, spec)),
        Err(LaunchError::Environment { source, .. }) if host_lacks(&source) => {
            support::skip(&format!("{source}; {}", source.remedy()));
            None
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
}

fn host_lacks(error: &EnvironmentError) -> bool {
    matches!(
        error,
        EnvironmentError::NoPython { .. }
            | EnvironmentError::BrokenPython { .. }
            | EnvironmentError::OldPython { .. }
            | EnvironmentError::NoInstaller { .. }
            | EnvironmentError::NoNetwork { .. }
    )
}

pub fn options(scratch: &tempfile::TempDir) -> LaunchOptions {
    LaunchOptions {
        scratch: Some(scratch.path().to_owned()),
        ..LaunchOptions::default()
    }
}

fn mptcp_socket() -> SocketCreate {
    SocketCreate {
        family: SocketFamily::V4,
        kind: Default::default(),
        protocol: SocketProtocol::Mptcp,
        by_constant: false,
    }
}

#[test]
fn every_python_peer_runs_with_the_version_that_is_pinned() {
    let Some(lab) = support::lab() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::builtin().unwrap();
    let python = catalogue
        .peers()
        .iter()
        .filter(|peer| matches!(peer.program, Program::Python(_)));
    for spec in python {
        let Some((launcher, _)) = prepared(&spec.name) else {
            return;
        };
        let peer = launcher
            .launch(spec, &support::host(&lab), &options(&scratch))
            .unwrap_or_else(|error| panic!("{error}: {error:?}"));
        assert_eq!(Some(&peer.hello().version), spec.version.as_ref());
        assert_eq!(
            Some(&peer.hello().implementation),
            spec.implementation.as_ref()
        );
        peer.shutdown(Duration::from_secs(5)).unwrap();
    }
}

#[test]
fn its_sockets_are_those_of_its_host() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let host = support::host(&lab);
    let peer = launcher.launch(&spec, &host, &options(&scratch)).unwrap();
    let socket = peer.call(&mptcp_socket()).unwrap().socket;
    let address = host.address(1, mpws_lab::Ip::V4).to_string();
    let bind = SocketBind {
        socket,
        host: address.clone(),
        port: 0,
    };
    let port = peer.call(&bind).unwrap().port;
    let facts = peer.call(&SocketLook { socket }).unwrap();
    assert_eq!(facts.so_protocol, Some(262));
    assert_eq!(facts.local, Some(format!("{address}:{port}")));
    // The server's host does not have that address.
    let other = launcher
        .launch(&spec, &lab.host("server"), &options(&scratch))
        .unwrap();
    let socket = other.call(&mptcp_socket()).unwrap().socket;
    let bind = SocketBind { socket, ..bind };
    let error = other.call(&bind).unwrap_err();
    let CallError::Failed { record, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(record.chain[0].errno, Some(99), "EADDRNOTAVAIL");
}

#[test]
fn a_policy_that_denies_mptcp_is_felt_by_the_peer() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-13.1-sync") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let denied = LaunchOptions {
        deny_mptcp: Some(1),
        ..options(&scratch)
    };
    let peer = launcher
        .launch(&spec, &support::host(&lab), &denied)
        .unwrap();
    let error = peer.call(&mptcp_socket()).unwrap_err();
    let CallError::Failed { record, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(record.chain[0].errno, Some(1), "EPERM");
}

#[test]
fn the_wrong_version_in_the_environment_is_noticed() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, mut spec)) = prepared("websockets-14.2-legacy") else {
        return;
    };
    spec.version = Some("13.1".to_owned());
    let scratch = tempfile::tempdir().unwrap();
    let error = launcher
        .launch(&spec, &support::host(&lab), &options(&scratch))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("reports another version: `14.2`, not `13.1`"),
        "{error}"
    );
}

#[test]
fn a_variable_of_the_user_does_not_reach_a_peer_and_one_of_the_suite_does() {
    let Some(lab) = support::lab() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let state = StateFolder::new(scratch.path().join("state")).unwrap();
    let launcher = Launcher::process(state).unwrap();
    let spec = support::command("env", "/usr/bin/env".as_ref(), &[]);
    let given = LaunchOptions {
        env: vec![("GIVEN".to_owned(), "by the suite".to_owned())],
        ..options(&scratch)
    };
    let error = launcher
        .launch(&spec, &support::host(&lab), &given)
        .unwrap_err();
    let LaunchError::DiedAtStart { log, .. } = error else {
        panic!("{error:?}");
    };
    let mut names: Vec<_> = log
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["GIVEN", "HOME", "LC_ALL", "MPWS_CONTROL", "PATH", "TMPDIR"]
    );
}

#[test]
fn a_package_that_is_not_the_pinned_one_is_not_installed() {
    let Some((_, mut spec)) = prepared("websockets-14.2-sync") else {
        return;
    };
    let Program::Python(program) = &mut spec.program else {
        panic!("{:?}", spec.program);
    };
    let nothing = "websockets==14.2 --hash=sha256:".to_owned() + &"0".repeat(64);
    program.requirements.text = nothing.into();
    let folder = tempfile::tempdir().unwrap();
    let launcher = Launcher::process(StateFolder::new(folder.path()).unwrap()).unwrap();
    let error = launcher.prepare(&spec, &|_| {}).unwrap_err();
    let LaunchError::Environment { source, .. } = error else {
        panic!("{error:?}");
    };
    if matches!(source, EnvironmentError::NoNetwork { .. }) {
        return support::skip(&source.to_string());
    }
    assert!(
        matches!(source, EnvironmentError::HashMismatch { .. }),
        "{source:?}"
    );
    // Nothing but the lock is left of the attempt.
    let left: Vec<_> = std::fs::read_dir(folder.path().join("python"))
        .unwrap()
        .map(|entry| entry.unwrap().path().extension().unwrap().to_owned())
        .collect();
    assert_eq!(left, ["lock"]);
}

#[test]
fn the_descriptors_of_a_fresh_peer_are_none() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-13.1-legacy") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let peer = launcher
        .launch(&spec, &support::host(&lab), &options(&scratch))
        .unwrap();
    assert!(
        peer.call(&ProcessDescriptors {})
            .unwrap()
            .sockets
            .is_empty()
    );
}
