//! Without the cargo feature `containers` no peer runs in a container.

use std::os::fd::OwnedFd;

use super::error::LaunchError;
use super::launcher::Launcher;
use super::options::LaunchOptions;
use crate::catalogue::PeerSpec;
use crate::engine::EngineError;
use crate::environment::StateFolder;
use crate::image::Base;
use crate::peer::Peer;

/// The containers of one run: there are none.
#[derive(Debug)]
pub(super) enum Containers {}

/// A peer that runs before there is a lab for it.
#[derive(Debug)]
pub struct ContainerPeer {
    /// The peer. It has no network yet.
    pub peer: Peer,
    /// Its network namespace, for [`mpws_lab::Builder::host_in`].
    pub network: OwnedFd,
}

impl Containers {
    pub(super) fn new(_: StateFolder, _: Base) -> Result<Self, EngineError> {
        Err(EngineError::NotBuilt)
    }

    pub(super) fn python_version(&self, _: &dyn Fn(&str)) -> Result<(u32, u32, u32), LaunchError> {
        match *self {}
    }
}

impl Launcher {
    /// `None`: no peer runs in a container.
    ///
    /// # Errors
    ///
    /// None.
    pub fn launch_in_container(
        &self,
        _: &PeerSpec,
        _: &LaunchOptions,
    ) -> Result<Option<ContainerPeer>, LaunchError> {
        Ok(None)
    }

    pub(super) fn prepare_container(
        &self,
        _: &PeerSpec,
        _: &dyn Fn(&str),
    ) -> Result<(), LaunchError> {
        Ok(())
    }

    /// `None`: no peer runs in a container.
    ///
    /// # Errors
    ///
    /// None.
    pub fn resolver(&self, _: &PeerSpec) -> Result<Option<Result<(), String>>, LaunchError> {
        Ok(None)
    }
}
