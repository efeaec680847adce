//! Which images there are.

use bollard::models::ImageSummary;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::base::Base;
use super::clean::own_names;
use super::error::ImageError;
use super::images::Images;
use super::labels::{self, BASE_KIND, PEER_KIND};
use super::recipe;
use super::wanted::Wanted;
use crate::catalogue::PeerSpec;

/// Version of the listing's format.
pub const LIST_SCHEMA: &str = "mpws-images/1";

/// All images of a scope, for machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "mpws peers list --json")]
pub struct Listing {
    /// Version of this format: `mpws-images/1`.
    pub schema: String,
    /// Bases first.
    pub images: Vec<ListedImage>,
}

/// An image that was made here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ListedImage {
    /// `base` or `peer`.
    pub kind: String,
    /// The base, as `--base` takes it.
    pub base: String,
    /// The library and its version, such as `websockets-13.1`, or the blind peer; absent for a
    /// base.
    pub peer: Option<String>,
    /// The Debian packages that the base has for a blind peer.
    pub packages: Vec<String>,
    /// Name of the image.
    pub reference: String,
    /// Id of the image.
    pub id: String,
    /// Version of Python inside; absent for a base.
    pub python: Option<String>,
    /// The C library inside, such as `glibc 2.36`; absent for a base.
    pub libc: Option<String>,
    /// Size in bytes, with all that it stands on.
    pub size: u64,
    /// Size in bytes without its base; the size for a base.
    pub own_size: Option<u64>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Whether it is what would be built now.
    pub condition: Condition,
}

/// Whether an image is what would be built now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It is.
    Current,
    /// Its base, requirements, adapter or recipe have changed since, or its peer is no longer
    /// known.
    Stale,
}

impl Images {
    /// All images of this scope, and which are current for these peers.
    ///
    /// # Errors
    ///
    /// When the engine fails.
    pub fn list(&self, peers: &[PeerSpec]) -> Result<Listing, ImageError> {
        let summaries = self.engine.images(&self.scope_label(), false)?;
        let size_of = |id: &str| self.size(&summaries, id);
        let mut images = Vec::new();
        for image in &summaries {
            let label = |name: &str| image.labels.get(name).cloned();
            let (Some(kind), Some(base)) = (label(labels::KIND), label(labels::BASE)) else {
                continue;
            };
            let condition = self.condition(image, &kind, &base, peers)?;
            let size = u64::try_from(image.size).unwrap_or_default();
            let own_size = match label(labels::BASE_ID) {
                Some(id) => size_of(&id)?.map(|base| size.saturating_sub(base)),
                None => Some(size),
            };
            for reference in own_names(image) {
                images.push(ListedImage {
                    kind: kind.clone(),
                    base: base.clone(),
                    peer: label(labels::PEER),
                    packages: packages(image).map(str::to_owned).collect(),
                    reference,
                    id: image.id.clone(),
                    python: label(labels::PYTHON),
                    libc: label(labels::LIBC),
                    size,
                    own_size,
                    created: image.created,
                    condition,
                });
            }
        }
        images.sort();
        Ok(Listing {
            schema: LIST_SCHEMA.to_owned(),
            images,
        })
    }

    fn size(&self, summaries: &[ImageSummary], id: &str) -> Result<Option<u64>, ImageError> {
        let known = summaries.iter().find(|image| image.id == id);
        let size = match known {
            Some(image) => Some(image.size),
            None => self.engine.image(id)?.and_then(|image| image.size),
        };
        Ok(size.and_then(|size| u64::try_from(size).ok()))
    }

    fn condition(
        &self,
        image: &ImageSummary,
        kind: &str,
        base: &str,
        peers: &[PeerSpec],
    ) -> Result<Condition, ImageError> {
        let Ok(base) = base.parse::<Base>() else {
            return Ok(Condition::Stale);
        };
        let is = |content: &str| {
            image
                .labels
                .get(labels::CONTENT)
                .is_some_and(|it| it == content)
        };
        let packages: Vec<&str> = packages(image).collect();
        let current = if kind == BASE_KIND {
            let used = |spec: &PeerSpec| Wanted::of(spec).is_ok_and(|it| it.packages() == packages);
            let content = recipe::content(&self.scope, &base, &packages);
            content.is_some_and(|content| is(&content))
                && (packages.is_empty() || peers.iter().any(used))
        } else if kind == PEER_KIND {
            let name = image.labels.get(labels::PEER);
            let wanted = peers
                .iter()
                .filter_map(|spec| Wanted::of(spec).ok())
                .find(|wanted| Some(&wanted.name()) == name);
            match wanted {
                Some(wanted) => self
                    .base_image(&base, &wanted.packages())?
                    .is_some_and(|base| is(&wanted.content(&self.scope, &base.id))),
                None => false,
            }
        } else {
            false
        };
        Ok(if current {
            Condition::Current
        } else {
            Condition::Stale
        })
    }
}

fn packages(image: &ImageSummary) -> impl Iterator<Item = &str> {
    let label = image.labels.get(labels::PACKAGES);
    label.map_or("", String::as_str).split_whitespace()
}

/// The schema of [`Listing`], as it is checked in.
pub fn schema() -> Schema {
    schemars::schema_for!(Listing)
}
