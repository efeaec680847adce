//! From a peer of the catalogue to a running peer whose word can be trusted.

mod handshake;
mod nursery;
mod room;

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpws_lab::{Exit, Host, Process, Spawn};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::catalogue::{PeerSpec, Program, PythonProgram};
use crate::environment::{EnvironmentError, Prepared, StateFolder};
use crate::peer::{CallError, Conversation, Core, Lines, LogReader, Peer, Transcript, lock};
use nursery::Nurseries;
pub use nursery::{NURSERY, NurseryError};
use room::{LONGEST_SOCKET, Room};

/// How long a peer may take from its start to its first line.
pub const START_DEADLINE: Duration = Duration::from_secs(10);

/// The environment variable that names the control socket.
pub const CONTROL: &str = "MPWS_CONTROL";

/// Starts peers as processes in the hosts of a lab.
#[derive(Clone, Debug)]
pub struct Launcher {
    state: StateFolder,
    /// Before the room, in which they live; `None` where every peer is to be started by itself.
    nurseries: Option<Arc<Nurseries>>,
    room: Arc<Room>,
    next: Arc<AtomicU32>,
}

/// How one peer is to run.
#[derive(Clone, Debug, Default)]
pub struct LaunchOptions {
    /// Where it starts, and its `HOME` and `TMPDIR`: an existing folder that it can write to. The run folder where absent.
    pub scratch: Option<PathBuf>,
    /// Where set, `socket(_, _, IPPROTO_MPTCP)` fails in it with this errno, 1 to 4095.
    pub deny_mptcp: Option<i32>,
    /// Environment variables to add.
    pub env: Vec<(String, String)>,
    /// From start to first line; [`START_DEADLINE`] where absent.
    pub start_deadline: Option<Duration>,
}

/// Why a peer does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The suite cannot start this kind of peer yet.
    #[error("{peer}: {what} is not supported yet")]
    NotSupported {
        /// The peer.
        peer: String,
        /// What is not.
        what: &'static str,
    },
    /// Its environment cannot be made.
    #[error("{peer}: no environment to run it in")]
    Environment {
        /// The peer.
        peer: String,
        /// Why.
        source: EnvironmentError,
    },
    /// The control socket cannot be made.
    #[error("cannot make a control socket in a run folder")]
    Socket(#[source] std::io::Error),
    /// The lab did not start the program.
    #[error("{peer}: cannot start {}", .program.display())]
    Spawn {
        /// The peer.
        peer: String,
        /// The program.
        program: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Its nursery did not give it. Not a fault of the peer.
    #[error("{peer}: no peer from its nursery")]
    Nursery {
        /// The peer.
        peer: String,
        /// Why.
        source: NurseryError,
    },
    /// It ended before it said who it is.
    #[error("{peer} {} before its first line; its last words: {log:?}", how(.exit))]
    DiedAtStart {
        /// The peer.
        peer: String,
        /// How; absent when it closed its control connection and still runs.
        exit: Option<Exit>,
        /// The end of its log.
        log: String,
    },
    /// It did not connect, or did not say who it is.
    #[error("{peer}: waited {} ms for {what}; its last words: {log:?}", .after.as_millis())]
    Late {
        /// The peer.
        peer: String,
        /// What was waited for.
        what: &'static str,
        /// The limit.
        after: Duration,
        /// The end of its log.
        log: String,
    },
    /// Its first line is none.
    #[error("{peer}: its first line is not a greeting of the adapter protocol: {detail}")]
    BadHello {
        /// The peer.
        peer: String,
        /// Why.
        detail: String,
    },
    /// It speaks another version of the adapter protocol.
    #[error(
        "{peer} speaks version {announced} of the adapter protocol, not {}",
        crate::protocol::PROTOCOL
    )]
    OtherProtocol {
        /// The peer.
        peer: String,
        /// What it announced.
        announced: u64,
    },
    /// It is not what the catalogue says.
    #[error("{peer} reports another {what}: `{reported}`, not `{pinned}`")]
    OtherIdentity {
        /// The peer.
        peer: String,
        /// `name`, `version` or `implementation`.
        what: &'static str,
        /// What the catalogue pins.
        pinned: String,
        /// What it reported.
        reported: String,
    },
    /// It does not say `unsupported` to what it cannot know, or says it to what every peer must know.
    #[error("the word of {peer} cannot be trusted: it answered {probe} with {answer}")]
    Untrusted {
        /// The peer.
        peer: String,
        /// What was asked.
        probe: &'static str,
        /// What came.
        answer: String,
    },
    /// It failed while it was probed.
    #[error("{peer} failed while its word was probed")]
    Probe {
        /// The peer.
        peer: String,
        /// How.
        source: CallError,
    },
}

impl Launcher {
    /// A launcher that keeps what it makes in a folder of state.
    ///
    /// Python peers come from nurseries, unless [`NURSERY`] is `0` in the environment.
    ///
    /// # Errors
    ///
    /// When the run folder cannot be made.
    pub fn process(state: StateFolder) -> Result<Self, LaunchError> {
        let room = Room::make().map_err(LaunchError::Socket)?;
        let wanted = std::env::var_os(NURSERY).is_none_or(|value| value != "0");
        Ok(Self {
            state,
            nurseries: wanted.then(|| Arc::new(Nurseries::new(room.path()))),
            room: Arc::new(room),
            next: Arc::default(),
        })
    }

    /// The same, but every peer is started by itself, as if [`NURSERY`] were `0`.
    #[must_use]
    pub fn without_nurseries(self) -> Self {
        Self {
            nurseries: None,
            ..self
        }
    }

    /// The folder that holds the control sockets for the moment of a start; it goes with the launcher.
    pub fn run_folder(&self) -> &Path {
        self.room.path()
    }

    /// Makes what the peer needs to run, so that [`Launcher::launch`] is quick. `progress` gets lines for people.
    ///
    /// # Errors
    ///
    /// [`LaunchError::Environment`] and [`LaunchError::NotSupported`].
    pub fn prepare(&self, spec: &PeerSpec, progress: &dyn Fn(&str)) -> Result<(), LaunchError> {
        match &spec.program {
            Program::Fixture | Program::Command { .. } => Ok(()),
            Program::Python(program) => self.python(spec, program, progress).map(drop),
            Program::Blind(_) => Err(blind(spec)),
        }
    }

    /// Starts a peer in a host, lets it say who it is, and probes its word.
    ///
    /// # Errors
    ///
    /// See [`LaunchError`]; nothing of the peer is left then.
    pub fn launch(
        &self,
        spec: &PeerSpec,
        host: &Host,
        options: &LaunchOptions,
    ) -> Result<Peer, LaunchError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let control = Control::bind(self.room.path().join(format!("c{number}")))
            .map_err(LaunchError::Socket)?;
        let (log, output) = LogReader::start().map_err(LaunchError::Socket)?;
        let spawn = self.spawn(spec, options, &control.path, output)?;
        let limit = options.start_deadline.unwrap_or(START_DEADLINE);
        let process = match self.nurseries_for(spec, options) {
            Some(nurseries) => nurseries
                .spawn(spawn, host, limit)
                .map_err(|error| no_fork(spec, error))?,
            None => start(spec, host, spawn)?,
        };
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
        let conversation = Conversation::start(stream, lines, Arc::clone(&transcript))
            .map_err(LaunchError::Socket)?;
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

    /// A nursery can only give what does not touch its imports: environment variables and a policy could.
    fn nurseries_for(&self, spec: &PeerSpec, options: &LaunchOptions) -> Option<&Nurseries> {
        let able = matches!(&spec.program, Program::Python(program) if program.nursery);
        let plain = options.env.is_empty() && options.deny_mptcp.is_none();
        self.nurseries.as_deref().filter(|_| able && plain)
    }

    fn spawn(
        &self,
        spec: &PeerSpec,
        options: &LaunchOptions,
        socket: &Path,
        output: OwnedFd,
    ) -> Result<Spawn, LaunchError> {
        let error = output.try_clone().map_err(LaunchError::Socket)?;
        let mut spawn = match &spec.program {
            Program::Fixture => Spawn::reexec(FIXTURE, output, error),
            Program::Python(program) => {
                let prepared = self.python(spec, program, &|_| {})?;
                python_command(&prepared, program, output, error)
            }
            Program::Command { argv, env } => {
                let (program, args) = argv
                    .split_first()
                    .map_or(("", [].as_slice()), |(p, a)| (p.as_str(), a));
                let mut spawn = Spawn::new(program, output, error).args(args);
                for (name, value) in env {
                    spawn = spawn.env(name, value);
                }
                spawn
            }
            Program::Blind(_) => return Err(blind(spec)),
        };
        let scratch = options.scratch.as_deref().unwrap_or(self.room.path());
        let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
        // Nothing of the user's environment but PATH: proxies and library settings would change what is measured.
        let base: [(&str, &OsStr); 5] = [
            ("PATH", &path),
            ("HOME", scratch.as_os_str()),
            ("TMPDIR", scratch.as_os_str()),
            ("LC_ALL", OsStr::new("C.UTF-8")),
            (CONTROL, socket.as_os_str()),
        ];
        for (name, value) in base {
            if !spawn.env.iter().any(|(known, _)| known == name) || name == CONTROL {
                spawn = spawn.env(name, value);
            }
        }
        for (name, value) in &options.env {
            spawn = spawn.env(name, value);
        }
        spawn = spawn.current_dir(scratch);
        if let Some(errno) = options.deny_mptcp {
            spawn = spawn.deny_mptcp(errno);
        }
        Ok(spawn)
    }

    fn python(
        &self,
        spec: &PeerSpec,
        program: &PythonProgram,
        progress: &dyn Fn(&str),
    ) -> Result<Prepared, LaunchError> {
        self.state
            .python(program, progress)
            .map_err(|source| LaunchError::Environment {
                peer: spec.name.clone(),
                source,
            })
    }
}

/// A control socket that listens; its folder is closed to other users. Its file goes with it.
struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    fn bind(path: PathBuf) -> std::io::Result<Self> {
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

fn start(spec: &PeerSpec, host: &Host, spawn: Spawn) -> Result<Process, LaunchError> {
    let program = spawn.program.clone();
    host.spawn(spawn).map_err(|source| LaunchError::Spawn {
        peer: spec.name.clone(),
        program,
        source,
    })
}

fn no_fork(spec: &PeerSpec, error: NurseryError) -> LaunchError {
    let peer = spec.name.clone();
    match error {
        // What it could not import, the peer could not have imported.
        NurseryError::Died {
            exit,
            early: true,
            log,
        } => LaunchError::DiedAtStart { peer, exit, log },
        NurseryError::Start { program, source } => LaunchError::Spawn {
            peer,
            program,
            source,
        },
        source => LaunchError::Nursery { peer, source },
    }
}

/// A peer between its start and its first line. It is killed on drop.
struct Start<'a> {
    peer: &'a str,
    process: Process,
    log: LogReader,
    deadline: Instant,
    limit: Duration,
}

impl Start<'_> {
    /// Waits for the peer's connection, its end, or the deadline.
    fn accept(&mut self, listener: &UnixListener) -> Result<UnixStream, LaunchError> {
        use std::os::fd::AsFd;
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

/// Name of the fixture's entry point in our own executable.
const FIXTURE: &str = "fixture-peer";

mpws_lab::reexec!(FIXTURE, crate::fixture::run);

/// Bytes of a log that stand in an error.
const LAST_WORDS: usize = 2000;

fn python_command(
    prepared: &Prepared,
    program: &PythonProgram,
    output: OwnedFd,
    error: OwnedFd,
) -> Spawn {
    // Isolated and without site: no user site, no PYTHON* variables, and half the start-up time.
    Spawn::new(&prepared.interpreter, output, error)
        .args(["-I", "-S"])
        .arg(&prepared.adapter)
        .arg("--site")
        .arg(&prepared.site)
        .args(["--implementation", &program.implementation])
}

fn blind(spec: &PeerSpec) -> LaunchError {
    LaunchError::NotSupported {
        peer: spec.name.clone(),
        what: "starting a blind peer",
    }
}

fn how(exit: &Option<Exit>) -> String {
    match exit {
        Some(Exit::Code(code)) => format!("exited with status {code}"),
        Some(Exit::Signal(signal)) => format!("was killed by signal {signal}"),
        None => "closed its control connection".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_and_peers_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Launcher>();
        shared::<Peer>();
    }

    #[test]
    fn a_control_socket_whose_path_is_too_long_is_refused_with_its_length() {
        let path = PathBuf::from("/tmp").join("x".repeat(LONGEST_SOCKET));
        let error = Control::bind(path).map(drop).unwrap_err();
        assert!(error.to_string().contains("112 bytes"), "{error}");
    }
}
