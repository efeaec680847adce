//! Removing what was made here, and nothing else.

use std::collections::BTreeSet;

use bollard::models::{ContainerSummary, ImageSummary};

use super::base::Base;
use super::error::ImageError;
use super::images::Images;
use super::labels::{self, BASE_KIND, BASE_REPOSITORY, PEER_KIND, PEER_REPOSITORY};

/// What [`Images::clean`] removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cleaned {
    /// Containers, by id.
    pub containers: Vec<String>,
    /// Images, by name, or by id where they had none.
    pub images: Vec<String>,
    /// Volumes, by name.
    pub volumes: Vec<String>,
    /// Images that other people's images or containers stand on; they are still there.
    pub kept: Vec<String>,
}

impl Images {
    /// Removes all containers, running or not, images and volumes of this scope.
    ///
    /// An image or a container of somebody else that was made from one of ours stays, and so does
    /// what it stands on.
    ///
    /// # Errors
    ///
    /// When the engine fails.
    pub fn clean(&self) -> Result<Cleaned, ImageError> {
        let _lock = self.lock(&|_| {})?;
        let scope = self.scope_label();
        let mut cleaned = Cleaned::default();
        for container in self.engine.containers(&scope)? {
            let Some(id) = own_id(container) else {
                continue;
            };
            self.engine.remove_container(&id)?;
            cleaned.containers.push(id);
        }
        let mut kept = BTreeSet::new();
        // Peers stand on bases, and layers without a name on each other: go on while something
        // goes.
        loop {
            let before = cleaned.images.len();
            for image in self.engine.images(&scope, false)? {
                for name in own_names(&image) {
                    if self.engine.remove_image(&name)? {
                        kept.remove(&name);
                        cleaned.images.push(name);
                    } else {
                        kept.insert(name);
                    }
                }
            }
            if cleaned.images.len() == before {
                break;
            }
        }
        cleaned.kept.extend(kept);
        for volume in self.engine.volumes(&scope)? {
            self.engine.remove_volume(&volume)?;
            cleaned.volumes.push(volume);
        }
        Ok(cleaned)
    }

    /// Removes the images of a base and version whose content is another one.
    pub(super) fn forget_older(
        &self,
        peer: &str,
        base: &Base,
        content: &str,
        progress: &dyn Fn(&str),
    ) -> Result<(), ImageError> {
        let base = base.to_string();
        self.forget(progress, &|image| {
            let has =
                |name: &str, value: &str| image.labels.get(name).is_some_and(|it| it == value);
            has(labels::KIND, PEER_KIND)
                && has(labels::PEER, peer)
                && has(labels::BASE, &base)
                && !has(labels::CONTENT, content)
        })
    }

    /// Removes the images of a base with the same packages whose recipe is another one, and what
    /// stands on them.
    pub(super) fn forget_older_bases(
        &self,
        base: &Base,
        packages: &[&str],
        content: &str,
        progress: &dyn Fn(&str),
    ) -> Result<(), ImageError> {
        let base = base.to_string();
        let packages = packages.join(" ");
        let older = |image: &ImageSummary| {
            let has =
                |name: &str, value: &str| image.labels.get(name).is_some_and(|it| it == value);
            let with = image.labels.get(labels::PACKAGES);
            has(labels::KIND, BASE_KIND)
                && has(labels::BASE, &base)
                && with.map_or("", String::as_str) == packages
                && !has(labels::CONTENT, content)
        };
        let images = self.engine.images(&self.scope_label(), false)?;
        let ids: BTreeSet<&str> = images
            .iter()
            .filter(|image| older(image))
            .map(|image| image.id.as_str())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let stands_on_older = |image: &ImageSummary| {
            image
                .labels
                .get(labels::BASE_ID)
                .is_some_and(|id| ids.contains(id.as_str()))
        };
        self.forget(progress, &stands_on_older)?;
        self.forget(progress, &older)
    }

    fn forget(
        &self,
        progress: &dyn Fn(&str),
        old: &dyn Fn(&ImageSummary) -> bool,
    ) -> Result<(), ImageError> {
        for image in self.engine.images(&self.scope_label(), false)? {
            if !old(&image) {
                continue;
            }
            for name in own_names(&image) {
                if self.engine.remove_image(&name)? {
                    progress(&format!("removed the older {name}"));
                } else {
                    progress(&format!("the older {name} is in use and stays"));
                }
            }
        }
        Ok(())
    }
}

/// The id of a container that was made here. One that somebody else made of an image of ours
/// inherits its labels, but not those that only containers have.
fn own_id(container: ContainerSummary) -> Option<String> {
    let labels = container.labels.unwrap_or_default();
    let probe = labels
        .get(labels::KIND)
        .is_some_and(|kind| kind == labels::PROBE);
    container
        .id
        .filter(|_| probe || labels.contains_key(labels::RUN))
}

/// The names under which to remove an image: those in our repositories, or the id where it has no
/// name. An image made from one of ours inherits its labels, and keeps the names that its owner
/// gave it.
pub(super) fn own_names(image: &ImageSummary) -> Vec<String> {
    let named: Vec<&String> = image
        .repo_tags
        .iter()
        .filter(|name| *name != "<none>:<none>")
        .collect();
    if named.is_empty() {
        return vec![image.id.clone()];
    }
    let ours = |name: &&&String| {
        name.rsplit_once(':')
            .is_some_and(|(repository, _)| [PEER_REPOSITORY, BASE_REPOSITORY].contains(&repository))
    };
    named
        .iter()
        .filter(ours)
        .map(|name| (*name).clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        own_names(&ImageSummary {
            id: "sha256:1".to_owned(),
            repo_tags: names.iter().map(|name| (*name).to_owned()).collect(),
            ..ImageSummary::default()
        })
    }

    #[test]
    fn only_names_of_ours_are_taken_from_an_image() {
        let names = ["mpws-peer:1", "mine:latest", "registry:5000/mpws-peer:1"];
        assert_eq!(named(&names), ["mpws-peer:1"]);
        assert!(named(&["mine:latest"]).is_empty());
    }

    #[test]
    fn an_image_without_a_name_goes_by_its_id() {
        assert_eq!(named(&[]), ["sha256:1"]);
        assert_eq!(named(&["<none>:<none>"]), ["sha256:1"]);
    }
}
