//! Programs that run in hosts.

use crate::common::*;
use mpws_lab::{Exit, Host, Ip, Process, Spawn};
use std::io::{ErrorKind, PipeReader, Read, Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

mpws_lab::reexec!("peers-listen", listen_and_greet);
mpws_lab::reexec!("peers-mptcp", say_mptcp_errno);
mpws_lab::reexec!("peers-panic", || panic!("on purpose"));

fn listen_and_greet() -> i32 {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).expect("listen");
    println!("ready");
    let (mut stream, _) = listener.accept().expect("accept");
    stream.write_all(b"hello").expect("write");
    7
}

fn say_mptcp_errno() -> i32 {
    let stream = socket2::Type::STREAM;
    let error = |protocol| {
        socket2::Socket::new(socket2::Domain::IPV4, stream, Some(protocol))
            .err()
            .and_then(|error| error.raw_os_error())
            .unwrap_or(0)
    };
    println!(
        "{} {}",
        error(socket2::Protocol::MPTCP),
        error(socket2::Protocol::TCP)
    );
    0
}

/// Starts a program; its output comes by the pipe.
fn start(host: &Host, change: impl FnOnce(Spawn) -> Spawn) -> (Process, PipeReader) {
    let (output, spawn) = prepared();
    (host.spawn(change(spawn)).expect("spawn"), output)
}

fn prepared() -> (PipeReader, Spawn) {
    let (output, stdout) = pipe().expect("pipe");
    let stderr = std::fs::File::options()
        .write(true)
        .open("/dev/null")
        .expect("null");
    (output, Spawn::new("/bin/sh", stdout.into(), stderr.into()))
}

fn shell(host: &Host, script: &str) -> (Process, PipeReader) {
    start(host, |spawn| {
        spawn.args(["-c", script]).env("PATH", "/usr/bin:/bin")
    })
}

fn entry(name: &str) -> impl FnOnce(Spawn) -> Spawn {
    let name = name.to_owned();
    move |spawn| Spawn::reexec(&name, spawn.stdout, spawn.stderr)
}

fn all(mut output: PipeReader) -> String {
    let mut text = String::new();
    output.read_to_string(&mut text).expect("output");
    text
}

#[test]
fn exit_code_and_output_come_back() {
    let Some(lab) = two_hosts(0) else { return };
    let (process, output) = shell(&lab.host("client"), "echo out; exit 3");
    assert_eq!(process.wait(PATIENCE).expect("wait"), Some(Exit::Code(3)));
    assert_eq!(all(output), "out\n");
    assert_eq!(process.try_wait().expect("again"), Some(Exit::Code(3)));
}

#[test]
fn a_process_that_runs_is_not_waited_for_past_the_deadline() {
    let Some(lab) = two_hosts(0) else { return };
    let (process, _output) = shell(&lab.host("client"), "exec sleep 1000");
    assert_eq!(process.try_wait().expect("wait"), None);
    assert_eq!(process.wait(Duration::from_millis(1)).expect("wait"), None);
    process.kill(libc::SIGTERM).expect("kill");
    let exit = process.wait(PATIENCE).expect("wait");
    assert_eq!(exit, Some(Exit::Signal(libc::SIGTERM)));
    process
        .kill(libc::SIGTERM)
        .expect("a dead process is no error");
}

#[test]
fn nothing_of_the_environment_is_inherited() {
    let Some(lab) = two_hosts(0) else { return };
    let (_process, output) = start(&lab.host("client"), |mut spawn| {
        spawn.program = "env".into();
        spawn.env("PATH", "/usr/bin:/bin").env("WORD", "only this")
    });
    let text = all(output);
    let mut names: Vec<_> = text.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["PATH=/usr/bin:/bin", "WORD=only this"]);
}

#[test]
fn nothing_but_the_standard_descriptors_is_inherited() {
    let Some(lab) = two_hosts(1) else { return };
    let (_process, output) = shell(
        &lab.host("client"),
        "for f in /proc/self/fd/*; do echo ${f##*/}; done",
    );
    // 3 is the shell's own look at the directory.
    let text = all(output);
    assert_eq!(text.replace("3\n", ""), "0\n1\n2\n");
}

#[test]
fn a_program_that_is_not_there_is_not_found() {
    let Some(lab) = two_hosts(0) else { return };
    let (_output, mut spawn) = prepared();
    spawn.program = "/no/such/program".into();
    let error = lab.host("client").spawn(spawn).expect_err("not there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_program_starts_where_it_is_told() {
    let Some(lab) = two_hosts(0) else { return };
    let (_process, output) = start(&lab.host("client"), |spawn| {
        spawn.args(["-c", "pwd"]).current_dir("/proc")
    });
    assert_eq!(all(output), "/proc\n");
}

#[test]
fn programs_of_different_hosts_reach_each_other() {
    let Some(lab) = two_hosts(1) else { return };
    let (process, mut output) = start(&lab.host("server"), entry("peers-listen"));
    let mut ready = [0; 6];
    output.read_exact(&mut ready).expect("ready");
    let client = socket(&lab.host("client"), Ip::V4, TCP);
    let address = std::net::SocketAddr::new(lab.host("server").address(1, Ip::V4), PORT);
    client.connect(&address.into()).expect("connect");
    let mut heard = [0; 5];
    TcpStream::from(client)
        .read_exact(&mut heard)
        .expect("read");
    assert_eq!(&heard, b"hello");
    assert_eq!(process.wait(PATIENCE).expect("wait"), Some(Exit::Code(7)));
}

#[test]
fn an_entry_point_that_panics_is_exit_code_101() {
    let Some(lab) = two_hosts(0) else { return };
    let (process, _output) = start(&lab.host("client"), entry("peers-panic"));
    assert_eq!(process.wait(PATIENCE).expect("wait"), Some(Exit::Code(101)));
}

#[test]
fn an_unknown_entry_point_is_not_started() {
    let error = mpws_lab::reexec::command("no-such").expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let Some(lab) = two_hosts(0) else { return };
    let (_output, spawn) = prepared();
    let error = lab.host("client").spawn(entry("no-such")(spawn));
    assert_eq!(error.expect_err("unknown").kind(), ErrorKind::NotFound);
}

#[test]
fn mptcp_sockets_can_be_denied_to_a_program_and_nothing_else() {
    let Some(lab) = two_hosts(0) else { return };
    let client = lab.host("client");
    for errno in [libc::EPERM, libc::ENOSYS] {
        let (_process, output) = start(&client, |spawn| {
            entry("peers-mptcp")(spawn).deny_mptcp(errno)
        });
        assert_eq!(all(output), format!("{errno} 0\n"));
    }
    if has_mptcp(&client) {
        let (_process, output) = start(&client, entry("peers-mptcp"));
        assert_eq!(all(output), "0 0\n");
    }
    let (_output, spawn) = prepared();
    let error = client.spawn(spawn.deny_mptcp(0)).expect_err("no errno");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_process_is_known_by_its_id_outside_and_inside() {
    let Some(lab) = two_hosts(0) else { return };
    let (process, mut output) = shell(&lab.host("client"), "echo $$; exec sleep 1000");
    let mut own = [0; 8];
    let length = output.read(&mut own).expect("read");
    let own = String::from_utf8_lossy(&own[..length]);
    assert_eq!(own.trim(), process.pid_inside().to_string());
    let outside = process.pid().expect("pid");
    let status = std::fs::read_to_string(format!("/proc/{outside}/status")).expect("status");
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let ids: Vec<_> = ids.expect("NSpid").split_whitespace().collect();
    assert_eq!(ids.last(), Some(&own.trim()));
}

#[test]
fn a_process_ends_with_its_handle() {
    let Some(lab) = two_hosts(0) else { return };
    let (process, output) = shell(&lab.host("client"), "exec sleep 1000");
    drop(process);
    assert_eq!(all(output), "", "the pipe ends when the process does");
}

#[test]
fn every_process_ends_with_the_lab() {
    let Some(lab) = two_hosts(0) else { return };
    let (_process, output) = shell(&lab.host("client"), "setsid sleep 1000 & exec sleep 1000");
    lab.stop().expect("stop");
    assert_eq!(all(output), "", "the pipe ends when both processes do");
}

#[test]
fn only_a_process_of_the_lab_that_is_in_the_host_is_adopted() {
    let Some(lab) = two_hosts(1) else { return };
    let [client, server] = ["client", "server"].map(|name| lab.host(name));
    let (sleeper, _output) = shell(&client, "sleep 1000");
    let pid = sleeper.pid_inside();
    let error = server.adopt(pid).expect_err("it is in another host");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    // The first process itself, no number of a process, and one that nobody has.
    for other in [1, 0, i32::MAX] {
        client.adopt(other).expect_err("not a child of the lab");
    }
    let adopted = client.adopt(pid).expect("it is where it should be");
    adopted.kill(libc::SIGKILL).expect("kill");
    let exit = adopted.wait(PATIENCE).expect("wait");
    assert_eq!(exit, Some(Exit::Signal(libc::SIGKILL)));
}

#[test]
fn the_namespaces_of_a_host_are_those_of_its_programs() {
    let Some(lab) = two_hosts(1) else { return };
    let client = lab.host("client");
    let (sleeper, _output) = shell(&client, "sleep 1000");
    let given = client.namespaces().expect("namespaces");
    let pid = sleeper.pid().expect("pid");
    let same = |kind: &str, given: std::os::fd::OwnedFd| {
        use std::os::unix::fs::MetadataExt;
        let theirs = std::fs::metadata(format!("/proc/{pid}/ns/{kind}")).expect("namespace");
        let given = std::fs::File::from(given).metadata().expect("inode");
        assert_eq!(theirs.ino(), given.ino(), "{kind}");
    };
    same("net", given.net);
    same("pid", given.pid);
    let own = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).expect("user");
    let entered = own("self") != own(&pid.to_string());
    assert_eq!(given.user.is_some(), entered);
    if let Some(user) = given.user {
        same("user", user);
    }
}
