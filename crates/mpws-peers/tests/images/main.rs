//! Images for peers in containers, with the engine of this machine and a base of Debian packages.
//!
//! The bases and images of Debian 12 stay, as after any run; everything else is made in scopes of
//! their own and removed again.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod blind;
mod build;
mod clean;
mod support;
