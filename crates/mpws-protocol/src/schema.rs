//! The schema of the protocol.

use crate::message::{Hello, MAX_LINE, PROTOCOL, Request, Response};
use crate::ops;

/// The schema of the whole protocol, as it is checked in.
pub fn schema() -> serde_json::Value {
    let mut operations = serde_json::Map::new();
    ops::each(&mut |name, args, reply| {
        operations.insert(
            name.to_owned(),
            serde_json::json!({ "args": args, "reply": reply }),
        );
    });
    serde_json::json!({
        "title": "mpws adapter protocol",
        "protocol": PROTOCOL,
        "max_line": MAX_LINE,
        "hello": schemars::schema_for!(Hello),
        "request": schemars::schema_for!(Request),
        "response": schemars::schema_for!(Response),
        "operations": operations,
    })
}
