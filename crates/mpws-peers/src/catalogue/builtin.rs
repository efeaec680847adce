//! The files of `interop/`, which are part of this program.

use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/interop.rs"));

/// Reads the files that are part of this program. Paths start with `interop/`.
pub(super) struct Source;

/// The `peer.toml` files, in the order of their folders.
pub(super) fn peer_files() -> impl Iterator<Item = &'static str> {
    FILES
        .iter()
        .map(|(path, _)| *path)
        .filter(|path| path.ends_with("/peer.toml"))
}

impl super::source::Source for Source {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        FILES
            .iter()
            .find(|(name, _)| Path::new(name) == path)
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn folder(&self, path: &Path) -> std::io::Result<Vec<String>> {
        Ok(FILES
            .iter()
            .filter_map(|(name, _)| Path::new(name).strip_prefix(path).ok())
            .filter_map(Path::to_str)
            .map(str::to_owned)
            .collect())
    }
}
