//! The two processes of a lab: the outer one makes the namespaces, the inner one does the work.

use super::entered::Entered;
use super::serve;
use crate::channel::{self, Message};
use crate::error::StartStep;
use crate::exit::{self, BROKEN};
use crate::message::{Answer, Failure, Request};
use crate::sys;
use crate::topology::Topology;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// The entry point.
pub(crate) fn main() -> i32 {
    match sys::take_control().and_then(outer) {
        Ok(code) => code,
        Err(error) => exit::complain(&error),
    }
}

fn outer(control: OwnedFd) -> io::Result<i32> {
    let received = channel::receive::<Request>(control.as_fd())?;
    let Some(Message {
        id,
        body,
        descriptors,
    }) = received
    else {
        return Ok(0);
    };
    let Request::Start(topology) = body else {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    };
    // A terminal's interrupt is for the owner, who ends the lab when it is ready to.
    nix::unistd::setsid()?;
    let made = Entered::check(&topology, descriptors)
        .and_then(|entered| Ok((entered, make_namespaces()?)));
    let (entered, own_user) = match made {
        Ok(made) => made,
        Err(failure) => {
            refuse(&control, id, failure)?;
            return Ok(0);
        }
    };
    let (alive, life) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    match sys::fork() {
        Err(error) => {
            refuse(&control, id, Failure::at(StartStep::Namespaces, &error))?;
            Ok(0)
        }
        Ok(Some(child)) => {
            drop(control);
            let code = match waitpid(child, None)? {
                WaitStatus::Exited(_, code) => code,
                _ => BROKEN,
            };
            drop(life);
            Ok(code)
        }
        Ok(None) => {
            drop(life);
            sys::die_with_parent()?;
            // The parent may have died before the kernel knew; then the pipe has no writer any
            // more.
            if sys::readable(alive.as_fd(), Some(Instant::now()))? {
                return Ok(BROKEN);
            }
            inner(control, id, topology, entered, own_user)
        }
    }
}

fn inner(
    control: OwnedFd,
    id: u64,
    topology: Topology,
    entered: Entered,
    own_user: bool,
) -> io::Result<i32> {
    let server = match serve::Server::build(topology, entered, own_user) {
        Ok(server) => server,
        Err(failure) => {
            refuse(&control, id, failure)?;
            return Ok(0);
        }
    };
    let up = Answer::Up {
        inner: process_id_outside()?,
    };
    channel::send(control.as_fd(), id, Ok::<_, Failure>(up), &[])?;
    server.run(&control)?;
    Ok(0)
}

fn refuse(control: &OwnedFd, id: u64, failure: Failure) -> io::Result<()> {
    channel::send(control.as_fd(), id, Err::<Answer, _>(failure), &[])
}

/// Tells whether there is a user namespace among them.
fn make_namespaces() -> Result<bool, Failure> {
    let at = |step| move |error: io::Error| Failure::at(step, &error);
    let flags = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID;
    if sys::may_make_namespaces() {
        unshare(flags).map_err(|errno| at(StartStep::Namespaces)(errno.into()))?;
        return Ok(false);
    }
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(flags | CloneFlags::CLONE_NEWUSER)
        .map_err(|errno| at(StartStep::Namespaces)(errno.into()))?;
    // Without this a group map needs privilege (user_namespaces(7)).
    fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {user} 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {group} 1")))
        .map_err(at(StartStep::IdMap))?;
    Ok(true)
}

/// The id of this process in the PID namespace that `/proc` shows, which is the owner's.
fn process_id_outside() -> io::Result<u32> {
    fs::read_link("/proc/self")?
        .to_str()
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}
