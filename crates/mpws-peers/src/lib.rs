//! Other people's WebSocket programs, and our own: which there are, how they are started, how they
//! are asked.
//!
//! For: finding peers ([`catalogue`]), making the pinned environments that they run in
//! ([`environment`]), starting one inside a host of a lab ([`launch`]), and asking it for single
//! steps over the adapter protocol ([`peer`], [`protocol`]). Not for: judging what a peer does or
//! says. That is the suite's part; here a peer's answer is data, and only a broken word is an
//! error.
//!
//! | module | what it is |
//! |---|---|
//! | `blind` | the driver that speaks the adapter protocol for a program that does not |
//! | [`catalogue`] | `peer.toml`, and the peers that come of it |
//! | `engine` | the container engine, with the cargo feature `containers` |
//! | [`environment`] | pinned Python environments, made once, in a folder of state |
//! | [`fixture`] | our own fixture as a peer |
//! | [`image`] | images for peers in containers |
//! | [`kernel`] | what the kernel says of sockets, for programs that cannot be asked |
//! | [`launch`] | from a peer of the catalogue to a running, trusted [`Peer`] |
//! | [`peer`] | calls, pending calls, deadlines, logs, transcript |
//! | [`protocol`] | the adapter protocol, a crate of its own |

#![deny(unsafe_code)]

mod blind;
pub mod catalogue;
mod engine;
pub mod environment;
pub mod fixture;
pub mod image;
pub mod kernel;
pub mod launch;
mod lock;
pub mod peer;

pub use mpws_protocol as protocol;

pub use catalogue::{Catalogue, CatalogueError, PeerSpec, Program, Role};
pub use environment::{EnvironmentError, StateFolder};
pub use image::Base;
#[cfg(feature = "containers")]
pub use image::{BuiltImage, ImageError, Images};
pub use launch::{ContainerPeer, LaunchError, LaunchOptions, Launcher};
pub use peer::{CallError, Peer, Pending, Reply, ShutdownError};
