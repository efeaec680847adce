//! Peers in containers.
//!
//! A container is started before the lab, without any network. Its peer says who it is over a
//! control socket that is mounted into it; then the lab is started with a host that lives in the
//! container's network namespace ([`mpws_lab::Builder::host_in`]), and from there on the peer is
//! used like any other.

mod command;
mod containers;
mod images;
mod launch;
mod mounts;

pub(super) use containers::Containers;
pub use launch::{ContainerPeer, Said};
