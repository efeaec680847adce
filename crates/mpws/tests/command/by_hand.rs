//! `mpws serve` and `mpws connect`, over loopback.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{mpws, run, stderr, stdout};

/// A running `mpws serve`; it is killed if a test fails.
struct Served {
    child: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Served {
    fn start(args: &[&str]) -> Self {
        let mut child = mpws(["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let url = line
            .trim()
            .strip_prefix("ready ")
            .expect("a ready line")
            .to_owned();
        Self { child, output, url }
    }

    /// Sends it a Ctrl-C; returns what it printed since it was ready, and its exit code.
    fn stop(mut self) -> (String, Option<i32>) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGINT).expect("the server is there");
        let mut printed = String::new();
        std::io::Read::read_to_string(&mut self.output, &mut printed).expect("text");
        let code = self.child.wait().expect("it ends").code();
        (printed, code)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(args: &[&str]) -> Output {
    run(["connect"].iter().chain(args))
}

/// Whether MPTCP is missing; prints so, and fails where everything is expected to be there.
fn skips_without_mptcp() -> bool {
    let missing = fs::read_to_string("/proc/sys/net/mptcp/enabled").map_or(true, |on| on != "1\n");
    if missing {
        println!("skipped: this host has no MPTCP, or it is switched off");
        let expected = std::env::var_os("MPWS_EXPECT_ALL").is_some_and(|value| value == "1");
        assert!(!expected, "MPTCP is missing although MPWS_EXPECT_ALL=1");
    }
    missing
}

#[test]
fn both_ends_tell_of_an_mptcp_connection() {
    if skips_without_mptcp() {
        return;
    }
    let server = Served::start(&["--policy", "require"]);
    let output = connect(&[&server.url, "--policy", "require", "--message", "hello"]);
    assert!(output.status.success(), "{output:?}");
    let told = stdout(&output);
    assert!(
        told.contains("connected: MPTCP, 1 subflow, token "),
        "{told}"
    );
    assert!(told.contains(": hello"), "{told}");
    assert!(told.contains("close code 1000"), "{told}");
    let caution = "note: over loopback, which shows nothing of middleboxes";
    assert_eq!(told.matches(caution).count(), 1, "{told}");

    let (printed, code) = server.stop();
    assert_eq!(code, Some(0));
    assert!(printed.contains(": MPTCP, 1 subflow, token "), "{printed}");
    assert_eq!(printed.matches(caution).count(), 1, "{printed}");
    assert!(
        printed.contains("#1 ended: 1 received, 1 sent"),
        "{printed}"
    );
}

#[test]
fn a_server_tells_that_a_client_came_without_mptcp() {
    if skips_without_mptcp() {
        return;
    }
    let server = Served::start(&[]);
    let output = connect(&[&server.url, "--policy", "never", "--message", "hello"]);
    assert!(
        stdout(&output).contains("connected: TCP, as asked for"),
        "{output:?}"
    );
    let (printed, _) = server.stop();
    assert!(printed.contains("SYN came without MP_CAPABLE"), "{printed}");
}

#[test]
fn a_client_that_requires_mptcp_refuses_tcp_with_code_1() {
    if skips_without_mptcp() {
        return;
    }
    let server = Served::start(&["--policy", "never"]);
    let output = connect(&[&server.url, "--policy", "require", "--message", "hello"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("fell back to TCP"), "{output:?}");
}

#[test]
fn both_ends_tell_what_compression_they_agree_on() {
    let server = Served::start(&["--policy", "never", "--deflate=server_no_context_takeover"]);
    let client = [&server.url, "--policy", "never", "--message", "hello"];
    let offered = connect(&[client.as_slice(), &["--deflate=server_max_window_bits=10"]].concat());
    let agreed = "with permessage-deflate; server_no_context_takeover; server_max_window_bits=10";
    assert!(stdout(&offered).contains(agreed), "{offered:?}");
    assert!(stdout(&offered).contains(": hello"), "{offered:?}");
    let plain = connect(&client);
    assert!(!stdout(&plain).contains("permessage-deflate"), "{plain:?}");
    let (printed, _) = server.stop();
    assert!(
        printed.contains(&format!("#1 WebSocket is open, {agreed}")),
        "{printed}"
    );
    assert!(printed.contains("#2 WebSocket is open\n"), "{printed}");
}

#[test]
fn each_line_of_standard_input_is_a_message() {
    let server = Served::start(&["--policy", "never"]);
    let mut client = mpws(["connect", &server.url, "--policy", "never"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client starts");
    let mut input = client.stdin.take().expect("a pipe");
    input
        .write_all("one\nzwei \u{1F980}\n".as_bytes())
        .expect("the client reads");
    drop(input);
    let output = client.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let answers: Vec<String> = stdout(&output)
        .lines()
        .filter(|line| line.starts_with("answer "))
        .filter_map(|line| line.split_once(": ").map(|(_, text)| text.to_owned()))
        .collect();
    assert_eq!(answers, ["one", "zwei \u{1F980}"]);
}

#[test]
fn messages_are_sent_as_often_as_asked() {
    let server = Served::start(&["--policy", "never"]);
    let args = [
        "--policy",
        "never",
        "--message",
        "a",
        "--message",
        "b",
        "--count",
        "3",
    ];
    let output = connect(&[&[server.url.as_str()], &args[..]].concat());
    let told = stdout(&output);
    assert_eq!(
        told.lines()
            .filter(|line| line.starts_with("answer "))
            .count(),
        6,
        "{told}"
    );
}

#[test]
fn a_certificate_made_on_the_spot_is_trusted_by_its_authority_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    let other = folder.path().join("other.pem");
    let server = Served::start(&[
        "--policy",
        "never",
        "--tls-self-signed",
        ca.to_str().expect("text"),
    ]);
    let _unrelated = Served::start(&[
        "--policy",
        "never",
        "--tls-self-signed",
        other.to_str().expect("text"),
    ]);
    assert!(server.url.starts_with("wss://"), "{}", server.url);
    let ask = |ca: &std::path::Path| {
        let ca = ca.to_str().expect("text");
        connect(&[
            &server.url,
            "--policy",
            "never",
            "--ca",
            ca,
            "--message",
            "secret",
        ])
    };
    let trusted = ask(&ca);
    assert!(trusted.status.success(), "{trusted:?}");
    assert!(stdout(&trusted).contains(": secret"), "{trusted:?}");
    let refused = ask(&other);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        stderr(&refused).contains("TLS handshake failed"),
        "{refused:?}"
    );
}

#[test]
fn a_server_that_closes_is_told_with_code_1() {
    let server = Served::start(&["--policy", "never", "--behaviour", "close"]);
    let output = connect(&[&server.url, "--policy", "never", "--message", "hello"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("there is no answer"), "{output:?}");
}

#[test]
fn nobody_listening_is_told_with_code_1_and_a_bad_url_with_2() {
    let output = connect(&["ws://127.0.0.1:1", "--message", "hello"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let output = connect(&["http://127.0.0.1:1", "--message", "hello"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_port_that_is_taken_is_told_with_code_2() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = mpws(["serve", "--listen", &address])
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("cannot listen on"), "{output:?}");
}
