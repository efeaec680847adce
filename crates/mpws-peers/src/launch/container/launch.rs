//! Peers in containers, which are started before there is a lab.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use mpws_lab::Exit;

use super::command::{container_command, container_env};
use super::containers::Inside;
use super::mounts;
use crate::catalogue::{PeerSpec, Program};
use crate::engine::Started;
use crate::launch::error::{LaunchError, no_container};
use crate::launch::launcher::Launcher;
use crate::launch::options::{CONTAINER_START_DEADLINE, LAST_WORDS, LaunchOptions};
use crate::launch::start::converse;
use crate::peer::{LogReader, Peer, PeerProcess, excerpt};

/// A peer that runs before there is a lab for it.
#[derive(Debug)]
pub struct ContainerPeer {
    /// The peer. It has no network yet.
    pub peer: Peer,
    /// Its network namespace, for [`mpws_lab::Builder::host_in`].
    pub network: OwnedFd,
}

/// What came of a program in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How it ended; absent when it had not in time, and was killed.
    pub exit: Option<Exit>,
    /// What it wrote to its standard output and error: the first and the last 256 KiB.
    pub output: String,
}

impl Launcher {
    /// Starts a peer in a container before there is a lab, lets it say who it is, and probes its
    /// word; `None` for a peer that is to be [launched](Launcher::launch) in a host.
    ///
    /// # Errors
    ///
    /// See [`LaunchError`]; nothing of the peer is left then.
    pub fn launch_in_container(
        &self,
        spec: &PeerSpec,
        options: &LaunchOptions,
    ) -> Result<Option<ContainerPeer>, LaunchError> {
        let containers = match &self.containers {
            Some(containers) if spec.program != Program::Fixture => containers,
            _ => return Ok(None),
        };
        let image = containers.images.find(spec)?;
        let mounted = mounts::of(spec)?;
        let control = self.control()?;
        let (mut log, output) = LogReader::start().map_err(LaunchError::Socket)?;
        let own = self.own_scratch(options)?;
        let scratch = own.as_ref().or(options.scratch.as_ref());
        let scratch = scratch.map_or(self.run_folder.path(), PathBuf::as_path);
        let (argv, own) = container_command(spec, &image)?;
        let inside = Inside {
            argv,
            image: image.built.reference,
            env: container_env(own, options, scratch, &control.path),
            mounted: mounted.map(|program| program.path),
            socket: Some(&control.path),
            scratch,
            deny_mptcp: options.deny_mptcp,
            sysctls: options.sysctls.clone(),
        };
        let container = match containers
            .start(inside, output)
            .map_err(no_container(spec))?
        {
            Started::Runs(container) => container,
            Started::Ended(exit) => {
                log.finish();
                return Err(LaunchError::DiedAtStart {
                    peer: spec.name.clone(),
                    exit,
                    log: log.tail(LAST_WORDS),
                });
            }
        };
        let network = container.network().map_err(LaunchError::Socket)?;
        let limit = options.start_deadline.unwrap_or(CONTAINER_START_DEADLINE);
        let peer = converse(spec, PeerProcess::Container(container), control, log, limit)?;
        Ok(Some(ContainerPeer { peer, network }))
    }

    /// Makes the image of a peer, and sees to it that what is mounted into its container runs
    /// there.
    pub(in crate::launch) fn prepare_container(
        &self,
        spec: &PeerSpec,
        progress: &dyn Fn(&str),
    ) -> Result<(), LaunchError> {
        match &self.containers {
            Some(containers) => containers.images.make(spec, progress),
            None => Ok(()),
        }
    }

    /// Whether the C library that a peer meets in its container resolves for MPTCP sockets, and if
    /// not, what it says; `None` for a peer that runs in no container.
    ///
    /// # Errors
    ///
    /// See [`LaunchError`].
    pub fn resolver(&self, spec: &PeerSpec) -> Result<Option<Result<(), String>>, LaunchError> {
        let Some(said) = self.run_python(spec, RESOLVE, &LaunchOptions::default())? else {
            return Ok(None);
        };
        match said.exit {
            Some(Exit::Code(0)) => Ok(Some(Ok(()))),
            // Of `sys.exit` with a text.
            Some(Exit::Code(1)) => Ok(Some(Err(excerpt(said.output.trim().as_bytes())))),
            exit => Err(LaunchError::DiedAtStart {
                peer: spec.name.clone(),
                exit,
                log: said.output,
            }),
        }
    }

    /// Runs a program in Python in a container that is like a peer's, without a control socket and
    /// without what is mounted for it, until it ends; `None` for a peer that runs in no container.
    /// To find out what holds there.
    ///
    /// # Errors
    ///
    /// See [`LaunchError`].
    pub fn run_python(
        &self,
        spec: &PeerSpec,
        program: &str,
        options: &LaunchOptions,
    ) -> Result<Option<Said>, LaunchError> {
        let containers = match &self.containers {
            Some(containers) if spec.program != Program::Fixture => containers,
            _ => return Ok(None),
        };
        let image = containers.images.find(spec)?.built;
        let interpreter = image.interpreter.display().to_string();
        let argv = [&interpreter, "-I", "-S", "-c", program];
        let own = self.own_scratch(options)?;
        let scratch = own.as_ref().or(options.scratch.as_ref());
        let scratch = scratch.map_or(self.run_folder.path(), PathBuf::as_path);
        let (mut log, output) = LogReader::start().map_err(LaunchError::Socket)?;
        let inside = Inside {
            argv: argv.map(str::to_owned).into(),
            image: image.reference,
            env: options.env.clone(),
            mounted: None,
            socket: None,
            scratch,
            deny_mptcp: options.deny_mptcp,
            sysctls: options.sysctls.clone(),
        };
        let limit = options.start_deadline.unwrap_or(CONTAINER_START_DEADLINE);
        let exit = match containers
            .start(inside, output)
            .map_err(no_container(spec))?
        {
            Started::Ended(exit) => exit,
            Started::Runs(container) => container.wait(limit).map_err(LaunchError::Socket)?,
        };
        log.finish();
        let output = log.text();
        Ok(Some(Said { exit, output }))
    }

    /// A new folder for a container that was not given one. It goes with the run folder.
    fn own_scratch(&self, options: &LaunchOptions) -> Result<Option<PathBuf>, LaunchError> {
        if options.scratch.is_some() {
            return Ok(None);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.run_folder.path().join(format!("s{number}"));
        std::fs::create_dir(&path).map_err(LaunchError::Socket)?;
        Ok(Some(path))
    }
}

/// Asks the C library for an address of an MPTCP socket.
const RESOLVE: &str = "
import socket, sys
try:
    socket.getaddrinfo('127.0.0.1', 80, type=socket.SOCK_STREAM, proto=262)
except socket.gaierror as error:
    sys.exit(str(error))
";
