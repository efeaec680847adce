//! From packets to truth: which transport a capture shows, and why it is not MPTCP where it is not.
//!
//! The capture of a lab's wire has every packet once, as its sender sent it, with a comment where the wire did
//! something to it. So both ends are known: what was sent, and what arrived. Of any other capture the packets are taken
//! as they are.
//!
//! - [`CaptureReader`]: the packets of any pcap or pcapng file, [`PacketRecord`]; [`read_pcapng`]: those of a lab, which
//!   must be whole. [`TcpPacket`]: what TCP sees of one.
//! - [`analyse`], [`analyse_packets`]: the TCP connections among them, [`Trace`] and [`Connection`].
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
mod link;
mod packet;
mod ranges;
mod read;
mod segments;
mod stream;
mod verdict;
mod websocket;

pub use analyse::{analyse, analyse_packets};
pub use cause::{Cause, TransportTruth, UnknownCause};
pub use connection::{Connection, Counts, Direction, Flow, Role, Seen, Trace};
pub use link::LinkType;
pub use mpws_codec::websocket::{Head, Violation};
pub use packet::Image as TcpPacket;
pub use read::{CaptureReader, PacketRecord, ReadError, ReadProblem, read_pcapng};
pub use segments::{Held, HoldLimits, Segment};
pub use websocket::{Upgrade, WireFrame};
