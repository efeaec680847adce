//! What an application wrote: the data stream itself, or what TLS carried in it.

mod pieces;
pub(crate) mod tls;

pub(crate) use pieces::{Piece, Plain};
pub use tls::{KeyLog, KeyLogError, Tls};
