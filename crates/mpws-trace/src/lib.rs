//! From packets to truth: which transport a capture shows, and why it is not MPTCP where it is not.
//!
//! The best capture is one that a lab's wire wrote: every packet once, as its sender sent it, with a comment where the
//! wire did something to it. So both ends are known: what was sent, and what arrived. A capture taken at one point
//! works as well; without comments, what was seen counts as sent and as arrived.
//!
//! - [`CaptureReader`]: the packets of any pcap or pcapng file, [`PacketRecord`]; [`read_pcapng`]: those of a lab, which
//!   must be whole. [`TcpPacket`]: what TCP sees of one.
//! - [`analyse`], [`analyse_packets`]: the TCP connections among them, [`Trace`] and [`Connection`].
//! - [`Connection::transport`]: what carried the bytes, [`TransportTruth`] and [`Cause`].
//! - [`Connection::data`]: the data stream over all subflows, [`DataStream`]: who carried what, what is lost, missing,
//!   or came twice.
//! - [`Connection::join_checks`]: whether those who joined hold the keys.
//! - [`Connection::data_segments`], [`Connection::held_segments`]: who waited for whom.
//! - [`Connection::upgrade`], [`Connection::frames`]: the WebSocket conversation that was carried.
//! - [`Dissection`]: all of a connection: messages with the subflows that carried them, timeline, broken rules.
//! - [`report`]: the same as a public format, and as text.
//!
//! Nothing here looks at a clock or at the endpoints. What a capture cannot show (why a program never asked for
//! MPTCP, say) has its word in [`Cause`] all the same, for those who know it from elsewhere.

#![forbid(unsafe_code)]

// Unit tests make captures packet by packet, as the integration tests do.
#[cfg(test)]
extern crate self as mpws_trace;
#[cfg(test)]
#[path = "../tests/captures/support.rs"]
#[expect(dead_code, reason = "the integration tests use more of it")]
mod support;

mod messages;
mod packets;
mod plain;
mod read;
pub mod report;
mod rules;
mod stream;
mod tracks;
mod transport;

pub use messages::{
    Application, Carried, Close, Content, Conversation, Frame, Handshake, Keep, Message,
    MessageKind, Options, Unread, Upgrade, WireFrame,
};
pub use mpws_codec::websocket::{Head, Violation};
pub use packets::{
    Connection, Counts, Direction, Flow, Image as TcpPacket, JoinCheck, Proof, Role, Seen, Trace,
};
pub use plain::{KeyLog, KeyLogError, Tls};
pub use read::{CaptureReader, LinkType, PacketRecord, ReadError, ReadProblem, read_pcapng};
pub use report::{Dissection, Entry, Event, Fate, Opening};
pub use rules::{Offence, Rule};
pub use stream::{Carriage, DataStream, HeldBack, Hole, Level, Retransmission, Share};
pub use tracks::{Held, HoldLimits, Segment};
pub use transport::{Cause, TransportTruth, UnknownCause, analyse, analyse_packets};
