//! From a peer to its image.

use std::collections::HashMap;

use bytes::Bytes;

use super::base::Base;
use super::error::ImageError;
use super::images::{BuiltImage, Images};
use super::labels::{self, PEER_KIND, PEER_REPOSITORY};
use super::probe::Found;
use super::store::Image;
use super::wanted::{Wanted, What};
use super::{context, recipe};
use crate::catalogue::PeerSpec;

impl Images {
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

    /// The image of a peer; it is built first where it is not there, and so is its base. `progress`
    /// gets lines for people.
    ///
    /// Processes with the same folder of state wait for each other. Older images of the same base
    /// and version are removed, unless a container still uses them.
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
            (labels::KIND, PEER_KIND),
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

    /// The version (major, minor, patch) of the Python of a base, which is made first where it is
    /// not there. `progress` gets lines for people.
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
}
