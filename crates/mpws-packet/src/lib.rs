//! The words about a packet that lab, trace and judge share.
//!
//! The wire of a lab writes beside each packet what it did to it, and whoever reads the capture
//! must understand exactly that. So both sides use one type, [`Act`], which turns into text and
//! back. What cannot be read is an error, never a packet that passed.
//!
//! - [`Act`]: all that happened to one packet: what was [done](Did), by [which](By) rules, boxes
//!   or properties of the link, whether it was lost then, and when it is [due](Due).
//! - [`Delivery`]: what all that comes to: was it sent, did it arrive, and as what.
//! - [`Act::comments`] and [`Act::of_comments`]: the same as packet comments of a pcapng file,
//!   marked, so that comments of other programs are not taken for the wire's.
//! - [`Ip`]: version of the Internet protocol.
//!
//! The crate is no parser of packets and reads no files: `mpws-codec` and `mpws-trace` do.
//! With the feature `serde` its types are data, with `schemars` they have JSON schemas too.

#![forbid(unsafe_code)]

mod act;
mod by;
mod comment;
mod due;
mod error;
mod ip;
#[cfg(feature = "serde")]
mod text;

pub use act::{Act, Delivery, Did};
pub use by::{Actor, By, Name, Quality};
pub use comment::MARK;
pub use due::Due;
pub use error::{InvalidName, UnknownIp, UnreadableAct};
pub use ip::Ip;
