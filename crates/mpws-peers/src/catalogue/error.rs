//! Why a `peer.toml` cannot be used.

use std::path::PathBuf;

/// Why a `peer.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// A file cannot be read.
    #[error("cannot read {}, which {wanted_by} names", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Who named it.
        wanted_by: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// It is not TOML, or not of the right form.
    #[error("{}: {detail}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line and column, the line itself, and the cause.
        detail: String,
    },
    /// It has the right form and makes no sense.
    #[error("{}:{line}: {detail}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
}
