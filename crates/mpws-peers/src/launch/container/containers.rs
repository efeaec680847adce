//! The containers of one run.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::images::OneBase;
use crate::engine::{
    ANSWER, Container, Engine, EngineError, Owner, Removals, Started, USER, WORK, Wanted, owner,
};
use crate::environment::StateFolder;
use crate::image::{Base, Images};
use crate::launch::error::LaunchError;
use crate::protocol::chain::in_one_line;

/// The containers of one run. When it goes, so do they.
pub(in crate::launch) struct Containers {
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
    pub(super) mounted: Option<PathBuf>,
    /// The control socket, where it needs one.
    pub(super) socket: Option<&'a Path>,
    pub(super) scratch: &'a Path,
    pub(super) deny_mptcp: Option<i32>,
    pub(super) sysctls: Vec<(String, String)>,
}

impl Containers {
    /// Finds the engine, and removes what runs that died have left there.
    pub(in crate::launch) fn new(state: StateFolder, base: Base) -> Result<Self, EngineError> {
        let engine = Engine::for_containers()?;
        let images = Images::new(state).map_err(|error| EngineError::Refused {
            what: "show its images",
            detail: format!("{}; {}", in_one_line(&error), error.remedy()),
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

    /// The version (major, minor, patch) of Python that all of them have.
    pub(in crate::launch) fn python_version(
        &self,
        progress: &dyn Fn(&str),
    ) -> Result<(u32, u32, u32), LaunchError> {
        self.images.python_version(progress)
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

    /// The id of an image that is there. testcontainers would ask a registry for a name that is
    /// not.
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
        // Those whose start was given up, and those that could not be removed. What is still left
        // is for the next sweep.
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
