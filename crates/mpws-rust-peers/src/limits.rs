//! Numbers of the protocol as this machine has them.

use std::time::{Duration, Instant};

/// The largest size that fits where a number does not.
pub(crate) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

pub(crate) fn after(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}
