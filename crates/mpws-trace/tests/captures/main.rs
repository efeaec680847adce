//! Captures made packet by packet, and what the crate makes of them.

mod fate;
mod hostile;
mod reading;
mod recorded;
mod segments;
mod support;
mod transport;
mod websocket;
