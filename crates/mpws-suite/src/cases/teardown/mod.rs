//! How connections end, and who notices.
//!
//! | module | question |
//! |---|---|
//! | [`kernel`] | What do the sockets themselves see of a close, a reset, an abort? |
//! | [`peers`] | What does the library's user see, in which time, and is anything left? |

pub mod kernel;
pub mod peers;

/// Names of counters that move when a connection is not closed in order: resets, MP_FASTCLOSE,
/// aborts.
const DISORDER: &[&str] = &[
    "MPFastcloseTx",
    "MPFastcloseRx",
    "MPRstTx",
    "MPRstRx",
    "TCPAbortOnData",
    "TCPAbortOnClose",
];
