//! The images of one container engine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::ImageError;
use super::labels::{self, PEER_REPOSITORY};
use super::store::{Said, Store};
use crate::engine::Engine;
use crate::environment::{Held, StateFolder};

/// The images of one container engine.
#[derive(Clone, Debug)]
pub struct Images {
    pub(super) engine: Arc<Store>,
    pub(super) state: StateFolder,
    pub(super) scope: String,
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
    /// Images of the engine that `$DOCKER_HOST` names, or of the one behind the usual socket. The
    /// pinned wheels are kept in the folder of state.
    ///
    /// # Errors
    ///
    /// When no engine answers, or one that is too old.
    pub fn new(state: StateFolder) -> Result<Self, ImageError> {
        Ok(Self {
            engine: Arc::new(Store::new(Engine::connect()?)),
            state,
            scope: DEFAULT_SCOPE.to_owned(),
        })
    }

    /// The same engine, but only images that this scope has made are seen, built and cleaned.
    /// Lower-case letters, digits and `-`. Tests use it to leave the user's images alone.
    #[must_use]
    pub fn scoped(self, scope: &str) -> Self {
        Self {
            scope: scope.to_owned(),
            ..self
        }
    }

    pub(super) fn lock(&self, progress: &dyn Fn(&str)) -> Result<Held, ImageError> {
        Ok(self.state.hold("images", progress)?)
    }

    /// Runs a program in a container of an image, without network and rights, and removes the
    /// container.
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
        let labels = self.probe_labels();
        Ok(self.engine.run(image, argv, env, mounted, labels)?)
    }

    pub(super) fn scope_label(&self) -> String {
        format!("{}={}", labels::SCOPE, self.scope)
    }

    fn probe_labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (labels::KIND.to_owned(), labels::PROBE.to_owned()),
            (labels::SCOPE.to_owned(), self.scope.clone()),
        ])
    }

    /// The image with this content.
    pub(super) fn built(&self, content: &str) -> Result<Option<BuiltImage>, ImageError> {
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
