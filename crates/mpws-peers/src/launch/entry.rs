//! Entry points of our own executable that are peers.

use crate::{blind, fixture};

/// Name of the entry point of the fixture.
pub(super) const FIXTURE: &str = "fixture-peer";

mpws_lab::reexec!(FIXTURE, fixture::run);

/// Name of the entry point of the driver of a blind peer.
pub(super) const BLIND: &str = "blind-peer";

mpws_lab::reexec!(BLIND, blind::run);
