//! Fork servers: for each Python program one process that has imported everything, and forks a peer
//! for each launch.
//!
//! What the two sides say to each other is described in `nursery.py` of the adapter; why a peer
//! from a fork server is as good as one that was started by itself, in
//! `docs/design/fork-server.md`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

use mpws_lab::{Exit, Host, Namespaces, Process, Spawn};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socketpair,
};
use serde::Deserialize;

use super::exit::how;
use super::options::{LAST_WORDS, START_DEADLINE};
use crate::lock::lock;
use crate::peer::LogReader;
use crate::protocol::CONTROL;

/// Set to `0`, it lets every peer be started by itself.
pub const FORK_SERVER: &str = "MPWS_NURSERY";

/// What makes an adapter a fork server, and the version of what is said to it.
const PROTOCOL_VARIABLE: &str = "MPWS_NURSERY_PROTOCOL";
const PROTOCOL: u32 = 2;

/// Longest answer of a fork server, in bytes.
const LONGEST_ANSWER: usize = 4096;

/// Longest message to a fork server, in bytes; its own limit is the same.
const LONGEST_MESSAGE: usize = 128 * 1024;

/// Why a fork server gave no peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForkServerError {
    /// The template process cannot be started.
    #[error("cannot start {}", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The template process ended, or closed its socket.
    #[error("the template process {}; its last words: {log:?}", ended(.exit))]
    Died {
        /// How; absent when it still runs.
        exit: Option<Exit>,
        /// Whether it ended before it was ready.
        early: bool,
        /// The end of its log.
        log: String,
    },
    /// The template process did not answer in time.
    #[error("waited {} ms for {what}; the last words of the template process: {log:?}", .after.as_millis())]
    Late {
        /// What was waited for.
        what: &'static str,
        /// The limit.
        after: Duration,
        /// The end of its log.
        log: String,
    },
    /// A fork of the template process could not become a peer.
    #[error("a fork of the template process could not enter the host: {reason}")]
    NotEntered {
        /// What it said.
        reason: String,
    },
    /// The lab gave no namespaces, or did not take the process.
    #[error("the lab did not help")]
    Lab(#[source] io::Error),
    /// What has to be said to the template process cannot be sent, or its answer is none.
    #[error("the conversation with the template process is broken")]
    Conversation(#[source] io::Error),
}

/// All fork servers of a launcher. They end with it.
pub(super) struct ForkServers {
    /// Where the template processes are.
    folder: PathBuf,
    known: Mutex<HashMap<CommandLine, Place>>,
}

/// Program and arguments: what makes two template processes the same.
type CommandLine = (PathBuf, Vec<OsString>);

/// Empty until the first launch, and after a death.
type Place = Arc<Mutex<Option<ForkServer>>>;

impl ForkServers {
    /// None yet.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            known: Mutex::default(),
        }
    }

    /// Runs what [`Host::spawn`] would run, as a fork of a process that has started before.
    ///
    /// A template process that has died since the last launch is replaced once.
    pub(super) fn spawn(
        &self,
        spawn: Spawn,
        host: &Host,
        limit: Duration,
    ) -> Result<Process, ForkServerError> {
        let request = Request::new(&spawn)?;
        let namespaces = host.namespaces().map_err(ForkServerError::Lab)?;
        let place = self.place(&spawn);
        let mut place = lock(&place);
        let first = self.forked(&mut place, &request, &namespaces, &spawn, limit);
        let (launch, pid) = match first {
            Err(ForkServerError::Died { early: false, .. }) => {
                tracing::warn!(program = %spawn.program.display(), "a fork server died and is replaced");
                self.forked(&mut place, &request, &namespaces, &spawn, limit)
            }
            other => other,
        }?;
        drop(place);
        let process = host.adopt(pid).map_err(ForkServerError::Lab)?;
        // One that is gone shows it by its pidfd.
        let _ = launch.send(GO);
        Ok(process)
    }

    fn place(&self, spawn: &Spawn) -> Place {
        let key = (spawn.program.clone(), spawn.args.clone());
        Arc::clone(lock(&self.known).entry(key).or_default())
    }

    /// A fork that waits in the host; the socket lets it go on, or go.
    fn forked(
        &self,
        place: &mut Option<ForkServer>,
        request: &Request,
        namespaces: &Namespaces,
        spawn: &Spawn,
        limit: Duration,
    ) -> Result<(UnixDatagram, i32), ForkServerError> {
        let fork_server = match place {
            Some(fork_server) => fork_server,
            None => place.insert(ForkServer::start(spawn, &self.folder)?),
        };
        let forked = fork_server.fork(request, namespaces, spawn, limit);
        if let Err(ForkServerError::Died { .. } | ForkServerError::Late { .. }) = forked {
            *place = None;
        }
        forked
    }
}

impl fmt::Debug for ForkServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkServers")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// What a fork server is told of a launch, separated by NUL bytes: the folder, the policy in
/// hexadecimal digits (empty where there is none), and then the environment.
struct Request(Vec<u8>);

impl Request {
    fn new(spawn: &Spawn) -> Result<Self, ForkServerError> {
        let refused = |why: &str| {
            ForkServerError::Conversation(io::Error::new(
                io::ErrorKind::InvalidInput,
                why.to_owned(),
            ))
        };
        let folder = spawn.current_dir.as_ref();
        let folder = folder.ok_or_else(|| refused("no folder to start in"))?;
        let mut text = folder.as_os_str().as_bytes().to_owned();
        let filter = spawn.filter().map_err(ForkServerError::Conversation)?;
        let filter = filter.unwrap_or_default();
        let digits: String = filter.iter().map(|byte| format!("{byte:02x}")).collect();
        text.extend([b"\0", digits.as_bytes()].concat());
        let mut parts = 2;
        for (name, value) in &spawn.env {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            if name.is_empty() || name.contains(&b'=') {
                return Err(refused("an environment variable has an impossible name"));
            }
            text.extend([b"\0", name, b"=", value].concat());
            parts += 1;
        }
        if text.split(|byte| *byte == 0).count() != parts {
            return Err(refused("a NUL byte in an environment variable or a path"));
        }
        if text.len() > LONGEST_MESSAGE {
            return Err(refused("the environment is too long"));
        }
        Ok(Self(text))
    }
}

/// A template process.
struct ForkServer {
    process: Child,
    socket: UnixDatagram,
    log: LogReader,
}

/// The first line of a fork server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ready {
    #[serde(rename = "nursery")]
    fork_server: u32,
}

/// Its answer to a launch: both forks between it and the peer have ended, and been waited for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    entered: bool,
}

/// What its forks say on the launch's own socket.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Peer { pid: i32 },
    Fault { error: String },
}

/// Lets a peer begin.
const GO: &[u8] = b"g";

impl ForkServer {
    fn start(spawn: &Spawn, folder: &Path) -> Result<Self, ForkServerError> {
        let failed = |source| ForkServerError::Start {
            program: spawn.program.clone(),
            source,
        };
        let (socket, theirs) = pair().map_err(failed)?;
        let (log, output) = LogReader::start().map_err(failed)?;
        let mut command = Command::new(&spawn.program);
        command
            .args(&spawn.args)
            .env_clear()
            .envs(spawn.env.iter().map(|(name, value)| (name, value)))
            .env_remove(CONTROL)
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env(PROTOCOL_VARIABLE, PROTOCOL.to_string())
            .current_dir(folder)
            .stdin(OwnedFd::from(theirs))
            .stdout(output.try_clone().map_err(failed)?)
            .stderr(output)
            // A terminal's interrupt is for the runner, which ends its fork servers itself.
            .process_group(0);
        let process = command.spawn().map_err(failed)?;
        // It holds the other end of the socket.
        drop(command);
        let mut fork_server = Self {
            process,
            socket,
            log,
        };
        match fork_server.hear("the template process to be ready", START_DEADLINE) {
            Ok(Ready {
                fork_server: PROTOCOL,
            }) => Ok(fork_server),
            Ok(Ready { fork_server: other }) => {
                Err(ForkServerError::Conversation(io::Error::other(format!(
                    "the adapter is a fork server of version {other}, not {PROTOCOL}"
                ))))
            }
            Err(ForkServerError::Died { exit, log, .. }) => Err(ForkServerError::Died {
                exit,
                early: true,
                log,
            }),
            Err(error) => Err(error),
        }
    }

    fn fork(
        &mut self,
        request: &Request,
        namespaces: &Namespaces,
        spawn: &Spawn,
        limit: Duration,
    ) -> Result<(UnixDatagram, i32), ForkServerError> {
        let (launch, theirs) = pair().map_err(ForkServerError::Conversation)?;
        let mut descriptors = vec![
            theirs.as_fd(),
            spawn.stdout.as_fd(),
            spawn.stderr.as_fd(),
            namespaces.net.as_fd(),
            namespaces.pid.as_fd(),
        ];
        descriptors.extend(namespaces.user.as_ref().map(AsFd::as_fd));
        match send(&self.socket, &request.0, &descriptors) {
            Err(error) if is_end(&error) => return Err(self.died()),
            sent => sent.map_err(ForkServerError::Conversation)?,
        }
        drop(theirs);
        let answer: Answer = self.hear("the template process to fork", limit)?;
        // All that is said was said before the answer.
        launch
            .set_nonblocking(true)
            .map_err(ForkServerError::Conversation)?;
        match (answer.entered, said(&launch)) {
            (true, Some(Told::Peer { pid })) => Ok((launch, pid)),
            (_, Some(Told::Fault { error })) => Err(ForkServerError::NotEntered { reason: error }),
            (_, _) => Err(ForkServerError::NotEntered {
                reason: "it was ended".to_owned(),
            }),
        }
    }

    fn hear<T: for<'a> Deserialize<'a>>(
        &mut self,
        what: &'static str,
        limit: Duration,
    ) -> Result<T, ForkServerError> {
        let mut line = [0; LONGEST_ANSWER];
        self.socket
            .set_read_timeout(Some(limit.max(Duration::from_millis(1))))
            .map_err(ForkServerError::Conversation)?;
        let received = loop {
            match self.socket.recv(&mut line) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match received {
            Ok(0) => Err(self.died()),
            Ok(length) => serde_json::from_slice(&line[..length])
                .map_err(|error| ForkServerError::Conversation(error.into())),
            Err(error) if is_end(&error) => Err(self.died()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(ForkServerError::Late {
                what,
                after: limit,
                log: self.log.tail(LAST_WORDS),
            }),
            Err(error) => Err(ForkServerError::Conversation(error)),
        }
    }

    fn died(&mut self) -> ForkServerError {
        // Whoever closes the socket is about to exit, and would be of no use otherwise.
        let _ = self.process.kill();
        let exit = self.process.wait().ok().and_then(|status| {
            let code = status.code().map(Exit::Code);
            code.or(status.signal().map(Exit::Signal))
        });
        self.log.finish();
        ForkServerError::Died {
            exit,
            early: false,
            log: self.log.tail(LAST_WORDS),
        }
    }
}

impl Drop for ForkServer {
    fn drop(&mut self) {
        // It has nothing to finish; and it ends by itself when nobody is left to do this.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a fork said: its process id, or what went wrong; the first word counts.
fn said(launch: &UnixDatagram) -> Option<Told> {
    let mut line = [0; LONGEST_ANSWER];
    let length = launch.recv(&mut line).ok()?;
    serde_json::from_slice(&line[..length]).ok()
}

/// A connected pair of sockets for whole messages (the standard library has no type of its own for
/// these).
fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let kind = SockType::SeqPacket;
    let (one, other) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    Ok((one.into(), other.into()))
}

fn send(socket: &UnixDatagram, text: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let parts = [IoSlice::new(text)];
    loop {
        let flags = MsgFlags::MSG_NOSIGNAL;
        match sendmsg::<UnixAddr>(socket.as_raw_fd(), &parts, &rights, flags, None) {
            Ok(_) => return Ok(()),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn ended(exit: &Option<Exit>) -> String {
    how(exit)
}
