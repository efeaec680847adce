//! From packets to truth: which transport a capture shows, and why it is not MPTCP where it is not.
//!
//! The capture is one that a lab's wire wrote: every packet once, as its sender sent it, with a comment where the
//! wire did something to it. So both ends are known: what was sent, and what arrived.
//!
//! - [`read_pcapng`]: the packets of a file, [`PacketRecord`].
//! - [`analyse`]: the TCP connections among them, [`Trace`] and [`Connection`].
//! - [`Connection::transport`]: what carried the bytes, [`TransportTruth`] and [`Cause`].
//! - [`Connection::data_segments`], [`Connection::held_segments`]: who waited for whom.
//! - [`Connection::upgrade`], [`Connection::frames`]: the WebSocket conversation that was carried.
//!
//! Nothing here looks at a clock or at the endpoints. What a capture cannot show (why a program never asked for
//! MPTCP, say) has its word in [`Cause`] all the same, for those who know it from elsewhere.

#![forbid(unsafe_code)]

mod analyse;
mod cause;
mod connection;
mod facts;
mod packet;
mod pcapng;
mod ranges;
mod segments;
mod stream;
mod verdict;
mod websocket;

pub use analyse::analyse;
pub use cause::{Cause, TransportTruth, UnknownCause};
pub use connection::{Connection, Direction, Flow, Role, Seen, Trace};
pub use mpws_codec::websocket::{Head, Violation};
pub use pcapng::{PacketRecord, ReadError, ReadProblem, read_pcapng};
pub use segments::{Held, HoldLimits, Segment};
pub use websocket::{Upgrade, WireFrame};
