//! How a lab process ends that cannot go on.

use std::io;

/// Exit code of a lab process that found itself in a state it cannot be in; `EX_SOFTWARE` of
/// sysexits(3).
pub(crate) const BROKEN: i32 = 70;

/// Says on standard error, which is the owner's, what went wrong; the exit code to end with.
pub(crate) fn complain(error: &io::Error) -> i32 {
    eprintln!("lab process: {error}");
    BROKEN
}
