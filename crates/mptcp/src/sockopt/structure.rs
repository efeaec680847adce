//! What reading any of the kernel's structures needs.

use std::io;

/// The error for a structure that is shorter than the oldest kernel's.
pub(super) fn short(what: &str, length: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what} came back with only {length} bytes"),
    )
}

/// Room for one structure; the largest known, `tcp_info`, has 280 bytes.
pub(super) const ROOM: usize = 512;
