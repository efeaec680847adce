//! Without the cargo feature `containers` no peer runs in a container.

mod containers;
mod launch;

pub(super) use containers::Containers;
pub use launch::ContainerPeer;
