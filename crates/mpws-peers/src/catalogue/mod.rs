//! Which peers there are: `peer.toml` files, our own and the user's, and the peers that come of them.
//!
//! One file may give several peers: `interop/websockets/peer.toml` gives one for each version and
//! implementation. Our own files are part of the program, so an installed command has them too.

mod blind;
mod builtin;
mod expand;
mod file;
mod pythons;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use blind::MPTCP_PLACE;
pub use file::{Kind, Leave, Role, SCHEMA, schema};
pub use pythons::Pythons;
use serde::{Deserialize, Serialize};
pub use template::filled;

/// All peers that are known.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// All of them, in the order of their files.
    everyone: Vec<PeerSpec>,
    /// Those of an ordinary run.
    peers: Vec<PeerSpec>,
}

/// One peer: a program, pinned as far as its file pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSpec {
    /// Its name in cells, unique in a catalogue: `fixture`, `websockets-13.1-legacy`.
    pub name: String,
    /// Name in its `peer.toml`: `websockets`.
    pub family: String,
    /// Name that it must report of itself; any where absent.
    pub reports: Option<String>,
    /// Version that it must report; any where absent.
    pub version: Option<String>,
    /// Implementation that it must report; any where absent.
    pub implementation: Option<String>,
    /// What it can be.
    pub roles: BTreeSet<Role>,
    /// What it can do, such as `sock-handover` or `deflate`.
    pub features: BTreeSet<String>,
    /// How it runs.
    pub program: Program,
    /// The matrix of several families that it belongs to, such as `foreign`. Runs that name the peer have it, too.
    pub matrix: Option<String>,
    /// Whether ordinary runs leave it out: it takes part in its matrix ([`Catalogue::matrix`]).
    pub matrix_only: bool,
    /// Known deviations of its family.
    pub deviations: Option<Document>,
}

/// How a peer runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// Our own fixture, started from our own executable.
    Fixture,
    /// An adapter in Python.
    Python(PythonProgram),
    /// A program that speaks the adapter protocol.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// Environment variables to set.
        env: BTreeMap<String, String>,
        /// What makes the program.
        built_by: Option<String>,
    },
    /// A program that is started as it is.
    Blind(BlindProgram),
}

/// An adapter in Python with one version and one implementation of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonProgram {
    /// Files of the adapter: path inside its folder, and content.
    pub adapter: Arc<BTreeMap<String, String>>,
    /// The requirements file.
    pub requirements: Document,
    /// The implementation to use.
    pub implementation: String,
    /// The Pythons that the version exists for; all that the suite takes where absent.
    pub pythons: Option<Pythons>,
    /// Whether the adapter can be a nursery (`docs/design/nursery.md`).
    pub nursery: bool,
}

/// A program that is started as it is. Its commands have `{host}`, `{port}`, `{uri}`, `{dir}` and `{mptcp}` to fill in
/// ([`filled`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindProgram {
    /// Prints the version of what is under test.
    pub version: Vec<String>,
    /// Words before a command that is to use MPTCP, or in the place of its argument `{mptcp}`; `None` where the program decides
    /// for itself.
    pub mptcp: Option<Vec<String>>,
    /// Of the client.
    pub client: Option<Vec<String>>,
    /// How the client is talked to.
    pub lines: Option<BlindLines>,
    /// Of the server.
    pub server: Option<Vec<String>>,
    /// Environment variables to set.
    pub env: BTreeMap<String, String>,
    /// Files for `{dir}`: path inside it, and content.
    pub files: Arc<BTreeMap<String, String>>,
    /// Commands that are run once in `{dir}`.
    pub build: Vec<Vec<String>>,
    /// What must be installed.
    pub needs: Vec<Need>,
}

impl BlindProgram {
    /// The Debian packages that bring what it needs, sorted, each once.
    pub fn packages(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.needs.iter().map(|need| &*need.package).collect();
        names.into_iter().collect()
    }
}

/// How a blind client is talked to: in lines, by its standard input and output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlindLines {
    /// What it writes once the WebSocket is open.
    pub ready: String,
    /// What it may write before a line.
    pub prompt: String,
    /// How it is told to go.
    pub leave: Leave,
}

/// Something of a Debian package that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What.
    pub what: Needed,
    /// The package.
    pub package: String,
}

/// What must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// A program in `PATH`.
    Program(String),
    /// A file.
    File(PathBuf),
}

/// A text file, with the name under which to speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its path; of our own files, the path inside the repository.
    pub path: PathBuf,
    /// Its content.
    pub text: Arc<str>,
}

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
        self.add(&expand::Disk, path)
    }

    /// The peers of an ordinary run, in the order of their files.
    pub fn peers(&self) -> &[PeerSpec] {
        &self.peers
    }

    /// All peers, those that ordinary runs leave out included, in the order of their files.
    pub fn everyone(&self) -> &[PeerSpec] {
        &self.everyone
    }

    /// The peers of a matrix, or of a family, those that ordinary runs leave out included, in the order of their files:
    /// version by version. Empty where there is no such matrix, or the family has none to leave out.
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

    fn add(
        &mut self,
        source: &dyn expand::Source,
        path: &Path,
    ) -> Result<Vec<String>, CatalogueError> {
        let peers = expand::expand(source, path, &self.everyone)?;
        let names = peers.iter().map(|peer| peer.name.clone()).collect();
        let ordinary = peers.iter().filter(|peer| !peer.matrix_only);
        self.peers.extend(ordinary.cloned());
        self.everyone.extend(peers);
        Ok(names)
    }
}

impl PeerSpec {
    /// Whether it can do something, such as `deflate`.
    pub fn has(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }

    /// Whether it can be this.
    pub fn can_be(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The matrix that it belongs to: the one that its file names, else that of its family.
    fn matrix_name(&self) -> &str {
        self.matrix.as_deref().unwrap_or(&self.family)
    }

    /// How much of it the suite can ask.
    pub fn kind(&self) -> Kind {
        match self.program {
            Program::Blind(_) => Kind::Blind,
            _ => Kind::Adapter,
        }
    }
}
