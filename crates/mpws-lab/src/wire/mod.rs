//! The wire: takes every frame that a host sends, asks rules and middleboxes, records, and hands it
//! to the other end.
//!
//! One thread does all of it, in the order in which the kernel received the frames.

mod boxes;
mod capture;
mod clock;
mod forward;
mod handle;
mod icmp;
mod in_flight;
mod link;
mod packet;
mod port;
mod ring;
mod rules;

pub(crate) use handle::Wire;
pub(crate) use port::Port;
