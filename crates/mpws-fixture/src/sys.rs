//! The one system call that no crate offers: `SIOCOUTQ`.
#![expect(unsafe_code, reason = "ioctl has no safe wrapper in the dependencies")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes that were written to a socket and are not yet acknowledged by the other side.
pub(crate) fn unacknowledged(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is borrowed, so it is open; TIOCOUTQ (SIOCOUTQ) writes one int through
    // the pointer.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(bytes).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_has_no_send_queue() {
        let file = File::open("/proc/self/status").expect("open");
        assert!(super::unacknowledged(file.as_fd()).is_err());
    }
}
