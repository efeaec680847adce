//! WebSocket: the opening handshake and the messages that follow on it.

mod arrived;
mod handshake;
mod message;
mod wire_frame;

pub(crate) use arrived::Stream;
pub use handshake::{Application, Handshake};
pub(crate) use handshake::{Heads, MAX_HEAD};
pub use message::{Carried, Close, Frame, Message, MessageKind};
pub(crate) use message::{Conversation, Deflate, FrameReader, escaped};
pub use wire_frame::{Upgrade, WireFrame};
