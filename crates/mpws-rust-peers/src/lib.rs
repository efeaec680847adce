//! Adapter peers on Rust WebSocket libraries that the fixture is not made of: tungstenite, used
//! blocking, and tokio-websockets.
//!
//! For: programs that a user of such a library would write, over sockets that they make themselves,
//! MPTCP by socket2. Not for: anything of the fixture; of this project they use the adapter
//! protocol (`mpws-protocol`), and the `mptcp` crate to look at sockets.
//!
//! | module | what it is |
//! |---|---|
//! | [`adapter`] | from operations to sockets, connections and servers |
//! | [`sockets`] | `socket.*`, and the sockets that this process has open |
//! | `connections` | `client.*` and `connection.*` |
//! | `servers`, `history` | `server.*`, and what a server remembers |
//! | [`library`] | what a program does with its library |
//! | `message` | messages and ends of connections |
//! | [`failure`] | errors of libraries, as the protocol reports them |
//!
//! A library is a [`Library`]; each of the two programs in `src/bin` has one.

#![forbid(unsafe_code)]

pub mod adapter;
mod connections;
pub mod failure;
mod history;
pub mod library;
mod limits;
mod message;
mod servers;
pub mod sockets;

pub use adapter::run;
pub use failure::late;
pub use history::{AFTER_ACCEPT_ERROR, Answer, History};
pub use library::{Library, Opening, Serving, Stop, Talk};
pub use message::{Closed, Event, Message};
pub use mpws_protocol::Failure;
