//! Images for peers in containers: built once from files that are part of this program, found again by content.
//!
//! One image holds one library version on one [`Base`], and all its implementations, or one blind peer. Its name is
//! `mpws-peer:CONTENT`, where the content is a hash of the Dockerfile, the base's id and all that is put in: pinned
//! requirements and the adapter's files, or a blind peer's files and commands; what has the name needs no building. When
//! a newer content of the same base and version is built, the older image goes. The base of a blind peer has its Debian
//! packages. A program that is put into its container by a mount has the base itself. Everything that is made here
//! carries [labels], by which [`Images::clean`] finds it and nothing else.
//!
//! Builds go through the engine's classic builder (bollard, which asks for it by default), not through BuildKit:
//! the layers of the classic builder are images with labels, which go with the image or can be found; the
//! cache of BuildKit has no owner, so nobody could say which part of it is ours.
//!
//! The functions wait for the engine and must not be called within an asynchronous task; `spawn_blocking` is fine.

mod base;
mod clean;
mod content;
mod context;
mod engine;
mod error;
mod list;
mod probe;
mod recipe;
mod wanted;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::catalogue::PeerSpec;
use crate::environment::{Held, StateFolder};
pub use base::{Base, BaseError};
pub use clean::Cleaned;
pub(crate) use context::{ADAPTER, PROGRAM, SITE, VERSION_FILE};
pub use engine::ENGINE_DEADLINE;
pub(crate) use engine::Said;
use engine::{Engine, Image};
pub use error::ImageError;
pub use list::{Condition, LIST_SCHEMA, ListedImage, Listing, schema};
use probe::Found;
pub use wanted::image_name;
use wanted::{Wanted, What};

/// Labels on everything that is made here.
pub mod labels {
    /// What it is: `base`, `peer` or [`PROBE`]; containers of the launcher carry the `peer` of their image.
    pub const KIND: &str = "mpws.kind";
    /// The kind of a container that is asked what its base holds.
    pub const PROBE: &str = "probe";
    /// The run that a container of the launcher belongs to. Only containers have it, so whoever makes one of an image of
    /// ours does not inherit it.
    pub const RUN: &str = "mpws.run";
    /// Whose it is; see [`super::Images::scoped`].
    pub const SCOPE: &str = "mpws.scope";
    /// The hash of what it was made of.
    pub const CONTENT: &str = "mpws.content";
    /// Library and version, such as `websockets-13.1`.
    pub const PEER: &str = "mpws.peer";
    /// Name of the library.
    pub const LIBRARY: &str = "mpws.library";
    /// Version of the library.
    pub const VERSION: &str = "mpws.version";
    /// The [`super::Base`], as a word.
    pub const BASE: &str = "mpws.base";
    /// The Debian packages that a base has for blind peers, with a space between them.
    pub const PACKAGES: &str = "mpws.packages";
    /// Id of the base's image.
    pub const BASE_ID: &str = "mpws.base-id";
    /// Version of Python, such as `3.11.2`.
    pub const PYTHON: &str = "mpws.python";
    /// The C library, such as `glibc 2.36`.
    pub const LIBC: &str = "mpws.libc";
    /// Path of the interpreter inside.
    pub const INTERPRETER: &str = "mpws.interpreter";
    /// Date of the Debian suite that a base was made of, in seconds since 1970.
    pub const SUITE_DATE: &str = "mpws.suite-date";
}

/// Repository of peers' images.
pub const PEER_REPOSITORY: &str = "mpws-peer";

/// Repository of the bases that are made of Debian packages.
pub const BASE_REPOSITORY: &str = "mpws-base";

/// The user that peers run as inside, `UID:GID`; it has no name there.
pub const USER: &str = "65532:65532";

/// The images of one container engine.
#[derive(Clone, Debug)]
pub struct Images {
    engine: Arc<Engine>,
    state: StateFolder,
    scope: String,
}

/// An image that is there and current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltImage {
    /// Name of the image, such as `mpws-peer:0123456789abcdef0123`.
    pub reference: String,
    /// The interpreter, inside.
    pub interpreter: PathBuf,
    /// Version of Python, such as `3.11.2`.
    pub python: String,
    /// The C library, such as `glibc 2.36`.
    pub libc: String,
}

impl Images {
    /// Images of the engine that `$DOCKER_HOST` names, or of the one behind the usual socket. The pinned wheels are
    /// kept in the folder of state.
    ///
    /// # Errors
    ///
    /// When no engine answers, or one that is too old.
    pub fn new(state: StateFolder) -> Result<Self, ImageError> {
        Ok(Self {
            engine: Arc::new(Engine::connect()?),
            state,
            scope: DEFAULT_SCOPE.to_owned(),
        })
    }

    /// The same engine, but only images that this scope has made are seen, built and cleaned. Lower-case letters,
    /// digits and `-`. Tests use it to leave the user's images alone.
    #[must_use]
    pub fn scoped(self, scope: &str) -> Self {
        Self {
            scope: scope.to_owned(),
            ..self
        }
    }

    /// The image of a peer, if it is there and current.
    ///
    /// # Errors
    ///
    /// When the peer cannot have an image, or the engine fails.
    pub fn find(&self, spec: &PeerSpec, base: &Base) -> Result<Option<BuiltImage>, ImageError> {
        let wanted = Wanted::of(spec)?;
        match self.base_image(base, &wanted.packages())? {
            Some(base_image) => self.found(&wanted, base, &base_image),
            None => Ok(None),
        }
    }

    /// The image of a peer; it is built first where it is not there, and so is its base. `progress` gets lines for people.
    ///
    /// Processes with the same folder of state wait for each other. Older images of the same base and version are
    /// removed, unless a container still uses them.
    ///
    /// # Errors
    ///
    /// See [`ImageError`].
    pub fn build(
        &self,
        spec: &PeerSpec,
        base: &Base,
        progress: &dyn Fn(&str),
    ) -> Result<BuiltImage, ImageError> {
        if let Some(built) = self.find(spec, base)? {
            return Ok(built);
        }
        let wanted = Wanted::of(spec)?;
        let _lock = self.lock(progress)?;
        let base_image = self.base_made(base, &wanted.packages(), progress)?;
        if let Some(built) = self.found(&wanted, base, &base_image)? {
            return Ok(built);
        }
        let content = wanted.content(&self.scope, &base_image.id);
        let found = self.probed(base, &base_image.id)?;
        let context = self.context(&wanted, base, &base_image, &found, progress)?;
        progress(&format!("building {} on {base}", wanted.name()));
        let reference = format!("{PEER_REPOSITORY}:{content}");
        let mut arguments = vec![
            ("BASE", base_image.id.as_str()),
            ("SCOPE", self.scope.as_str()),
        ];
        if let What::Python(_) = wanted.what {
            arguments.extend([
                ("LIBRARY", wanted.library),
                ("VERSION", wanted.pinned_version()),
            ]);
        }
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let arguments: HashMap<String, String> = arguments.into_iter().map(owned).collect();
        self.engine
            .build(&reference, arguments, context)
            .map_err(|error| error.while_building(spec.name.clone(), base))?;
        self.forget_older(&wanted.name(), base, &content, progress)?;
        self.built(&content)?.ok_or_else(|| ImageError::Vanished {
            reference: reference.clone(),
        })
    }

    /// What the engine gets to build a peer's image of.
    fn context(
        &self,
        wanted: &Wanted<'_>,
        base: &Base,
        base_image: &Image,
        found: &Found,
        progress: &dyn Fn(&str),
    ) -> Result<Bytes, ImageError> {
        let labels = [
            (labels::KIND, PEER),
            (labels::SCOPE, &self.scope),
            (
                labels::CONTENT,
                &wanted.content(&self.scope, &base_image.id),
            ),
            (labels::PEER, &wanted.name()),
            (labels::LIBRARY, wanted.library),
            (labels::VERSION, wanted.version),
            (labels::BASE, &base.to_string()),
            (labels::PACKAGES, &wanted.packages().join(" ")),
            (labels::BASE_ID, &base_image.id),
            (labels::PYTHON, &found.version_text()),
            (labels::LIBC, &found.libc_text()),
            (labels::INTERPRETER, &found.executable),
        ];
        match wanted.what {
            What::Python(program) => {
                let wheels = self
                    .state
                    .wheels(&program.requirements, &found.target(), progress)
                    .map_err(|error| wanted.no_wheels(error, base, found))?;
                context::of_python(&program.adapter, &wheels, &labels)
            }
            What::Blind(program) => context::of_blind(program, &labels),
            What::Mounted => Err(ImageError::NoImageFor {
                peer: wanted.name(),
            }),
        }
    }

    /// The version (major, minor, patch) of the Python of a base, which is made first where it is not there. `progress` gets lines for people.
    ///
    /// # Errors
    ///
    /// See [`ImageError`].
    pub fn python_version(
        &self,
        base: &Base,
        progress: &dyn Fn(&str),
    ) -> Result<(u32, u32, u32), ImageError> {
        let _lock = self.lock(progress)?;
        let base_image = self.base_made(base, &[], progress)?;
        Ok(self.probed(base, &base_image.id)?.version)
    }

    fn lock(&self, progress: &dyn Fn(&str)) -> Result<Held, ImageError> {
        Ok(self.state.hold("images", progress)?)
    }

    /// Runs a program in a container of an image, without network and rights, and removes the container.
    ///
    /// # Errors
    ///
    /// When the engine fails, or the image has no such program.
    pub(crate) fn run(
        &self,
        image: &str,
        argv: &[&str],
        env: &[(&str, &str)],
        mounted: Option<(&Path, &str)>,
    ) -> Result<Said, ImageError> {
        self.engine
            .run(image, argv, env, mounted, self.probe_labels())
    }

    fn probe_labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (labels::KIND.to_owned(), labels::PROBE.to_owned()),
            (labels::SCOPE.to_owned(), self.scope.clone()),
        ])
    }

    /// What a peer gets on this base, if it is there.
    fn found(
        &self,
        wanted: &Wanted<'_>,
        base: &Base,
        base_image: &Image,
    ) -> Result<Option<BuiltImage>, ImageError> {
        if !matches!(wanted.what, What::Mounted) {
            return self.built(&wanted.content(&self.scope, &base_image.id));
        }
        let found = self.probed(base, &base_image.id)?;
        Ok(Some(BuiltImage {
            reference: recipe::reference(&self.scope, base, &[]),
            interpreter: found.executable.clone().into(),
            python: found.version_text(),
            libc: found.libc_text(),
        }))
    }

    /// The image with this content.
    fn built(&self, content: &str) -> Result<Option<BuiltImage>, ImageError> {
        let reference = format!("{PEER_REPOSITORY}:{content}");
        let Some(image) = self.engine.image(&reference)? else {
            return Ok(None);
        };
        let label = |name: &str| image.labels.get(name).cloned();
        // Somebody else's image of this name is none of ours.
        if label(labels::CONTENT).as_deref() != Some(content) {
            return Ok(None);
        }
        let (Some(python), Some(libc), Some(interpreter)) = (
            label(labels::PYTHON),
            label(labels::LIBC),
            label(labels::INTERPRETER),
        ) else {
            return Ok(None);
        };
        Ok(Some(BuiltImage {
            reference,
            interpreter: interpreter.into(),
            python,
            libc,
        }))
    }
}

const DEFAULT_SCOPE: &str = "default";

const PEER: &str = "peer";

const BASE: &str = "base";
