//! From a peer of the catalogue to a running peer whose word can be trusted.

mod command;
#[cfg(feature = "containers")]
mod container;
#[cfg(not(feature = "containers"))]
#[path = "without_containers/mod.rs"]
mod container;
mod entry;
mod error;
mod exit;
mod fork_server;
mod handshake;
mod launcher;
mod options;
mod run_folder;
mod start;

#[cfg(feature = "containers")]
pub use crate::engine::Engine;
pub use crate::engine::{Container, EngineError, describe_engine};
pub use crate::protocol::CONTROL;
pub use container::ContainerPeer;
#[cfg(feature = "containers")]
pub use container::Said;
pub use error::LaunchError;
pub use fork_server::{FORK_SERVER, ForkServerError};
pub use launcher::Launcher;
pub use options::{CONTAINER_START_DEADLINE, LaunchOptions, START_DEADLINE};
