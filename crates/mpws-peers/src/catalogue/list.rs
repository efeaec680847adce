//! All peers that are known, and which of them take part in which runs.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::CatalogueError;
use super::source::{Disk, Source};
use super::spec::PeerSpec;
use super::{builtin, expand};

/// All peers that are known.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// All of them, in the order of their files.
    everyone: Vec<PeerSpec>,
    /// Those of an ordinary run.
    peers: Vec<PeerSpec>,
}

impl Catalogue {
    /// Our own peers.
    ///
    /// # Errors
    ///
    /// When a file that is part of this program is wrong; a test keeps that from happening.
    pub fn builtin() -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for path in builtin::peer_files() {
            catalogue.add(&builtin::Source, Path::new(path))?;
        }
        Ok(catalogue)
    }

    /// Adds the peers of a user's `peer.toml`, and gives their names.
    ///
    /// # Errors
    ///
    /// See [`CatalogueError`]; a name that is already there is one.
    pub fn add_file(&mut self, path: &Path) -> Result<Vec<String>, CatalogueError> {
        self.add(&Disk, path)
    }

    /// The peers of an ordinary run, in the order of their files.
    pub fn peers(&self) -> &[PeerSpec] {
        &self.peers
    }

    /// All peers, those that ordinary runs leave out included, in the order of their files.
    pub fn everyone(&self) -> &[PeerSpec] {
        &self.everyone
    }

    /// The peers of a matrix, or of a family, those that ordinary runs leave out included, in the
    /// order of their files: version by version. Empty where there is no such matrix, or the family
    /// has none to leave out.
    pub fn matrix(&self, name: &str) -> Vec<PeerSpec> {
        if !self.matrices().any(|one| one == name) {
            return Vec::new();
        }
        let peers = self.everyone.iter();
        peers
            .filter(|peer| peer.matrix_name() == name)
            .cloned()
            .collect()
    }

    /// The matrices, and the families, with peers that ordinary runs leave out.
    pub fn matrices(&self) -> impl Iterator<Item = &str> {
        let left_out = self.everyone.iter().filter(|peer| peer.matrix_only);
        let names: BTreeSet<&str> = left_out.map(PeerSpec::matrix_name).collect();
        names.into_iter()
    }

    /// The peer of this name, whatever runs it takes part in.
    pub fn peer(&self, name: &str) -> Option<&PeerSpec> {
        self.everyone.iter().find(|peer| peer.name == name)
    }

    fn add(&mut self, source: &dyn Source, path: &Path) -> Result<Vec<String>, CatalogueError> {
        let peers = expand::expand(source, path, &self.everyone)?;
        let names = peers.iter().map(|peer| peer.name.clone()).collect();
        let ordinary = peers.iter().filter(|peer| !peer.matrix_only);
        self.peers.extend(ordinary.cloned());
        self.everyone.extend(peers);
        Ok(names)
    }
}
