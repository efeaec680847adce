//! The data stream of a connection, put together from all its subflows.

mod assemble;
mod data;

pub(crate) use data::Chunk;
pub use data::{Carriage, DataStream, HeldBack, Hole, Level, Retransmission, Share};
