//! The path manager: endpoints, limits and, where user space manages the paths, single
//! announcements and subflows.
//!
//! It is per network namespace. A netlink socket belongs to the namespace in which it was made, so
//! a socket made in another namespace and handed here ([`PathManager::from_fd`]) manages that one.

mod endpoint;
mod event;
mod family;
mod manager;

pub use self::endpoint::{Endpoint, EndpointFlags, Limits};
pub use self::event::{Event, EventFlags, EventKind, EventSocket, ResetReason};
pub use self::manager::PathManager;
pub use crate::netlink::{KernelRefusal, NetlinkError};
