//! A container that runs, or ran.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bollard::query_parameters::WaitContainerOptions;
use bollard::{Docker, errors::Error as DockerError};
use futures_util::StreamExt;
use mpws_lab::Exit;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage};

use super::client::{ANSWER, Engine, WORK};
use super::error::EngineError;
use super::output::Output;
use super::removals::Removals;
use crate::lock::lock;

/// The first process of a container. The container is killed and removed on drop.
#[derive(Debug)]
#[must_use]
pub struct Container {
    created: Created,
    pid: u32,
    process: OwnedFd,
    network: OwnedFd,
    exit: Mutex<Option<Exit>>,
}

/// What came of a start.
pub(crate) enum Started {
    Runs(Box<Container>),
    /// It ended before it could be looked at.
    Ended(Option<Exit>),
}

impl Container {
    /// Creates and starts a container. Its output goes to `output`.
    pub(crate) fn start(
        engine: &Engine,
        removals: &Arc<Removals>,
        request: ContainerRequest<GenericImage>,
        output: OwnedFd,
    ) -> Result<Started, EngineError> {
        // Held by the question too: when this caller gives up, the container that still comes is
        // removed.
        let theirs = Arc::clone(removals);
        let container = engine.ask("start a container", WORK, |_| async move {
            let started = request.start().await;
            started.map(|container| Guarded {
                container: Some(container),
                removals: theirs,
            })
        })?;
        let id = container.id().to_owned();
        let created = Created {
            output: Mutex::new(Some(Output::follow(engine, &id, output)?)),
            engine: engine.clone(),
            container,
            id,
        };
        let asked = created.id.clone();
        let about = engine.ask("tell of a container", ANSWER, |docker| async move {
            docker.inspect_container(&asked, None).await
        })?;
        let pid = about.state.and_then(|state| state.pid).unwrap_or(0);
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let opened = pid.and_then(|pid| {
            let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
            let pid = pid.as_raw_nonzero().get().cast_unsigned();
            let network = File::open(format!("/proc/{pid}/ns/net")).ok()?;
            // Alive now, so both are of the process that has this number.
            (!readable(process.as_fd(), Duration::ZERO).ok()?).then_some((pid, process, network))
        });
        let Some((pid, process, network)) = opened else {
            return Ok(Started::Ended(created.exit().ok()));
        };
        Ok(Started::Runs(Box::new(Self {
            created,
            pid,
            process,
            network: network.into(),
            exit: Mutex::new(None),
        })))
    }

    /// The id that the engine gave it.
    pub fn id(&self) -> &str {
        &self.created.id
    }

    /// The process, as this process sees it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its network namespace, for [`mpws_lab::Builder::host_in`].
    ///
    /// # Errors
    /// When this process has no descriptor left.
    pub fn network(&self) -> io::Result<OwnedFd> {
        self.network.try_clone()
    }

    /// Whether another process is in its network namespace. Tells also that the engine and this
    /// process mean the same by a process id.
    pub(crate) fn holds(&self, pid: i32) -> bool {
        let identity = |about: std::fs::Metadata| (about.dev(), about.ino());
        let theirs = std::fs::metadata(format!("/proc/{pid}/ns/net")).map(identity);
        let network = self
            .network
            .try_clone()
            .and_then(|file| File::from(file).metadata());
        let own = std::fs::metadata("/proc/self/ns/net").map(identity);
        match (theirs, network.map(identity), own) {
            (Ok(theirs), Ok(network), Ok(own)) => theirs == network && network != own,
            _ => false,
        }
    }

    pub(crate) fn wait(&self, deadline: Duration) -> io::Result<Option<Exit>> {
        if let Some(exit) = *lock(&self.exit) {
            return Ok(Some(exit));
        }
        if !readable(self.process.as_fd(), deadline)? {
            return Ok(None);
        }
        let exit = self.created.exit().map_err(io::Error::other)?;
        *lock(&self.exit) = Some(exit);
        Ok(Some(exit))
    }

    pub(crate) fn kill(&self, signal: i32) -> io::Result<()> {
        let signal = Signal::from_named_raw(signal)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        match pidfd_send_signal(&self.process, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => Ok(other?),
        }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // At once; the engine, which removes it, may be busy. One that is gone is no trouble.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
    }
}

/// A container that the engine made.
#[derive(Debug)]
struct Created {
    engine: Engine,
    id: String,
    output: Mutex<Option<Output>>,
    #[expect(dead_code, reason = "a guard")]
    container: Guarded,
}

impl Created {
    /// How it ended. To be asked when it has; all its output has been read then.
    fn exit(&self) -> Result<Exit, EngineError> {
        let id = self.id.clone();
        let code = self
            .engine
            .ask("tell how a container ended", ANSWER, |docker| async move {
                ended(&docker, &id).await
            })?;
        if let Some(output) = lock(&self.output).take() {
            output.finish(&self.engine);
        }
        Ok(exit(code))
    }
}

/// Removes its container, whoever held it last.
#[derive(Debug)]
struct Guarded {
    container: Option<ContainerAsync<GenericImage>>,
    removals: Arc<Removals>,
}

impl Guarded {
    fn id(&self) -> &str {
        self.container
            .as_ref()
            .map_or("", |container| container.id())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(container) = self.container.take() {
            self.removals.add(container);
        }
    }
}

async fn ended(docker: &Docker, id: &str) -> Result<i64, DockerError> {
    let mut answers = Box::pin(docker.wait_container(id, None::<WaitContainerOptions>));
    match answers.next().await {
        Some(Ok(answer)) => Ok(answer.status_code),
        Some(Err(DockerError::DockerContainerWaitError { code, .. })) => Ok(code),
        Some(Err(error)) => Err(error),
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

/// The engine says 128 and the number for a process that a signal killed. A process that exits with
/// such a code by itself cannot be told apart.
fn exit(code: i64) -> Exit {
    let code = i32::try_from(code).unwrap_or(i32::MAX);
    match code - 128 {
        signal @ 1..=64 => Exit::Signal(signal),
        _ => Exit::Code(code),
    }
}

/// Whether a pidfd says that its process has ended, until `deadline` from now.
fn readable(process: BorrowedFd<'_>, deadline: Duration) -> io::Result<bool> {
    let until = Instant::now() + deadline;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up: a wait that is too short by a fraction would end in a busy loop.
        let left = left + Duration::from_micros(999);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut set = [PollFd::new(process, PollFlags::POLLIN)];
        match poll(&mut set, timeout) {
            Ok(0) if Instant::now() < until => {}
            Ok(count) => return Ok(count > 0),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_above_128_are_signals() {
        assert_eq!(exit(0), Exit::Code(0));
        assert_eq!(exit(128), Exit::Code(128));
        assert_eq!(exit(137), Exit::Signal(9));
        assert_eq!(exit(255), Exit::Code(255));
    }
}
