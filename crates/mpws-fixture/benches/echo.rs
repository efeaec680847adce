//! Echo over the loopback: the fixture over TCP and MPTCP, beside tokio-websockets over the same
//! sockets and, where its environment has been made, a server of Python `websockets` 14.2.
//!
//! One item is one message there and back. Each benchmark has a connection of its own that stays
//! open.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use futures_util::{SinkExt, StreamExt};
use mpws_fixture::deflate::{Deflate, Offer, Preferences};
use mpws_fixture::payload::{MessageKind, Payload};
use mpws_fixture::{Client, ClientConfig, ClientConnection, Policy, Server, ServerConfig};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;

const LIMIT: Duration = Duration::from_secs(60);
const SIZES: [usize; 3] = [64, 16 * 1024, 1024 * 1024];

fn main() {
    for policy in [Policy::Require, Policy::Never] {
        if let Err(why) = listener(policy) {
            println!("no {policy:?} sockets, its benchmarks are skipped: {why}");
        }
    }
    if python().is_none() {
        println!("no environment of websockets 14.2 under target/mpws, its benchmarks are skipped");
    }
    divan::main();
}

#[divan::bench(args = SIZES)]
fn fixture_tcp(bencher: Bencher<'_, '_>, size: usize) {
    fixture(bencher, Policy::Never, size);
}

#[divan::bench(args = SIZES)]
fn fixture_mptcp(bencher: Bencher<'_, '_>, size: usize) {
    fixture(bencher, Policy::Require, size);
}

#[divan::bench(args = SIZES)]
fn tokio_websockets_tcp(bencher: Bencher<'_, '_>, size: usize) {
    other(bencher, Policy::Never, size);
}

#[divan::bench(args = SIZES)]
fn tokio_websockets_mptcp(bencher: Bencher<'_, '_>, size: usize) {
    other(bencher, Policy::Require, size);
}

#[divan::bench(args = SIZES)]
fn python_websockets_tcp(bencher: Bencher<'_, '_>, size: usize) {
    foreign(bencher, Policy::Never, size);
}

#[divan::bench(args = SIZES)]
fn python_websockets_mptcp(bencher: Bencher<'_, '_>, size: usize) {
    foreign(bencher, Policy::Require, size);
}

/// Compression and its absence, on text that shrinks to less than half.
#[divan::bench(args = [false, true])]
fn fixture_tcp_text_64_kb_deflate(bencher: Bencher<'_, '_>, deflate: bool) {
    const SIZE: u64 = 64 * 1024;
    let runtime = runtime();
    let _inside = runtime.enter();
    let mut config = ServerConfig::new(loopback());
    config.policy = Policy::Never;
    if deflate {
        config.deflate = Deflate::Required(Preferences::default());
    }
    let server = Server::bind(config).expect("bind");
    let mut config = ClientConfig::new(format!("ws://{}/", server.local_addr()));
    config.policy = Policy::Never;
    if deflate {
        config.deflate = Deflate::Required(Offer::default());
    }
    let connection = runtime.block_on(Client::connect(config)).expect("connect");
    let text = Payload::Text {
        size: SIZE,
        seed: 1,
    }
    .bytes();
    let content = Bytes::from(text);
    let counted = bencher
        .counter(ItemsCount::new(1u32))
        .counter(BytesCount::new(2 * SIZE));
    counted.bench_local(|| runtime.block_on(round(&connection, MessageKind::Text, &content)));
}

/// The fixture at both ends.
fn fixture(bencher: Bencher<'_, '_>, policy: Policy, size: usize) {
    if listener(policy).is_err() {
        return;
    }
    let runtime = runtime();
    let _inside = runtime.enter();
    let mut config = ServerConfig::new(loopback());
    config.policy = policy;
    let server = Server::bind(config).expect("bind");
    measure(bencher, &runtime, policy, server.local_addr(), size);
}

/// The fixture as client, Python as server.
fn foreign(bencher: Bencher<'_, '_>, policy: Policy, size: usize) {
    let Some(site) = python().filter(|_| listener(policy).is_ok()) else {
        return;
    };
    let runtime = runtime();
    let server = PythonServer::start(site, policy);
    measure(bencher, &runtime, policy, server.address, size);
}

fn measure(
    bencher: Bencher<'_, '_>,
    runtime: &Runtime,
    policy: Policy,
    address: SocketAddr,
    size: usize,
) {
    let mut config = ClientConfig::new(format!("ws://{address}/"));
    config.policy = policy;
    let connection = runtime.block_on(Client::connect(config)).expect("connect");
    let content = Bytes::from(vec![7; size]);
    let kind = MessageKind::Binary;
    counted(bencher, size).bench_local(|| runtime.block_on(round(&connection, kind, &content)));
}

async fn round(connection: &ClientConnection, kind: MessageKind, content: &Bytes) {
    let sent = connection.send_bytes(kind, content.clone(), 1, LIMIT).await;
    sent.expect("send");
    let answer = connection.receive(LIMIT).await.expect("receive");
    assert_eq!(answer.content.len(), content.len());
}

/// tokio-websockets at both ends.
fn other(bencher: Bencher<'_, '_>, policy: Policy, size: usize) {
    let Ok(listener) = listener(policy) else {
        return;
    };
    let runtime = runtime();
    let mut connection = runtime.block_on(async {
        let listener = TcpListener::from_std(listener.into()).expect("listener");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("accept");
            let server = tokio_websockets::ServerBuilder::new();
            let (_, mut stream) = server.accept(tcp).await.expect("upgrade");
            while let Some(Ok(message)) = stream.next().await {
                stream.send(message).await.expect("send");
            }
        });
        let tcp = connect(policy, address).await;
        let uri = format!("ws://{address}/");
        let client = tokio_websockets::ClientBuilder::new()
            .uri(&uri)
            .expect("uri");
        client.connect_on(tcp).await.expect("upgrade").0
    });
    let content = Bytes::from(vec![7; size]);
    counted(bencher, size).bench_local(|| {
        runtime.block_on(async {
            let message = tokio_websockets::Message::binary(content.clone());
            connection.send(message).await.expect("send");
            let answer = connection.next().await.expect("answer").expect("message");
            assert_eq!(answer.as_payload().len(), content.len());
        });
    });
}

fn counted<'a, 'b>(bencher: Bencher<'a, 'b>, size: usize) -> Bencher<'a, 'b> {
    bencher
        .counter(ItemsCount::new(1u32))
        .counter(BytesCount::new(2 * size))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime")
}

fn socket(policy: Policy) -> std::io::Result<Socket> {
    let protocol = match policy {
        Policy::Never => Protocol::TCP,
        _ => Protocol::MPTCP,
    };
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(protocol))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn listener(policy: Policy) -> std::io::Result<Socket> {
    let socket = socket(policy)?;
    socket.bind(&loopback().into())?;
    socket.listen(8)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

async fn connect(policy: Policy, address: SocketAddr) -> TcpStream {
    let socket = socket(policy).expect("socket");
    socket.set_nonblocking(true).expect("mode");
    let socket = TcpSocket::from_std_stream(socket.into());
    socket.connect(address).await.expect("connect")
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An echo server of Python `websockets`; killed when dropped.
struct PythonServer {
    child: Child,
    address: SocketAddr,
}

const PROGRAM: &str = "
import asyncio, socket, sys
from websockets.asyncio.server import serve

async def echo(connection):
    async for message in connection:
        await connection.send(message)

async def main():
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, int(sys.argv[1]))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.bind(('127.0.0.1', 0))
    async with serve(echo, sock=sock, compression=None, max_size=None) as server:
        print(sock.getsockname()[1], flush=True)
        await server.serve_forever()

asyncio.run(main())
";

impl PythonServer {
    fn start(site: &Path, policy: Policy) -> Self {
        let protocol = if policy == Policy::Never { "6" } else { "262" };
        let mut child = interpreter(site)
            .args(["-c", PROGRAM, protocol])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python");
        let mut line = String::new();
        let output = child.stdout.take().expect("output");
        BufReader::new(output).read_line(&mut line).expect("port");
        let port = line.trim().parse().expect("port");
        Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        }
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        // A child that is gone already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that holds `websockets` 14.2, made by the suite under its folder of state.
fn python() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/mpws");
            let state = std::env::var_os("MPWS_STATE").unwrap_or_else(|| usual.into());
            std::fs::read_dir(PathBuf::from(state).join("python"))
                .ok()?
                .flatten()
                .map(|entry| entry.path().join("site"))
                .find(|site| has_websockets(site))
        })
        .as_ref()
}

fn has_websockets(site: &Path) -> bool {
    let check = "import sys, websockets.version as v; sys.exit(v.version != '14.2')";
    interpreter(site)
        .args(["-c", check])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn interpreter(site: &Path) -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", site);
    command
}
