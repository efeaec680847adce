//! The measures: one round of one transport of each.
//!
//! | file | what it measures |
//! |---|---|
//! | `open.rs` | connect and upgrade |
//! | `latency.rs` | a message there and back |
//! | `bulk.rs` | a volume in one direction, on one path |
//! | `steady.rs` | a steady transfer over two shaped paths |
//! | `failover.rs` | a stream whose first path is cut |
//! | `foreign.rs` | clients that are peers, by the wire's time stamps |
//! | `wire.rs` | the times that the wire shows |
//! | `paths.rs` | the second path |
//! | `rounds.rs` | what all of them are given and give back |
//! | `dispatch.rs` | from each measure to its file |

mod bulk;
mod dispatch;
mod failover;
mod foreign;
mod latency;
mod open;
mod paths;
mod rounds;
mod steady;
mod wire;

pub(crate) use dispatch::{judge, method, round};
pub(crate) use paths::{capacity, network, prepare};
pub(crate) use rounds::{Pending, Round};

#[cfg(test)]
mod tests;
