//! System calls that no dependency wraps, or wraps only unsafely.

#![expect(unsafe_code, reason = "this is the file for it")]

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

/// Takes over a descriptor that a system call has just made for this process.
pub(crate) fn own(descriptor: RawFd) -> OwnedFd {
    // SAFETY: all callers pass a descriptor that the kernel has just returned, so nobody else owns
    // it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// A connected pair of sockets for whole messages; both close-on-exec.
pub(crate) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    Ok(socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?)
}

/// An anonymous file in memory, close-on-exec.
pub(crate) fn memory_file(name: &str) -> io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    Ok(memfd_create(name, MFdFlags::MFD_CLOEXEC)?.into())
}

/// Makes the process ready for an entry point: what the runtime does before `main`, and the
/// variable gone.
pub(crate) fn prepare_entry(variable: &str) {
    // SAFETY: entry points run while the process has one thread, so nobody reads the environment
    // meanwhile.
    unsafe { std::env::remove_var(variable) };
    // SAFETY: ignoring a signal installs no handler. Before main the runtime has not done it yet.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// Ends the process at once, without running destructors of code whose initialisers may not have
/// run.
pub(crate) fn exit_now(code: i32) -> ! {
    use std::io::Write;
    // A standard output that cannot be written has nobody who reads it.
    let _ = io::stdout().flush();
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Whether the descriptor becomes readable until the deadline; without one, waits for ever.
pub(crate) fn readable(descriptor: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = deadline
            .map(|deadline| TimeSpec::from(deadline.saturating_duration_since(Instant::now())));
        let mut set = [PollFd::new(descriptor, PollFlags::POLLIN)];
        match ppoll(&mut set, timeout, None) {
            Ok(count) => return Ok(count > 0),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A descriptor of a process, close-on-exec, readable when the process has ended.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    descriptor(result)
}

/// Sends a signal to exactly that process.
pub(crate) fn pidfd_send_signal(process: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed, the rest are numbers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            signal,
            no_info,
            0,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The process id behind a pidfd, as this process sees it.
pub(crate) fn pid_of(process: BorrowedFd<'_>) -> io::Result<u32> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd()))?;
    info.lines()
        .find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
        .ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))
}

/// Whether this process has CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW: what it takes to make and
/// fill network namespaces without a user namespace.
pub(crate) fn may_make_namespaces() -> bool {
    const NEEDED: u64 = 1 << CAP_SYS_ADMIN | 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW;
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("CapEff:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        })
        .is_some_and(|effective| effective & NEEDED == NEEDED)
}

/// Takes the control socket from standard input, leaves `/dev/null` there, and closes every other
/// descriptor but standard output and error, so that nothing of the owner's stays open in the lab.
pub(crate) fn take_control() -> io::Result<OwnedFd> {
    // SAFETY: duplicates a number; the result is checked below.
    let control = unsafe { libc::fcntl(0, libc::F_DUPFD_CLOEXEC, 3) };
    if control < 0 {
        return Err(io::Error::last_os_error());
    }
    let control = own(control);
    let null = File::open("/dev/null")?;
    // SAFETY: replaces standard input, which no Rust value owns.
    if unsafe { libc::dup2(null.as_raw_fd(), 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    drop(null);
    let first = control.as_raw_fd();
    for (low, high) in [(3, first - 1), (first + 1, RawFd::MAX)] {
        if low <= high {
            // SAFETY: this runs first in a fresh process, so no Rust value owns any of these
            // descriptors.
            unsafe { libc::syscall(libc::SYS_close_range, low, high, 0) };
        }
    }
    Ok(control)
}

/// Makes a child, which is the only thread of its process; `None` in the child.
///
/// The lab forks while it has one thread, so that the child may do whatever it likes.
pub(crate) fn fork() -> io::Result<Option<nix::unistd::Pid>> {
    // SAFETY: the only caller has a single thread, so no lock can be held by a thread that the
    // child lacks.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(Some(child)),
        nix::unistd::ForkResult::Child => Ok(None),
    }
}

/// Has the kernel kill this process when the thread that made it ends.
pub(crate) fn die_with_parent() -> io::Result<()> {
    // SAFETY: takes numbers only.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Asks the scheduler to run this thread soon after it wakes: timers without slack, and short
/// slices of time, which bring earlier turns (sched_setattr(2), `sched_runtime` of ordinary threads
/// since Linux 6.12). Kernels that know neither leave the thread as it is.
pub(crate) fn be_prompt() {
    /// `struct sched_attr`, first version.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    const LENGTH: u32 = size_of::<Attributes>() as u32;
    /// Nanoseconds; the least that the kernel takes.
    const SLICE: u64 = 100_000;
    let mut attributes = Attributes::default();
    let own = std::ptr::from_mut(&mut attributes);
    // SAFETY: takes numbers only; 0 means this thread, and the kernel writes at most the length
    // given.
    let known = unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        libc::syscall(libc::SYS_sched_getattr, 0, own, LENGTH, 0)
    };
    if known == 0 && attributes.policy == libc::SCHED_OTHER.cast_unsigned() {
        attributes.runtime = SLICE;
        // SAFETY: the structure is as long as it says.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }
}

/// A socket as the kernel makes it for these numbers, whatever they are; close-on-exec.
pub(crate) fn socket(domain: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    let result = unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) };
    descriptor(result.into())
}

/// Lets the program that `command` starts run under a seccomp filter.
pub(crate) fn set_filter(command: &mut Command, program: seccompiler::BpfProgram) {
    let install = move || {
        seccompiler::apply_filter(&program).map_err(|_| io::Error::from_raw_os_error(libc::ENOTSUP))
    };
    // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
    unsafe { command.pre_exec(install) };
}

/// An offload of a network interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offload {
    ask: u32,
    set: u32,
}

/// Transmit checksum, which takes the others with it, then TSO, GSO and GRO.
pub(crate) const OFFLOADS: [Offload; 4] = [
    Offload {
        ask: ETHTOOL_GTXCSUM,
        set: ETHTOOL_STXCSUM,
    },
    Offload {
        ask: ETHTOOL_GTSO,
        set: ETHTOOL_STSO,
    },
    Offload {
        ask: ETHTOOL_GGSO,
        set: ETHTOOL_SGSO,
    },
    Offload {
        ask: ETHTOOL_GGRO,
        set: ETHTOOL_SGRO,
    },
];

/// Switches an offload off. `socket` is any socket of the interface's network namespace.
pub(crate) fn offload_off(socket: BorrowedFd<'_>, name: &str, which: Offload) -> io::Result<()> {
    ethtool(socket, name, which.set, 0).map(drop)
}

/// Whether an offload is on.
pub(crate) fn offload(socket: BorrowedFd<'_>, name: &str, which: Offload) -> io::Result<bool> {
    Ok(ethtool(socket, name, which.ask, 0)? != 0)
}

fn ethtool(socket: BorrowedFd<'_>, name: &str, command: u32, data: u32) -> io::Result<u32> {
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let mut value = Value { command, data };
    // SAFETY: all zeroes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(&mut value).cast();
    // SAFETY: the request and the value it points to outlive the call; these commands take an
    // ethtool_value.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value.data)
}

fn descriptor(result: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        Ok(raw) if raw >= 0 => Ok(own(raw)),
        _ => Err(io::Error::last_os_error()),
    }
}

// Numbers that libc has not: `linux/capability.h`, and commands of `linux/ethtool.h`.
const CAP_NET_ADMIN: u32 = 12;
const CAP_NET_RAW: u32 = 13;
const CAP_SYS_ADMIN: u32 = 21;
const ETHTOOL_GTXCSUM: u32 = 0x16;
const ETHTOOL_STXCSUM: u32 = 0x17;
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_STSO: u32 = 0x1f;
const ETHTOOL_GGSO: u32 = 0x23;
const ETHTOOL_SGSO: u32 = 0x24;
const ETHTOOL_GGRO: u32 = 0x2b;
const ETHTOOL_SGRO: u32 = 0x2c;
