//! The images that containers are made of: those of one base, each looked for once.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Mutex;

use crate::catalogue::PeerSpec;
use crate::image::{Base, BuiltImage, ImageError, Images};
use crate::launch::LaunchError;
use crate::peer::lock;

/// Images of one base.
pub(in crate::launch) struct OneBase {
    images: Images,
    base: Base,
    /// By the name of the peer. What is found here may be gone by now; then the engine says so.
    known: Mutex<HashMap<String, BuiltImage>>,
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
    pub(in crate::launch) fn find(&self, spec: &PeerSpec) -> Result<BuiltImage, LaunchError> {
        if let Some(known) = lock(&self.known).get(&spec.name) {
            return Ok(known.clone());
        }
        match self.images.find(spec, &self.base) {
            Ok(Some(found)) => Ok(self.keep(spec, found)),
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
        built
            .map(|image| drop(self.keep(spec, image)))
            .map_err(|error| missing(spec, &error))
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

    fn keep(&self, spec: &PeerSpec, image: BuiltImage) -> BuiltImage {
        lock(&self.known).insert(spec.name.clone(), image.clone());
        image
    }
}

fn missing(spec: &PeerSpec, error: &ImageError) -> LaunchError {
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
