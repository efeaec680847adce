//! The client: connects under a policy, or on a socket that it is given, and speaks WebSocket or a
//! script.

mod config;
mod connection;
mod dial;
mod open;

pub use crate::errors::{ConnectError, HandedOverError, ReceiveError, SendError};
pub use config::{ClientConfig, ClientTls};
pub use connection::{ClientConnection, Received};
pub use open::{Client, ScriptRun};
