//! The output folder: each report is written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mpws_model::result::RunResult;

use crate::matrix::{self, SupportMatrix};
use crate::{json, junit, markdown};

/// Name of the JSON report in the output folder.
pub const RESULT_JSON: &str = "result.json";
/// Name of the JUnit report in the output folder.
pub const JUNIT_XML: &str = "junit.xml";
/// Name of the Markdown summary in the output folder.
pub const SUMMARY_MD: &str = "summary.md";

/// Why the reports could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The folder is missing and could not be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A file could not be written whole.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A report could not be made from the result: a fault of ours.
    #[error("cannot express the result as {format}")]
    Render {
        /// The format.
        format: &'static str,
        /// What is in the way.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Makes the folder if it is missing and proves that reports can be written there, by writing,
/// syncing and removing a small file.
///
/// # Errors
/// [`WriteError::Folder`] or [`WriteError::File`], when the run's results would have no place.
pub fn probe(folder: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(folder).map_err(|source| WriteError::Folder {
        path: folder.to_owned(),
        source,
    })?;
    let path = folder.join(RESULT_JSON);
    // A whole block and more: a full disk may still take a few bytes.
    let trial = temporary(folder).and_then(|mut file| {
        file.write_all(&[b' '; PROBE_BYTES])?;
        file.as_file().sync_all()
    });
    trial.map_err(|source| WriteError::File { path, source })
}

/// Writes `result.json`, `junit.xml` and `summary.md`, each by way of a temporary file that takes
/// its name when it is complete. Returns the paths.
///
/// # Errors
/// The first failure; `result.json` is written first.
pub fn write(folder: &Path, result: &RunResult) -> Result<Vec<PathBuf>, WriteError> {
    fs::create_dir_all(folder).map_err(|source| WriteError::Folder {
        path: folder.to_owned(),
        source,
    })?;
    let json = json::render(result).map_err(|source| WriteError::Render {
        format: "JSON",
        source: source.into(),
    })?;
    let mut written = vec![replace(folder, RESULT_JSON, &json)?];
    let junit = junit::render(result).map_err(|source| WriteError::Render {
        format: "JUnit XML",
        source: source.into(),
    })?;
    written.push(replace(folder, JUNIT_XML, &junit)?);
    written.push(replace(folder, SUMMARY_MD, &markdown::render(result))?);
    Ok(written)
}

/// Writes `support-matrix.json` and `support-matrix.md`. Returns the paths.
///
/// # Errors
/// The first failure; the JSON is written first.
pub fn write_matrix(folder: &Path, matrix: &SupportMatrix) -> Result<Vec<PathBuf>, WriteError> {
    fs::create_dir_all(folder).map_err(|source| WriteError::Folder {
        path: folder.to_owned(),
        source,
    })?;
    let json = json::matrix(matrix).map_err(|source| WriteError::Render {
        format: "JSON",
        source: source.into(),
    })?;
    let page = matrix::render(matrix);
    Ok(vec![
        replace(folder, matrix::MATRIX_JSON, &json)?,
        replace(folder, matrix::MATRIX_MD, &page)?,
    ])
}

pub(crate) fn replace(folder: &Path, name: &str, content: &str) -> Result<PathBuf, WriteError> {
    let path = folder.join(name);
    let outcome = temporary(folder).and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|failed| failed.error)?;
        Ok(())
    });
    outcome.map_err(|source| WriteError::File {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// A temporary file beside the reports, with the permissions that an ordinary file would get.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".mpws-")
        .suffix(".tmp")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

const PROBE_BYTES: usize = 64 * 1024;
