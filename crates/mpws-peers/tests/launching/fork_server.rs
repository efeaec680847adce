//! Peers from a fork server are what peers are that start by themselves, and nothing of a fork
//! server stays.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, pipe};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use crate::python_peers::{options, prepared};
use crate::support;
use mpws_lab::{Exit, Ip, Lab, StartError, reexec};
use mpws_peers::protocol::{
    ClientOpen, ConnectionReceive, ConnectionSend, Hello, ProcessDescriptors, ServerStart,
    SocketCreate, SocketLook,
};
use mpws_peers::{CallError, LaunchOptions, Launcher, Peer, PeerSpec};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

mpws_lab::reexec!("fork-server-runner", runner);
mpws_lab::reexec!("fork-server-hundred", hundred_launches);

const PATIENCE: Duration = Duration::from_secs(20);

/// Processes that live in a launcher's run folder: its template processes.
fn templates(launcher: &Launcher) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let folder = std::fs::read_link(entry.path().join("cwd"));
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let (Ok(folder), Some(number)) = (folder, number)
            && folder == launcher.run_folder()
        {
            found.push(number);
        }
    }
    found
}

/// What a process has open, by kind: sockets and pipes have no names that could be compared.
fn descriptors(pid: u32) -> Vec<String> {
    let mut kinds = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let link = std::fs::read_link(entry.unwrap().path()).unwrap();
        let text = link.display().to_string();
        kinds.push(text.split(":[").next().unwrap_or_default().to_owned());
    }
    kinds.sort();
    kinds
}

/// What can be seen of a peer at rest.
#[derive(Debug, PartialEq)]
struct AtRest {
    hello: Hello,
    sockets: Vec<mpws_peers::protocol::SocketFacts>,
    descriptors: Vec<String>,
    command_line: Vec<u8>,
    status: Vec<String>,
    /// Of its folder in `/proc`; root where the process may not be traced.
    owner: u32,
    error: Value,
}

fn at_rest(peer: &Peer) -> AtRest {
    let pid = peer.process().pid().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let compared = [
        "Umask:", "Uid:", "Gid:", "Groups:", "SigBlk:", "SigIgn:", "SigCgt:",
    ];
    let compared = [
        &compared[..],
        &["CapPrm:", "CapEff:", "NoNewPrivs:", "Seccomp:"],
    ]
    .concat();
    let kept = |line: &&str| compared.iter().any(|name| line.starts_with(name));
    let CallError::Failed { record, .. } = peer.call(&SocketLook { socket: 9 }).unwrap_err() else {
        panic!("a socket that it never had");
    };
    AtRest {
        hello: peer.hello().clone(),
        sockets: peer.call(&ProcessDescriptors {}).unwrap().sockets,
        descriptors: descriptors(pid),
        command_line: std::fs::read(format!("/proc/{pid}/cmdline")).unwrap(),
        status: status.lines().filter(kept).map(str::to_owned).collect(),
        owner: std::fs::metadata(format!("/proc/{pid}")).unwrap().uid(),
        error: serde_json::to_value(record).unwrap(),
    }
}

/// What comes of an echo, without addresses.
fn echo(lab: &Lab, server: &Peer, client: &Peer) -> Value {
    let address = lab.host("server").address(1, Ip::V4).to_string();
    let start: ServerStart = serde_json::from_value(json!({
        "host": address, "port": 0, "behaviour": {"kind": "echo"},
        "open_timeout_ms": 5000, "close_timeout_ms": 5000,
    }))
    .unwrap();
    let started = server.call(&start).unwrap();
    let open: ClientOpen = serde_json::from_value(json!({
        "uri": format!("ws://{}/", started.addresses[0]),
        "open_timeout_ms": 5000, "close_timeout_ms": 5000,
    }))
    .unwrap();
    let opened = client.call(&open).unwrap();
    let connection = opened.connection;
    let message = serde_json::from_value(json!({"type": "text", "size": 5000, "seed": 1})).unwrap();
    let send = ConnectionSend {
        connection,
        message,
        fragments: 1,
        deadline_ms: 5000,
    };
    client.call(&send).unwrap();
    let receive = ConnectionReceive {
        connection,
        deadline_ms: 5000,
    };
    let echoed = client.call(&receive).unwrap();
    let mut opened = serde_json::to_value(opened).unwrap();
    for name in ["local", "remote", "token"] {
        opened["facts"].as_object_mut().unwrap().remove(name);
    }
    json!({"opened": opened, "echoed": echoed})
}

fn launch(launcher: &Launcher, spec: &PeerSpec, lab: &Lab, host: &str) -> Peer {
    let options = LaunchOptions {
        scratch: Some(std::env::temp_dir()),
        ..LaunchOptions::default()
    };
    launcher
        .launch(spec, &lab.host(host), &options)
        .unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

#[test]
fn a_peer_from_a_fork_server_is_and_does_what_one_does_that_started_by_itself() {
    let Some(lab) = support::lab() else { return };
    for name in ["13.1-legacy", "14.2-asyncio", "14.2-sync"] {
        let Some((launcher, spec)) = prepared(&format!("websockets-{name}")) else {
            return;
        };
        let alone = launcher.clone().without_fork_servers();
        let [forked, started] = [&launcher, &alone].map(|launcher| {
            let server = launch(launcher, &spec, &lab, "server");
            let client = launch(launcher, &spec, &lab, "client");
            let seen = (at_rest(&client), echo(&lab, &server, &client));
            for peer in [client, server] {
                assert_eq!(peer.shutdown(PATIENCE).unwrap(), Exit::Code(0));
            }
            seen
        });
        assert_eq!(forked, started, "{name}");
        assert_eq!(templates(&launcher).len(), 1, "{name}");
    }
}

#[test]
fn how_a_peer_from_a_fork_server_ended_is_known() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-14.2-sync") else {
        return;
    };
    let peer = launch(&launcher, &spec, &lab, "client");
    peer.process().kill(Signal::SIGTERM as i32).unwrap();
    let CallError::Died { exit, .. } = peer.call(&ProcessDescriptors {}).unwrap_err() else {
        panic!("it answers");
    };
    assert_eq!(exit, Some(Exit::Signal(Signal::SIGTERM as i32)));
}

#[test]
fn a_peer_from_a_fork_server_is_killed_with_its_lab() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let peer = launch(&launcher, &spec, &lab, "client");
    lab.stop().unwrap();
    let mut ended = [PollFd::new(peer.process().descriptor(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut ended, patience), Ok(1), "the peer is still there");
    assert_eq!(templates(&launcher).len(), 1);
}

#[test]
fn a_fork_server_that_was_killed_is_replaced() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-14.2-sync") else {
        return;
    };
    let first = launch(&launcher, &spec, &lab, "client");
    let before = templates(&launcher);
    kill(Pid::from_raw(before[0]), Signal::SIGKILL).unwrap();
    let second = launch(&launcher, &spec, &lab, "server");
    let after = templates(&launcher);
    assert_eq!(after.len(), 1);
    assert_ne!(before, after);
    for peer in [first, second] {
        assert_eq!(peer.shutdown(PATIENCE).unwrap(), Exit::Code(0));
    }
}

#[test]
fn nurseries_end_with_the_launcher_and_peers_do_not() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-14.2-sync") else {
        return;
    };
    let peer = launch(&launcher, &spec, &lab, "client");
    let template = templates(&launcher)[0];
    drop(launcher);
    assert!(!Path::new(&format!("/proc/{template}")).exists());
    assert_eq!(peer.shutdown(PATIENCE).unwrap(), Exit::Code(0));
}

#[test]
fn a_policy_is_on_a_peer_from_a_fork_server_as_on_one_that_starts_by_itself() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let alone = launcher.clone().without_fork_servers();
    let seen = [&launcher, &alone].map(|launcher| {
        let scratch = tempfile::tempdir().unwrap();
        let options = LaunchOptions {
            deny_mptcp: Some(nix::libc::EACCES),
            ..options(&scratch)
        };
        let peer = launcher
            .launch(&spec, &support::host(&lab), &options)
            .unwrap();
        let create = |protocol: &str| -> SocketCreate {
            let wanted = json!({"family": "v4", "protocol": protocol});
            serde_json::from_value(wanted).unwrap()
        };
        let CallError::Failed { record, .. } = peer.call(&create("mptcp")).unwrap_err() else {
            panic!("an MPTCP socket under a policy that refuses it");
        };
        peer.call(&create("tcp")).unwrap();
        (at_rest(&peer), serde_json::to_value(record).unwrap())
    });
    assert_eq!(
        templates(&launcher).len(),
        1,
        "the first came from a fork server"
    );
    assert_eq!(seen[0].1["chain"][0]["errno"], nix::libc::EACCES);
    let status = &seen[0].0.status;
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.iter().any(|known| known == line), "{status:?}");
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn what_could_touch_the_imports_starts_by_itself() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, spec)) = prepared("websockets-14.2-sync") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let variable = LaunchOptions {
        env: vec![("MPWS_WITHOUT_CONSTANT".to_owned(), "1".to_owned())],
        ..options(&scratch)
    };
    let host = support::host(&lab);
    let peer = launcher.launch(&spec, &host, &variable).unwrap();
    peer.shutdown(PATIENCE).unwrap();
    assert_eq!(templates(&launcher).len(), 0);
}

#[test]
fn a_program_that_cannot_be_imported_is_said_to_have_died_with_its_reason() {
    let Some(lab) = support::lab() else { return };
    let Some((launcher, mut spec)) = prepared("websockets-14.2-sync") else {
        return;
    };
    let mpws_peers::Program::Python(program) = &mut spec.program else {
        panic!("{:?}", spec.program);
    };
    program.implementation = "unheard-of".to_owned();
    let scratch = tempfile::tempdir().unwrap();
    let host = support::host(&lab);
    let error = launcher
        .launch(&spec, &host, &options(&scratch))
        .unwrap_err();
    let mpws_peers::LaunchError::DiedAtStart { exit, log, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(exit, Some(Exit::Code(2)));
    assert!(log.contains("no implementation 'unheard-of'"), "{log}");
}

/// Has a lab, a fork server and a peer until its standard input ends. Standard error is held by the
/// lab and, beyond what is usual, by the fork server, so whoever reads it learns when the last of
/// them is gone.
fn runner() -> i32 {
    let (lab, launcher, spec) = match bench() {
        Ok(bench) => bench,
        Err(why) => {
            println!("unsupported: {why}");
            return 0;
        }
    };
    let witness = std::io::stderr().as_fd().try_clone_to_owned().unwrap();
    let inherited = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty());
    nix::fcntl::fcntl(&witness, inherited).unwrap();
    let peer = launch(&launcher, &spec, &lab, "client");
    println!("{} {}", templates(&launcher).len(), peer.name());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    0
}

fn bench() -> Result<(Lab, Launcher, PeerSpec), String> {
    let lab = Lab::two_hosts(1).map_err(|error| match error {
        StartError::Unsupported { .. } => error.to_string(),
        other => panic!("{other:?}"),
    })?;
    let (launcher, spec) = prepared("websockets-14.2-sync").ok_or("no Python environment")?;
    Ok((lab, launcher, spec))
}

/// What a process says first: a number, or nothing where it cannot run here.
fn first_number(output: impl Read) -> Option<usize> {
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).unwrap();
    if line.starts_with("unsupported") {
        support::skip(&line);
        return None;
    }
    let number = line.split_whitespace().next().unwrap_or_default();
    Some(number.parse().unwrap_or_else(|_| panic!("{line:?}")))
}

#[test]
fn nothing_stays_of_a_runner_that_is_killed() {
    let (mut witness, stderr) = pipe().unwrap();
    let mut runner = reexec::command("fork-server-runner")
        .unwrap()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let count = first_number(runner.stdout.take().unwrap());
    if let Some(count) = count {
        assert_eq!(count, 1);
        runner.kill().unwrap();
    }
    drop(runner.stdin.take());
    runner.wait().unwrap();
    let (gone, all_gone) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        witness.read_to_string(&mut text).unwrap();
        eprint!("{text}");
        gone.send(())
    });
    let ended = all_gone.recv_timeout(PATIENCE);
    ended.expect("the fork server or a process of the lab is still there");
}

/// Says how many template processes there were, then, of those things that could pile up, how many
/// more there are after a hundred launches (from a fork server) than after one.
fn hundred_launches() -> i32 {
    let (lab, launcher, spec) = match bench() {
        Ok(bench) => bench,
        Err(why) => {
            println!("unsupported: {why}");
            return 0;
        }
    };
    let one = || {
        let peer = launch(&launcher, &spec, &lab, "client");
        peer.shutdown(PATIENCE).unwrap();
    };
    one();
    let before = piled_up(&launcher, &lab);
    let launches = if templates(&launcher).is_empty() {
        1
    } else {
        100
    };
    (0..launches).for_each(|_| one());
    let after = piled_up(&launcher, &lab);
    println!("{}", templates(&launcher).len());
    i32::from(before != after)
}

/// Descriptors of this process, of the fork server and of the lab; processes in the lab, children
/// of the fork server.
fn piled_up(launcher: &Launcher, lab: &Lab) -> Vec<usize> {
    let [_, inner] = lab.process_ids();
    let own = std::process::id();
    let mut counts = vec![
        descriptors(own).len(),
        descriptors(inner).len(),
        children(inner),
    ];
    for template in templates(launcher) {
        let template = template.cast_unsigned();
        counts.extend([descriptors(template).len(), children(template)]);
    }
    eprintln!("{counts:?}");
    counts
}

/// Processes, zombies among them, whose parent this is.
fn children(parent: u32) -> usize {
    let is_child = |folder: &Path| {
        let mut status = String::new();
        let read =
            File::open(folder.join("status")).and_then(|mut f| f.read_to_string(&mut status));
        read.is_ok()
            && status
                .lines()
                .any(|line| line == format!("PPid:\t{parent}"))
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter(|entry| is_child(&entry.path())).count()
}

/// Runs the hundred launches, and gives the number of template processes.
fn hundred(variable: &str) -> Option<usize> {
    let mut command = reexec::command("fork-server-hundred").unwrap();
    let child = command.env("MPWS_NURSERY", variable).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let templates = first_number(child.stdout.take().unwrap());
    assert!(child.wait().unwrap().success(), "something piled up");
    templates
}

#[test]
fn a_hundred_launches_need_one_fork_server_and_leave_nothing() {
    assert!(matches!(hundred("1"), None | Some(1)));
}

#[test]
fn the_variable_switches_fork_servers_off() {
    assert!(matches!(hundred("0"), None | Some(0)));
}
