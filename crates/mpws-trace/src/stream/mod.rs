//! The data stream of a connection, put together from all its subflows.

mod assemble;
mod data;

pub use data::{Carriage, DataStream, Hole, Level, Retransmission, Share, Unacknowledged};
