//! TCP packets, each as it was sent and as it arrived, and the connections that they belong to.

mod connection;
mod packet;
mod proof;
mod translation;

pub use connection::{Connection, Counts, Direction, Flow, Role, Seen, Trace};
pub use packet::Image;
pub(crate) use packet::{Act, Packet, Unread};
pub use proof::{JoinCheck, Proof};
pub(crate) use translation::Translation;
