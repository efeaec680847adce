//! Captures made packet by packet, and what the crate makes of them.

mod data;
mod fate;
mod hostile;
mod reading;
mod recorded;
mod report;
mod rules;
mod segments;
mod support;
mod tls;
mod websocket;
