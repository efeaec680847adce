//! Every deadline of the suite, in one place.
//!
//! They are generous: a cell on a busy machine must not turn red for being slow. What is judged is
//! order, cause and presence; time is judged only against the limits that the case itself sets
//! (`open_timeout` and the like), with [`SLACK_MS`] on top.

/// One ordinary step of a peer, in milliseconds.
pub const STEP_MS: u64 = 15_000;
/// A transfer of up to 1 MiB and its echo, in milliseconds.
pub const TRANSFER_MS: u64 = 30_000;
/// `open_timeout` that ordinary cases give to a library, in milliseconds.
pub const OPEN_TIMEOUT_MS: u64 = 10_000;
/// `close_timeout` that ordinary cases give to a library, in milliseconds.
pub const CLOSE_TIMEOUT_MS: u64 = 5_000;
/// `open_timeout` of the ordering cases, in milliseconds: short, because some wait for it.
pub const ORDERING_OPEN_MS: u64 = 1_000;
/// `close_timeout` of the ordering cases, in milliseconds.
pub const ORDERING_CLOSE_MS: u64 = 500;
/// What the kernel's path manager does by itself (a join, an announcement), in milliseconds.
pub const JOIN_MS: u64 = 10_000;
/// An answer while a path goes away, in milliseconds: several times what the kernel needs to
/// notice.
pub const SWITCH_MS: u64 = 20_000;
/// A transfer of 16 MiB, in milliseconds.
pub const LARGE_MS: u64 = 180_000;
/// Pause before something that the kernel does by itself is looked at again, in milliseconds.
/// Nothing rests on it.
pub const LOOK_AGAIN_MS: u64 = 5;
/// What an answer may be late by scheduling alone, in milliseconds.
pub const SLACK_MS: u64 = 5_000;
/// How long a server is given to notice the end of a connection before it is asked what it saw, in
/// milliseconds. Nothing is judged by it.
pub const GLANCE_MS: u64 = 200;
/// How long something that a kernel may do by itself is waited for, in milliseconds, where both is
/// fine. Nothing is judged by it.
pub const GLANCE_LONG_MS: u64 = 2_000;
/// How long a peer may take to end when it is told to, in milliseconds.
pub const PEER_EXIT_MS: u64 = 2_000;
