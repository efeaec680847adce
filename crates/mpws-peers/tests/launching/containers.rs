//! Python peers in containers: made, launched, watched, killed and swept for real.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use crate::support;
use mpws_lab::{Exit, Ip, Lab, reexec};
use mpws_peers::image::Base;
use mpws_peers::launch::Engine;
use mpws_peers::protocol::{SocketBind, SocketCreate, SocketFamily, SocketLook, SocketProtocol};
use mpws_peers::{
    CallError, Catalogue, ContainerPeer, LaunchError, LaunchOptions, Launcher, PeerSpec,
    StateFolder,
};

/// How long anything may take before a test says that it did not happen.
const PATIENCE: Duration = Duration::from_secs(60);

fn launcher() -> Result<Launcher, LaunchError> {
    Launcher::container(StateFolder::usual().unwrap(), Base::Debian12)
}

fn spec(name: &str) -> PeerSpec {
    Catalogue::builtin().unwrap().peer(name).unwrap().clone()
}

/// A launcher whose engine has the image of this peer, or nothing where this machine cannot.
fn prepared(name: &str) -> Option<(Launcher, PeerSpec)> {
    let launcher = match launcher() {
        Ok(launcher) => launcher,
        Err(LaunchError::NoContainers(why)) => {
            support::skip(&why.to_string());
            return None;
        }
        Err(error) => panic!("{error}: {error:?}"),
    };
    let spec = spec(name);
    match launcher.prepare(&spec, &|line| eprintln!("{line}")) {
        Ok(()) => Some((launcher, spec)),
        Err(error @ LaunchError::Image { .. }) => {
            support::skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
}

fn ahead(launcher: &Launcher, spec: &PeerSpec, options: &LaunchOptions) -> ContainerPeer {
    let started = launcher.launch_in_container(spec, options);
    let started = started.unwrap_or_else(|error| panic!("{error}: {error:?}"));
    started.expect("a Python peer runs in a container")
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
fn a_peer_in_a_container_lives_in_its_host() {
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let one = ahead(&launcher, &spec, &LaunchOptions::default());
    let other = ahead(&launcher, &spec, &LaunchOptions::default());
    let lab = Lab::builder()
        .host_in("client", one.network)
        .host_in("server", other.network)
        .path("client", "server")
        .start()
        .unwrap();
    for (host, peer) in [("client", one.peer), ("server", other.peer)] {
        assert_eq!(peer.hello().version, "14.2");
        let socket = peer.call(&mptcp_socket()).unwrap().socket;
        let host = lab.host(host).address(1, Ip::V4).to_string();
        let bind = SocketBind {
            socket,
            host: host.clone(),
            port: 0,
        };
        let port = peer.call(&bind).unwrap().port;
        let facts = peer.call(&SocketLook { socket }).unwrap();
        assert_eq!(facts.so_protocol, Some(262));
        assert_eq!(facts.local, Some(format!("{host}:{port}")));
        assert_eq!(peer.shutdown(PATIENCE).unwrap(), Exit::Code(0));
    }
}

#[test]
fn a_killed_peer_is_seen_to_be_killed_and_its_container_goes() {
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let ahead = ahead(&launcher, &spec, &LaunchOptions::default());
    let process = ahead.peer.process();
    assert_eq!(process.try_wait().unwrap(), None);
    let pid = process.pid().unwrap();
    process.kill(9).unwrap();
    assert_eq!(process.wait(PATIENCE).unwrap(), Some(Exit::Signal(9)));
    process.kill(9).expect("a dead process is no error");
    let error = ahead.peer.call(&mptcp_socket()).unwrap_err();
    assert!(matches!(error, CallError::Died { .. }), "{error:?}");
    drop(ahead);
    drop(launcher);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn mptcp_is_refused_by_a_profile_with_the_errno_that_was_asked_for() {
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    for errno in [1, 13, 93, 97] {
        let options = LaunchOptions {
            deny_mptcp: Some(errno),
            ..LaunchOptions::default()
        };
        let ahead = ahead(&launcher, &spec, &options);
        assert_eq!(refusal(&ahead, SocketProtocol::Mptcp), Some(errno));
        assert_eq!(refusal(&ahead, SocketProtocol::Tcp), None);
    }
}

#[test]
fn mptcp_is_switched_off_by_the_engine_before_the_peer_starts() {
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let options = LaunchOptions {
        sysctls: vec![("net.mptcp.enabled".to_owned(), "0".to_owned())],
        ..LaunchOptions::default()
    };
    let ahead = ahead(&launcher, &spec, &options);
    // ENOPROTOOPT
    assert_eq!(refusal(&ahead, SocketProtocol::Mptcp), Some(92));
    assert_eq!(refusal(&ahead, SocketProtocol::Tcp), None);
}

/// The errno with which a socket of this protocol fails.
fn refusal(ahead: &ContainerPeer, protocol: SocketProtocol) -> Option<i32> {
    let create = SocketCreate {
        protocol,
        ..mptcp_socket()
    };
    match ahead.peer.call(&create) {
        Ok(_) => None,
        Err(CallError::Failed { record, .. }) => record.chain[0].errno,
        Err(error) => panic!("{error:?}"),
    }
}

/// What a program finds in its container: one line for each thing that it tries, `yes` or the
/// errno, and facts.
const LOOK_AROUND: &str = r#"
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, call):
    try:
        call()
        print(name, "yes")
    except OSError as error:
        print(name, error.errno)
def syscall(*numbers):
    ctypes.set_errno(0)
    if libc.syscall(*numbers) == -1:
        raise OSError(ctypes.get_errno(), "")
def touch(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
for fact in ("Uid", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"):
    print(fact, *status[fact].split())
print("interfaces", *sorted(name for _, name in socket.if_nameindex() if name == "lo" or "eth" in name))
tried("write-root", lambda: touch("/mpws"))
tried("write-image", lambda: touch("/usr/bin/mpws"))
tried("write-tmp", lambda: touch("/tmp/mpws"))
tried("write-scratch", lambda: touch("mpws"))
tried("raw-socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 6))
tried("chown", lambda: os.chown("mpws", 0, 0))
tried("setuid", lambda: os.setuid(0))
# By number of x86-64: what a container may not ask of its kernel.
for name, number in {"unshare": 272, "mount": 165, "setns": 308, "bpf": 321, "keyctl": 250, "reboot": 169,
                     "perf_event_open": 298, "userfaultfd": 323, "kexec_load": 246, "open_by_handle_at": 304}.items():
    tried(name, lambda: syscall(number, 0x10000000, 0, 0, 0, 0))
tried("new-user-namespace", lambda: syscall(56, 0x10000011, 0, 0, 0, 0))
print("done")
"#;

fn look_around(options: &LaunchOptions) -> Option<String> {
    let (launcher, spec) = prepared("websockets-14.2-asyncio")?;
    let said = launcher.run_python(&spec, LOOK_AROUND, options);
    let said = said
        .unwrap_or_else(|error| panic!("{error}: {error:?}"))
        .expect("a container");
    assert_eq!(said.exit, Some(Exit::Code(0)), "{}", said.output);
    assert!(said.output.ends_with("done\n"), "{}", said.output);
    Some(said.output)
}

#[test]
fn a_peer_in_a_container_can_do_what_a_peer_needs_and_no_more() {
    let Some(said) = look_around(&LaunchOptions::default()) else {
        return;
    };
    let expected = "\
        Uid 65532 65532 65532 65532\n\
        CapPrm 0000000000000000\n\
        CapEff 0000000000000000\n\
        CapBnd 0000000000000000\n\
        CapAmb 0000000000000000\n\
        NoNewPrivs 1\n\
        Seccomp 2\n\
        interfaces lo\n\
        write-root 30\n\
        write-image 30\n\
        write-tmp yes\n\
        write-scratch yes\n\
        raw-socket 1\n\
        chown 1\n\
        setuid 1\n";
    assert!(said.starts_with(expected), "{said}");
    if cfg!(target_arch = "x86_64") {
        let refused = said.lines().skip(expected.lines().count());
        for line in refused.filter(|line| *line != "done") {
            assert!(line.ends_with(" 1"), "{line} should be EPERM");
        }
    }
}

#[test]
fn the_profile_without_mptcp_refuses_all_that_the_engine_s_own_does() {
    let Some(own) = look_around(&LaunchOptions::default()) else {
        return;
    };
    let options = LaunchOptions {
        deny_mptcp: Some(13),
        ..LaunchOptions::default()
    };
    assert_eq!(look_around(&options), Some(own));
}

#[test]
fn a_flood_of_output_is_bounded_and_its_end_is_kept() {
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let flood = "
import sys
for _ in range(64):
    sys.stdout.write('x' * 262144)
print('the end')
";
    let said = launcher.run_python(&spec, flood, &LaunchOptions::default());
    let said = said.unwrap().expect("a container");
    assert_eq!(said.exit, Some(Exit::Code(0)));
    assert!(
        said.output.len() < 600 * 1024,
        "{} bytes",
        said.output.len()
    );
    assert!(said.output.ends_with("the end\n"));
}

#[test]
fn what_is_too_much_for_its_memory_is_killed() {
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let greedy = "
kept = []
while True:
    kept.append(bytearray(b'x' * (16 << 20)))
    if len(kept) > 64:
        print('no limit')
        break
";
    let said = launcher.run_python(&spec, greedy, &LaunchOptions::default());
    let said = said.unwrap().expect("a container");
    assert_eq!(said.exit, Some(Exit::Signal(9)), "{}", said.output);
}

#[test]
fn a_peer_that_dies_at_once_leaves_its_last_words() {
    let Some((launcher, spec)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    let program = "import os, sys; print('farewell', flush=True); os._exit(3)";
    let said = launcher.run_python(&spec, program, &LaunchOptions::default());
    let said = said.unwrap().expect("a container");
    assert_eq!(said.exit, Some(Exit::Code(3)));
    assert_eq!(said.output, "farewell\n");
}

#[test]
fn containers_of_a_runner_that_was_killed_go_and_those_of_one_that_lives_stay() {
    let Some((launcher, _)) = prepared("websockets-14.2-asyncio") else {
        return;
    };
    drop(launcher);
    let (mut killed, its_pid) = runner();
    let (mut living, other_pid) = runner();
    // While its owner lives nobody removes it. Once that is dead any launcher may, those of other
    // tests too.
    assert!(is_there(its_pid) && is_there(other_pid));
    killed.kill().unwrap();
    killed.wait().unwrap();
    drop(launcher_again());
    assert!(goes(its_pid), "swept by the next launcher");
    assert!(is_there(other_pid), "its owner lives");
    living.kill().unwrap();
    living.wait().unwrap();
    drop(launcher_again());
    assert!(goes(other_pid));
}

fn launcher_again() -> Launcher {
    launcher().unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// A process that has a peer in a container, and the process id of that.
fn runner() -> (Child, u32) {
    let mut runner = reexec::command(RUNNER)
        .unwrap()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = runner.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    (runner, line.trim().parse().unwrap())
}

const RUNNER: &str = "runner-with-a-container";

reexec!(RUNNER, || {
    let launcher = launcher_again();
    let ahead = ahead(
        &launcher,
        &spec("websockets-14.2-asyncio"),
        &LaunchOptions::default(),
    );
    println!("{}", ahead.peer.process().pid().unwrap());
    // Until somebody ends this process.
    let _ = std::io::stdin().read(&mut [0]);
    0
});

/// Whether it goes within a minute: another launcher may be at work on it, and this one does not
/// wait for that.
fn goes(pid: u32) -> bool {
    let started = std::time::Instant::now();
    while is_there(pid) {
        if started.elapsed() > std::time::Duration::from_secs(60) {
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    true
}

fn is_there(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn where_there_is_no_engine_it_is_said_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere.sock");
    let unix = |path: &std::path::Path| format!("unix://{}", path.display());
    if !nix_is_root() {
        let said = connected(&unix(&nowhere));
        assert!(said.contains("root of this machine"), "{said}");
        return support::skip("engines are only looked for as root");
    }
    let said = connected(&unix(&nowhere));
    assert!(said.contains("no container engine listens at"), "{said}");
    assert!(
        said.contains("nowhere.sock") && said.contains("systemctl start docker"),
        "{said}"
    );
    let said = connected("tcp://127.0.0.1:2375");
    assert!(said.contains("must be on this machine"), "{said}");
    let old = r#"{"Version": "18.09", "ApiVersion": "1.39"}"#;
    let said = connected(&unix(&false_engine(folder.path(), "old", 200, old)));
    assert!(
        said.contains("too old: version 18.09 speaks API 1.39"),
        "{said}"
    );
    let full = r#"{"message": "mkdir /x: no space left on device"}"#;
    let said = connected(&unix(&false_engine(folder.path(), "full", 500, full)));
    assert!(
        said.contains("out of disk space") && said.contains("mpws peers clean"),
        "{said}"
    );
    let new = r#"{"Version": "28", "ApiVersion": "1.50", "SecurityOptions": ["name=seccomp", "name=rootless"]}"#;
    let said = connected(&unix(&false_engine(folder.path(), "rootless", 200, new)));
    assert!(said.contains("runs rootless"), "{said}");
}

fn nix_is_root() -> bool {
    std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.contains("4294967295"))
        && std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

/// An engine that gives this answer to whatever is asked.
fn false_engine(
    folder: &std::path::Path,
    name: &str,
    status: u16,
    body: &str,
) -> std::path::PathBuf {
    let path = folder.join(name);
    let listener = UnixListener::bind(&path).unwrap();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while asked.read_line(&mut line).is_ok_and(|count| count > 2) {
                line.clear();
            }
            // Whoever only wanted to know whether somebody listens is gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    path
}

/// What a process says that looks for an engine where this variable tells.
fn connected(host: &str) -> String {
    let output = reexec::command(CONNECT)
        .unwrap()
        .env("DOCKER_HOST", host)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

const CONNECT: &str = "looks-for-an-engine";

reexec!(CONNECT, || {
    match Engine::for_containers() {
        Ok(engine) => println!("{}", engine.describe()),
        Err(error) => println!("{error}"),
    }
    0
});
