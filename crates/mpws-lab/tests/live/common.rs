//! What the tests of labs share.

use mpws_lab::rule::Rule;
use mpws_lab::{Builder, Host, Ip, Lab, RuleId, StartError};
use socket2::{SockAddr, Socket};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

pub const TCP: i32 = libc::IPPROTO_TCP;
pub const MPTCP: i32 = libc::IPPROTO_MPTCP;
pub const PORT: u16 = 8080;
/// How long anything may take before a test says that it did not happen.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A lab of a client, a server and so many paths; `None` where this host cannot have one, and says
/// why.
pub fn two_hosts(paths: u8) -> Option<Lab> {
    outcome(Lab::two_hosts(paths))
}

/// The same for a lab of another kind.
pub fn started(builder: Builder) -> Option<Lab> {
    outcome(builder.start())
}

fn outcome(started: Result<Lab, StartError>) -> Option<Lab> {
    match started {
        Ok(lab) => Some(lab),
        Err(error @ StartError::Unsupported { .. }) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let why = format!("{error}: {source:?}; {:?}", error.remedy());
            skip(&why);
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Says why a test does not run; where everything is expected to be there, it fails instead.
pub fn skip(why: &str) {
    assert!(
        std::env::var_os("MPWS_EXPECT_ALL").is_none_or(|value| value != "1"),
        "cannot run: {why}"
    );
    eprintln!("skipped: {why}");
}

/// Whether this kernel makes MPTCP sockets in the host.
pub fn has_mptcp(host: &Host) -> bool {
    match host.socket(libc::AF_INET, libc::SOCK_STREAM, MPTCP) {
        Ok(_) => true,
        Err(error) => {
            skip(&format!("no MPTCP sockets: {error}"));
            false
        }
    }
}

pub fn socket(host: &Host, ip: Ip, protocol: i32) -> Socket {
    let domain = match ip {
        Ip::V4 => libc::AF_INET,
        Ip::V6 => libc::AF_INET6,
    };
    let socket = host
        .socket(domain, libc::SOCK_STREAM, protocol)
        .expect("socket");
    let socket = Socket::from(socket);
    socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    socket.set_write_timeout(Some(PATIENCE)).expect("timeout");
    socket
}

/// A listener on the server's address of a path.
pub fn listen(lab: &Lab, path: u8, ip: Ip, protocol: i32) -> (Socket, SockAddr) {
    let server = lab.host("server");
    let listener = socket(&server, ip, protocol);
    let address: SockAddr = SocketAddr::new(server.address(path, ip), PORT).into();
    listener.set_reuse_address(true).expect("reuse");
    listener.bind(&address).expect("bind");
    listener.listen(16).expect("listen");
    (listener, address)
}

/// A connection over path 1 and IPv4: the client's end and the server's.
pub fn connect(lab: &Lab, protocol: i32) -> (Socket, Socket) {
    connect_by(lab, 1, Ip::V4, protocol)
}

pub fn connect_by(lab: &Lab, path: u8, ip: Ip, protocol: i32) -> (Socket, Socket) {
    let (listener, address) = listen(lab, path, ip, protocol);
    let client = socket(&lab.host("client"), ip, protocol);
    client.connect(&address).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    server.set_read_timeout(Some(PATIENCE)).expect("timeout");
    (client, server)
}

/// Sends a text one way and expects it to arrive as it is.
pub fn say(mut from: &Socket, mut to: &Socket, text: &str) {
    from.write_all(text.as_bytes()).expect("write");
    let mut heard = vec![0; text.len()];
    to.read_exact(&mut heard).expect("read");
    assert_eq!(String::from_utf8_lossy(&heard), text);
}

/// Both ends hear each other.
pub fn ping_pong((client, server): &(Socket, Socket)) {
    say(client, server, "ping");
    say(server, client, "pong");
}

pub fn install(lab: &Lab, rule: Rule) -> RuleId {
    lab.install(&rule).expect("rule")
}

/// How far a counter of a host moves while something happens; `None` where the kernel has no such
/// counter.
pub fn moved(host: &Host, counter: &str, happens: impl FnOnce()) -> Option<u64> {
    let before = host.counters().expect("counters").value(counter)?;
    happens();
    let after = host.counters().expect("counters").value(counter)?;
    Some(after - before)
}
