//! Demands and testimony of one cell as a file beside its capture, to be judged again.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use mpws_model::CellName;
use mpws_model::result::{CellResult, Check, Transport, Verdict};
use serde::{Deserialize, Serialize};

use crate::demands::Demands;
use crate::judge::{Judgement, judge};
use crate::testimony::Testimony;
use crate::wire::{Parties, Wire};

/// Value of [`Saved::schema`].
pub const SCHEMA: &str = "mpws-testimony/1";
/// Name of the file in the folder of a cell's evidence.
pub const FILE: &str = "testimony.json";
/// Name of the capture in the same folder.
pub const CAPTURE: &str = "capture.pcapng";

/// What one cell was judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// [`SCHEMA`].
    pub schema: String,
    /// Name of the cell.
    pub cell: CellName,
    /// Who is who in the capture.
    pub parties: Parties,
    /// What was demanded.
    pub demands: Demands,
    /// What was said.
    pub testimony: Testimony,
}

/// Why saved evidence cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// A file cannot be opened, read or written.
    #[error("{}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is no testimony of this version, {SCHEMA}", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The file is of another version.
    #[error("{} has schema {found:?}, not {SCHEMA}", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// It belongs to another cell.
    #[error("{} is the testimony of {found}", .path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The cell that it names.
        found: String,
    },
    /// The capture beside it cannot be read.
    #[error("{} cannot be read", .path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: mpws_trace::ReadError,
    },
}

/// What came of judging a cell again.
#[derive(Clone, Debug, PartialEq)]
pub enum Again {
    /// Its evidence was not kept.
    NotKept,
    /// The same as before.
    Same,
    /// Something else than before.
    Differs(Vec<Difference>),
}

/// In what the judgements differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `verdict`, `transport`, `reason`, or `check NAME`.
    pub what: String,
    /// What the result says.
    pub before: String,
    /// What is judged now.
    pub now: String,
}

impl Saved {
    /// Reads it, and what the capture in the same folder shows, by this version's reading. Without
    /// a capture what was read when the cell ran stands.
    ///
    /// # Errors
    ///
    /// [`SavedError`]: a file is missing, broken, or of another version.
    pub fn read(folder: &Path) -> Result<Self, SavedError> {
        let path = folder.join(FILE);
        let file = |source| SavedError::File {
            path: path.clone(),
            source,
        };
        let form = |source| SavedError::Form {
            path: path.clone(),
            source,
        };
        let text = std::fs::read(&path).map_err(file)?;
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(form)?;
        let found = value.get("schema").and_then(|schema| schema.as_str());
        if found != Some(SCHEMA) {
            return Err(SavedError::Version {
                found: found.unwrap_or("none").to_owned(),
                path,
            });
        }
        let mut saved: Self = serde_json::from_value(value).map_err(form)?;
        saved.read_capture(&folder.join(CAPTURE))?;
        Ok(saved)
    }

    fn read_capture(&mut self, path: &Path) -> Result<(), SavedError> {
        let capture = match File::open(path) {
            Ok(capture) => capture,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(SavedError::File {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let packets = mpws_trace::read_pcapng(BufReader::new(capture));
        let packets = packets.map_err(|source| SavedError::Capture {
            path: path.to_owned(),
            source,
        })?;
        let trace = mpws_trace::analyse(&packets);
        self.testimony.wire = Wire::of(&trace, &packets, &self.parties);
        Ok(())
    }

    /// Writes it into a folder that is there.
    ///
    /// # Errors
    ///
    /// [`SavedError::File`] where it cannot be written, on a full disk for example.
    pub fn write(&self, folder: &Path) -> Result<(), SavedError> {
        let path = folder.join(FILE);
        let write = || {
            let mut file = BufWriter::new(File::create(&path)?);
            serde_json::to_writer_pretty(&mut file, self).map_err(io::Error::from)?;
            file.write_all(b"\n")?;
            file.flush()
        };
        write().map_err(|source| SavedError::File {
            path: path.clone(),
            source,
        })
    }
}

/// Judges a cell of a result again, by the evidence that was kept of it.
///
/// `out` is the folder that the result's evidence lies below.
///
/// # Errors
///
/// [`SavedError`]: evidence was kept and cannot be read, or is that of another cell.
pub fn judge_again(out: &Path, result: &CellResult) -> Result<Again, SavedError> {
    let kept = result.evidence.files.iter().any(|name| name == FILE);
    let Some(folder) = result.evidence.folder.as_ref().filter(|_| kept) else {
        return Ok(Again::NotKept);
    };
    let folder = out.join(folder);
    let saved = Saved::read(&folder)?;
    if saved.cell != result.cell {
        return Err(SavedError::Cell {
            path: folder.join(FILE),
            found: saved.cell.to_string(),
        });
    }
    let now = judge(&saved.demands, &saved.testimony);
    let differences = differences(result, &now);
    Ok(match differences.is_empty() {
        true => Again::Same,
        false => Again::Differs(differences),
    })
}

fn differences(before: &CellResult, now: &Judgement) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |what: &str, before: String, now: String| {
        if before != now {
            let what = what.to_owned();
            found.push(Difference { what, before, now });
        }
    };
    let verdict = |verdict: Verdict| verdict.word().to_owned();
    differ("verdict", verdict(before.verdict), verdict(now.verdict));
    let transports = [&before.transport, &now.transport].map(describe);
    let [one, other] = transports;
    differ("transport", one, other);
    differ("reason", before.reason.clone(), now.reason.clone());
    let all = before.checks.len().max(now.checks.len());
    for index in 0..all {
        let [one, other] = [&before.checks, &now.checks].map(|checks| checks.get(index));
        let Some(named) = one.or(other) else { continue };
        let words = |check: Option<&Check>| check.map_or_else(|| "not judged".to_owned(), say);
        differ(&format!("check {}", named.name), words(one), words(other));
    }
    found
}

fn describe(transport: &Transport) -> String {
    let kind = transport.kind.word();
    match (&transport.cause, transport.subflows) {
        (Some(cause), _) => format!("{kind} ({cause})"),
        (None, Some(subflows)) => format!("{kind}, {subflows} subflows with data"),
        (None, None) => kind.to_owned(),
    }
}

fn say(check: &Check) -> String {
    let held = if check.held { "held" } else { "did not hold" };
    let Check {
        name,
        expected,
        observed,
        ..
    } = check;
    format!("{name} {held}: expected {expected}, observed {observed}")
}
