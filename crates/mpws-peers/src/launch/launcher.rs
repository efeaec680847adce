//! Starting peers as processes in the hosts of a lab.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mpws_lab::{Host, Process, Spawn};

use super::command::python_command;
use super::container::Containers;
use super::entry::{BLIND, FIXTURE};
use super::error::{LaunchError, no_fork};
use super::fork_server::{FORK_SERVER, ForkServers};
use super::options::{LaunchOptions, START_DEADLINE};
use super::run_folder::RunFolder;
use super::start::{Control, converse};
use crate::blind::{self, Orders};
use crate::catalogue::{BlindProgram, PeerSpec, Program, PythonProgram};
use crate::environment::{BlindMade, Prepared, StateFolder};
use crate::image::Base;
use crate::peer::{LogReader, Peer, PeerProcess};
use crate::protocol::CONTROL;

/// Starts peers: as processes in the hosts of a lab, or in containers, in whose network namespaces
/// hosts of a lab live. The fixture is part of the command and always a process.
#[derive(Clone, Debug)]
pub struct Launcher {
    state: StateFolder,
    /// Before the run folder, in which they live; `None` where every peer is to be started by
    /// itself.
    fork_servers: Option<Arc<ForkServers>>,
    pub(super) containers: Option<Arc<Containers>>,
    pub(super) run_folder: Arc<RunFolder>,
    pub(super) next: Arc<AtomicU32>,
}

impl Launcher {
    /// A launcher that keeps what it makes in a folder of state.
    ///
    /// Python peers come from fork servers, unless [`FORK_SERVER`] is `0` in the environment.
    ///
    /// # Errors
    ///
    /// When the run folder cannot be made.
    pub fn process(state: StateFolder) -> Result<Self, LaunchError> {
        let run_folder = RunFolder::make().map_err(LaunchError::Socket)?;
        let wanted = std::env::var_os(FORK_SERVER).is_none_or(|value| value != "0");
        Ok(Self {
            state,
            fork_servers: wanted.then(|| Arc::new(ForkServers::new(run_folder.path()))),
            containers: None,
            run_folder: Arc::new(run_folder),
            next: Arc::default(),
        })
    }

    /// A launcher that starts peers in containers, by `Launcher::launch_in_container`. What runs
    /// that were killed have left in the engine is removed first.
    ///
    /// # Errors
    ///
    /// [`LaunchError::NoContainers`] where the engine cannot be used, with what to do about it;
    /// also when the run folder cannot be made.
    pub fn container(state: StateFolder, base: Base) -> Result<Self, LaunchError> {
        let containers = Containers::new(state.clone(), base).map_err(LaunchError::NoContainers)?;
        let run_folder = RunFolder::make().map_err(LaunchError::Socket)?;
        Ok(Self {
            state,
            fork_servers: None,
            containers: Some(Arc::new(containers)),
            run_folder: Arc::new(run_folder),
            next: Arc::default(),
        })
    }

    /// The same, but every peer is started by itself, as if [`FORK_SERVER`] were `0`.
    #[must_use]
    pub fn without_fork_servers(self) -> Self {
        Self {
            fork_servers: None,
            ..self
        }
    }

    /// The folder that holds the control sockets for the moment of a start; it goes with the
    /// launcher.
    pub fn run_folder(&self) -> &Path {
        self.run_folder.path()
    }

    /// Makes what the peer needs to run, so that [`Launcher::launch`] is quick. `progress` gets
    /// lines for people.
    ///
    /// # Errors
    ///
    /// [`LaunchError::Environment`], [`LaunchError::NoProgram`], [`LaunchError::NotSupported`] and,
    /// for containers, [`LaunchError::Image`].
    pub fn prepare(&self, spec: &PeerSpec, progress: &dyn Fn(&str)) -> Result<(), LaunchError> {
        match (&spec.program, &self.containers) {
            (Program::Fixture, _) | (_, None) => {}
            (Program::Command { argv, built_by, .. }, Some(_)) => {
                found(spec, argv, built_by.as_deref())?;
                return self.prepare_container(spec, progress);
            }
            (_, Some(_)) => return self.prepare_container(spec, progress),
        }
        match &spec.program {
            Program::Fixture => Ok(()),
            Program::Command { argv, built_by, .. } => found(spec, argv, built_by.as_deref()),
            Program::Python(program) => self.python(spec, program, progress).map(drop),
            Program::Blind(program) => self.blind(spec, program, progress).map(drop),
        }
    }

    /// The version (major, minor, patch) of the Python that Python peers get: of this host, or of
    /// the base of the containers, which is made where it is not there. `progress` gets lines for
    /// people.
    ///
    /// # Errors
    ///
    /// [`LaunchError::NoPython`].
    pub fn python_version(&self, progress: &dyn Fn(&str)) -> Result<(u32, u32, u32), LaunchError> {
        match &self.containers {
            Some(containers) => containers.python_version(progress),
            None => self
                .state
                .python_version()
                .map_err(|error| LaunchError::NoPython {
                    detail: error.to_string(),
                }),
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
        if self.in_container(spec) {
            return Err(LaunchError::NotSupported {
                peer: spec.name.clone(),
                what: "a container in a lab that stands",
            });
        }
        let control = self.control()?;
        let (log, output) = LogReader::start().map_err(LaunchError::Socket)?;
        let spawn = self.spawn(spec, options, &control.path, output)?;
        let limit = options.start_deadline.unwrap_or(START_DEADLINE);
        let process = match self.fork_servers_for(spec, options) {
            Some(fork_servers) => fork_servers
                .spawn(spawn, host, limit)
                .map_err(|error| no_fork(spec, error))?,
            None => start(spec, host, spawn)?,
        };
        converse(spec, PeerProcess::Lab(process), control, log, limit)
    }

    /// Whether [`Launcher::launch_in_container`] is the way to start the peer.
    pub fn in_container(&self, spec: &PeerSpec) -> bool {
        self.containers.is_some() && spec.program != Program::Fixture
    }

    pub(super) fn control(&self) -> Result<Control, LaunchError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Control::bind(self.run_folder.path().join(format!("c{number}")))
            .map_err(LaunchError::Socket)
    }

    /// A fork server can only give what does not touch its imports. A policy does not: it refuses
    /// one protocol to `socket()`, and imports make no sockets. Environment variables could.
    fn fork_servers_for(&self, spec: &PeerSpec, options: &LaunchOptions) -> Option<&ForkServers> {
        let able = matches!(&spec.program, Program::Python(program) if program.fork_server);
        self.fork_servers
            .as_deref()
            .filter(|_| able && options.env.is_empty())
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
            Program::Command { argv, env, .. } => {
                let (program, args) = argv
                    .split_first()
                    .map_or(("", [].as_slice()), |(p, a)| (p.as_str(), a));
                let mut spawn = Spawn::new(program, output, error).args(args);
                for (name, value) in env {
                    spawn = spawn.env(name, value);
                }
                spawn
            }
            Program::Blind(program) => {
                let made = self.blind(spec, program, &|_| {})?;
                let orders = Orders::of(&spec.name, program, &made, blind::START);
                let orders = serde_json::to_string(&orders)
                    .map_err(|error| LaunchError::Socket(error.into()))?;
                Spawn::reexec(BLIND, output, error).env(blind::ORDERS, orders)
            }
        };
        let scratch = options.scratch.as_deref().unwrap_or(self.run_folder.path());
        let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
        // Nothing of the user's environment but PATH: proxies and library settings would change
        // what is measured.
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

    fn blind(
        &self,
        spec: &PeerSpec,
        program: &BlindProgram,
        progress: &dyn Fn(&str),
    ) -> Result<BlindMade, LaunchError> {
        self.state
            .blind(program, progress)
            .map_err(|source| LaunchError::Environment {
                peer: spec.name.clone(),
                source,
            })
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

/// A program that is named by its path has to be there; `PATH` is looked through when it starts.
fn found(spec: &PeerSpec, argv: &[String], built_by: Option<&str>) -> Result<(), LaunchError> {
    match argv.first().map(Path::new) {
        Some(program) if program.is_absolute() && !program.is_file() => {
            Err(LaunchError::NoProgram {
                peer: spec.name.clone(),
                program: program.to_owned(),
                hint: built_by.map_or_else(String::new, |how| format!("; {how} makes it")),
            })
        }
        _ => Ok(()),
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
}
