//! The fixture, with what cases ask of libraries that take a socket, and it lacks.

use std::sync::{Mutex, PoisonError};

use mpws_peers::fixture::FixtureAdapter;
use mpws_peers::protocol::{
    Adapter, Answer, ErrorLink, ErrorRelation, Hello, Request, Response, SocketFacts,
};
use serde_json::{Value, json};

use super::wire::{closed, each_facts, error, failed, number, ok, request, text};

/// Says the truth in every case that it takes part in.
#[derive(Debug)]
pub struct Honest {
    fixture: FixtureAdapter,
    /// It does as a library with `sock=` does.
    handover: bool,
    /// Errors, as a debug log shows them.
    log: Mutex<Vec<String>>,
}

impl Honest {
    /// One with nothing open.
    pub fn new(handover: bool) -> Self {
        Self {
            fixture: FixtureAdapter::new(),
            handover,
            log: Mutex::default(),
        }
    }

    /// The answer of the fixture to a request of our own; `None` where it did not work.
    pub(super) async fn ask(&self, op: &str, args: Value) -> Option<Value> {
        self.fixture.handle(request(op, args)).await.answer.ok()
    }

    /// What is known of a socket.
    pub(super) async fn facts(&self, socket: u64) -> SocketFacts {
        let facts = self.ask("socket.facts", json!({ "socket": socket })).await;
        facts
            .and_then(|facts| serde_json::from_value(facts).ok())
            .unwrap_or_default()
    }

    async fn open(&self, mut request: Request) -> Response {
        let socket = number(&request.args, "socket");
        let before = match socket {
            Some(socket) => Some(self.facts(socket).await),
            None => None,
        };
        request.args["null_host"] = false.into();
        if request.args["as_descriptor"] == true {
            let record = error(
                "TypeError",
                "a socket object was expected, not a number",
                None,
            );
            return failed(request.id, record);
        }
        if let Some(socket) = socket
            && request.args["host"] != Value::Null
        {
            self.ask("socket.close", json!({ "socket": socket })).await;
            let mut record = error(
                "ValueError",
                "host and port beside a socket make no sense",
                None,
            );
            record.socket_after = Some(closed());
            return failed(request.id, record);
        }
        let mut response = self.fixture.handle(request).await;
        if let (Answer::Failed(record), Some(before), Some(socket)) =
            (&mut response.answer, before, socket)
        {
            if record.socket_after.is_none() {
                record.socket_after = Some(self.facts(socket).await);
            }
            let names_errno = record.chain.iter().any(|link| link.errno.is_some());
            if before.open && before.remote.is_none() && !names_errno {
                record.chain.push(ErrorLink {
                    class: "std::io::Error".to_owned(),
                    message: "Transport endpoint is not connected".to_owned(),
                    errno: Some(libc::ENOTCONN),
                    link: ErrorRelation::Cause,
                });
            }
        }
        response
    }

    /// Opens, closes and opens again, until it may not or cannot.
    async fn iterate(&self, id: u64, args: &Value) -> Response {
        let mut connections = 0;
        let mut ended = None;
        for _ in 0..number(args, "attempts").unwrap_or(1) {
            let open = opening(args, args["socket"].clone());
            let response = self.open(request("client.open", open)).await;
            match response.answer {
                Answer::Ok(opened) => {
                    connections += 1;
                    self.ask("connection.close", closing(&opened)).await;
                }
                Answer::Failed(record) => {
                    ended = Some(record);
                    break;
                }
                Answer::Unsupported(_) => break,
            }
        }
        ok(
            id,
            json!({ "connections": connections, "retries": [], "error": ended }),
        )
    }

    fn keep(&self, response: &Response) {
        if let Answer::Failed(record) = &response.answer {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.extend(record.chain.iter().map(|link| link.message.clone()));
        }
    }

    fn log(&self, id: u64, containing: Option<&str>) -> Response {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&String> = log
            .iter()
            .filter(|line| containing.is_none_or(|part| line.contains(part)))
            .collect();
        ok(id, json!({ "lines": lines }))
    }
}

impl Adapter for Honest {
    fn hello(&self) -> Hello {
        Hello {
            name: "mpws-mutant".to_owned(),
            ..self.fixture.hello()
        }
    }

    async fn handle(&self, mut request: Request) -> Response {
        let args = &mut request.args;
        match request.op.as_str() {
            "socket.create" if args["by_constant"] == true => {
                if std::env::var_os(WITHOUT_CONSTANT).is_some() {
                    let record = error("AttributeError", "no constant IPPROTO_MPTCP", None);
                    return failed(request.id, record);
                }
                args["by_constant"] = false.into();
            }
            "socket.connect" if text(args, "how").is_some_and(|how| how != "start") => {
                args["how"] = "blocking".into();
            }
            "server.start" if self.handover => {
                if args["socket"] == Value::Null {
                    // As a library does that knows nothing of MPTCP.
                    args["protocol"] = "tcp".into();
                } else {
                    args["host"] = Value::Null;
                    args["port"] = Value::Null;
                }
            }
            "process.log" => return self.log(request.id, text(args, "containing")),
            _ => {}
        }
        let mut response = match request.op.as_str() {
            "client.open" => self.open(request).await,
            "client.iterate" => self.iterate(request.id, &request.args).await,
            _ => self.fixture.handle(request).await,
        };
        if let Answer::Ok(value) = &mut response.answer {
            each_facts(value, &mut |facts| {
                facts["api_protocol"] = facts["so_protocol"].clone();
            });
        }
        self.keep(&response);
        response
    }
}

/// Arguments of `client.open` for one round of an iterator.
pub(super) fn opening(iterate: &Value, socket: Value) -> Value {
    // As a library does that knows nothing of MPTCP.
    let protocol = socket.is_null().then_some("tcp");
    json!({
        "uri": iterate["uri"],
        "protocol": protocol,
        "socket": socket,
        "open_timeout_ms": iterate["deadline_ms"],
        "close_timeout_ms": 1_000,
    })
}

/// Arguments of `connection.close` for a connection that was opened.
pub(super) fn closing(opened: &Value) -> Value {
    json!({
        "connection": opened["connection"], "code": 1000, "reason": "", "deadline_ms": 5_000,
    })
}

/// The variable by which a case takes the constant out of a runtime.
const WITHOUT_CONSTANT: &str = "MPWS_WITHOUT_CONSTANT";
