//! The Rust MPTCP WebSocket server and client of mpws: policy, scripted steps, transcript.
//!
//! It is for tests that must know which protocol carried a connection: MPTCP is required, preferred
//! or refused by [`Policy`], and what came of it is in every [`ConnectionReport`]. It judges
//! nothing beyond that policy, and compresses only where that is asked for; a test that wants
//! misbehaviour writes it as [`script`] steps.
//!
//! * [`policy`]: which protocol, and which one it became
//! * [`server`], [`client`]: the two ends, on tokio
//! * [`script`]: what an end does on a connection, as data; [`payload`]: messages that need not be
//!   stored
//! * [`conversation`]: runs scripts; [`transcript`]: what they did, as a value
//! * [`report`]: what is remembered of a connection, and error chains as data
//! * [`handshake`], [`deflate`], [`tls`]: the layers below messages

#![deny(unsafe_code)]

mod causes;
pub mod client;
pub mod conversation;
pub mod deflate;
mod end;
mod errors;
mod frame;
pub mod handshake;
pub mod policy;
pub mod report;
pub mod server;
mod stream;
mod sys;
pub mod tls;
pub mod transcript;
mod websocket;

pub use mpws_protocol::{payload, script};

pub use client::{Client, ClientConfig, ClientConnection};
pub use policy::{Policy, Transport};
pub use report::ConnectionReport;
pub use server::{Server, ServerConfig};

/// Version of the fixture.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
