//! Rules of RFC 8684, RFC 6455 and RFC 7692 that the packets of a connection can be held against.

mod checksum;
mod data;
mod handshake;
pub(crate) mod mptcp;
mod rule;
mod sheet;
pub(crate) mod websocket;

pub use rule::{Offence, Rule};
