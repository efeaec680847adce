//! Blind peers: programs that know nothing of the adapter protocol. Our own executable stands
//! beside one, in the same host and under the same policy, and speaks the protocol for it: it
//! starts the program's commands, looks at the sockets that the kernel lists, and answers
//! `unsupported` to all that cannot be had in this way (`docs/design/blind-peers.md`).

mod child;
mod client;
mod driver;
mod orders;
mod server;

pub(crate) use driver::run;
#[cfg(feature = "containers")]
pub(crate) use orders::START_IN_CONTAINER;
pub(crate) use orders::{ORDERS, Orders, START};
