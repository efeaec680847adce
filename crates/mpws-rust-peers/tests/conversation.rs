//! Both programs over loopback against themselves, asked as the suite asks them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command};

use serde_json::{Value, json};

const PROGRAMS: [(&str, &str); 2] = [
    ("tungstenite", env!("CARGO_BIN_EXE_mpws-peer-tungstenite")),
    (
        "tokio-websockets",
        env!("CARGO_BIN_EXE_mpws-peer-tokio-websockets"),
    ),
];

/// A running peer; it ends with its control socket, and with this.
struct Peer {
    process: Child,
    hello: Value,
    write: UnixStream,
    read: BufReader<UnixStream>,
    last: u64,
}

impl Peer {
    fn start(program: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let listener = UnixListener::bind(&path).unwrap();
        let process = Command::new(program)
            .env("MPWS_CONTROL", &path)
            .spawn()
            .unwrap();
        let (write, _) = listener.accept().unwrap();
        let mut read = BufReader::new(write.try_clone().unwrap());
        let hello = line(&mut read);
        Self {
            process,
            hello,
            write,
            read,
            last: 0,
        }
    }

    /// The whole answer.
    fn ask(&mut self, op: &str, args: Value) -> Value {
        self.last += 1;
        let request = json!({ "id": self.last, "op": op, "args": args });
        writeln!(self.write, "{request}").unwrap();
        let answer = line(&mut self.read);
        assert_eq!(answer["id"], self.last, "{answer}");
        answer
    }

    /// The reply of what must work.
    fn done(&mut self, op: &str, args: Value) -> Value {
        let answer = self.ask(op, args);
        assert!(answer["ok"].is_object(), "{op}: {answer}");
        answer["ok"].clone()
    }

    fn socket(&mut self) -> Value {
        let args = json!({ "family": "v4", "protocol": "tcp" });
        self.done("socket.create", args)["socket"].clone()
    }

    /// A server with this behaviour: its number and its port.
    fn serve(&mut self, behaviour: Value) -> (Value, Value) {
        let socket = self.socket();
        let bind = json!({ "socket": socket, "host": "127.0.0.1", "port": 0 });
        let port = self.done("socket.bind", bind)["port"].clone();
        self.done("socket.listen", json!({ "socket": socket, "backlog": 10 }));
        let started = self.done("server.start", start(&socket, &behaviour));
        (started["server"].clone(), port)
    }

    /// A connection over a socket that was connected first.
    fn open(&mut self, port: &Value) -> Value {
        let socket = self.socket();
        self.done("socket.connect", connect(&socket, port));
        let opened = self.done("client.open", open(&socket, port));
        assert_eq!(opened["facts"]["so_protocol"], 6);
        opened["connection"].clone()
    }

    /// Sends a message and compares what comes back.
    fn echo(&mut self, connection: &Value, message: &Value, size: u64) {
        let send = json!({
            "connection": connection, "message": message, "fragments": 1, "deadline_ms": 10_000,
        });
        self.done("connection.send", send);
        let receive = json!({ "connection": connection, "deadline_ms": 10_000 });
        let received = self.done("connection.receive", receive);
        assert_eq!(
            (&received["type"], &received["size"]),
            (&message["type"], &json!(size))
        );
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn line(read: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    read.read_line(&mut line).unwrap();
    serde_json::from_str(&line).expect("a line of the protocol")
}

fn connect(socket: &Value, port: &Value) -> Value {
    json!({
        "socket": socket, "host": "127.0.0.1", "port": port, "how": "blocking", "deadline_ms": 10_000,
    })
}

fn start(socket: &Value, behaviour: &Value) -> Value {
    json!({
        "socket": socket, "behaviour": behaviour,
        "open_timeout_ms": 10_000, "close_timeout_ms": 10_000,
    })
}

fn open(socket: &Value, port: &Value) -> Value {
    json!({
        "uri": format!("ws://127.0.0.1:{port}/"), "socket": socket,
        "open_timeout_ms": 10_000, "close_timeout_ms": 10_000,
    })
}

#[test]
fn each_program_says_who_it_is_and_what_it_does_not_know() {
    for (name, program) in PROGRAMS {
        let mut peer = Peer::start(program);
        assert_eq!(peer.hello["name"], name);
        assert_ne!(peer.hello["version"], "");
        let answer = peer.ask("mpws.no-such-operation", json!({}));
        assert!(answer["unsupported"].is_string(), "{answer}");
        let answer = peer.ask("process.descriptors", json!({ "no_such_argument": true }));
        assert!(answer["unsupported"].is_string(), "{answer}");
        let none = peer.done("process.descriptors", json!({}));
        assert_eq!(none["sockets"], json!([]));
    }
}

#[test]
fn messages_come_back_and_the_close_code_is_seen_at_both_ends() {
    for (_, program) in PROGRAMS {
        let mut peer = Peer::start(program);
        let (server, port) = peer.serve(json!({ "kind": "echo" }));
        let connection = peer.open(&port);
        let text = json!({ "type": "text", "size": 5, "seed": 1 });
        peer.echo(&connection, &text, 5);
        let binary = json!({ "type": "binary", "size": 100_000, "seed": 2 });
        peer.echo(&connection, &binary, 100_000);
        let ping = json!({ "connection": connection, "deadline_ms": 10_000 });
        peer.done("connection.ping", ping);
        let close = json!({
            "connection": connection, "code": 4321, "reason": "so", "deadline_ms": 10_000,
        });
        assert_eq!(peer.done("connection.close", close)["code"], 4321);
        let wait = json!({ "server": server, "seen": 1, "ended": 1, "deadline_ms": 10_000 });
        let seen = peer.done("server.wait", wait);
        let seen = &seen["connections"][0];
        assert_eq!(seen["end"]["code"], 4321, "{seen}");
        assert_eq!(seen["received_count"], 2);
        let stop = json!({ "server": server, "deadline_ms": 10_000 });
        peer.done("server.stop", stop);
        let left = peer.done("process.descriptors", json!({}));
        assert_eq!(left["sockets"], json!([]), "sockets are left open");
    }
}

#[test]
fn a_close_of_the_server_ends_the_clients_waiting() {
    for (_, program) in PROGRAMS {
        let mut peer = Peer::start(program);
        let (_, port) = peer.serve(json!({ "kind": "close", "code": 4000, "reason": "enough" }));
        let connection = peer.open(&port);
        let send = json!({
            "connection": connection, "message": { "type": "literal", "text": "x" },
            "fragments": 1, "deadline_ms": 10_000,
        });
        peer.done("connection.send", send);
        let ended = json!({ "connection": connection, "deadline_ms": 10_000 });
        let ended = peer.done("connection.ended", ended);
        assert_eq!(
            (&ended["code"], &ended["reason"]),
            (&json!(4000), &json!("enough"))
        );
    }
}

#[test]
fn a_refused_connect_keeps_its_errno() {
    for (_, program) in PROGRAMS {
        let mut peer = Peer::start(program);
        // Bound and not listening: nobody else can have the port.
        let socket = peer.socket();
        let bind = json!({ "socket": socket, "host": "127.0.0.1", "port": 0 });
        let port = peer.done("socket.bind", bind)["port"].clone();
        let client = peer.socket();
        let answer = peer.ask("socket.connect", connect(&client, &port));
        assert_eq!(answer["error"]["chain"][0]["errno"], 111, "{answer}");
    }
}

#[test]
fn a_socket_that_was_never_connected_is_an_error_and_is_closed() {
    for (_, program) in PROGRAMS {
        let mut peer = Peer::start(program);
        let socket = peer.socket();
        let answer = peer.ask("client.open", open(&socket, &json!(1)));
        let error = &answer["error"];
        let errnos = error["chain"].as_array().expect("a chain").iter();
        assert!(
            errnos
                .map(|link| &link["errno"])
                .any(|errno| errno == 32 || errno == 107),
            "{answer}"
        );
        assert_eq!(error["socket_after"]["open"], false, "{answer}");
    }
}

#[test]
fn a_server_on_what_cannot_accept_says_so() {
    for (_, program) in PROGRAMS {
        let mut peer = Peer::start(program);
        let socket = peer.socket();
        let bind = json!({ "socket": socket, "host": "127.0.0.1", "port": 0 });
        peer.done("socket.bind", bind);
        let answer = peer.ask("server.start", start(&socket, &json!({ "kind": "echo" })));
        let error = match answer.get("ok") {
            None => answer["error"].clone(),
            Some(started) => {
                let wait = json!({
                    "server": started["server"], "seen": 0, "ended": 0,
                    "serving_ended": true, "deadline_ms": 10_000,
                });
                let state = peer.done("server.wait", wait);
                assert_eq!(state["serving"], false, "{state}");
                state["error"].clone()
            }
        };
        assert_eq!(error["chain"][0]["errno"], 22, "{error}");
    }
}

#[test]
fn a_server_without_descriptors_serves_again_when_it_has_some() {
    for (_, program) in PROGRAMS {
        let mut server = Peer::start(program);
        let mut client = Peer::start(program);
        let (_, port) = server.serve(json!({ "kind": "echo" }));
        server.done("process.limit", json!({ "free": 0 }));
        let socket = client.socket();
        client.done("socket.connect", connect(&socket, &port));
        let mut hasty = open(&socket, &port);
        hasty["open_timeout_ms"] = json!(300);
        let answer = client.ask("client.open", hasty);
        assert!(answer["error"].is_object(), "{answer}");
        server.done("process.limit", json!({}));
        let connection = client.open(&port);
        client.echo(
            &connection,
            &json!({ "type": "text", "size": 5, "seed": 1 }),
            5,
        );
    }
}
