//! One peer of the catalogue, and how it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::file::{Kind, Leave, Role};
use super::pythons::Pythons;
use crate::protocol::Feature;

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
    /// What it can do, or cannot.
    pub features: BTreeSet<Feature>,
    /// Words of the user's own, which begin with `x-`. No case of mpws asks for them.
    pub own_features: BTreeSet<String>,
    /// How it runs.
    pub program: Program,
    /// The matrix of several families that it belongs to, such as `foreign`. Runs that name the
    /// peer have it, too.
    pub matrix: Option<String>,
    /// Whether ordinary runs leave it out: it takes part in its matrix (`Catalogue::matrix`).
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
    /// Whether the adapter can be a fork server (`docs/design/fork-server.md`).
    pub fork_server: bool,
}

/// A program that is started as it is. Its commands have `{host}`, `{port}`, `{uri}`, `{dir}` and
/// `{mptcp}` to fill in ([`super::filled`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindProgram {
    /// Prints the version of what is under test.
    pub version: Vec<String>,
    /// Words before a command that is to use MPTCP, or in the place of its argument `{mptcp}`;
    /// `None` where the program decides for itself.
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

impl PeerSpec {
    /// Whether it has a feature, such as [`Feature::Deflate`].
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Whether it can be this.
    pub fn can_be(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The matrix that it belongs to: the one that its file names, else that of its family.
    pub(super) fn matrix_name(&self) -> &str {
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
