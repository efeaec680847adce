//! What can keep an environment from being made, and what helps.

use std::path::{Path, PathBuf};

/// Why what a peer needs cannot be made. [`EnvironmentError::remedy`] says what helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// There is no Python.
    #[error("cannot run the Python interpreter `{}`", .program.display())]
    NoPython {
        /// What was tried.
        program: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It runs and does not tell what it is.
    #[error("the Python interpreter `{}` does not tell what it is: {detail}", .program.display())]
    BrokenPython {
        /// What was tried.
        program: PathBuf,
        /// What it wrote.
        detail: String,
    },
    /// It is too old.
    #[error("`{}` is Python {found}, and at least 3.9 is needed", .program.display())]
    OldPython {
        /// What was tried.
        program: PathBuf,
        /// Its version.
        found: String,
    },
    /// It cannot install packages.
    #[error("`{}` has no pip, and there is no uv", .program.display())]
    NoInstaller {
        /// The interpreter.
        program: PathBuf,
    },
    /// It cannot fetch packages for another Python.
    #[error("`{}` has no pip", .program.display())]
    NoPip {
        /// The interpreter.
        program: PathBuf,
    },
    /// The package index cannot be reached.
    #[error("the package index cannot be reached: {detail}")]
    NoNetwork {
        /// The installer's words.
        detail: String,
    },
    /// A package is not the one that was pinned.
    #[error("a package does not have the hash that is pinned: {detail}")]
    HashMismatch {
        /// The installer's words.
        detail: String,
    },
    /// There is no pinned package for this interpreter and machine.
    #[error("no pinned package fits this interpreter and machine: {detail}")]
    NoPackage {
        /// The installer's words.
        detail: String,
    },
    /// There is no room for it.
    #[error("no space is left below {}", .folder.display())]
    DiskFull {
        /// The folder of state.
        folder: PathBuf,
    },
    /// The installer failed for another reason.
    #[error("installing the pinned packages failed: {detail}")]
    Installer {
        /// Its last words.
        detail: String,
    },
    /// The installer did not end.
    #[error("installing the pinned packages took more than {seconds} s")]
    Slow {
        /// The limit in seconds.
        seconds: u64,
    },
    /// A program or a file of a Debian package is not there.
    #[error("{what} is not there: install the Debian package {package}")]
    NotInstalled {
        /// The program or file.
        what: String,
        /// The package.
        package: String,
    },
    /// A command that makes a blind peer failed.
    #[error("`{command}` failed: {detail}")]
    Tool {
        /// The command.
        command: String,
        /// Why; its last words.
        detail: String,
    },
    /// No folder of state is known.
    #[error("there is no folder to keep state in: neither HOME nor XDG_CACHE_HOME is set")]
    NoState,
    /// A file or folder of state cannot be used.
    #[error("cannot use {}", .path.display())]
    State {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl EnvironmentError {
    /// What the user can do next.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoPython { .. } | Self::BrokenPython { .. } | Self::OldPython { .. } => {
                "install Python 3.9 or newer, or name one in MPWS_PYTHON"
            }
            Self::NoInstaller { .. } => {
                "install pip for this Python (python3 -m ensurepip, or the package python3-pip), or uv"
            }
            Self::NoPip { .. } => {
                "install pip for this Python (python3 -m ensurepip, or the package python3-pip)"
            }
            Self::NoNetwork { .. } => {
                "make the package index reachable: network, proxy variables, pip's configuration; \
                 or put the wheels into a folder and name it in PIP_FIND_LINKS, with PIP_NO_INDEX=1"
            }
            Self::HashMismatch { .. } => {
                "do not use that package: what the index served is not what was pinned; try another index"
            }
            Self::NoPackage { .. } => {
                "name a CPython from 3.9 to 3.13 on Linux x86_64 or aarch64 in MPWS_PYTHON, \
                 or add the hashes of its wheels to the requirements file"
            }
            Self::DiskFull { .. } => "free some space, or name another folder in MPWS_STATE",
            Self::Installer { .. } => "see the installer's words; pip's configuration is honoured",
            Self::Slow { .. } => "check the network, then run it again: what is complete is kept",
            Self::NotInstalled { .. } => "install the Debian package that is named",
            Self::Tool { .. } => "see the words of the command",
            Self::NoState | Self::State { .. } => {
                "name a folder that this user can write to in MPWS_STATE"
            }
        }
    }
}

impl EnvironmentError {
    /// A function that says of which path an error of the system speaks.
    pub(crate) fn at(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            if source.kind() == std::io::ErrorKind::StorageFull {
                let folder = path.clone();
                return Self::DiskFull { folder };
            }
            Self::State {
                path: path.clone(),
                source,
            }
        }
    }
}
