//! Other people's programs in containers: those that speak the adapter protocol by themselves, and
//! blind ones with our driver beside them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mpws_fixture::script::Behaviour;
use mpws_lab::{Exit, Ip, Lab, reexec};
use mpws_peers::catalogue::{BlindProgram, Program};
use mpws_peers::image::Base;
use mpws_peers::protocol::{ServerStart, SocketCreate, SocketProtocol};
use mpws_peers::{
    CallError, Catalogue, ContainerPeer, LaunchError, LaunchOptions, Launcher, PeerSpec,
    StateFolder,
};

use crate::support;

/// How long anything may take before a test says that it did not happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A launcher on a base, or nothing where this machine has no containers.
fn launcher(base: Base) -> Option<Launcher> {
    match Launcher::container(StateFolder::usual().unwrap(), base) {
        Ok(launcher) => Some(launcher),
        Err(LaunchError::NoContainers(why)) => {
            support::skip(&why.to_string());
            None
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
}

fn started(launcher: &Launcher, spec: &PeerSpec, options: &LaunchOptions) -> ContainerPeer {
    launcher
        .prepare(spec, &|line| eprintln!("{line}"))
        .unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let started = launcher.launch_in_container(spec, options);
    let started = started.unwrap_or_else(|error| panic!("{error}: {error:?}"));
    started.expect("it runs in a container")
}

/// A program that speaks the adapter protocol: the fixture, as if it were somebody's.
fn program() -> PeerSpec {
    let own = std::env::current_exe().unwrap();
    let spec = support::command("program", &own, &[(reexec::VARIABLE, "fixture-peer")]);
    PeerSpec {
        reports: None,
        version: None,
        implementation: None,
        ..spec
    }
}

#[test]
fn a_program_of_this_machine_speaks_the_adapter_protocol_from_its_container() {
    let Some(launcher) = launcher(Base::Debian12) else {
        return;
    };
    let ahead = started(&launcher, &program(), &LaunchOptions::default());
    assert_eq!(ahead.peer.hello().implementation, "fixture");
    assert_eq!(ahead.peer.hello().libc, "glibc 2.36");
    assert_eq!(refusal(&ahead, SocketProtocol::Mptcp), None);
    assert_eq!(ahead.peer.shutdown(PATIENCE).unwrap(), Exit::Code(0));
    let denied = LaunchOptions {
        deny_mptcp: Some(13),
        ..LaunchOptions::default()
    };
    let ahead = started(&launcher, &program(), &denied);
    assert_eq!(refusal(&ahead, SocketProtocol::Mptcp), Some(13));
    assert_eq!(refusal(&ahead, SocketProtocol::Tcp), None);
}

/// The errno with which a socket of this protocol fails.
fn refusal(ahead: &ContainerPeer, protocol: SocketProtocol) -> Option<i32> {
    let create: SocketCreate = serde_json::from_value(serde_json::json!({
        "family": "v4", "protocol": protocol,
    }))
    .unwrap();
    match ahead.peer.call(&create) {
        Ok(_) => None,
        Err(CallError::Failed { record, .. }) => record.chain.iter().find_map(|link| link.errno),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn on_a_base_with_an_older_c_library_a_program_runs_or_it_is_said_what_it_lacks() {
    let Some(launcher) = launcher(Base::Debian11) else {
        return;
    };
    let spec = program();
    let prepared = launcher.prepare(&spec, &|line| eprintln!("{line}"));
    match prepared {
        // This program was built on a system that is as old.
        Ok(()) => drop(started(&launcher, &spec, &LaunchOptions::default())),
        Err(LaunchError::Image { detail, .. }) => {
            let says = |words: &str| detail.contains(words);
            assert!(says("GLIBC_2.") && says("not found"), "{detail}");
            assert!(says("debian11 has (glibc 2.31)"), "{detail}");
            let again = launcher.launch_in_container(&spec, &LaunchOptions::default());
            assert!(matches!(again, Err(LaunchError::Image { .. })), "{again:?}");
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
}

#[test]
fn a_script_is_no_program_that_can_be_put_into_a_container() {
    let Some(launcher) = launcher(Base::Debian12) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("peer");
    std::fs::write(&script, "#!/usr/bin/python3\n").unwrap();
    for program in [&*script, Path::new("python3")] {
        let spec = support::command("script", program, &[]);
        let error = launcher.prepare(&spec, &|_| {}).unwrap_err();
        assert!(
            matches!(error, LaunchError::NotSupported { .. }) && error.to_string().contains("ELF"),
            "{error}"
        );
    }
}

/// What a blind program finds in its container, in one line, as its last words.
const LOOK_AROUND: &str = r#"
import os, socket, sys
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
facts = [status["Uid"].split()[0], status["CapBnd"].strip("0") or "none", status["NoNewPrivs"]]
for path in ("/mpws", "/opt/mpws/bin/program", "/opt/mpws/program/x", "x"):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        facts.append("writes")
    except OSError as error:
        facts.append(str(error.errno))
mounts = [line.split()[4:6] for line in open("/proc/self/mountinfo")]
facts += [options.split(",")[0] for place, options in mounts if place == "/opt/mpws/bin/program"]
facts.append(",".join(name for _, name in socket.if_nameindex() if name == "lo" or "path" in name or "eth" in name))
facts.append(",".join(sorted(name for name in os.environ if "MPWS" in name)) or "no-orders")
facts += [os.environ["OWN"], *sys.argv[1:]]
sys.exit(" ".join(facts))
"#;

#[test]
fn a_blind_program_has_the_sandbox_and_the_network_of_its_peer() {
    let Some(launcher) = launcher(Base::Debian12) else {
        return;
    };
    let ahead = started(&launcher, &look_around(), &LaunchOptions::default());
    assert_eq!(ahead.peer.hello().version, "7.1");
    let lab = Lab::builder()
        .host_in("client", ahead.network)
        .host("server")
        .path("client", "server")
        .start()
        .unwrap();
    let host = lab.host("client").address(1, Ip::V4).to_string();
    let start: ServerStart = serde_json::from_value(serde_json::json!({
        "host": host, "port": 8765, "behaviour": Behaviour::Echo,
        "open_timeout_ms": 2000, "close_timeout_ms": 1000,
    }))
    .unwrap();
    let error = ahead.peer.call(&start).unwrap_err();
    let CallError::Failed { record, .. } = &error else {
        panic!("{error:?}");
    };
    let said = &record.chain[0].message;
    let found =
        "65532 none 1 30 13 30 writes ro lo,path1 no-orders /opt/mpws/program 8765 on-mptcp";
    assert!(said.contains(found), "{said}");
    assert_eq!(ahead.peer.shutdown(PATIENCE).unwrap(), Exit::Code(0));
}

fn look_around() -> PeerSpec {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let server = ["python3", "{dir}/made/look.py", "{port}", "{mptcp}"];
    PeerSpec {
        name: "look-around".to_owned(),
        family: "look-around".to_owned(),
        program: Program::Blind(BlindProgram {
            version: words(&["echo", "7.1"]),
            mptcp: Some(words(&["on-mptcp"])),
            client: None,
            lines: None,
            server: Some(words(&server)),
            env: BTreeMap::from([("OWN".to_owned(), "{dir}".to_owned())]),
            files: Arc::new(BTreeMap::from([(
                "look.py".to_owned(),
                LOOK_AROUND.to_owned(),
            )])),
            build: vec![
                words(&["mkdir", "made"]),
                words(&["cp", "look.py", "{dir}/made"]),
            ],
            needs: Vec::new(),
        }),
        ..Catalogue::builtin()
            .unwrap()
            .peer("node-ws")
            .unwrap()
            .clone()
    }
}
