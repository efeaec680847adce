//! Sans-io codecs for MPTCP options (RFC 8684) and WebSocket (RFC 6455, RFC 7692), illegal ones
//! included.
//!
//! Everything here turns bytes into values and back. Nothing reads or writes a socket, nothing
//! judges whether an endpoint may send what it sent: a decoder says what is on the wire and which
//! rule that breaks.
//!
//! - [`mptcp`]: TCP options of kind 30: find them among raw option bytes, parse, build, edit in
//!   place; token, initial data sequence number and join HMAC from keys.
//! - [`websocket`]: frames, and the HTTP heads of the opening handshake.
//! - [`deflate`]: permessage-deflate: negotiation, and messages compressed and decompressed.
//!
//! No function panics on any input, and what a parser accepts its builder turns back into the same
//! bytes or, for text, into bytes that mean the same.

#![forbid(unsafe_code)]

pub mod deflate;
pub mod mptcp;
pub mod websocket;
