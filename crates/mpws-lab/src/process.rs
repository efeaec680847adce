//! Programs that run in a host.

use crate::exit::Exit;
use crate::{channel::Shared, message::Answer, message::Request, reexec, sys};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How a program is to run in a host. Nothing is inherited: neither environment nor descriptors.
#[derive(Debug)]
#[must_use]
pub struct Spawn {
    /// The program; without a slash it is looked up in the `PATH` of `env`.
    pub program: PathBuf,
    /// Its arguments, without the program's own name.
    pub args: Vec<OsString>,
    /// Its whole environment: names and values.
    pub env: Vec<(OsString, OsString)>,
    /// Its standard output.
    pub stdout: OwnedFd,
    /// Its standard error.
    pub stderr: OwnedFd,
    /// Where it starts; the caller's current directory where `None`.
    pub current_dir: Option<PathBuf>,
    /// Where set, `socket(_, _, IPPROTO_MPTCP)` fails with this errno in the program and all that
    /// it starts, as under a container policy. Installed by seccomp, with `no_new_privs`;
    /// `io_uring` is not covered.
    pub deny_mptcp: Option<i32>,
}

impl Spawn {
    /// Runs `program` with no arguments and an empty environment.
    pub fn new(program: impl Into<PathBuf>, stdout: OwnedFd, stderr: OwnedFd) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            stdout,
            stderr,
            current_dir: None,
            deny_mptcp: None,
        }
    }

    /// Runs an entry point that [`reexec!`](crate::reexec!) registered in the lab's executable.
    pub fn reexec(name: &str, stdout: OwnedFd, stderr: OwnedFd) -> Self {
        Self::new(reexec::SELF, stdout, stderr).env(reexec::VARIABLE, name)
    }

    /// Adds an argument, behind those that were added before.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments, behind those that were added before.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Starts it in this directory.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.current_dir = Some(directory.into());
        self
    }

    /// Lets `socket(_, _, IPPROTO_MPTCP)` fail with this errno, 1 to 4095.
    pub fn deny_mptcp(mut self, errno: i32) -> Self {
        self.deny_mptcp = Some(errno);
        self
    }

    /// What [`Spawn::deny_mptcp`] stands for, where set: a seccomp filter as the kernel takes it
    /// (an array of `struct sock_filter` of `linux/filter.h`), for who starts the program in
    /// another way than [`Host::spawn`](crate::Host::spawn).
    ///
    /// # Errors
    /// `InvalidInput` for a number that is no errno, 1 to 4095.
    pub fn filter(&self) -> io::Result<Option<Vec<u8>>> {
        let program = self.deny_mptcp.map(crate::policy::deny_mptcp).transpose()?;
        Ok(program.as_ref().map(crate::policy::bytes))
    }
}

/// The namespaces that a program of a host runs in, for one that is to enter them by `setns`.
#[derive(Debug)]
pub struct Namespaces {
    /// The host's network namespace.
    pub net: OwnedFd,
    /// The lab's PID namespace. Only children of who enters it are in it.
    pub pid: OwnedFd,
    /// The lab's user namespace, to be entered before the others; `None` where the lab is in that
    /// of its owner.
    pub user: Option<OwnedFd>,
}

/// A program that runs, or ran, in a host. It is killed on drop.
#[derive(Debug)]
#[must_use]
pub struct Process {
    shared: Arc<Shared>,
    /// In the lab's PID namespace.
    inside: i32,
    descriptor: OwnedFd,
    exit: Mutex<Option<Exit>>,
}

impl Process {
    pub(crate) fn new(shared: Arc<Shared>, inside: i32, descriptor: OwnedFd) -> Self {
        Self {
            shared,
            inside,
            descriptor,
            exit: Mutex::new(None),
        }
    }

    /// Its id as this process sees it.
    ///
    /// # Errors
    /// `ESRCH` when the process is gone and reaped; what read(2) says where `/proc` cannot be read.
    pub fn pid(&self) -> io::Result<u32> {
        sys::pid_of(self.descriptor.as_fd())
    }

    /// Its id as it sees itself, in the lab's PID namespace.
    pub fn pid_inside(&self) -> i32 {
        self.inside
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// `BrokenPipe` when the lab has ended and took the answer with it.
    pub fn try_wait(&self) -> io::Result<Option<Exit>> {
        self.wait(Duration::ZERO)
    }

    /// Waits until it has ended, at most `deadline`; `None` when it still runs then.
    ///
    /// # Errors
    /// `BrokenPipe` when the lab has ended and took the answer with it.
    pub fn wait(&self, deadline: Duration) -> io::Result<Option<Exit>> {
        let known =
            |exit: &Mutex<Option<Exit>>| *exit.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(exit) = known(&self.exit) {
            return Ok(Some(exit));
        }
        if !sys::readable(
            self.descriptor.as_fd(),
            Instant::now().checked_add(deadline),
        )? {
            return Ok(None);
        }
        let request = Request::Exit { pid: self.inside };
        let Answer::Exit(exit) = self.shared.ask(&request, &[])?.answer else {
            return Err(Shared::out_of_step());
        };
        *self.exit.lock().unwrap_or_else(PoisonError::into_inner) = exit;
        Ok(exit)
    }

    /// Sends it a signal. A process that has ended already is no error.
    ///
    /// # Errors
    /// `InvalidInput` for a number that is no signal; `PermissionDenied` where the program runs as
    /// another user.
    pub fn kill(&self, signal: i32) -> io::Result<()> {
        match sys::pidfd_send_signal(self.descriptor.as_fd(), signal) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            other => other,
        }
    }

    /// Becomes readable when the process has ended: for callers with a poll loop of their own.
    pub fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that is gone already needs no kill, and there is nobody to tell of another
        // failure.
        let _ = self.kill(libc::SIGKILL);
    }
}
