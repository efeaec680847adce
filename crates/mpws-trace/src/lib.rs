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

mod analyse;
mod application;
mod cause;
mod connection;
mod data;
mod dissect;
mod event;
mod facts;
mod link;
mod message;
mod packet;
mod plain;
mod proof;
mod ranges;
mod read;
pub mod report;
mod rules;
mod segments;
mod stream;
mod timeline;
mod tls;
mod translation;
mod verdict;
mod websocket;

pub use analyse::{analyse, analyse_packets};
pub use application::{Application, Handshake};
pub use cause::{Cause, TransportTruth, UnknownCause};
pub use connection::{Connection, Counts, Direction, Flow, Role, Seen, Trace};
pub use data::{Carriage, DataStream, HeldBack, Hole, Level, Retransmission, Share};
pub use dissect::{Dissection, Options, Unread};
pub use event::{Entry, Event, Fate, Opening};
pub use link::LinkType;
pub use message::{Carried, Close, Frame, Message, MessageKind};
pub use mpws_codec::websocket::{Head, Violation};
pub use packet::Image as TcpPacket;
pub use proof::{JoinCheck, Proof};
pub use read::{CaptureReader, PacketRecord, ReadError, ReadProblem, read_pcapng};
pub use rules::{Offence, Rule};
pub use segments::{Held, HoldLimits, Segment};
pub use tls::{KeyLog, KeyLogError, Tls};
pub use websocket::{Upgrade, WireFrame};
