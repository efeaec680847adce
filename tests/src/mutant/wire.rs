//! Requests and responses as data, made and looked into.

use mpws_peers::protocol::{
    Answer, ErrorLink, ErrorRecord, ErrorRelation, Request, Response, SocketFacts,
};
use serde_json::{Value, json};

/// A request of our own to the adapter behind us. The number is of no use there.
pub(super) fn request(op: &str, args: Value) -> Request {
    Request {
        id: 0,
        op: op.to_owned(),
        args,
    }
}

/// An answer that an operation worked.
pub(super) fn ok(id: u64, value: Value) -> Response {
    Response {
        id,
        elapsed_us: 1,
        answer: Answer::Ok(value),
    }
}

/// An answer that an operation failed.
pub(super) fn failed(id: u64, record: ErrorRecord) -> Response {
    Response {
        id,
        elapsed_us: 1,
        answer: Answer::Failed(record),
    }
}

/// An error of one link.
pub(super) fn error(class: &str, message: &str, errno: Option<i32>) -> ErrorRecord {
    ErrorRecord {
        chain: vec![ErrorLink {
            class: class.to_owned(),
            message: message.to_owned(),
            errno,
            link: ErrorRelation::Outermost,
        }],
        socket_after: None,
    }
}

/// Facts of a socket that is closed.
pub(super) fn closed() -> SocketFacts {
    SocketFacts::default()
}

/// A number among the arguments.
pub(super) fn number(args: &Value, name: &str) -> Option<u64> {
    args.get(name).and_then(Value::as_u64)
}

/// A text among the arguments.
pub(super) fn text<'a>(args: &'a Value, name: &str) -> Option<&'a str> {
    args.get(name).and_then(Value::as_str)
}

/// Visits every record of socket facts inside a value.
pub(super) fn each_facts(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    if value.get("so_protocol").is_some() {
        visit(value);
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|one| each_facts(one, visit)),
        Value::Array(items) => items.iter_mut().for_each(|one| each_facts(one, visit)),
        _ => {}
    }
}

/// What no honest peer reports: facts of an open MPTCP connection, without a look at any socket.
pub(super) fn pretended() -> Value {
    json!({ "open": true, "so_protocol": libc::IPPROTO_MPTCP, "is_mptcp": true, "nodelay": true, "blocking": false })
}
