//! Captures made packet by packet, and what the crate makes of them.

mod data;
mod fate;
mod hostile;
mod reading;
mod recorded;
mod report;
mod rules;
mod segments;
#[expect(dead_code, reason = "the unit tests use more of it")]
mod support;
mod tls;
mod websocket;
