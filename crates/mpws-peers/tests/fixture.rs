//! The fixture behind the adapter protocol, asked over a Unix socket as the suite does.

use mpws_peers::fixture::FixtureAdapter;
use mpws_peers::protocol::asynchronous::serve;
use mpws_peers::protocol::{Adapter, Answer, ErrorRecord, Hello, Request, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

const LIMIT: u64 = 20_000;

struct Suite {
    stream: BufReader<UnixStream>,
    hello: Hello,
    last: u64,
    peer: JoinHandle<()>,
}

impl Suite {
    async fn with(adapter: impl Adapter) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("pair");
        let peer = tokio::spawn(async move { serve(adapter, theirs).await.expect("serve") });
        let mut stream = BufReader::new(ours);
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("hello");
        let hello = serde_json::from_str(&line).expect("hello");
        Self {
            stream,
            hello,
            last: 0,
            peer,
        }
    }

    async fn new() -> Self {
        Self::with(FixtureAdapter::new()).await
    }

    async fn ask(&mut self, op: &str, args: Value) -> u64 {
        self.last += 1;
        let line = json!({"id": self.last, "op": op, "args": args}).to_string() + "\n";
        self.stream.write_all(line.as_bytes()).await.expect("write");
        self.last
    }

    async fn answer(&mut self) -> Response {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.expect("read");
        serde_json::from_str(&line).expect("response")
    }

    async fn call(&mut self, op: &str, args: Value) -> Response {
        let id = self.ask(op, args).await;
        let answer = self.answer().await;
        assert_eq!(answer.id, id);
        answer
    }

    async fn ok(&mut self, op: &str, args: Value) -> Value {
        let answer = self.call(op, args).await;
        answer
            .answer
            .clone()
            .ok()
            .unwrap_or_else(|| panic!("{op}: {answer:?}"))
    }

    /// Starts a TCP server; returns its number and port.
    async fn server(&mut self, behaviour: Value) -> (u64, u64) {
        let started = self.ok("server.start", start(behaviour)).await;
        let address = started["addresses"][0].as_str().expect("address");
        let port = address
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        (
            started["server"].as_u64().expect("number"),
            port.expect("port"),
        )
    }

    async fn connection(&mut self, port: u64) -> u64 {
        let opened = self.ok("client.open", open(port)).await;
        opened["connection"].as_u64().expect("number")
    }

    async fn stop(self) {
        drop(self.stream);
        self.peer.await.expect("the peer returns at end of file");
    }
}

fn start(behaviour: Value) -> Value {
    json!({"host": "127.0.0.1", "port": 0, "protocol": "tcp", "behaviour": behaviour,
           "open_timeout_ms": LIMIT, "close_timeout_ms": LIMIT})
}

fn open(port: u64) -> Value {
    json!({"uri": format!("ws://127.0.0.1:{port}/"), "protocol": "tcp",
           "open_timeout_ms": LIMIT, "close_timeout_ms": LIMIT})
}

#[tokio::test]
async fn the_fixture_says_what_it_is() {
    let suite = Suite::new().await;
    assert_eq!(suite.hello.name, "mpws-fixture");
    assert_eq!(suite.hello.implementation, "fixture");
    assert_eq!(suite.hello.version, mpws_fixture::VERSION);
    suite.stop().await;
}

#[tokio::test]
async fn messages_go_to_a_server_and_back_and_both_ends_tell_of_them() {
    let mut suite = Suite::new().await;
    let (server, port) = suite.server(json!({"kind": "echo"})).await;
    let connection = suite.connection(port).await;
    let message = json!({"type": "text", "size": 1000, "seed": 3});
    let args =
        json!({"connection": connection, "message": message, "fragments": 4, "deadline_ms": LIMIT});
    suite.ok("connection.send", args).await;
    let args = json!({"connection": connection, "deadline_ms": LIMIT});
    let received = suite.ok("connection.receive", args.clone()).await;
    let expected = mpws_fixture::payload::Payload::Text {
        size: 1000,
        seed: 3,
    }
    .digested();
    assert_eq!(received, serde_json::to_value(&expected).expect("value"));
    suite.ok("connection.ping", args).await;
    let args = json!({"connection": connection, "writes": 2, "answers": 2, "fragments": 1,
                      "size": 100, "rounds": 5, "deadline_ms": LIMIT});
    let burst = suite.ok("connection.burst", args).await;
    assert_eq!(burst["rounds_us"].as_array().map(Vec::len), Some(5));
    let args =
        json!({"connection": connection, "code": 1000, "reason": "bye", "deadline_ms": LIMIT});
    let end = suite.ok("connection.close", args).await;
    assert_eq!(
        (&end["code"], &end["transport"]),
        (&json!(1000), &json!("eof"))
    );
    let args = json!({"server": server, "seen": 1, "ended": 1, "deadline_ms": LIMIT});
    let state = suite.ok("server.wait", args).await;
    let record = &state["connections"][0];
    assert_eq!(record["received_count"], json!(11));
    assert_eq!(record["received"][0], received);
    assert_eq!(record["end"]["reason"], json!("bye"));
    let stopped = suite
        .ok(
            "server.stop",
            json!({"server": server, "deadline_ms": LIMIT}),
        )
        .await;
    assert_eq!(stopped["connections"].as_array().map(Vec::len), Some(1));
    suite.stop().await;
}

#[tokio::test]
async fn a_pending_open_does_not_block_other_operations() {
    let mut suite = Suite::new().await;
    let silent =
        json!({"kind": "script", "steps": [{"step": "read-request"}, {"step": "expect-end"}]});
    let (server, port) = suite.server(silent).await;
    let opening = suite.ask("client.open", open(port)).await;
    let args = json!({"server": server, "seen": 1, "ended": 0, "deadline_ms": LIMIT});
    let waiting = suite.ask("server.wait", args).await;
    assert_eq!(suite.answer().await.id, waiting);
    suite
        .ask(
            "server.stop",
            json!({"server": server, "deadline_ms": LIMIT}),
        )
        .await;
    let (one, other) = (suite.answer().await, suite.answer().await);
    let opened = if one.id == opening { one } else { other };
    let error = failed(opened);
    assert_eq!(error.chain[0].class, "mpws_fixture::ConnectError");
    assert_eq!(error.chain[1].class, "mpws_fixture::HandshakeError");
    suite.stop().await;
}

#[tokio::test]
async fn what_is_unknown_or_cannot_be_done_is_unsupported() {
    let mut suite = Suite::new().await;
    let mut top_level = open(1);
    top_level["top_level"] = json!(true);
    for (op, args) in [
        ("no.such", json!({})),
        ("process.descriptors", json!({"more": 1})),
        (
            "client.iterate",
            json!({"uri": "ws://h/", "attempts": 1, "deadline_ms": 1}),
        ),
        ("client.open", top_level),
        ("socket.facts", json!({"socket": 99})),
    ] {
        let answer = suite.call(op, args).await;
        let unsupported = matches!(answer.answer, Answer::Unsupported(_));
        assert!(unsupported, "{op}: {answer:?}");
    }
    suite.stop().await;
}

#[tokio::test]
async fn a_socket_that_is_handed_over_unconnected_is_an_error_with_errno_and_is_closed() {
    let mut suite = Suite::new().await;
    let made = json!({"family": "v4", "protocol": "tcp"});
    let socket = suite.ok("socket.create", made).await["socket"].clone();
    let mut args = open(1);
    args["socket"] = socket.clone();
    let error = failed(suite.call("client.open", args).await);
    let classes: Vec<_> = error.chain.iter().map(|link| link.class.as_str()).collect();
    assert_eq!(
        classes,
        [
            "mpws_fixture::ConnectError",
            "mpws_fixture::HandedOverError",
            "std::io::Error"
        ]
    );
    assert_eq!(error.chain[2].errno, Some(107));
    assert_eq!(error.socket_after.map(|facts| facts.open), Some(false));
    let facts = suite.ok("socket.facts", json!({"socket": socket})).await;
    assert_eq!(facts["open"], json!(false));
    suite.stop().await;
}

#[tokio::test]
async fn a_connected_socket_is_handed_over_and_counted_until_it_is_closed() {
    let mut suite = Suite::new().await;
    let (_, port) = suite.server(json!({"kind": "echo"})).await;
    let made = json!({"family": "v4", "protocol": "tcp"});
    let socket = suite.ok("socket.create", made).await["socket"].clone();
    let args = json!({"socket": socket, "host": "127.0.0.1", "port": port, "how": "blocking",
                      "deadline_ms": LIMIT});
    assert_eq!(suite.ok("socket.connect", args).await["errno"], json!(0));
    let mut args = open(port);
    args["socket"] = socket.clone();
    let opened = suite.ok("client.open", args).await;
    let local = opened["facts"]["local"].clone();
    let facts = suite.ok("socket.facts", json!({"socket": socket})).await;
    assert_eq!((&facts["open"], &facts["local"]), (&json!(true), &local));
    let counted = |all: Value| {
        let sockets = all["sockets"].as_array().expect("sockets").clone();
        sockets.iter().filter(|s| s["local"] == local).count()
    };
    assert_eq!(counted(suite.ok("process.descriptors", json!({})).await), 1);
    let args = json!({"connection": opened["connection"], "code": 1000, "reason": "",
                      "deadline_ms": LIMIT});
    suite.ok("connection.close", args).await;
    assert_eq!(counted(suite.ok("process.descriptors", json!({})).await), 0);
    suite.stop().await;
}

#[tokio::test]
async fn options_that_are_set_stand_among_the_facts() {
    let mut suite = Suite::new().await;
    let made = json!({"family": "v4", "protocol": "tcp"});
    let socket = suite.ok("socket.create", made).await["socket"].clone();
    for (option, value) in [("keepidle", 33), ("tos", 16)] {
        let args = json!({"socket": socket, "option": option, "value": value});
        suite.ok("socket.set", args).await;
    }
    let facts = suite.ok("socket.facts", json!({"socket": socket})).await;
    assert_eq!(facts["options"]["keepidle"], 33);
    assert_eq!(facts["options"]["tos"], 16);
    suite.stop().await;
}

#[tokio::test]
async fn a_refused_blocking_connect_is_an_error_and_a_started_one_tells_its_errno() {
    let mut suite = Suite::new().await;
    let made = json!({"family": "v4", "protocol": "tcp"});
    let blocker = suite.ok("socket.create", made.clone()).await["socket"].clone();
    let args = json!({"socket": blocker, "host": "127.0.0.1", "port": 0});
    // Bound and not listening, so that it refuses.
    let port = suite.ok("socket.bind", args).await["port"].clone();
    let socket = suite.ok("socket.create", made).await["socket"].clone();
    let mut args = json!({"socket": socket, "host": "127.0.0.1", "port": port, "how": "blocking",
                          "deadline_ms": LIMIT});
    let refused = failed(suite.call("socket.connect", args.clone()).await);
    assert_eq!(refused.chain[0].errno, Some(111));
    args["how"] = json!("start");
    let started = suite.ok("socket.connect", args.clone()).await;
    assert_ne!(started["errno"], json!(0));
    args["how"] = json!("sock-connect");
    let response = suite.call("socket.connect", args).await;
    assert!(matches!(response.answer, Answer::Unsupported(_)));
    suite.stop().await;
}

/// The error of an operation that must fail.
fn failed(response: Response) -> ErrorRecord {
    match response.answer {
        Answer::Failed(record) => record,
        other => panic!("{other:?}"),
    }
}

/// An adapter around the fixture, as the tests of the suite make them.
struct Panicking(FixtureAdapter);

impl Adapter for Panicking {
    fn hello(&self) -> Hello {
        self.0.hello()
    }

    async fn handle(&self, request: Request) -> Response {
        assert_ne!(request.op, "socket.pair", "made to panic");
        self.0.handle(request).await
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_the_peer_lives_on() {
    let mut suite = Suite::with(Panicking(FixtureAdapter::new())).await;
    let error = failed(suite.call("socket.pair", json!({})).await);
    assert_eq!(error.chain[0].class, "mpws.Panic");
    suite.ok("process.log", json!({})).await;
    suite.stop().await;
}
