//! Results as they come: one JSON line for each cell that ran, in `cells.jsonl` of the output
//! folder.
//!
//! A run that was stopped, however, goes on from there (`--resume`). The first line says what the
//! results depend on; they are taken over only where all of that is still the same. A line that was
//! being written when the power went is cut off.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mpws_peers::{PeerSpec, Program};
use serde::{Deserialize, Serialize};

use crate::plan::Planned;
use crate::result::{CellResult, HostFacts, PeerFacts};
use crate::run::options::RunOptions;

/// Name of the file in the output folder.
pub const JOURNAL: &str = "cells.jsonl";

/// Value of `schema` in the first line.
const SCHEMA: &str = "mpws-cells/2";

/// How much time's results a power cut may cost.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Why results cannot be kept as they come, or not be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be used.
    #[error("cannot use {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another run writes there.
    #[error("another run writes into {} at this moment", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Another version of mpws wrote it.
    #[error("{} is not of the form {SCHEMA}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Something that the results depend on is not what it was.
    #[error("the results in {} were made under other conditions: {}", .path.display(), .changed.join("; "))]
    Changed {
        /// The file.
        path: PathBuf,
        /// What has changed, each with what it was and what it is.
        changed: Vec<String>,
    },
}

/// What results depend on: name to a word or a hash.
pub type Basis = BTreeMap<String, String>;

/// The file, open and locked.
pub struct Journal {
    file: File,
    synced: Instant,
    broken: Option<io::Error>,
}

/// A cell that ran, with the peers in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its result, before it was compared with its control.
    pub cell: CellResult,
    /// The peers that took part.
    pub peers: Vec<PeerFacts>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    schema: String,
    basis: Basis,
}

impl Journal {
    /// An empty journal, in place of one that may be there.
    ///
    /// # Errors
    ///
    /// [`JournalError::File`], [`JournalError::Busy`].
    pub fn begin(folder: &Path, basis: &Basis) -> Result<Self, JournalError> {
        let (path, file) = open(folder)?;
        Self::anew(file, basis).map_err(|source| JournalError::File { path, source })
    }

    /// The journal of a run that was stopped, and what is in it. Where there is none it begins.
    ///
    /// # Errors
    ///
    /// See [`JournalError`].
    pub fn resume(folder: &Path, basis: &Basis) -> Result<(Self, Vec<Entry>), JournalError> {
        let (path, mut file) = open(folder)?;
        let fault = |source| JournalError::File {
            path: path.clone(),
            source,
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(fault)?;
        let mut lines = text
            .split_inclusive(|&byte| byte == b'\n')
            .take_while(|line| line.ends_with(b"\n"));
        let Some(first) = lines.next() else {
            return Ok((Self::anew(file, basis).map_err(fault)?, Vec::new()));
        };
        let head: Head = serde_json::from_slice(first)
            .ok()
            .filter(|head: &Head| head.schema == SCHEMA)
            .ok_or_else(|| JournalError::Foreign { path: path.clone() })?;
        let changed = changed(&head.basis, basis);
        if !changed.is_empty() {
            return Err(JournalError::Changed { path, changed });
        }
        let mut whole = first.len();
        let mut entries = Vec::new();
        for line in lines {
            let Ok(entry) = serde_json::from_slice(line) else {
                break;
            };
            whole += line.len();
            entries.push(entry);
        }
        let whole = whole as u64;
        file.set_len(whole)
            .and_then(|()| file.seek(SeekFrom::Start(whole)))
            .map_err(fault)?;
        Ok((Self::of(file), entries))
    }

    /// Adds a cell. A failure is kept until [`Journal::end`]: the run goes on without.
    pub fn add(&mut self, entry: &Entry) {
        if self.broken.is_some() {
            return;
        }
        let written = line(entry).and_then(|line| {
            self.file.write_all(&line)?;
            if self.synced.elapsed() >= SYNC_EVERY {
                self.file.sync_data()?;
                self.synced = Instant::now();
            }
            Ok(())
        });
        self.broken = written.err();
    }

    /// Closes the file.
    ///
    /// # Errors
    ///
    /// The first failure to write; the cells from there on are not in it.
    pub fn end(self) -> io::Result<()> {
        match self.broken {
            Some(error) => Err(error),
            None => self.file.sync_data(),
        }
    }

    fn anew(mut file: File, basis: &Basis) -> io::Result<Self> {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&line(&Head {
            schema: SCHEMA.to_owned(),
            basis: basis.clone(),
        })?)?;
        file.sync_data()?;
        Ok(Self::of(file))
    }

    fn of(file: File) -> Self {
        Self {
            file,
            synced: Instant::now(),
            broken: None,
        }
    }
}

/// What the results of a run depend on: this program with all its cases, the kernel and what it
/// can, and each peer.
pub(crate) fn basis(options: &RunOptions, host: &HostFacts, planned: &Planned) -> Basis {
    let capabilities = host.capabilities.iter();
    let able: Vec<String> = capabilities
        .map(|(name, one)| format!("{name}={}", one.available))
        .collect();
    let python = host.capabilities.get("python");
    let version = std::fs::read_to_string("/proc/sys/kernel/version").unwrap_or_default();
    let mut basis = Basis::from([
        ("program".to_owned(), program()),
        (
            "kernel".to_owned(),
            format!("{} {}", host.kernel, version.trim()),
        ),
        ("C library".to_owned(), host.libc.clone()),
        (
            "Python".to_owned(),
            python.map(|one| one.detail.clone()).unwrap_or_default(),
        ),
        ("root".to_owned(), host.root.to_string()),
        ("launcher".to_owned(), format!("{:?}", options.launcher)),
        ("capabilities".to_owned(), able.join(" ")),
        (
            "conditions of paths".to_owned(),
            planned
                .selection
                .paths
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        ),
        (
            "evidence that is kept".to_owned(),
            options.keep.word().to_owned(),
        ),
    ]);
    for cell in &planned.plan.cells {
        for peer in [&cell.client, &cell.server] {
            basis
                .entry(format!("peer {}", peer.name))
                .or_insert_with(|| content(peer));
        }
    }
    basis
}

/// Hash of the running program. It tells one build from another, and need not stand up to an
/// attacker.
fn program() -> String {
    static KNOWN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let read = || std::fs::read("/proc/self/exe").map_or_else(|_| String::new(), |all| hash(&all));
    KNOWN.get_or_init(read).clone()
}

/// Hash of all that a peer is made of, the files that its commands name included.
fn content(peer: &PeerSpec) -> String {
    let mut all = format!("{peer:?}").into_bytes();
    let words: Vec<&String> = match &peer.program {
        Program::Command { argv, .. } => argv.iter().collect(),
        _ => Vec::new(),
    };
    for word in words {
        if Path::new(word).is_file() {
            all.extend(std::fs::read(word).unwrap_or_default());
        }
    }
    hash(&all)
}

fn hash(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("{:016x}", hasher.finish())
}

/// What differs. A peer that only one of the runs has does not: it has no cell in the other.
fn changed(was: &Basis, is: &Basis) -> Vec<String> {
    let both = was
        .iter()
        .filter_map(|(name, was)| Some((name, was, is.get(name)?)));
    both.filter(|(_, was, is)| was != is)
        .map(|(name, was, is)| format!("{name} (was {was}, is {is})"))
        .collect()
}

fn open(folder: &Path) -> Result<(PathBuf, File), JournalError> {
    let path = folder.join(JOURNAL);
    let opened = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path);
    let file = match opened {
        Ok(file) => file,
        Err(source) => return Err(JournalError::File { path, source }),
    };
    match file.try_lock() {
        Ok(()) => Ok((path, file)),
        Err(TryLockError::WouldBlock) => Err(JournalError::Busy { path }),
        Err(TryLockError::Error(source)) => Err(JournalError::File { path, source }),
    }
}

fn line<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use mpws_model::testing;

    use super::*;

    fn basis() -> Basis {
        Basis::from([("kernel".to_owned(), "6.1".to_owned())])
    }

    fn entries() -> Vec<Entry> {
        let entry = |case: &str| Entry {
            cell: testing::cell(&format!("{case}@fixture:fixture/mptcp/v4")),
            peers: Vec::new(),
        };
        ["negotiation/a", "negotiation/b", "fallback/c"]
            .map(entry)
            .to_vec()
    }

    /// A journal of a run that came to its end, as bytes.
    fn written(folder: &Path) -> Vec<u8> {
        let mut journal = Journal::begin(folder, &basis()).unwrap();
        entries().iter().for_each(|entry| journal.add(entry));
        journal.end().unwrap();
        std::fs::read(folder.join(JOURNAL)).unwrap()
    }

    #[test]
    fn what_was_written_comes_back_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let all = entries();
        let mut journal = Journal::begin(folder.path(), &basis()).unwrap();
        journal.add(&all[0]);
        drop(journal);
        let (mut journal, found) = Journal::resume(folder.path(), &basis()).unwrap();
        assert_eq!(found, all[..1]);
        journal.add(&all[1]);
        journal.end().unwrap();
        let (_, found) = Journal::resume(folder.path(), &basis()).unwrap();
        assert_eq!(found, all[..2]);
    }

    #[test]
    fn wherever_it_is_cut_the_whole_lines_before_come_back_and_it_can_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(JOURNAL);
        let all = written(folder.path());
        let head = all.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        // Here and there in the lines, and around the end of each.
        let ends = (0..=all.len()).filter(|&at| at > 0 && all[at - 1] == b'\n');
        let around = ends.flat_map(|end| [end - 1, end, (end + 1).min(all.len())]);
        for length in (0..all.len()).step_by(61).chain(around) {
            std::fs::write(&path, &all[..length]).unwrap();
            let (mut journal, found) = Journal::resume(folder.path(), &basis()).unwrap();
            let lines = all[head.min(length)..length].iter();
            let whole = lines.filter(|&&byte| byte == b'\n').count();
            assert_eq!(found, entries()[..whole], "cut at {length}");
            journal.add(&entries()[2]);
            drop(journal);
            let (_, found) = Journal::resume(folder.path(), &basis()).unwrap();
            assert_eq!(found.len(), whole + 1, "cut at {length}");
        }
    }

    #[test]
    fn zeros_that_a_power_cut_left_are_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut all = written(folder.path());
        all.extend([0; 5000]);
        all.push(b'\n');
        std::fs::write(folder.path().join(JOURNAL), all).unwrap();
        let (_, found) = Journal::resume(folder.path(), &basis()).unwrap();
        assert_eq!(found, entries());
    }

    #[test]
    fn other_conditions_are_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        let other = Basis::from([("kernel".to_owned(), "6.2".to_owned())]);
        let error = Journal::resume(folder.path(), &other).err().unwrap();
        let said = error.to_string();
        assert!(said.contains("kernel (was 6.1, is 6.2)"), "{said}");
        // A peer that was not in the first run is none.
        let mut more = basis();
        more.insert("peer new".to_owned(), "1".to_owned());
        assert!(Journal::resume(folder.path(), &more).is_ok());
    }

    #[test]
    fn two_runs_cannot_write_the_same_journal_and_a_new_run_empties_it() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        let first = Journal::begin(folder.path(), &basis()).unwrap();
        for second in [
            Journal::begin(folder.path(), &basis()).err(),
            Journal::resume(folder.path(), &basis()).err(),
        ] {
            assert!(matches!(second, Some(JournalError::Busy { .. })));
        }
        drop(first);
        let (_, found) = Journal::resume(folder.path(), &basis()).unwrap();
        assert_eq!(found, []);
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(JOURNAL), "{\"schema\":\"x\"}\n").unwrap();
        let error = Journal::resume(folder.path(), &basis()).err();
        assert!(matches!(error, Some(JournalError::Foreign { .. })));
    }
}
