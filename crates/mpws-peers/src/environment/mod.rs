//! What peers need to run, made on first use and used again, in one folder of state.
//!
//! ```text
//! STATE/python/KEY/        packages of one requirements file for one interpreter
//! STATE/python/KEY.lock    held while it is made
//! STATE/adapter/KEY/       files of one adapter, compiled for one interpreter
//! STATE/wheels/KEY/        wheels of one requirements file for the Python of an image
//! STATE/blind/KEY/         files of one blind peer, and what was compiled of them
//! ```
//!
//! A key is a hash of all that goes in, and a folder gets its name when it is complete, so a folder that is
//! there can be used. Nothing is written outside the folder of state.

mod adapter;
mod blind;
mod error;
mod interpreter;
mod made;
mod packages;
mod tool;
mod wheels;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use crate::catalogue::{Document, PythonProgram};
pub(crate) use blind::BlindMade;
pub use error::EnvironmentError;
use interpreter::Interpreter;
pub(crate) use made::{Held, key};
pub(crate) use wheels::{Libc, Target};

/// Environment variable that names the folder of state.
pub const STATE: &str = "MPWS_STATE";

/// Environment variable that names the Python interpreter.
pub const PYTHON: &str = "MPWS_PYTHON";

/// Where everything is kept that outlives a run. Clones share what they found out.
#[derive(Clone, Debug)]
pub struct StateFolder {
    path: PathBuf,
    interpreter: Arc<OnceLock<Interpreter>>,
    blind: Arc<Mutex<BTreeMap<String, BlindMade>>>,
}

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
    /// This folder; it is made when it is needed.
    ///
    /// # Errors
    ///
    /// When the path is relative and there is no current folder.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, EnvironmentError> {
        let path = path.as_ref();
        let absolute = std::path::absolute(path).map_err(|source| EnvironmentError::State {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: absolute,
            interpreter: Arc::default(),
            blind: Arc::default(),
        })
    }

    /// The usual folder: `$MPWS_STATE`; inside a checkout of this project that has been built, its
    /// `target/mpws`; else `$XDG_CACHE_HOME/mpws` or `$HOME/.cache/mpws`.
    ///
    /// # Errors
    ///
    /// When none of these is set.
    pub fn usual() -> Result<Self, EnvironmentError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(named) = set(STATE) {
            return Self::new(PathBuf::from(named));
        }
        if let Some(checkout) = std::env::current_dir().ok().as_deref().and_then(checkout) {
            return Self::new(checkout.join("target/mpws"));
        }
        let cache = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .ok_or(EnvironmentError::NoState)?;
        Self::new(cache.join("mpws"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

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

    /// Fetches the wheels of a requirements file for another Python, or finds those that were fetched before.
    pub(crate) fn wheels(
        &self,
        requirements: &Document,
        target: &Target,
        progress: &dyn Fn(&str),
    ) -> Result<PathBuf, EnvironmentError> {
        wheels::fetched(self, self.interpreter()?, requirements, target, progress)
    }

    /// Waits until no other process holds this name, and holds it until the value is dropped.
    pub(crate) fn hold(
        &self,
        name: &str,
        progress: &dyn Fn(&str),
    ) -> Result<Held, EnvironmentError> {
        std::fs::create_dir_all(&self.path).map_err(EnvironmentError::at(&self.path))?;
        made::lock(&self.path.join(format!("{name}.lock")), progress)
    }

    /// The Python that peers run with, in words, such as `CPython 3.11.7 at /usr/bin/python3.11`.
    ///
    /// # Errors
    ///
    /// See [`EnvironmentError`].
    pub fn describe_python(&self) -> Result<String, EnvironmentError> {
        self.interpreter().map(Interpreter::describe)
    }

    /// The version (major, minor, patch) of the Python that peers run with.
    ///
    /// # Errors
    ///
    /// See [`EnvironmentError`].
    pub fn python_version(&self) -> Result<(u32, u32, u32), EnvironmentError> {
        self.interpreter().map(|found| found.version)
    }

    fn interpreter(&self) -> Result<&Interpreter, EnvironmentError> {
        if let Some(known) = self.interpreter.get() {
            return Ok(known);
        }
        let found = Interpreter::find()?;
        Ok(self.interpreter.get_or_init(|| found))
    }
}

/// The checkout around a folder: it has our peers and a target folder.
fn checkout(from: &Path) -> Option<&Path> {
    from.ancestors().find(|folder| {
        folder.join("interop/fixture/peer.toml").is_file() && folder.join("target").is_dir()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_is_found_from_any_folder_in_it_once_it_has_been_built() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("crates/x");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir_all(root.path().join("interop/fixture")).unwrap();
        std::fs::write(root.path().join("interop/fixture/peer.toml"), "").unwrap();
        assert_eq!(checkout(&inner), None);
        std::fs::create_dir(root.path().join("target")).unwrap();
        assert_eq!(checkout(&inner), Some(root.path()));
    }

    #[test]
    fn a_relative_folder_of_state_becomes_absolute() {
        assert!(StateFolder::new("state").unwrap().path().is_absolute());
    }
}
