//! What of a peer makes its image.

use super::content;
use super::error::ImageError;
use crate::catalogue::{BlindProgram, PeerSpec, Program, PythonProgram};

/// A peer, as far as its image is concerned.
pub(super) struct Wanted<'a> {
    pub(super) what: What<'a>,
    pub(super) library: &'a str,
    pub(super) version: &'a str,
    family: &'a str,
}

/// What goes into the image.
pub(super) enum What<'a> {
    /// An adapter and a library.
    Python(&'a PythonProgram),
    /// Debian packages, files and what is compiled of them.
    Blind(&'a BlindProgram),
    /// Nothing: the program is mounted into the container.
    Mounted,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(spec: &'a PeerSpec) -> Result<Self, ImageError> {
        let what = match &spec.program {
            Program::Python(program) => What::Python(program),
            Program::Blind(program) => What::Blind(program),
            Program::Command { .. } => What::Mounted,
            Program::Fixture => {
                return Err(ImageError::NoImageFor {
                    peer: spec.name.clone(),
                });
            }
        };
        Ok(Self {
            what,
            library: spec.reports.as_deref().unwrap_or(&spec.family),
            version: spec.version.as_deref().unwrap_or_default(),
            family: &spec.family,
        })
    }

    /// The same for all implementations.
    pub(super) fn name(&self) -> String {
        match self.what {
            What::Python(_) => format!("{}-{}", self.family, self.version),
            What::Blind(_) | What::Mounted => self.family.to_owned(),
        }
    }

    /// The Debian packages that its base must have, sorted.
    pub(super) fn packages(&self) -> Vec<&'a str> {
        match self.what {
            What::Blind(program) => program.packages(),
            What::Python(_) | What::Mounted => Vec::new(),
        }
    }

    /// The content of its image on this base.
    pub(super) fn content(&self, scope: &str, base_id: &str) -> String {
        match self.what {
            What::Python(program) => content::of_python(scope, base_id, program),
            What::Blind(program) => content::of_blind(scope, base_id, program),
            What::Mounted => String::new(),
        }
    }

    /// The version, if it is one of a distribution that the requirements pin.
    pub(super) fn pinned_version(&self) -> &'a str {
        let What::Python(program) = self.what else {
            return "";
        };
        let pin = format!("{}=={}", self.library, self.version);
        let pinned = |line: &str| line.split([' ', ';', '\\']).next() == Some(&pin);
        if program.requirements.text.lines().any(pinned) {
            self.version
        } else {
            ""
        }
    }
}

/// The name of the image that a peer runs in, such as `websockets-13.1`: the same for all
/// implementations of a library's version. `None` for the fixture, which has none.
pub fn image_name(spec: &PeerSpec) -> Option<String> {
    Wanted::of(spec).ok().map(|wanted| wanted.name())
}
