//! WebSocket: the opening handshake and the messages that follow on it.

mod content;
mod conversation;
mod escape;
mod frames;
mod handshake;
mod message;

pub use content::{Content, Keep};
pub use conversation::{Conversation, Options, Unread};
pub(crate) use escape::escaped;
pub(crate) use frames::{Fault, Wrong};
pub(crate) use handshake::Heads;
pub use handshake::{Application, Handshake};
pub use message::{Carried, Close, Frame, Message, MessageKind};
