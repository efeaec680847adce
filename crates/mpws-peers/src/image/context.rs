//! What the engine gets to build a peer's image of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;

use super::ImageError;
use crate::environment::EnvironmentError;

/// The folder of everything of ours, inside.
pub(super) const HOME: &str = "/opt/mpws";

pub(super) const DOCKERFILE: &str = include_str!("../../../../docker/python-peer/Dockerfile");

pub(super) const INSTALL: &str = include_str!("../../../../docker/python-peer/peer/install.py");

/// A tar archive; the same files give the same bytes.
pub(super) fn of_peer(
    adapter: &BTreeMap<String, String>,
    wheels: &Path,
    labels: &[(&str, &str)],
) -> Result<Bytes, ImageError> {
    // The engine's own way of giving labels to a build makes a layer of each.
    let dockerfile = format!("{DOCKERFILE}LABEL {}\n", written(labels).join(" "));
    let mut files = BTreeMap::from([
        ("Dockerfile".to_owned(), dockerfile.into_bytes()),
        ("peer/install.py".to_owned(), INSTALL.as_bytes().to_vec()),
    ]);
    for (name, text) in adapter {
        files.insert(format!("peer/adapter/{name}"), text.as_bytes().to_vec());
    }
    let fault = EnvironmentError::at(wheels);
    for entry in std::fs::read_dir(wheels).map_err(&fault)? {
        let entry = entry.map_err(&fault)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        let wheel = std::fs::read(&path).map_err(EnvironmentError::at(&path))?;
        files.insert(format!("peer/wheels/{name}"), wheel);
    }
    archive(&files).map_err(ImageError::Context)
}

/// Labels as a Dockerfile writes them.
pub(super) fn written(labels: &[(&str, &str)]) -> Vec<String> {
    let quoted = |value: &str| {
        let value: String = value.chars().filter(|one| !one.is_control()).collect();
        value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('$', "\\$")
    };
    labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", quoted(value)))
        .collect()
}

fn archive(files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Bytes> {
    let mut archive = tar::Builder::new(Vec::new());
    // Folders too, or their modes would be the engine's choice.
    let folders: BTreeSet<&Path> = files
        .keys()
        .flat_map(|name| Path::new(name).ancestors().skip(1))
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    for folder in folders {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        archive.append_data(&mut header, folder, std::io::empty())?;
    }
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content.as_slice())?;
    }
    archive.into_inner().map(Bytes::from)
}
