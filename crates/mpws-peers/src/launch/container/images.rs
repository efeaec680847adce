//! The images that containers are made of: those of one base, each looked for once.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Mutex;

use super::mounts;
use crate::catalogue::{PeerSpec, Program};
use crate::image::{Base, BuiltImage, ImageError, Images, VERSION_FILE};
use crate::launch::LaunchError;
use crate::lock::lock;

/// Images of one base.
pub(in crate::launch) struct OneBase {
    images: Images,
    base: Base,
    /// By the name of the peer. What is found here may be gone by now; then the engine says so.
    known: Mutex<HashMap<String, PeerImage>>,
}

/// An image in which a peer can run.
#[derive(Clone, Debug)]
pub(in crate::launch) struct PeerImage {
    pub(in crate::launch) built: BuiltImage,
    /// The version of what is under test, of a blind peer; otherwise empty.
    pub(in crate::launch) version: String,
}

impl OneBase {
    pub(super) fn new(images: Images, base: Base) -> Self {
        Self {
            images,
            base,
            known: Mutex::default(),
        }
    }

    /// The image of a peer, which must be there.
    pub(in crate::launch) fn find(&self, spec: &PeerSpec) -> Result<PeerImage, LaunchError> {
        if let Some(known) = lock(&self.known).get(&spec.name) {
            return Ok(known.clone());
        }
        match self.images.find(spec, &self.base) {
            Ok(Some(found)) => self.keep(spec, found),
            Ok(None) => Err(LaunchError::Image {
                peer: spec.name.clone(),
                detail: format!(
                    "none is there for the base {}: `mpws peers build` makes it",
                    self.base
                ),
            }),
            Err(error) => Err(missing(spec, &error)),
        }
    }

    /// Makes the image of a peer where it is not there.
    pub(in crate::launch) fn make(
        &self,
        spec: &PeerSpec,
        progress: &dyn Fn(&str),
    ) -> Result<(), LaunchError> {
        let built = self.images.build(spec, &self.base, progress);
        let built = built.map_err(|error| missing(spec, &error))?;
        self.keep(spec, built).map(drop)
    }

    /// The version (major, minor, patch) of Python that all of them have.
    pub(in crate::launch) fn python_version(
        &self,
        progress: &dyn Fn(&str),
    ) -> Result<(u32, u32, u32), LaunchError> {
        let found = self.images.python_version(&self.base, progress);
        found.map_err(|error| LaunchError::NoPython {
            detail: format!("{}; {}", chain(&error), error.remedy()),
        })
    }

    /// Keeps an image in which what is mounted runs.
    fn keep(&self, spec: &PeerSpec, built: BuiltImage) -> Result<PeerImage, LaunchError> {
        if let Some(mounted) = mounts::of(spec)? {
            mounted.check(spec, &self.images, &built, &self.base)?;
        }
        let version = match &spec.program {
            Program::Blind(_) => self.version(&built.reference),
            _ => Ok(String::new()),
        };
        let version = version.map_err(|error| missing(spec, &error))?;
        let image = PeerImage { built, version };
        lock(&self.known).insert(spec.name.clone(), image.clone());
        Ok(image)
    }

    /// The version that the build of a blind peer's image found out.
    fn version(&self, image: &str) -> Result<String, ImageError> {
        let said = self.images.run(image, &["cat", VERSION_FILE], &[], None)?;
        Ok(said.output.trim().to_owned())
    }
}

pub(super) fn missing(spec: &PeerSpec, error: &ImageError) -> LaunchError {
    LaunchError::Image {
        peer: spec.name.clone(),
        detail: format!("{}; {}", chain(error), error.remedy()),
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}
