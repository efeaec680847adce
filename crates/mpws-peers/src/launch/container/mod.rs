//! Peers in containers.
//!
//! A container is started before the lab, without any network. Its peer says who it is over a control socket that is
//! mounted into it; then the lab is started with a host that lives in the container's network namespace
//! ([`mpws_lab::Builder::host_in`]), and from there on the peer is used like any other.
//!
//! testcontainers creates and removes containers; bollard tells process ids, ends and output, and sweeps.

mod engine;
mod images;
pub(super) mod mounts;
mod output;
mod owner;
mod removals;
mod request;
mod running;
mod seccomp;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use crate::environment::StateFolder;
use crate::image::{Base, Images};
use engine::{ANSWER, WORK};
pub use engine::{Engine, EngineError};
use images::OneBase;
pub(super) use images::PeerImage;
use mounts::Mounted;
use owner::Owner;
use removals::Removals;
use request::{USER, Wanted};
pub use running::Container;
pub(super) use running::Started;

/// The containers of one run. When it goes, so do they.
pub(super) struct Containers {
    engine: Engine,
    owner: Owner,
    run: String,
    removals: Arc<Removals>,
    pub(super) images: OneBase,
}

/// What a peer in a container is given.
pub(super) struct Inside<'a> {
    pub(super) image: String,
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// A program of this machine that it runs.
    pub(super) mounted: Option<Mounted>,
    /// The control socket, where it needs one.
    pub(super) socket: Option<&'a Path>,
    pub(super) scratch: &'a Path,
    pub(super) deny_mptcp: Option<i32>,
    pub(super) sysctls: Vec<(String, String)>,
}

impl Containers {
    /// Finds the engine, and removes what runs that died have left there.
    pub(super) fn new(state: StateFolder, base: Base) -> Result<Self, EngineError> {
        let engine = Engine::connect()?;
        let images = Images::new(state).map_err(|error| EngineError::Refused {
            what: "show its images",
            detail: format!("{}; {}", images::chain(&error), error.remedy()),
        })?;
        let owner = Owner::this_process().map_err(EngineError::Threads)?;
        let swept = owner::sweep_dead(&engine, &owner)?;
        if swept > 0 {
            tracing::info!(swept, "removed containers of runs that died");
        }
        Ok(Self {
            run: owner.new_run(),
            engine,
            owner,
            removals: Arc::default(),
            images: OneBase::new(images, base),
        })
    }

    pub(super) fn start(
        &self,
        inside: Inside<'_>,
        output: OwnedFd,
    ) -> Result<Started, EngineError> {
        for path in inside.socket.into_iter().chain([inside.scratch]) {
            std::os::unix::fs::chown(path, Some(USER), Some(USER)).map_err(|error| {
                EngineError::Refused {
                    what: "let a container use what is mounted",
                    detail: format!("{}: {error}", path.display()),
                }
            })?;
        }
        let image = self.image_id(inside.image)?;
        let wanted = Wanted {
            image: &image,
            argv: inside.argv,
            env: inside.env,
            mounted: inside.mounted,
            socket: inside.socket,
            scratch: inside.scratch,
            deny_mptcp: inside.deny_mptcp,
            sysctls: inside.sysctls,
            labels: self.owner.labels(&self.run),
        };
        let request = wanted.request()?;
        Container::start(&self.engine, &self.removals, request, output)
    }

    /// The id of an image that is there. testcontainers would ask a registry for a name that is not.
    fn image_id(&self, reference: String) -> Result<String, EngineError> {
        let asked = reference.clone();
        let found = self
            .engine
            .ask("tell of an image", ANSWER, |docker| async move {
                use bollard::errors::Error::DockerResponseServerError;
                match docker.inspect_image(&asked).await {
                    Ok(image) => Ok(image.id),
                    Err(DockerResponseServerError {
                        status_code: 404, ..
                    }) => Ok(None),
                    Err(error) => Err(error),
                }
            })?;
        found.ok_or(EngineError::NoImage { reference })
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        self.removals.wait(WORK);
        // Those whose start was given up, and those that could not be removed. What is still left is for the next sweep.
        let label = format!("{}={}", owner::RUN, self.run);
        if let Err(error) = owner::sweep(&self.engine, label) {
            tracing::warn!(%error, "containers may be left until the next run");
        }
    }
}

impl std::fmt::Debug for Containers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Containers")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}
