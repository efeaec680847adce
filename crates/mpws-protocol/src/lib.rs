//! The adapter protocol, version 1: how the suite asks a peer for single steps.
//!
//! A peer connects to the Unix socket `$MPWS_CONTROL` and speaks JSON lines (UTF-8, one object a
//! line, at most [`MAX_LINE`] bytes). Its first line is [`Hello`]. Then the suite sends [`Request`]
//! lines and the peer answers each with one [`Response`] line of the same `id`, in any order. A
//! peer that does not know an operation, or not with these arguments, answers `unsupported`; the
//! suite probes this before it trusts a peer's word. End of file on the socket means: exit.
//!
//! For: both ends of that socket, and whoever describes messages. A peer in Rust implements
//! [`Adapter`] and gives it to one of the two control loops: [`asynchronous`] for programs on
//! tokio, [`blocking`] for programs with threads. Not for: starting peers or believing them; that
//! is `mpws-peers`.
//!
//! | module | what it is |
//! |---|---|
//! | [`payload`], [`script`] | messages, and what a server does with a connection, as data |
//! | [`facts`], [`records`] | what peers report: sockets, errors, connections |
//! | [`ops`] | the operations: arguments and replies |
//! | [`message`] | the lines: greeting, request, response |
//! | [`feature`] | what a peer can do or cannot: the closed set of words in `peer.toml` |
//! | [`failure`] | why an operation has no reply |
//! | [`adapter`] | the trait of a peer, with a method for each operation |
//! | [`asynchronous`], [`blocking`] | the control loops |
//! | [`limit`] | `process.limit`, for any Rust peer |
//! | [`chain`] | an error and what it came from |
//! | [`schema`](schema()) | the schema of the whole protocol, as it is checked in |

#![deny(unsafe_code)]

pub mod adapter;
pub mod asynchronous;
pub mod blocking;
pub mod chain;
pub mod facts;
pub mod failure;
pub mod feature;
mod ids;
mod libc_version;
pub mod limit;
pub mod message;
mod operation;
pub mod ops;
pub mod payload;
pub mod records;
mod schema;
pub mod script;
mod serving;

pub use adapter::Adapter;
pub use facts::*;
pub use failure::Failure;
pub use feature::{Feature, FeatureSide};
pub use ids::*;
pub use libc_version::libc_version;
pub use message::*;
pub use operation::Operation;
pub use ops::*;
pub use records::*;
pub use schema::schema;
pub use serving::{RunError, ServeError};
