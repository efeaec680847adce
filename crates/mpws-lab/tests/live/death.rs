//! Whoever is killed, nothing of a lab stays: runner, outer process, inner process; as root and as
//! ordinary user.

use crate::common::*;
use mpws_lab::{Host, Lab, Spawn, StartError, reexec};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

mpws_lab::reexec!("death-runner", runner);
mpws_lab::reexec!("death-hundred", hundred_labs);
mpws_lab::reexec!("death-user", use_everything);

/// Some user who is not root.
pub const USER: u32 = 12345;

/// What a runner tells of its lab, as numbers in one line: process ids of outer, inner and a peer,
/// then the network namespaces of the hosts.
const FIELDS: usize = 5;

fn start() -> Result<Lab, String> {
    Lab::two_hosts(2).map_err(|error| match error {
        StartError::Unsupported { .. } => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("unsupported: {error}: {source:?}")
        }
        other => panic!("{other:?}"),
    })
}

/// Has a lab with a peer until its standard input ends. Beside outer and inner process and peer
/// nobody has its standard error, so whoever reads that learns when the last of them is gone.
fn runner() -> i32 {
    let lab = match start() {
        Ok(lab) => lab,
        Err(why) => {
            println!("{why}");
            return 0;
        }
    };
    let null = || File::options().write(true).open("/dev/null").expect("null");
    let stderr = std::io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .expect("stderr");
    let sleep = Spawn::new("/bin/sleep", null().into(), stderr).arg("1000");
    let client = lab.host("client");
    let peer = client.spawn(sleep).expect("peer");
    let [outer, inner] = lab.process_ids();
    let mut line = format!("{outer} {inner} {}", peer.pid().expect("pid"));
    for host in lab.hosts() {
        line += &format!(" {}", inode(&host));
    }
    nix::unistd::dup2_stderr(null()).expect("stderr");
    println!("{line}");
    std::io::stdin()
        .read_to_end(&mut Vec::new())
        .expect("stdin");
    // Only asked when this is not the process that was killed.
    i32::from(client.sysctl("net.ipv4.ip_forward").is_ok())
}

fn inode(host: &Host) -> u64 {
    let namespace = File::from(host.namespace().expect("namespace"));
    namespace.metadata().expect("inode").ino()
}

/// This executable at an entry point, as root runs it or as that user.
pub fn as_user(entry: &str, user: Option<u32>) -> Command {
    let mut command = reexec::command(entry).expect("entry");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}

/// Root can try both; an ordinary user only what it is.
fn users() -> Vec<Option<u32>> {
    if geteuid().is_root() {
        vec![None, Some(USER)]
    } else {
        vec![None]
    }
}

struct Runner {
    process: Child,
    numbers: Vec<u64>,
    witness: mpsc::Receiver<()>,
}

/// Starts a runner and hears what it says of its lab; `None` where it can have none.
fn watch(user: Option<u32>) -> Option<Runner> {
    let (mut alive, stderr) = pipe().expect("pipe");
    let mut process = as_user("death-runner", user)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("runner");
    let mut line = String::new();
    let stdout = process.stdout.take().expect("stdout");
    BufReader::new(stdout).read_line(&mut line).expect("line");
    if line.starts_with("unsupported") {
        process.wait().expect("wait");
        skip(&line);
        return None;
    }
    let numbers: Vec<u64> = line
        .split_whitespace()
        .map(|number| number.parse().expect("number"))
        .collect();
    assert_eq!(numbers.len(), FIELDS, "{line:?}");
    let (gone, witness) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        alive.read_to_string(&mut text).expect("witness");
        eprint!("{text}");
        gone.send(())
    });
    Some(Runner {
        process,
        numbers,
        witness,
    })
}

impl Runner {
    fn kill(&self, id: u64) {
        let id = i32::try_from(id).expect("process id");
        kill(Pid::from_raw(id), Signal::SIGKILL).expect("kill");
    }

    /// Outer, inner and peer are gone, and no process is in the hosts' namespaces.
    fn expect_nothing_left(&self) {
        self.witness
            .recv_timeout(PATIENCE)
            .expect("a process of the lab is still there");
        for namespace in &self.numbers[3..] {
            assert!(!inhabited(*namespace), "namespace {namespace} is inhabited");
        }
    }
}

/// Whether any thread of the machine that may be looked at is in this network namespace.
fn inhabited(namespace: u64) -> bool {
    let wanted = format!("net:[{namespace}]");
    let entries = |path: &str| fs::read_dir(path).into_iter().flatten().flatten();
    entries("/proc")
        .map(|process| process.path().join("task"))
        .flat_map(|tasks| entries(&tasks.to_string_lossy()).collect::<Vec<_>>())
        .filter_map(|task| fs::read_link(task.path().join("ns/net")).ok())
        .any(|link| link.to_string_lossy() == wanted)
}

#[test]
fn the_namespaces_of_a_lab_that_lives_are_inhabited() {
    let Some(lab) = two_hosts(1) else { return };
    // Otherwise the other tests would look for something that they cannot see.
    assert!(inhabited(inode(&lab.host("client"))));
}

#[test]
fn nothing_stays_when_the_runner_is_killed() {
    for user in users() {
        let Some(mut runner) = watch(user) else {
            return;
        };
        runner.kill(u64::from(runner.process.id()));
        runner.process.wait().expect("wait");
        runner.expect_nothing_left();
    }
}

#[test]
fn nothing_stays_when_the_outer_process_is_killed() {
    for user in users() {
        let Some(runner) = watch(user) else { return };
        runner.kill(runner.numbers[0]);
        runner.expect_nothing_left();
        ends_well(runner);
    }
}

#[test]
fn nothing_stays_when_the_inner_process_is_killed() {
    for user in users() {
        let Some(runner) = watch(user) else { return };
        runner.kill(runner.numbers[1]);
        runner.expect_nothing_left();
        ends_well(runner);
    }
}

/// The runner of a lab that was killed gets an error, not an answer, and ends.
fn ends_well(mut runner: Runner) {
    drop(runner.process.stdin.take());
    assert!(runner.process.wait().expect("wait").success());
}

#[test]
fn a_hundred_labs_in_a_row_leave_nothing() {
    run_alone("death-hundred");
}

#[test]
fn an_ordinary_user_can_use_everything() {
    run_alone("death-user");
}

fn run_alone(entry: &str) {
    for user in users() {
        let output = as_user(entry, user).output().expect("run");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{user:?}: {text}{errors}");
        if text.starts_with("unsupported") {
            skip(&text);
        }
    }
}

fn hundred_labs() -> i32 {
    if let Err(why) = start() {
        println!("{why}");
        return 0;
    }
    let before = Left::now();
    for _ in 0..100 {
        drop(start().expect("lab"));
    }
    assert_eq!(Left::now(), before);
    0
}

/// What labs could leave in their owner and beside it.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    descriptors: usize,
    threads: usize,
    children: String,
    interfaces: usize,
}

impl Left {
    fn now() -> Self {
        let count = |path| fs::read_dir(path).expect(path).count();
        let text = |path| fs::read_to_string(path).expect(path);
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            children: text("/proc/thread-self/children"),
            interfaces: text("/proc/self/net/dev").lines().count(),
        }
    }
}

/// Every kind of request once, with an effect that shows that it was obeyed.
fn use_everything() -> i32 {
    let lab = match start() {
        Ok(lab) => lab,
        Err(why) => {
            println!("{why}");
            return 0;
        }
    };
    let client = lab.host("client");
    client
        .set_sysctl("net.ipv4.tcp_syn_retries", "2")
        .expect("sysctl");
    assert_eq!(
        client.sysctl("net.ipv4.tcp_syn_retries").expect("sysctl"),
        "2"
    );
    client.set_link(2, false).expect("down");
    client.set_link(2, true).expect("up");
    ping_pong(&connect_by(&lab, 2, mpws_lab::Ip::V6, TCP));
    let strip = mpws_lab::rule::Action::Rewrite(mpws_lab::rule::Rewrite::StripMptcp);
    let rule = install(&lab, mpws_lab::rule::Rule::new("strip", strip).syn());
    if has_mptcp(&client) {
        ping_pong(&connect(&lab, MPTCP));
        assert_eq!(lab.hits(rule).expect("hits"), 1);
        let counters = client.counters().expect("counters");
        assert_eq!(counters.value("MPCapableFallbackSYNACK"), Some(1));
        lab.remove(rule).expect("remove");
        let pair = connect(&lab, MPTCP);
        ping_pong(&pair);
        assert!(!client.mptcp_sockets().expect("sockets").is_empty());
        let mut manager = client.path_manager().expect("path manager");
        let endpoint = mptcp::pm::Endpoint::new(client.address(2, mpws_lab::Ip::V4));
        manager.add_endpoint(&endpoint).expect("endpoint");
        assert_eq!(manager.endpoints().expect("endpoints").len(), 1);
        client.events().expect("events");
    }
    let (mut output, stdout) = pipe().expect("pipe");
    let stderr = stdout.try_clone().expect("pipe");
    let echo = Spawn::new("/bin/sh", stdout.into(), stderr.into()).args(["-c", "echo here"]);
    let peer = client.spawn(echo.deny_mptcp(libc::EPERM)).expect("spawn");
    let mut text = String::new();
    output.read_to_string(&mut text).expect("read");
    assert_eq!(text, "here\n");
    assert!(
        peer.wait(PATIENCE)
            .expect("wait")
            .is_some_and(mpws_lab::Exit::success)
    );
    assert!(
        lab.capture()
            .expect("capture")
            .metadata()
            .expect("size")
            .len()
            > 1000
    );
    lab.stop().expect("stop");
    std::io::stdout().flush().expect("flush");
    0
}
