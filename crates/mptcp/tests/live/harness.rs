//! A network namespace for a test, and connections inside it.

use std::env;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// Runs a test in a child process with a network namespace of its own, `lo` up in it and all rights
/// over it. As an ordinary user that takes a user namespace too. `name` is the full name of the
/// test that calls this.
pub fn in_namespace(name: &str, test: impl FnOnce()) {
    let flags: &[&str] = if nix::unistd::geteuid().is_root() {
        &["--net"]
    } else {
        &["--net", "--user", "--map-root-user"]
    };
    in_child(name, flags, || {
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(
            up.is_ok_and(|status| status.success()),
            "lo could not be set up"
        );
        test();
    });
}

/// Runs a test in a child process that has no rights over the network namespace that it shares with
/// us, even as root: its rights end at a user namespace of its own.
pub fn without_rights(name: &str, test: impl FnOnce()) {
    in_child(name, &["--user"], test);
}

fn in_child(name: &str, flags: &[&str], test: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return test();
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(flags);
        command
    };
    if !unshare()
        .arg("true")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return skip(name, "no namespace can be made here");
    }
    if mptcp::stream(Domain::IPV4).is_err() {
        return skip(name, "there is no MPTCP here");
    }
    let itself = env::current_exe().expect("the test's own program");
    let output = unshare()
        .arg(itself)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("the child ran");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    // A name that matches no test would pass without having run anything.
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{out}\n{err}"
    );
    for line in out.lines().filter(|line| line.starts_with(SKIP)) {
        println!("{line}");
    }
}

/// Says why a test proves nothing here; an error where everything is expected to work.
pub fn skip(name: &str, why: &str) {
    assert!(
        env::var_os("MPWS_EXPECT_ALL").is_none_or(|value| value != "1"),
        "{name}: {why}"
    );
    println!("{SKIP} {name}: {why}");
}

/// What a program of the system prints; `None` if it is not installed.
pub fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {err}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Both ends of a connection, and the listener that accepted it.
pub struct Pair {
    pub listener: Socket,
    pub client: TcpStream,
    pub server: TcpStream,
}

impl Pair {
    /// Connects over loopback. The server listens on all addresses, so that subflows may come to
    /// any.
    pub fn new(client: Protocol, server: Protocol) -> Self {
        let listener = socket(server);
        listener
            .bind(
                &"0.0.0.0:0"
                    .parse::<SocketAddr>()
                    .expect("an address")
                    .into(),
            )
            .expect("bound");
        listener.listen(8).expect("listening");
        let port = listener
            .local_addr()
            .ok()
            .and_then(|address| address.as_socket());
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("an address").port()));
        let client = socket(client);
        client.connect(&address.into()).expect("connected");
        let (server, _) = listener.accept().expect("accepted");
        for end in [&client, &server] {
            end.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            end.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        }
        Self {
            listener,
            client: client.into(),
            server: server.into(),
        }
    }

    pub fn mptcp() -> Self {
        Self::new(Protocol::MPTCP, Protocol::MPTCP)
    }

    /// Sends bytes both ways; after that the MPTCP handshake is complete on both ends.
    pub fn exchange(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        self.client.write_all(bytes).expect("written");
        self.server.read_exact(&mut read).expect("read");
        self.server.write_all(&read).expect("written");
        self.client.read_exact(&mut read).expect("read");
        assert_eq!(read, bytes);
    }
}

/// Asks again and again until there is an answer; what is asked for changes in the kernel without
/// telling us.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = deadline();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} did not come about");
        std::thread::yield_now();
    }
}

/// When a wait that begins now is hopeless.
pub fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

fn socket(protocol: Protocol) -> Socket {
    if protocol == Protocol::MPTCP {
        mptcp::stream(Domain::IPV4).expect("an MPTCP socket")
    } else {
        Socket::new(Domain::IPV4, Type::STREAM, Some(protocol)).expect("a socket")
    }
}

/// After this long a wait is hopeless.
const PATIENCE: Duration = Duration::from_secs(20);
/// Set in the child process.
const INSIDE: &str = "MPTCP_TEST_INSIDE_NAMESPACE";
const SKIP: &str = "SKIP";
