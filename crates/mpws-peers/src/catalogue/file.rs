//! `peer.toml`, version 1, as it is written.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// Version of the format.
pub const SCHEMA: i64 = 1;

/// One `peer.toml`. It holds exactly one of `fixture`, `python`, `command` and `blind`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "peer.toml")]
pub(super) struct PeerFile {
    /// Version of this format: 1.
    #[schemars(with = "i64", range(min = 1, max = 1))]
    pub(super) schema: Spanned<i64>,
    /// Name of the peer: lower-case letters, digits, `-` and `.`; the start of the names in cells.
    #[schemars(with = "String", regex(pattern = r"^[a-z0-9][a-z0-9.-]*$"))]
    pub(super) name: Spanned<String>,
    /// How much of it the suite can ask.
    #[schemars(with = "Kind")]
    pub(super) kind: Spanned<Kind>,
    /// What it can be.
    #[schemars(with = "Vec<Role>", length(min = 1))]
    pub(super) roles: Spanned<Vec<Role>>,
    /// What it can do or cannot, as far as the plan has to know: words of `mpws list --features`,
    /// and your own, which begin with `x-`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) features: Vec<Spanned<String>>,
    /// Name of the matrix that it belongs to. Such a peer takes part only in runs that name the
    /// matrix (`--matrix`) or the peer (`--peer`).
    #[serde(default)]
    #[schemars(with = "Option<String>", regex(pattern = r"^[a-z0-9][a-z0-9.-]*$"))]
    pub(super) matrix: Option<Spanned<String>>,
    /// Path of its known deviations, relative to this file.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) deviations: Option<Spanned<String>>,
    /// Our own fixture, which is part of the command.
    #[serde(default)]
    #[schemars(with = "Option<FixtureTable>")]
    pub(super) fixture: Option<Spanned<FixtureTable>>,
    /// An adapter in Python, run with pinned versions of a library.
    #[serde(default)]
    #[schemars(with = "Option<PythonTable>")]
    pub(super) python: Option<Spanned<PythonTable>>,
    /// Any program that speaks the adapter protocol.
    #[serde(default)]
    #[schemars(with = "Option<CommandTable>")]
    pub(super) command: Option<Spanned<CommandTable>>,
    /// Any program at all.
    #[serde(default)]
    #[schemars(with = "Option<BlindTable>")]
    pub(super) blind: Option<Spanned<BlindTable>>,
}

/// How much of a peer the suite can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It speaks the adapter protocol.
    Adapter,
    /// It is started as it is, and judged by wire and kernel alone.
    Blind,
}

/// What a peer can be in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It opens connections.
    Client,
    /// It accepts them.
    Server,
}

/// Our own fixture.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FixtureTable {}

/// An adapter in Python.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PythonTable {
    /// Folder of the adapter, relative to this file; it holds `__main__.py`.
    #[schemars(with = "String")]
    pub(super) adapter: Spanned<String>,
    /// Folders of mpws's own adapters, inside its `interop/`, whose files are laid beside those of
    /// `adapter`: modules that several adapters share. Where two have a file of the same path, the
    /// later folder's counts, and last the adapter's own.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) shared: Vec<Spanned<String>>,
    /// Name of the library, as the adapter reports it.
    pub(super) library: String,
    /// Whether the adapter can be a fork server: one process that has imported everything and forks
    /// the peers (`docs/design/fork-server.md`).
    #[serde(default)]
    pub(super) nursery: bool,
    /// Versions of the library; each is a peer of its own with each implementation.
    #[schemars(with = "Vec<PythonVersion>", length(min = 1))]
    pub(super) versions: Spanned<Vec<PythonVersion>>,
    /// Implementations inside the library.
    #[schemars(with = "Vec<PythonImplementation>", length(min = 1))]
    pub(super) implementations: Spanned<Vec<PythonImplementation>>,
}

/// One version of a Python library.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PythonVersion {
    /// The version, exactly as the library reports it.
    #[schemars(with = "String")]
    pub(super) version: Spanned<String>,
    /// Path of a requirements file with hashes, relative to this file.
    #[schemars(with = "String")]
    pub(super) requirements: Spanned<String>,
    /// The Pythons that this version exists for, as `Requires-Python` writes them: `>=3.10`, or
    /// `>=3.7,<3.12` where it was built for no later one. Runs of a matrix leave it out elsewhere,
    /// and say so.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) python: Option<Spanned<String>>,
    /// The implementations that this version has; all of `implementations` where absent.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    pub(super) implementations: Option<Spanned<Vec<Spanned<String>>>>,
    /// Whether the version takes part in `mpws run --matrix` only, and not in every run.
    #[serde(default)]
    pub(super) matrix: bool,
    /// The implementation that the library's top-level names lead to; that peer has the feature
    /// `top-level-api`.
    #[serde(default, rename = "top-level")]
    #[schemars(with = "Option<String>")]
    pub(super) top_level: Option<Spanned<String>>,
}

/// One implementation inside a Python library.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PythonImplementation {
    /// Its name, as the adapter takes and reports it.
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// What it can do or cannot beyond the features of the file.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) features: Vec<Spanned<String>>,
}

/// A program that speaks the adapter protocol.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandTable {
    /// Program and arguments; `{dir}` stands for the folder of this file, `{bin}` for that of the
    /// command `mpws`. A program with a slash in it is relative to the folder of this file; one
    /// without is looked up in `PATH`.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(super) argv: Spanned<Vec<String>>,
    /// Environment variables to set; `{dir}` and `{bin}` as in `argv`.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// What makes the program, said where there is none.
    #[serde(default, rename = "built-by")]
    pub(super) built_by: Option<String>,
    /// Name that it must report; any where absent.
    #[serde(default)]
    pub(super) library: Option<String>,
    /// Version that it must report; any where absent.
    #[serde(default)]
    pub(super) version: Option<String>,
    /// Implementation that it must report; any where absent.
    #[serde(default)]
    pub(super) implementation: Option<String>,
}

/// Commands of a blind peer. `{host}`, `{port}`, `{uri}`, `{dir}` and `{mptcp}` are filled in; `{{`
/// and `}}` stand for braces.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BlindTable {
    /// Program and arguments that print the version of what is under test, in one line.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(super) version: Spanned<Vec<String>>,
    /// Words before a command that is to use MPTCP, such as `["mptcpize", "run"]`; they are left
    /// out for TCP. In a command with an argument `{mptcp}` they stand in its place instead. Absent
    /// where the program decides for itself: then it is started in the same way for MPTCP and for
    /// TCP.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    pub(super) mptcp: Option<Spanned<Vec<String>>>,
    /// Program and arguments of the client.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) client: Option<Spanned<Vec<String>>>,
    /// How the client is talked to.
    #[serde(default)]
    pub(super) lines: Option<LinesTable>,
    /// Program and arguments of the server: an echo server that listens on `{host}` and `{port}`.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) server: Option<Spanned<Vec<String>>>,
    /// Environment variables to set; `{dir}` as in the commands.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Folder of files that the commands need, relative to this file. They are copied to `{dir}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) files: Option<Spanned<String>>,
    /// Commands that are run once in `{dir}`, in order, before anything else: compilers.
    #[serde(default)]
    #[schemars(with = "Vec<Vec<String>>")]
    pub(super) build: Vec<Spanned<Vec<String>>>,
    /// What must be installed.
    #[serde(default)]
    #[schemars(with = "Vec<NeedTable>")]
    pub(super) needs: Vec<Spanned<NeedTable>>,
}

/// A client that sends each line of its standard input as a message, and writes each message that
/// it receives as a line to its standard output. Whether the end of the line is part of the message
/// is its own affair.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinesTable {
    /// What it writes to its standard output once the WebSocket is open.
    pub(super) ready: String,
    /// What it may write before a line; taken off.
    #[serde(default)]
    pub(super) prompt: String,
    /// How it is told to go.
    #[serde(default)]
    pub(super) leave: Leave,
}

/// How a client that is talked to in lines is told to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Leave {
    /// Its input ends, at which it closes the WebSocket.
    #[default]
    EndOfInput,
    /// Its input ends, and then it is interrupted (SIGINT), as by a user at a terminal: nothing
    /// else ends it.
    Interrupt,
}

/// A program or a file that must be there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NeedTable {
    /// Name of a program in `PATH`.
    #[serde(default)]
    pub(super) program: Option<String>,
    /// Path of a file.
    #[serde(default)]
    pub(super) file: Option<String>,
    /// The Debian package that brings it.
    pub(super) package: String,
}

/// The schema of `peer.toml`, as it is checked in.
pub fn schema() -> Schema {
    schemars::schema_for!(PeerFile)
}
