//! The folder of state, and the Python that was found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use super::error::EnvironmentError;
use super::interpreter::Interpreter;

/// Environment variable that names the folder of state.
pub const STATE: &str = "MPWS_STATE";

/// Where everything is kept that outlives a run. Clones share what they found out.
#[derive(Clone, Debug)]
pub struct StateFolder {
    path: PathBuf,
    interpreter: Arc<OnceLock<Interpreter>>,
    pub(super) blind: Arc<Mutex<BTreeMap<String, BlindMade>>>,
}

/// A blind peer that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlindMade {
    /// `{dir}` of its commands.
    pub(crate) dir: PathBuf,
    /// The version of what is under test.
    pub(crate) version: String,
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

    pub(super) fn interpreter(&self) -> Result<&Interpreter, EnvironmentError> {
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
