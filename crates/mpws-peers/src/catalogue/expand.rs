//! From one `peer.toml` to its peers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;

use super::builtin;
use super::error::CatalogueError;
use super::file::{CommandTable, Kind, PeerFile, PythonTable, SCHEMA};
use super::pythons::Pythons;
use super::source::Source;
use super::spec::{Document, PeerSpec, Program, PythonProgram};
use crate::protocol::Feature;

/// Where the paths of our own files begin.
const INTEROP: &str = "interop";

/// Reads a file and gives its peers. Names in `taken` are refused.
pub(super) fn expand(
    source: &dyn Source,
    path: &Path,
    taken: &[PeerSpec],
) -> Result<Vec<PeerSpec>, CatalogueError> {
    let text = source.read(path).map_err(|error| CatalogueError::Read {
        path: path.to_owned(),
        wanted_by: "the command".to_owned(),
        source: error,
    })?;
    let file: PeerFile = toml::from_str(&text).map_err(|error| CatalogueError::Syntax {
        path: path.to_owned(),
        detail: error.to_string().trim_end().to_owned(),
    })?;
    let reader = Reader { source, path, text };
    let peers = reader.peers(&file)?;
    for (index, peer) in peers.iter().enumerate() {
        if taken
            .iter()
            .chain(&peers[..index])
            .any(|other| other.name == peer.name)
        {
            let detail = format!("there is already a peer with the name `{}`", peer.name);
            return Err(reader.invalid(file.name.span(), detail));
        }
    }
    Ok(peers)
}

pub(super) struct Reader<'a> {
    pub(super) source: &'a dyn Source,
    path: &'a Path,
    text: String,
}

impl Reader<'_> {
    fn peers(&self, file: &PeerFile) -> Result<Vec<PeerSpec>, CatalogueError> {
        self.check_head(file)?;
        let (features, own_features) = self.features(&file.features)?;
        let common = PeerSpec {
            name: file.name.get_ref().clone(),
            family: file.name.get_ref().clone(),
            reports: None,
            version: None,
            implementation: None,
            roles: file.roles.get_ref().iter().copied().collect(),
            features,
            own_features,
            matrix: file.matrix.as_ref().map(|name| name.get_ref().clone()),
            program: Program::Fixture,
            matrix_only: file.matrix.is_some(),
            deviations: match &file.deviations {
                Some(deviations) => Some(self.document(deviations)?),
                None => None,
            },
        };
        let tables = [
            file.fixture.as_ref().map(|table| ("fixture", table.span())),
            file.python.as_ref().map(|table| ("python", table.span())),
            file.command.as_ref().map(|table| ("command", table.span())),
            file.blind.as_ref().map(|table| ("blind", table.span())),
        ];
        let present: Vec<_> = tables.into_iter().flatten().collect();
        let blind = *file.kind.get_ref() == Kind::Blind;
        match present.as_slice() {
            [] => {
                let wanted = if blind {
                    "[blind]"
                } else {
                    "[fixture], [python] or [command]"
                };
                return Err(self.invalid(
                    file.kind.span(),
                    format!("the program is missing: a table {wanted}"),
                ));
            }
            [(name, span)] if (*name == "blind") != blind => {
                let detail = format!("a table [{name}] does not go with this kind of peer");
                return Err(self.invalid(span.clone(), detail));
            }
            [_] => {}
            [(first, _), (second, span), ..] => {
                let detail = format!("[{first}] and [{second}]: a peer has one program");
                return Err(self.invalid(span.clone(), detail));
            }
        }
        if let Some(table) = &file.python {
            return self.python(common, table.get_ref());
        }
        if let Some(table) = &file.command {
            return Ok(vec![self.command(common, table.get_ref())?]);
        }
        if let Some(table) = &file.blind {
            return Ok(vec![self.blind(common, table)?]);
        }
        Ok(vec![PeerSpec {
            reports: Some("mpws-fixture".to_owned()),
            version: Some(mpws_fixture::VERSION.to_owned()),
            implementation: Some("fixture".to_owned()),
            ..common
        }])
    }

    fn check_head(&self, file: &PeerFile) -> Result<(), CatalogueError> {
        let schema = *file.schema.get_ref();
        if schema != SCHEMA {
            let detail = format!("schema {schema} is not known; this program knows {SCHEMA}");
            return Err(self.invalid(file.schema.span(), detail));
        }
        if !is_name(file.name.get_ref()) {
            let detail = format!(
                "`{}` is not a name: lower-case letters, digits, `-` and `.`, at most 64",
                file.name.get_ref()
            );
            return Err(self.invalid(file.name.span(), detail));
        }
        if let Some(matrix) = &file.matrix
            && !is_name(matrix.get_ref())
        {
            let detail = format!("`{}` is not the name of a matrix", matrix.get_ref());
            return Err(self.invalid(matrix.span(), detail));
        }
        let roles = file.roles.get_ref();
        if roles.is_empty() {
            return Err(self.invalid(file.roles.span(), "a peer needs a role".to_owned()));
        }
        if roles.iter().collect::<BTreeSet<_>>().len() != roles.len() {
            return Err(self.invalid(file.roles.span(), "a role stands there twice".to_owned()));
        }
        Ok(())
    }

    fn python(
        &self,
        common: PeerSpec,
        table: &PythonTable,
    ) -> Result<Vec<PeerSpec>, CatalogueError> {
        let adapter = self.adapter(table)?;
        let versions = table.versions.get_ref();
        let implementations = table.implementations.get_ref();
        if versions.is_empty() {
            return Err(self.invalid(table.versions.span(), "no version".to_owned()));
        }
        if implementations.is_empty() {
            return Err(self.invalid(table.implementations.span(), "no implementation".to_owned()));
        }
        let mut peers = Vec::new();
        for version in versions {
            if !is_name(version.version.get_ref()) {
                let detail = format!("`{}` is not a version", version.version.get_ref());
                return Err(self.invalid(version.version.span(), detail));
            }
            let named = version.implementations.as_ref().map(Spanned::get_ref);
            for name in named.into_iter().flatten().chain(&version.top_level) {
                if !implementations
                    .iter()
                    .any(|one| one.name.get_ref() == name.get_ref())
                {
                    let detail = format!("there is no implementation `{}`", name.get_ref());
                    return Err(self.invalid(name.span(), detail));
                }
            }
            let has = |name: &str| {
                named.is_none_or(|named| named.iter().any(|one| one.get_ref() == name))
            };
            if let Some(top) = &version.top_level
                && !has(top.get_ref())
            {
                let detail = format!("this version has no implementation `{}`", top.get_ref());
                return Err(self.invalid(top.span(), detail));
            }
            if let Some(named) = &version.implementations
                && named.get_ref().is_empty()
            {
                return Err(self.invalid(named.span(), "no implementation".to_owned()));
            }
            let requirements = self.document(&version.requirements)?;
            if !requirements.text.contains("--hash=") {
                let detail = format!("{} has no hashes", requirements.path.display());
                return Err(self.invalid(version.requirements.span(), detail));
            }
            let pythons = match &version.python {
                Some(range) => Some(
                    range
                        .get_ref()
                        .parse::<Pythons>()
                        .map_err(|detail| self.invalid(range.span(), detail))?,
                ),
                None => None,
            };
            for implementation in implementations {
                let name = implementation.name.get_ref();
                if !is_name(name) {
                    let detail = format!("`{name}` is not a name");
                    return Err(self.invalid(implementation.name.span(), detail));
                }
                if !has(name) {
                    continue;
                }
                let (more, more_own) = self.features(&implementation.features)?;
                let mut features = common.features.clone();
                features.extend(more);
                let mut own_features = common.own_features.clone();
                own_features.extend(more_own);
                if version
                    .top_level
                    .as_ref()
                    .is_some_and(|top| top.get_ref() == name)
                {
                    features.insert(Feature::TopLevelApi);
                }
                peers.push(PeerSpec {
                    name: format!("{}-{}-{name}", common.name, version.version.get_ref()),
                    reports: Some(table.library.clone()),
                    version: Some(version.version.get_ref().clone()),
                    implementation: Some(name.clone()),
                    features,
                    own_features,
                    matrix_only: version.matrix || common.matrix_only,
                    program: Program::Python(PythonProgram {
                        adapter: Arc::clone(&adapter),
                        requirements: requirements.clone(),
                        implementation: name.clone(),
                        pythons: pythons.clone(),
                        fork_server: table.nursery,
                    }),
                    ..common.clone()
                });
            }
        }
        Ok(peers)
    }

    fn command(&self, common: PeerSpec, table: &CommandTable) -> Result<PeerSpec, CatalogueError> {
        let written = table.argv.get_ref();
        if written.first().is_none_or(String::is_empty) {
            return Err(self.invalid(table.argv.span(), "no program".to_owned()));
        }
        // Absolute, because the program starts in another folder.
        let folder =
            std::path::absolute(self.beside("")).map_err(|source| CatalogueError::Read {
                path: self.path.to_owned(),
                wanted_by: "the command".to_owned(),
                source,
            })?;
        let bin = folder_of_command();
        let filled = |part: &String| {
            part.replace("{dir}", &folder.to_string_lossy())
                .replace("{bin}", &bin.to_string_lossy())
        };
        let mut argv: Vec<String> = written.iter().map(filled).collect();
        if let Some(program) = argv.first_mut()
            && program.contains('/')
        {
            *program = folder.join(&program).to_string_lossy().into_owned();
        }
        let env = &table.env;
        Ok(PeerSpec {
            reports: table.library.clone(),
            version: table.version.clone(),
            implementation: table.implementation.clone(),
            program: Program::Command {
                argv,
                env: env
                    .iter()
                    .map(|(name, value)| (name.clone(), filled(value)))
                    .collect(),
                built_by: table.built_by.clone(),
            },
            ..common
        })
    }

    /// The features that a list names, and those of the user's own.
    fn features(
        &self,
        written: &[Spanned<String>],
    ) -> Result<(BTreeSet<Feature>, BTreeSet<String>), CatalogueError> {
        let mut features = BTreeSet::new();
        let mut own = BTreeSet::new();
        for entry in written {
            let word = entry.get_ref();
            let new = match word.parse() {
                Ok(feature) => features.insert(feature),
                Err(_) if word.starts_with(OWN_FEATURE) && is_name(word) => {
                    own.insert(word.clone())
                }
                Err(_) => return Err(self.invalid(entry.span(), no_feature(word))),
            };
            if !new {
                let detail = format!("the feature `{word}` stands there twice");
                return Err(self.invalid(entry.span(), detail));
            }
        }
        Ok((features, own))
    }

    fn document(&self, name: &Spanned<String>) -> Result<Document, CatalogueError> {
        let path = self.inside(name)?;
        let text = self
            .source
            .read(&path)
            .map_err(|error| CatalogueError::Read {
                path: path.clone(),
                wanted_by: format!("{}:{}", self.path.display(), self.line(name.span())),
                source: error,
            })?;
        Ok(Document {
            path,
            text: text.into(),
        })
    }

    fn adapter(
        &self,
        table: &PythonTable,
    ) -> Result<Arc<BTreeMap<String, String>>, CatalogueError> {
        let mut files = BTreeMap::new();
        for name in &table.shared {
            let folder = Path::new(INTEROP).join(self.plain(name)?);
            let shared = self.files(&builtin::Source, name, &folder, &is_python)?;
            if shared.is_empty() {
                let detail = format!("mpws has no adapter with the folder `{}`", name.get_ref());
                return Err(self.invalid(name.span(), detail));
            }
            files.extend(shared);
        }
        let name = &table.adapter;
        let folder = self.inside(name)?;
        files.extend(self.files(self.source, name, &folder, &is_python)?);
        if !files.contains_key("__main__.py") {
            let detail = format!("{} has no __main__.py", folder.display());
            return Err(self.invalid(name.span(), detail));
        }
        Ok(Arc::new(files))
    }

    /// Those files of a folder that this file names which are wanted, by their paths inside it.
    pub(super) fn files(
        &self,
        source: &dyn Source,
        name: &Spanned<String>,
        folder: &Path,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, String>, CatalogueError> {
        let wanted_by = format!("{}:{}", self.path.display(), self.line(name.span()));
        let fault = |path: &Path| {
            let (path, wanted_by) = (path.to_owned(), wanted_by.clone());
            move |source| CatalogueError::Read {
                path,
                wanted_by,
                source,
            }
        };
        let mut files = BTreeMap::new();
        let all = source.folder(folder).map_err(fault(folder))?;
        for file in all.into_iter().filter(|file| wanted(file)) {
            let path = folder.join(&file);
            let text = source.read(&path).map_err(fault(&path))?;
            files.insert(file, text);
        }
        Ok(files)
    }

    /// A path that the file names, which must not lead out of the file's folder.
    pub(super) fn inside(&self, name: &Spanned<String>) -> Result<PathBuf, CatalogueError> {
        Ok(self.beside(self.plain(name)?))
    }

    /// A path that leads nowhere but into the folder that it is taken from.
    fn plain<'a>(&self, name: &'a Spanned<String>) -> Result<&'a str, CatalogueError> {
        let path = Path::new(name.get_ref());
        let plain = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !plain || name.get_ref().is_empty() {
            let detail = format!("`{}` leads out of the folder of this file", name.get_ref());
            return Err(self.invalid(name.span(), detail));
        }
        Ok(name.get_ref())
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(name)
    }

    pub(super) fn invalid(&self, span: Range<usize>, detail: String) -> CatalogueError {
        CatalogueError::Invalid {
            path: self.path.to_owned(),
            line: self.line(span),
            detail,
        }
    }

    fn line(&self, span: Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

fn is_python(file: &str) -> bool {
    file.ends_with(".py")
}

/// Where the command `mpws` is, and what was built with it.
fn folder_of_command() -> PathBuf {
    let command = std::env::current_exe().unwrap_or_default();
    command.parent().unwrap_or(Path::new("")).to_owned()
}

/// What a word says that is no feature.
fn no_feature(word: &str) -> String {
    let known = Feature::ALL.iter().map(|feature| feature.word());
    let near = known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(nearness, _)| *nearness > NEAR)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let hint = near.map_or_else(String::new, |(_, known)| {
        format!("; did you mean `{known}`")
    });
    format!(
        "`{word}` is not a feature{hint}; `mpws list --features` shows all; one of your own begins with `{OWN_FEATURE}`"
    )
}

/// What a feature of the user's own begins with.
const OWN_FEATURE: &str = "x-";

/// How alike two words must be, from 0 to 1, for one to be a slip of the other.
const NEAR: f64 = 0.85;

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 64
        && text.bytes().next().is_some_and(plain)
        && text
            .bytes()
            .all(|byte| plain(byte) || byte == b'-' || byte == b'.')
}
