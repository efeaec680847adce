//! Why a peer does not run.

use std::path::PathBuf;
use std::time::Duration;

use mpws_lab::Exit;

use super::exit::how;
use super::fork_server::ForkServerError;
use crate::catalogue::PeerSpec;
use crate::engine::EngineError;
use crate::environment::EnvironmentError;
use crate::peer::CallError;

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
    /// Its program is not there.
    #[error("{peer}: there is no program {}{hint}", .program.display())]
    NoProgram {
        /// The peer.
        peer: String,
        /// The program.
        program: PathBuf,
        /// What makes it, where that is known.
        hint: String,
    },
    /// Its environment cannot be made.
    #[error("{peer}: no environment to run it in")]
    Environment {
        /// The peer.
        peer: String,
        /// Why.
        source: EnvironmentError,
    },
    /// There is no Python to run peers with.
    #[error("no Python to run peers with: {detail}")]
    NoPython {
        /// Why, and what to do about it.
        detail: String,
    },
    /// Its image is not there, or cannot be made.
    #[error("{peer}: no image to run it in: {detail}")]
    Image {
        /// The peer.
        peer: String,
        /// Why, and what to do about it.
        detail: String,
    },
    /// There is no container for it.
    #[error("{peer}: no container to run it in")]
    Engine {
        /// The peer.
        peer: String,
        /// Why.
        source: EngineError,
    },
    /// Containers cannot be had at all.
    #[error("peers cannot be started in containers")]
    NoContainers(#[source] EngineError),
    /// Who connected to the control socket of a container is not in that container.
    #[error(
        "{peer}: process {pid}, which connected to its control socket, is not in its container: the engine must see the \
             same process ids as this program"
    )]
    NotInContainer {
        /// The peer.
        peer: String,
        /// The process, 0 where it cannot be seen from here.
        pid: i32,
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
    /// Its fork server did not give it. Not a fault of the peer.
    #[error("{peer}: no peer from its fork server")]
    ForkServer {
        /// The peer.
        peer: String,
        /// Why.
        source: ForkServerError,
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
    /// It does not say `unsupported` to what it cannot know, or says it to what every peer must
    /// know.
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

pub(super) fn no_fork(spec: &PeerSpec, error: ForkServerError) -> LaunchError {
    let peer = spec.name.clone();
    match error {
        // What it could not import, the peer could not have imported.
        ForkServerError::Died {
            exit,
            early: true,
            log,
        } => LaunchError::DiedAtStart { peer, exit, log },
        ForkServerError::Start { program, source } => LaunchError::Spawn {
            peer,
            program,
            source,
        },
        source => LaunchError::ForkServer { peer, source },
    }
}

#[cfg(feature = "containers")]
pub(super) fn no_container(spec: &PeerSpec) -> impl Fn(EngineError) -> LaunchError + '_ {
    |source| LaunchError::Engine {
        peer: spec.name.clone(),
        source,
    }
}
