//! The server: listens under a policy and does with each connection what its behaviour says.

mod behaviour;
mod config;
mod listen;
mod serving;
mod session;
mod shared;

pub use crate::errors::{BindError, SessionError};
pub use config::ServerConfig;
pub use serving::{Server, ServerState};
pub use shared::MAX_REPORTS;
