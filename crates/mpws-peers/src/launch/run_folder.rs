//! The run folder: where control sockets are, at a path that is short enough for one.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// Longest path of a Unix socket in bytes, its final NUL left out (`sun_path`, unix(7)).
pub(super) const LONGEST_SOCKET: usize = 107;

/// A folder `mpws-PID-N` below `$TMPDIR` or `/tmp`, for this user alone; it goes when this value
/// goes.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    /// Held locked: a folder whose lock is free and whose process is dead is stale.
    _lock: File,
}

impl RunFolder {
    /// Makes one, and sweeps away those of processes that died.
    pub(super) fn make() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let base = base();
        sweep(&base);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("mpws-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let lock = File::create(path.join(LOCK))?;
                    lock.lock()?;
                    return Ok(Self { path, _lock: lock });
                }
                // Left by an earlier process of the same number, or by another PID namespace.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < MOST => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next process.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

const LOCK: &str = "lock";

/// Numbers that are tried.
const MOST: u32 = 100_000;

/// `$TMPDIR`, where it is short enough to hold sockets, else `/tmp`.
fn base() -> PathBuf {
    let longest = "/mpws-4194304-100000/c100000".len();
    let wanted = std::env::temp_dir();
    if wanted.is_absolute() && wanted.as_os_str().len() + longest <= LONGEST_SOCKET {
        wanted
    } else {
        PathBuf::from("/tmp")
    }
}

fn sweep(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(owner).is_some_and(is_dead) {
            // Somebody else's, or just gone: not ours to remove.
            let _ = remove_stale(&entry.path());
        }
    }
}

/// The process of a folder's name.
fn owner(name: &str) -> Option<i32> {
    let (pid, number) = name.strip_prefix("mpws-")?.split_once('-')?;
    number.parse::<u32>().ok()?;
    pid.parse().ok().filter(|pid| *pid > 0)
}

fn is_dead(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

fn remove_stale(path: &Path) -> Result<()> {
    let about = std::fs::symlink_metadata(path)?;
    if !about.is_dir() || about.uid() != nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    // The process may live in another PID namespace that shares this folder; then it holds the
    // lock.
    let lock = File::open(path.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => std::fs::remove_dir_all(path),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_goes_when_its_guard_goes() {
        let folder = RunFolder::make().unwrap();
        let path = folder.path().to_owned();
        assert!(path.join(LOCK).exists());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn sockets_in_it_have_paths_that_are_short_enough() {
        let folder = RunFolder::make().unwrap();
        let socket = folder.path().join("c100000");
        assert!(socket.as_os_str().len() <= LONGEST_SOCKET);
    }

    #[test]
    fn the_folder_of_a_dead_process_is_swept_and_that_of_a_live_one_stays() {
        let base = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let stale = base.path().join(format!("mpws-{dead}-0"));
        let fresh = base.path().join(format!("mpws-{}-0", std::process::id()));
        let locked = base.path().join(format!("mpws-{dead}-1"));
        let foreign = base.path().join("mpws-notes");
        for folder in [&stale, &fresh, &locked, &foreign] {
            std::fs::create_dir(folder).unwrap();
            File::create(folder.join(LOCK)).unwrap();
        }
        let held = File::open(locked.join(LOCK)).unwrap();
        held.lock().unwrap();
        sweep(base.path());
        assert!(!stale.exists());
        assert!(fresh.exists() && locked.exists() && foreign.exists());
    }
}
