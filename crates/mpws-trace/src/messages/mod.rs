//! WebSocket: the opening handshake and the messages that follow on it.

mod arrived;
mod escape;
mod handshake;
mod message;
mod reader;
mod wire_frame;

pub(crate) use escape::escaped;
pub use handshake::{Application, Handshake};
pub(crate) use handshake::{Heads, MAX_HEAD};
pub use message::{Carried, Close, Frame, Message, MessageKind};
pub(crate) use reader::{Conversation, Fault, FrameReader};
pub use wire_frame::{Upgrade, WireFrame};
