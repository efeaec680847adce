//! Peers launched in real labs: good ones, bad ones, ours, Python's, and the one of the
//! documentation.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod bad;
mod bad_peers;
mod containers;
mod containers_foreign;
mod documented_peer;
mod fixture_peer;
mod fork_server;
mod python_peers;
mod support;
