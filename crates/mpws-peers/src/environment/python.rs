//! What a Python peer needs: packages and an adapter, for the interpreter that was found.

use std::path::PathBuf;

use super::error::EnvironmentError;
use super::state::StateFolder;
use super::{adapter, packages};
use crate::catalogue::PythonProgram;

/// What a Python peer runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The real interpreter, not a shim.
    pub interpreter: PathBuf,
    /// Folder of the adapter.
    pub adapter: PathBuf,
    /// Folder of the pinned packages.
    pub site: PathBuf,
}

impl StateFolder {
    /// Makes the environment of a Python peer, or finds the one that was made before.
    ///
    /// `progress` gets lines for people. Several processes may do this at once.
    ///
    /// # Errors
    ///
    /// See [`EnvironmentError`].
    pub fn python(
        &self,
        program: &PythonProgram,
        progress: &dyn Fn(&str),
    ) -> Result<Prepared, EnvironmentError> {
        let interpreter = self.interpreter()?;
        let site = packages::installed(self, interpreter, &program.requirements, progress)?;
        let adapter = adapter::written(self, interpreter, &program.adapter)?;
        Ok(Prepared {
            interpreter: interpreter.executable.clone(),
            adapter,
            site,
        })
    }
}
