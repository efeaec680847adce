//! What is kept of a cell: capture, transcripts, logs, counters, socket facts.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use mptcp::counters::CounterDelta;

use crate::cell::Cell;
use crate::result::CellResult;
use crate::run::execute::folder_of;

/// What there is to keep.
pub struct Kept<'a> {
    /// The cell, its peers shut down.
    pub cell: &'a Cell,
    /// All that crossed the wire.
    pub capture: &'a mut File,
    /// Counters of client and server.
    pub moved: [&'a CounterDelta; 2],
}

/// Why evidence is not kept.
#[derive(Debug, thiserror::Error)]
#[error("{}", .path.display())]
pub struct KeepError {
    path: std::path::PathBuf,
    source: io::Error,
}

/// Writes the folder and notes its files in the result.
///
/// # Errors
///
/// When a file cannot be written, a full disk for example.
pub fn keep(out: &Path, result: &mut CellResult, kept: Kept<'_>) -> Result<(), KeepError> {
    let below = folder_of(&result.cell);
    let folder = out.join(&below);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| KeepError { path, source }
    };
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed(&folder))?;
    }
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    let capture = folder.join("capture.pcapng");
    copy_capture(kept.capture, &capture).map_err(failed(&capture))?;
    let cell = kept.cell;
    let counters = kept.moved.map(|moved| {
        moved
            .moved()
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
        ("sockets.txt", format!("{:#?}\n", cell.snapshots)),
    ];
    let mut names = vec!["capture.pcapng".to_owned()];
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
