//! Starting a peer in a container, which never happens here.

use std::os::fd::OwnedFd;

use crate::catalogue::PeerSpec;
use crate::launch::error::LaunchError;
use crate::launch::launcher::Launcher;
use crate::launch::options::LaunchOptions;
use crate::peer::Peer;

/// A peer that runs before there is a lab for it.
#[derive(Debug)]
pub struct ContainerPeer {
    /// The peer. It has no network yet.
    pub peer: Peer,
    /// Its network namespace, for [`mpws_lab::Builder::host_in`].
    pub network: OwnedFd,
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

    pub(in crate::launch) fn prepare_container(
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
