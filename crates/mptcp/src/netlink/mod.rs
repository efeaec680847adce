//! Asking the kernel over netlink.

pub(crate) mod attr;
mod channel;
mod error;
pub(crate) mod generic;
mod message;
mod refusal;

pub(crate) use self::channel::Channel;
pub use self::error::{KernelRefusal, NetlinkError};
pub(crate) use self::message::Message;
#[cfg(test)]
pub(crate) use self::message::{decode, encode};
#[cfg(test)]
pub(crate) use self::refusal::refusal;
