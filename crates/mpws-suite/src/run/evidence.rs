//! What is kept of a cell: capture, transcripts, logs, counters, socket facts.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mpws_judge::saved::{CAPTURE, FILE, SCHEMA, Saved, SavedError};

use crate::cell::Cell;
use crate::result::CellResult;
use crate::witness::Snapshot;
use crate::witness::gather::Gathered;

/// Why evidence is not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// A file or folder cannot be written, on a full disk for example.
    #[error("{}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// What the cell was judged by cannot be written.
    #[error("the testimony cannot be written")]
    Testimony(#[from] SavedError),
}

/// Writes the folder and notes its files in the result.
///
/// # Errors
///
/// When a file cannot be written, a full disk for example.
pub(crate) fn keep(
    out: &Path,
    result: &mut CellResult,
    cell: &Cell,
    gathered: &mut Gathered,
) -> Result<(), KeepError> {
    let below = folder_of(result.cell.as_str());
    let folder = out.join(&below);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| KeepError::File { path, source }
    };
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed(&folder))?;
    }
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    let capture = folder.join(CAPTURE);
    copy_capture(&mut gathered.capture, &capture).map_err(failed(&capture))?;
    let saved = Saved {
        schema: SCHEMA.to_owned(),
        cell: result.cell.clone(),
        parties: gathered.parties.clone(),
        demands: gathered.demands.clone(),
        testimony: gathered.testimony.clone(),
    };
    saved.write(&folder)?;
    let kernels = gathered.testimony.kernels.both();
    let counters = kernels.map(|(_, kernel)| {
        let moved = kernel.moved.moved();
        moved
            .map(|(name, by)| format!("{name} {by:+}\n"))
            .collect::<String>()
    });
    let files = [
        ("client.log", cell.client.log()),
        ("server.log", cell.server.log()),
        ("client.transcript", lines(&cell.client.transcript())),
        ("server.transcript", lines(&cell.server.transcript())),
        ("client.counters", counters[0].clone()),
        ("server.counters", counters[1].clone()),
        ("sockets.json", json(&cell.snapshots)),
    ];
    let mut names = vec![CAPTURE.to_owned(), FILE.to_owned()];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(failed(&path))?;
        names.push(name.to_owned());
    }
    result.evidence.folder = Some(below.to_string_lossy().into_owned());
    result.evidence.files = names;
    Ok(())
}

fn copy_capture(capture: &mut File, path: &Path) -> io::Result<()> {
    capture.seek(SeekFrom::Start(0))?;
    let mut copy = File::create(path)?;
    io::copy(capture, &mut copy)?;
    Ok(())
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What was said of sockets at each moment at which somebody asked.
fn json(snapshots: &[Snapshot]) -> String {
    let text = serde_json::to_string_pretty(snapshots);
    // Plain data has no way to fail but a map whose keys are no text, and there is none.
    text.map_or_else(|error| format!("{error}\n"), |text| text + "\n")
}

/// Folder of a cell's evidence, below the output folder.
fn folder_of(cell: &str) -> PathBuf {
    let safe: String = cell
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._@".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    Path::new("evidence").join(safe)
}
