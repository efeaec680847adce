//! From the start of a peer to the moment when its word can be trusted.

use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::error::LaunchError;
use super::handshake;
use super::options::LAST_WORDS;
use super::run_folder::LONGEST_SOCKET;
use crate::catalogue::PeerSpec;
use crate::lock::lock;
use crate::peer::{Conversation, Core, Lines, LogReader, Peer, PeerProcess, Transcript};

/// Waits until a peer that was started has said who it is, and probes its word.
pub(super) fn converse(
    spec: &PeerSpec,
    process: PeerProcess,
    control: Control,
    log: LogReader,
    limit: Duration,
) -> Result<Peer, LaunchError> {
    let deadline = Instant::now() + limit;
    let mut start = Start {
        peer: &spec.name,
        process,
        log,
        deadline,
        limit,
    };
    let stream = start.accept(&control.listener)?;
    // Nobody else may connect.
    drop(control);
    let transcript = Arc::new(Mutex::new(Transcript::default()));
    let mut lines = Lines::new(stream.try_clone().map_err(LaunchError::Socket)?);
    let hello = start.hello(&mut lines, &transcript)?;
    handshake::check(spec, &hello)?;
    let conversation =
        Conversation::start(stream, lines, Arc::clone(&transcript)).map_err(LaunchError::Socket)?;
    let core = Core {
        conversation,
        process: start.process,
        log: Mutex::new(start.log),
        transcript,
    };
    let peer = Peer::new(spec.name.clone(), hello, core);
    handshake::probe(&peer)?;
    Ok(peer)
}

/// A control socket that listens; its folder is closed to other users. Its file goes with it.
pub(super) struct Control {
    listener: UnixListener,
    pub(super) path: PathBuf,
}

impl Control {
    pub(super) fn bind(path: PathBuf) -> std::io::Result<Self> {
        let length = path.as_os_str().len();
        if length > LONGEST_SOCKET {
            return Err(std::io::Error::other(format!(
                "the path {} has {length} bytes, and a socket's may have {LONGEST_SOCKET}",
                path.display()
            )));
        }
        let listener = UnixListener::bind(&path)?;
        let control = Self { listener, path };
        control.listener.set_nonblocking(true)?;
        Ok(control)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // What cannot be removed now goes with the run folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A peer between its start and its first line. It is killed on drop.
struct Start<'a> {
    peer: &'a str,
    process: PeerProcess,
    log: LogReader,
    deadline: Instant,
    limit: Duration,
}

impl Start<'_> {
    /// Waits for the peer's connection, its end, or the deadline.
    fn accept(&mut self, listener: &UnixListener) -> Result<UnixStream, LaunchError> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [
                PollFd::new(listener.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.process.descriptor(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(LaunchError::Socket(errno.into())),
            }
            let [connected, ended] = fds.map(|fd| fd.any().unwrap_or(false));
            if connected {
                let (stream, _) = listener.accept().map_err(LaunchError::Socket)?;
                self.check(&stream)?;
                return Ok(stream);
            }
            if ended {
                return Err(self.died());
            }
            if left.is_zero() {
                return Err(self.late("the peer to connect to its control socket"));
            }
        }
    }

    /// Whether it is the container's peer that connected.
    fn check(&self, stream: &UnixStream) -> Result<(), LaunchError> {
        let PeerProcess::Container(container) = &self.process else {
            return Ok(());
        };
        let told =
            getsockopt(stream, PeerCredentials).map_err(|e| LaunchError::Socket(e.into()))?;
        if container.holds(told.pid()) {
            return Ok(());
        }
        Err(LaunchError::NotInContainer {
            peer: self.peer.to_owned(),
            pid: told.pid(),
        })
    }

    fn hello(
        &mut self,
        lines: &mut Lines,
        transcript: &Mutex<Transcript>,
    ) -> Result<crate::protocol::Hello, LaunchError> {
        use crate::peer::{From, LineError};
        match lines.next(Some(self.deadline)) {
            Ok(line) => {
                lock(transcript).push(From::Peer, &line);
                handshake::parse(self.peer, &line)
            }
            Err(LineError::Ended) => Err(self.died()),
            Err(LineError::Late) => Err(self.late("the peer's first line")),
            Err(error) => Err(LaunchError::BadHello {
                peer: self.peer.to_owned(),
                detail: error.to_string(),
            }),
        }
    }

    fn died(&mut self) -> LaunchError {
        let exit = self.process.wait(Duration::from_secs(1)).ok().flatten();
        if exit.is_some() {
            self.log.finish();
        }
        LaunchError::DiedAtStart {
            peer: self.peer.to_owned(),
            exit,
            log: self.log.tail(LAST_WORDS),
        }
    }

    fn late(&self, what: &'static str) -> LaunchError {
        LaunchError::Late {
            peer: self.peer.to_owned(),
            what,
            after: self.limit,
            log: self.log.tail(LAST_WORDS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_socket_whose_path_is_too_long_is_refused_with_its_length() {
        let path = PathBuf::from("/tmp").join("x".repeat(LONGEST_SOCKET));
        let error = Control::bind(path).map(drop).unwrap_err();
        assert!(error.to_string().contains("112 bytes"), "{error}");
    }
}
