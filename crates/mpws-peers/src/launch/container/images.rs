//! The images that containers are made of: those of one base, each looked for once.

use std::collections::HashMap;
use std::sync::Mutex;

use super::mounts::{self, missing};
use crate::catalogue::{PeerSpec, Program};
use crate::image::{Base, BuiltImage, ImageError, Images, VERSION_FILE};
use crate::launch::error::LaunchError;
use crate::lock::lock;
use crate::protocol::chain::in_one_line;

/// Images of one base.
pub(super) struct OneBase {
    images: Images,
    base: Base,
    /// By the name of the peer. What is found here may be gone by now; then the engine says so.
    known: Mutex<HashMap<String, PeerImage>>,
}

/// An image in which a peer can run.
#[derive(Clone, Debug)]
pub(super) struct PeerImage {
    pub(super) built: BuiltImage,
    /// The version of what is under test, of a blind peer; otherwise empty.
    pub(super) version: String,
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
    pub(super) fn find(&self, spec: &PeerSpec) -> Result<PeerImage, LaunchError> {
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
    pub(super) fn make(&self, spec: &PeerSpec, progress: &dyn Fn(&str)) -> Result<(), LaunchError> {
        let built = self.images.build(spec, &self.base, progress);
        let built = built.map_err(|error| missing(spec, &error))?;
        self.keep(spec, built).map(drop)
    }

    /// The version (major, minor, patch) of Python that all of them have.
    pub(super) fn python_version(
        &self,
        progress: &dyn Fn(&str),
    ) -> Result<(u32, u32, u32), LaunchError> {
        let found = self.images.python_version(&self.base, progress);
        found.map_err(|error| LaunchError::NoPython {
            detail: format!("{}; {}", in_one_line(&error), error.remedy()),
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
