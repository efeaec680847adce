//! TCP packets, each as it was sent and as it arrived, and the connections that they belong to.

mod connection;
mod direction;
mod packet;
mod proof;
mod translation;

pub use connection::{Connection, Counts, Flow, Role, Seen, Trace};
pub use direction::Direction;
pub use packet::Image;
pub(crate) use packet::{Packet, Unread, View};
pub use proof::{JoinCheck, Proof};
pub(crate) use translation::Translation;
