//! The container engine: one client for images and containers, and the containers that it runs for
//! us.
//!
//! testcontainers creates and removes containers; bollard, which it stands on, tells process ids,
//! ends and output, and sweeps. Without the cargo feature `containers` nothing is left of it but
//! the error that says so.

#[cfg(feature = "containers")]
mod client;
#[cfg(feature = "containers")]
mod container;
#[cfg(not(feature = "containers"))]
#[path = "absent.rs"]
mod container;
mod describe;
mod error;
#[cfg(feature = "containers")]
mod output;
#[cfg(feature = "containers")]
pub(crate) mod owner;
#[cfg(feature = "containers")]
mod removals;
#[cfg(feature = "containers")]
mod request;
#[cfg(feature = "containers")]
mod seccomp;
#[cfg(feature = "containers")]
mod words;

#[cfg(feature = "containers")]
pub use client::Engine;
#[cfg(feature = "containers")]
pub(crate) use client::{ANSWER, WORK};
pub use container::Container;
#[cfg(feature = "containers")]
pub(crate) use container::Started;
pub use describe::describe_engine;
pub use error::EngineError;
#[cfg(feature = "containers")]
pub(crate) use owner::Owner;
#[cfg(feature = "containers")]
pub(crate) use removals::Removals;
#[cfg(feature = "containers")]
pub(crate) use request::{INSIDE, USER, Wanted};
#[cfg(feature = "containers")]
pub(crate) use words::says_full;
