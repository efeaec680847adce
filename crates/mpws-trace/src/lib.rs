//! From packets to truth: which transport a capture shows, and why it is not MPTCP where it is not.
//!
//! The best capture is one that a lab's wire wrote: every packet once, as its sender sent it, with
//! a comment where the wire did something to it. So both ends are known: what was sent, and what
//! arrived. A capture taken at one point works as well; without comments, what was seen counts as
//! sent and as arrived.
//!
//! Nothing here looks at a clock or at the endpoints. What a capture cannot show (why a program
//! never asked for MPTCP, say) has its word in [`Cause`] all the same, for those who know it from
//! elsewhere. Times are nanoseconds since the epoch, lengths are bytes, and places in a stream
//! count from 0, its first byte; sequence numbers as they stand in packets appear in [`TcpPacket`]
//! alone.
//!
//! - `read`: packets out of pcap and pcapng files; [`CaptureReader`], [`read_pcapng`],
//!   [`PacketRecord`]
//! - `packets`: TCP packets as they were sent and as they arrived; connections; keys and HMACs;
//!   [`TcpPacket`], [`Trace`], [`Connection`], [`Connection::join_checks`]
//! - `tracks`: one direction of one subflow, by places in its TCP stream;
//!   [`Connection::data_segments`], [`Connection::nagle_delays`]
//! - `transport`: packets sorted into connections; what carried the bytes, and why it was not
//!   MPTCP; [`analyse`], [`Connection::transport`], [`TransportTruth`]
//! - `stream`: the data of all subflows in order: who carried what, what is missing or came twice;
//!   [`Connection::data`], [`DataStream`]
//! - `plain`: the same, or what TLS carried in it; [`KeyLog`], [`Tls`]
//! - `messages`: WebSocket: opening handshake, messages, and what carried each of them;
//!   [`Connection::conversation`], [`Message`]
//! - `rules`: rules of RFC 8684, RFC 6455 and RFC 7692 that an end broke; [`Rule`], [`Offence`]
//! - [`report`]: all of a connection, as a public format and as text; [`Dissection`],
//!   [`report::Report`]
//!
//! A module uses those above it and never one below.

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
    MessageKind, Options, Unread,
};
pub use mpws_codec::websocket::Violation;
pub use packets::{
    Connection, Counts, Direction, Flow, Image as TcpPacket, JoinCheck, Proof, Role, Seen, Trace,
};
pub use plain::{KeyLog, KeyLogError, Tls};
pub use read::{CaptureReader, LinkType, PacketRecord, ReadError, ReadProblem, read_pcapng};
pub use report::{Delivery, Dissection, Entry, Event, Opening};
pub use rules::{Offence, Rule};
pub use stream::{Carriage, DataStream, Hole, Level, Retransmission, Share, Unacknowledged};
pub use tracks::{NagleDelay, NagleLimits, Segment};
pub use transport::{Cause, TransportTruth, UnknownCause, analyse, analyse_packets};
