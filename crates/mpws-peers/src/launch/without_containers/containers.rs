//! The containers of one run: there are none.

use crate::engine::EngineError;
use crate::environment::StateFolder;
use crate::image::Base;
use crate::launch::error::LaunchError;

/// The containers of one run: there are none.
#[derive(Debug)]
pub(in crate::launch) enum Containers {}

impl Containers {
    pub(in crate::launch) fn new(_: StateFolder, _: Base) -> Result<Self, EngineError> {
        Err(EngineError::NotBuilt)
    }

    pub(in crate::launch) fn python_version(
        &self,
        _: &dyn Fn(&str),
    ) -> Result<(u32, u32, u32), LaunchError> {
        match *self {}
    }
}
