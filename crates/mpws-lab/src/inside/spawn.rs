//! Programs in hosts: started there, and their ends remembered.

use crate::exit::Exit;
use crate::{policy, sys};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program that is about to run.
pub(crate) struct Program {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) current_dir: PathBuf,
    pub(crate) deny_mptcp: Option<i32>,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl Program {
    /// Runs it in the network namespace of the current thread. Returns its process id when it
    /// executes.
    pub(crate) fn start(self) -> io::Result<i32> {
        let mut command = Command::new(self.program);
        command
            .args(self.args)
            .env_clear()
            .envs(self.env)
            .current_dir(self.current_dir)
            .stdin(Stdio::null())
            .stdout(self.stdout)
            .stderr(self.stderr);
        if let Some(errno) = self.deny_mptcp {
            sys::set_filter(&mut command, policy::deny_mptcp(errno)?);
        }
        let id = command.spawn()?.id();
        i32::try_from(id).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
    }
}

/// The processes that were started, and how those ended that did.
#[derive(Debug, Default)]
pub(crate) struct Children(HashMap<i32, Option<Exit>>);

impl Children {
    pub(crate) fn add(&mut self, pid: i32) {
        self.0.insert(pid, None);
    }

    /// Takes a process that this one has inherited, and gives its pidfd.
    pub(crate) fn adopt(&mut self, pid: i32) -> io::Result<OwnedFd> {
        // Only children can be asked for, and while they are not reaped their number is theirs.
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(Pid::from_raw(pid)), look)?;
        let pidfd = sys::pidfd_open(pid.cast_unsigned())?;
        self.add(pid);
        Ok(pidfd)
    }

    /// How a process ended, if it has.
    pub(crate) fn exit(&mut self, pid: i32) -> io::Result<Option<Exit>> {
        self.reap();
        let unknown = || io::Error::from_raw_os_error(libc::ECHILD);
        self.0.get(&pid).copied().ok_or_else(unknown)
    }

    /// Collects all that have ended, also those that nobody asks for: this is the first process of
    /// its PID namespace, and inherits every orphan.
    pub(crate) fn reap(&mut self) {
        while let Ok(status) = waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            let (pid, exit) = match status {
                WaitStatus::Exited(pid, code) => (pid, Exit::Code(code)),
                WaitStatus::Signaled(pid, signal, _) => (pid, Exit::Signal(signal as i32)),
                _ => return,
            };
            if let Some(known) = self.0.get_mut(&pid.as_raw()) {
                *known = Some(exit);
            }
        }
    }
}
