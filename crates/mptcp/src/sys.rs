//! The system calls that need `unsafe`.
#![expect(
    unsafe_code,
    reason = "raw getsockopt, poll and descriptor hand-over live here and only here"
)]

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{fmt, io, ptr};

use crate::uapi::{MPTCP_FULL_INFO, SOL_MPTCP};

/// Reads a socket option into `buffer` and gives the length that the kernel returned, never more
/// than the buffer's.
///
/// The buffer is read by the kernel too where the option asks for it. No option passed here may
/// hold pointers; see [`full_info`] for the one that does.
pub(crate) fn getsockopt(
    fd: BorrowedFd<'_>,
    level: i32,
    option: i32,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let capacity = buffer.len();
    let mut length = libc::socklen_t::try_from(capacity).map_err(io::Error::other)?;
    // SAFETY: the pointer and `length` describe one live, exclusively borrowed buffer, and the
    // kernel writes at most `length` bytes into it.
    let status = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            option,
            buffer.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if status == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok((length as usize).min(capacity))
}

/// Sets a socket option. The kernel only reads the value.
pub(crate) fn setsockopt(
    fd: BorrowedFd<'_>,
    level: i32,
    option: i32,
    value: &[u8],
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: the pointer and `length` describe one live, borrowed slice.
    let status =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, value.as_ptr().cast(), length) };
    if status == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Reads `MPTCP_FULL_INFO`: `head` is `struct mptcp_full_info` with all but the two pointers filled
/// in. The arrays must have at least as many elements as `size_arrays_user` says, each of the sizes
/// that `head` says.
pub(crate) fn full_info(
    fd: BorrowedFd<'_>,
    head: &mut [u8],
    subflows: FullInfoArray<'_>,
    tcp: FullInfoArray<'_>,
    elements: u32,
) -> io::Result<usize> {
    let fits = |array: &FullInfoArray<'_>| {
        (elements as usize)
            .checked_mul(array.element as usize)
            .is_some_and(|n| n <= array.bytes.len())
    };
    if head.len() < FULL_INFO_HEAD || !fits(&subflows) || !fits(&tcp) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    head[..FULL_INFO_HEAD].fill(0);
    head[4..8].copy_from_slice(&tcp.element.to_ne_bytes());
    head[12..16].copy_from_slice(&subflows.element.to_ne_bytes());
    head[20..24].copy_from_slice(&elements.to_ne_bytes());
    head[24..32].copy_from_slice(&(subflows.bytes.as_mut_ptr() as u64).to_ne_bytes());
    head[32..40].copy_from_slice(&(tcp.bytes.as_mut_ptr() as u64).to_ne_bytes());
    let mut length = libc::socklen_t::try_from(head.len()).map_err(io::Error::other)?;
    // SAFETY: `head` is live and `length` bytes long; the two pointers in it were just made from
    // live, exclusively borrowed slices, and it was checked that they hold `elements` elements of
    // the stated sizes, which bounds what the kernel writes there.
    let status = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            SOL_MPTCP,
            MPTCP_FULL_INFO,
            head.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if status == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok((length as usize).min(head.len()))
}

/// An array that the kernel fills for `MPTCP_FULL_INFO`.
pub(crate) struct FullInfoArray<'a> {
    /// Room for all elements.
    pub(crate) bytes: &'a mut [u8],
    /// Bytes of one element.
    pub(crate) element: u32,
}

/// Waits until there is something to read, or the deadline has passed (then `false`). Without a
/// deadline it waits for ever.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = match deadline {
            None => -1,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // Rounded up, or the last fraction of a millisecond would be spent spinning.
                i32::try_from((left + Duration::from_micros(999)).as_millis()).unwrap_or(i32::MAX)
            }
        };
        let mut poll = libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the pointer is to one live `pollfd`, and the count says one.
        let ready = unsafe { libc::poll(&mut poll, 1, timeout) };
        match ready {
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            0 if deadline.is_some_and(|deadline| Instant::now() < deadline) => {}
            0 => return Ok(false),
            _ => return Ok(true),
        }
    }
}

/// Makes a netlink socket out of a descriptor.
pub(crate) fn netlink_socket(fd: OwnedFd) -> netlink_sys::Socket {
    // SAFETY: `into_raw_fd` gives up the one owner of an open descriptor, and the socket becomes
    // the next.
    unsafe { netlink_sys::Socket::from_raw_fd(fd.into_raw_fd()) }
}

/// Asks the C library to resolve a numeric address for protocol MPTCP. No name service is used.
pub(crate) fn resolve_for_mptcp() -> Result<(), ResolverRefusal> {
    let hints = libc::addrinfo {
        ai_flags: libc::AI_NUMERICHOST | libc::AI_NUMERICSERV,
        ai_family: libc::AF_INET,
        ai_socktype: libc::SOCK_STREAM,
        ai_protocol: libc::IPPROTO_MPTCP,
        ai_addrlen: 0,
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: ptr::null_mut(),
    };
    let mut list = ptr::null_mut();
    // SAFETY: both strings end with a zero, `hints` and `list` are live for the call, and `list` is
    // written on success.
    let code =
        unsafe { libc::getaddrinfo(c"127.0.0.1".as_ptr(), c"80".as_ptr(), &hints, &mut list) };
    if code != 0 {
        return Err(ResolverRefusal { code });
    }
    // SAFETY: `list` came from a `getaddrinfo` that succeeded, and is given back once.
    unsafe { libc::freeaddrinfo(list) };
    Ok(())
}

/// An error code of `getaddrinfo()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResolverRefusal {
    code: i32,
}

impl fmt::Display for ResolverRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: `gai_strerror` gives a static string that ends with a zero, for any code.
        let words = unsafe { CStr::from_ptr(libc::gai_strerror(self.code)) };
        let name = match self.code {
            libc::EAI_SOCKTYPE => "EAI_SOCKTYPE",
            libc::EAI_SERVICE => "EAI_SERVICE",
            libc::EAI_FAMILY => "EAI_FAMILY",
            libc::EAI_BADFLAGS => "EAI_BADFLAGS",
            code => return write!(f, "code {code} ({})", words.to_string_lossy()),
        };
        write!(f, "{name} ({})", words.to_string_lossy())
    }
}

/// Bytes of `struct mptcp_full_info` before its `mptcp_info`.
pub(crate) const FULL_INFO_HEAD: usize = 40;
