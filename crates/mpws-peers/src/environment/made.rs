//! Folders that are made once: under a lock, aside, and renamed when they are complete.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::EnvironmentError;

/// A short hash of the parts; none can run into the next.
pub(crate) fn key<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut text = String::new();
    for byte in &hash.finalize()[..10] {
        // A string takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Gives `parent/key`, and lets `fill` make its content first when it is not there.
pub(super) fn once(
    parent: &Path,
    key: &str,
    progress: &dyn Fn(&str),
    fill: &mut dyn FnMut(&Path) -> Result<(), EnvironmentError>,
) -> Result<PathBuf, EnvironmentError> {
    let path = parent.join(key);
    if path.is_dir() {
        return Ok(path);
    }
    std::fs::create_dir_all(parent).map_err(EnvironmentError::at(parent))?;
    let _lock = lock(&parent.join(format!("{key}.lock")), progress)?;
    if path.is_dir() {
        return Ok(path);
    }
    let aside = parent.join(format!("{key}.new"));
    // Left by somebody who was killed while holding the lock.
    match std::fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(EnvironmentError::at(&aside)(error));
        }
        _ => {}
    }
    std::fs::create_dir(&aside).map_err(EnvironmentError::at(&aside))?;
    let filled = fill(&aside)
        .and_then(|()| std::fs::rename(&aside, &path).map_err(EnvironmentError::at(&path)));
    if let Err(error) = filled {
        let _ = std::fs::remove_dir_all(&aside);
        return Err(error);
    }
    Ok(path)
}

/// A lock that other processes wait for; it is given back when this value is dropped.
pub(crate) type Held = File;

pub(super) fn lock(path: &Path, progress: &dyn Fn(&str)) -> Result<Held, EnvironmentError> {
    let fault = EnvironmentError::at(path);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(&fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress("waiting for another process that makes the same");
            file.lock().map_err(&fault)?;
        }
        Err(TryLockError::Error(error)) => return Err(fault(error)),
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn several_makers_at_once_make_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let path = once(folder.path(), "key", &|_| {}, &mut |aside| {
                        made.fetch_add(1, Ordering::SeqCst);
                        std::fs::write(aside.join("file"), "whole").unwrap();
                        Ok(())
                    });
                    let text = std::fs::read_to_string(path.unwrap().join("file")).unwrap();
                    assert_eq!(text, "whole");
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_was_left_half_made_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let failed = once(folder.path(), "key", &|_| {}, &mut |aside| {
            std::fs::write(aside.join("half"), "").unwrap();
            Err(EnvironmentError::NoState)
        });
        assert!(failed.is_err());
        std::fs::create_dir(folder.path().join("key.new")).unwrap();
        std::fs::write(folder.path().join("key.new/half"), "").unwrap();
        let path = once(folder.path(), "key", &|_| {}, &mut |_| Ok(())).unwrap();
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
    }

    #[test]
    fn parts_of_a_key_do_not_run_into_each_other() {
        assert_ne!(key(["ab", "c"]), key(["a", "bc"]));
        assert_eq!(key(["ab", "c"]), key(["ab", "c"]));
    }
}
