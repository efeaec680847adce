//! One fault in front of the honest peer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use mpws_peers::protocol::{Adapter, Answer, Hello, Request, Response, failure};
use serde_json::{Value, json};

use super::fault::Fault;
use super::honest::{Honest, closing, opening};
use super::wire::{closed, each_facts, error, failed, number, ok, pretended, request};

/// The honest peer with one fault.
#[derive(Debug)]
pub struct Mutant {
    fault: Fault,
    honest: Honest,
    /// Numbers of servers and connections that do not exist.
    next: AtomicU64,
    /// Connections whose first message is lost already.
    robbed: Mutex<BTreeSet<u64>>,
    /// How the last connection was opened.
    opening: Mutex<Value>,
    /// How often a connection was to send, and the one that took its place.
    replaced: Mutex<BTreeMap<u64, (u32, Option<u64>)>>,
}

/// Numbers from here on are of what does not exist.
const PRETENDED: u64 = 9_000;

impl Mutant {
    /// This peer with this fault.
    pub fn new(fault: Fault, honest: Honest) -> Self {
        Self {
            fault,
            honest,
            next: AtomicU64::new(PRETENDED),
            robbed: Mutex::default(),
            opening: Mutex::default(),
            replaced: Mutex::default(),
        }
    }

    fn pretended_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// An answer without the honest peer's doing.
    async fn instead(&self, id: u64, op: &str, args: &Value) -> Option<Response> {
        let socket = number(args, "socket");
        match (self.fault, op) {
            (Fault::ClientRefusesAll, "client.open") => {
                let mut record = error(
                    "ConnectionRefusedError",
                    "refused",
                    Some(libc::ECONNREFUSED),
                );
                if let Some(socket) = socket {
                    self.honest
                        .ask("socket.close", json!({ "socket": socket }))
                        .await;
                    record.socket_after = Some(closed());
                }
                Some(failed(id, record))
            }
            // Where nothing is connected, it does not even look.
            (Fault::ClientClaimsOpen, "client.open") if self.is_unconnected(socket).await => {
                Some(self.claim_open(id))
            }
            (Fault::ClientLeaks, "client.open") if self.is_unconnected(socket).await => {
                let mut record = error("OSError", "not connected", Some(libc::ENOTCONN));
                record.socket_after = Some(self.honest.facts(socket?).await);
                Some(failed(id, record))
            }
            (Fault::ClientIteratesTwice, "client.iterate") => {
                Some(self.iterate_twice(id, args).await)
            }
            (Fault::ClientNagles | Fault::ServerNagles, "socket.set")
                if args["option"] == "nodelay" =>
            {
                Some(ok(id, json!({})))
            }
            (Fault::ServerNeverAccepts, "server.start") => {
                Some(self.pretend_to_serve(id, args).await)
            }
            (Fault::ServerNeverAccepts, "server.state" | "server.wait") => Some(ok(
                id,
                json!({ "serving": true, "sockets": [], "connections": [] }),
            )),
            (Fault::ServerNeverAccepts, "server.stop") => {
                Some(ok(id, json!({ "connections": [] })))
            }
            (Fault::ServerNeverRecovers, "process.limit") if args["free"] == Value::Null => {
                Some(ok(id, json!({ "limit": 0 })))
            }
            (Fault::ServerNeverStops, "server.stop") => {
                Some(failed(id, error(failure::DEADLINE, "server.stop", None)))
            }
            (_, "connection.facts") if number(args, "connection")? >= PRETENDED => {
                Some(ok(id, json!({ "facts": pretended(), "state": "OPEN" })))
            }
            (_, "connection.send") if number(args, "connection")? >= PRETENDED => {
                Some(ok(id, json!({})))
            }
            (_, "connection.receive" | "connection.ended" | "connection.close")
                if number(args, "connection")? >= PRETENDED =>
            {
                Some(failed(id, error("ConnectionError", "it is closed", None)))
            }
            _ => None,
        }
    }

    /// What the honest peer is asked instead of what the suite asks.
    async fn falsify_request(&self, op: &str, args: &mut Value) {
        let own = args["socket"] == Value::Null;
        match (self.fault, op) {
            (Fault::ClientNeverAsks | Fault::ServerClaimsMptcp, "socket.create") => {
                args["protocol"] = "tcp".into();
            }
            (Fault::ClientNeverAsks, "client.open")
            | (Fault::ServerClaimsMptcp, "server.start")
                if own =>
            {
                args["protocol"] = "tcp".into();
            }
            (Fault::ClientSpeaksMptcp | Fault::ServerSpeaksMptcp, "socket.create") => {
                args["protocol"] = "mptcp".into();
            }
            (Fault::ClientSpeaksMptcp | Fault::ClientLenient, "client.open") => {
                args["protocol"] = Value::Null;
            }
            (Fault::ServerSpeaksMptcp, "server.start") if own => {
                args["socket"] = self.own_listener("mptcp", args).await;
                args["protocol"] = Value::Null;
                args["host"] = Value::Null;
                args["port"] = Value::Null;
            }
            (Fault::ServerListensAnywhere, "server.start") if !own => {
                // On a socket that is bound already the first of the two fails, which is as well.
                let socket = args["socket"].clone();
                let bind = json!({ "socket": socket, "host": "0.0.0.0", "port": 0 });
                self.honest.ask("socket.bind", bind).await;
                let listen = json!({ "socket": socket, "backlog": 100 });
                self.honest.ask("socket.listen", listen).await;
            }
            (Fault::ClientNagles, "client.open") | (Fault::ServerNagles, "server.start") => {
                args["extra"] = json!({ "nodelay": false });
            }
            (Fault::ClientResetsOptions, "client.open")
            | (Fault::ServerResetsOptions, "server.start")
                if !own =>
            {
                let set = json!({ "socket": args["socket"], "option": "keepalive", "value": 0 });
                self.honest.ask("socket.set", set).await;
            }
            (Fault::ClientResolvesHost, "client.open") => {
                if let Some(socket) = number(args, "socket")
                    && let Some(remote) = self.honest.facts(socket).await.remote
                {
                    args["uri"] = format!("ws://{remote}/").into();
                }
            }
            (Fault::ClientClaimsDeflate | Fault::ClientOffersNoDeflate, "client.open") => {
                args["deflate"] = false.into();
            }
            (Fault::ClientIgnoresSize, "client.open") => {
                args["max_size"] = (1_u64 << 30).into();
            }
            (Fault::ServerIgnoresLimit, "server.start") => {
                args["max_size"] = (1_u64 << 30).into();
            }
            (_, "server.start") => {
                if let Some(fault) = self.echo_fault()
                    && args["behaviour"]["kind"] == "echo"
                {
                    args["behaviour"] = json!({ "kind": "faulty-echo", "fault": fault });
                }
            }
            _ => {}
        }
    }

    /// What the suite is told instead of what the honest peer says.
    fn falsify_response(&self, op: &str, response: &mut Response) {
        let opens = matches!(op, "client.open" | "socket.connect");
        let record = match &mut response.answer {
            Answer::Ok(value) => return self.falsify_value(op, value),
            Answer::Failed(record) => record,
            Answer::Unsupported(_) => return,
        };
        match self.fault {
            Fault::ClientHidesErrno => {
                for link in &mut record.chain {
                    link.errno = None;
                }
            }
            Fault::ClientLeaks if op == "client.open" => {
                if let Some(after) = &mut record.socket_after {
                    after.open = true;
                }
            }
            Fault::ClientIgnoresLimit if opens => {
                record.chain = error(failure::DEADLINE, op, None).chain;
                response.elapsed_us = ENDLESS_US;
            }
            Fault::ClientClaimsOpen if op == "client.open" => {
                *response = self.claim_open(response.id);
            }
            Fault::ClientClaimsOpen if op == "socket.connect" => {
                *response = ok(response.id, json!({ "errno": 0 }));
            }
            _ => {}
        }
    }

    fn falsify_value(&self, op: &str, value: &mut Value) {
        match (self.fault, op) {
            (Fault::ClientMisreportsClose, "connection.close" | "connection.ended") => {
                misreport(value);
            }
            (Fault::ServerMisreportsClose, "server.state" | "server.wait" | "server.stop") => {
                let connections = value["connections"].as_array_mut();
                for connection in connections.into_iter().flatten() {
                    if connection["end"] != Value::Null {
                        misreport(&mut connection["end"]);
                    }
                }
            }
            (Fault::ClientMisnamesSubprotocol, "client.open") => {
                let chosen = value["subprotocol"] != Value::Null;
                value["subprotocol"] = if chosen { "chat.v1" } else { "chat.v9" }.into();
            }
            (Fault::ClientClaimsDeflate, "client.open") => {
                value["extensions"] = json!(["permessage-deflate"]);
            }
            (Fault::ServerClaimsMptcp, _) => each_facts(value, &mut |facts| {
                facts["so_protocol"] = libc::IPPROTO_MPTCP.into();
                facts["api_protocol"] = libc::IPPROTO_MPTCP.into();
                facts["is_mptcp"] = true.into();
            }),
            (Fault::ServerMisnamesProtocol, _) => each_facts(value, &mut |facts| {
                facts["api_protocol"] = libc::IPPROTO_MPTCP.into();
            }),
            (Fault::ClientLeaks, "process.descriptors") => {
                if let Some(sockets) = value["sockets"].as_array_mut() {
                    sockets.push(pretended());
                }
            }
            _ => {}
        }
    }

    fn echo_fault(&self) -> Option<&'static str> {
        match self.fault {
            Fault::EchoAlters => Some("alter"),
            Fault::EchoDrops => Some("drop"),
            Fault::EchoDoubles => Some("double"),
            Fault::EchoReorders => Some("reorder"),
            _ => None,
        }
    }

    /// Whether there is a socket, and it is connected to nobody.
    async fn is_unconnected(&self, socket: Option<u64>) -> bool {
        match socket {
            Some(socket) => {
                let facts = self.honest.facts(socket).await;
                facts.open && facts.remote.is_none()
            }
            None => false,
        }
    }

    fn claim_open(&self, id: u64) -> Response {
        ok(
            id,
            json!({ "connection": self.pretended_number(), "facts": pretended() }),
        )
    }

    /// Every round is a new connection, of its own socket from the second on; failures are
    /// swallowed.
    async fn iterate_twice(&self, id: u64, args: &Value) -> Response {
        let mut connections = 0;
        let mut retries = Vec::new();
        for socket in [args["socket"].clone(), Value::Null] {
            let opening = request("client.open", opening(args, socket));
            let response = self.honest.handle(opening).await;
            match response.answer {
                Answer::Ok(opened) => {
                    connections += 1;
                    self.honest.ask("connection.close", closing(&opened)).await;
                }
                Answer::Failed(record) => retries.push(record),
                Answer::Unsupported(_) => {}
            }
        }
        ok(
            id,
            json!({ "connections": connections, "retries": retries }),
        )
    }

    /// A listening socket with the protocol and where the arguments of `server.start` say.
    async fn own_listener(&self, protocol: &str, start: &Value) -> Value {
        let create = json!({ "family": "v4", "protocol": protocol });
        let created = self.honest.ask("socket.create", create).await;
        let socket = created.map_or(Value::Null, |created| created["socket"].clone());
        let bind = json!({ "socket": socket, "host": start["host"], "port": start["port"] });
        self.honest.ask("socket.bind", bind).await;
        let listen = json!({ "socket": socket, "backlog": 100 });
        self.honest.ask("socket.listen", listen).await;
        socket
    }

    async fn pretend_to_serve(&self, id: u64, args: &Value) -> Response {
        if args["socket"] == Value::Null {
            self.own_listener("tcp", args).await;
        }
        ok(
            id,
            json!({ "server": self.pretended_number(), "addresses": [] }),
        )
    }

    /// Puts another connection in the place of the one that is to send for the third time.
    async fn reconnect(&self, op: &str, args: &mut Value) {
        if self.fault != Fault::ClientReconnects {
            return;
        }
        if op == "client.open" {
            *self.opening.lock().unwrap_or_else(PoisonError::into_inner) = args.clone();
            return;
        }
        let Some(connection) = number(args, "connection") else {
            return;
        };
        let (sent, mut taken) = {
            let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = replaced.entry(connection).or_default();
            entry.0 += u32::from(op == "connection.send");
            *entry
        };
        if sent == 3 && taken.is_none() {
            let mut opening = self
                .opening
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            opening["socket"] = Value::Null;
            opening["protocol"] = Value::Null;
            let opened = self.honest.ask("client.open", opening).await;
            taken = opened.and_then(|opened| number(&opened, "connection"));
            let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
            replaced.insert(connection, (sent, taken));
        }
        if let Some(taken) = taken {
            args["connection"] = taken.into();
        }
    }

    /// Whether the first message of a connection is still to be lost.
    fn robs(&self, op: &str, args: &Value) -> bool {
        self.fault == Fault::ClientLosesMessage
            && op == "connection.receive"
            && number(args, "connection").is_some_and(|connection| {
                let mut robbed = self.robbed.lock().unwrap_or_else(PoisonError::into_inner);
                robbed.insert(connection)
            })
    }
}

impl Adapter for Mutant {
    fn hello(&self) -> Hello {
        self.honest.hello()
    }

    async fn handle(&self, mut request: Request) -> Response {
        let op = request.op.clone();
        if let Some(response) = self.instead(request.id, &op, &request.args).await {
            return response;
        }
        self.falsify_request(&op, &mut request.args).await;
        self.reconnect(&op, &mut request.args).await;
        if self.robs(&op, &request.args) {
            self.honest.handle(request.clone()).await;
        }
        let mut response = self.honest.handle(request).await;
        self.falsify_response(&op, &mut response);
        response
    }
}

/// Another close code than the one that came.
fn misreport(end: &mut Value) {
    let code = if end["code"] == 1006 { 1000 } else { 1006 };
    end["code"] = code.into();
}

/// A minute: longer than any case allows.
const ENDLESS_US: u64 = 60_000_000;
