//! What the engine gets to build a peer's image of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use serde_json::json;

use super::error::ImageError;
use crate::catalogue::{BlindProgram, Needed, filled};
use crate::environment::EnvironmentError;

/// Folder of a Python peer's adapter, inside. All of ours is in `/opt/mpws`.
pub(crate) const ADAPTER: &str = "/opt/mpws/adapter";

/// Folder of a Python peer's pinned packages, inside.
pub(crate) const SITE: &str = "/opt/mpws/site";

/// `{dir}` of a blind peer, inside.
pub(crate) const PROGRAM: &str = "/opt/mpws/program";

/// Where the version of a blind peer stands, inside.
pub(crate) const VERSION_FILE: &str = "/opt/mpws/version";

pub(super) const DOCKERFILE: &str = include_str!("../../../../docker/python-peer/Dockerfile");

pub(super) const INSTALL: &str = include_str!("../../../../docker/python-peer/peer/install.py");

pub(super) const BLIND_DOCKERFILE: &str = include_str!("../../../../docker/blind-peer/Dockerfile");

pub(super) const BLIND_BUILD: &str = include_str!("../../../../docker/blind-peer/peer/build.py");

/// Of a Python peer: a tar archive; the same files give the same bytes.
pub(super) fn of_python(
    adapter: &BTreeMap<String, String>,
    wheels: &Path,
    labels: &[(&str, &str)],
) -> Result<Bytes, ImageError> {
    let mut files = BTreeMap::from([
        ("Dockerfile".to_owned(), labelled(DOCKERFILE, labels)),
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

/// The same of a blind peer.
pub(super) fn of_blind(
    program: &BlindProgram,
    labels: &[(&str, &str)],
) -> Result<Bytes, ImageError> {
    let mut files = BTreeMap::from([
        ("Dockerfile".to_owned(), labelled(BLIND_DOCKERFILE, labels)),
        ("peer/build.py".to_owned(), BLIND_BUILD.as_bytes().to_vec()),
        ("peer/orders.json".to_owned(), orders(program).into_bytes()),
    ]);
    for (name, text) in program.files.iter() {
        files.insert(format!("peer/program/{name}"), text.as_bytes().to_vec());
    }
    archive(&files).map_err(ImageError::Context)
}

/// What `build.py` is to do, as JSON.
pub(super) fn orders(program: &BlindProgram) -> String {
    let values = [("dir", PROGRAM)];
    let words = |argv: &Vec<String>| -> Vec<String> {
        argv.iter().map(|part| filled(part, &values)).collect()
    };
    let env = program.env.iter();
    let env: BTreeMap<&String, String> = env
        .map(|(name, value)| (name, filled(value, &values)))
        .collect();
    let needs: Vec<_> = program
        .needs
        .iter()
        .map(|need| match &need.what {
            Needed::Program(name) => json!({"program": name, "package": need.package}),
            Needed::File(path) => json!({"file": path, "package": need.package}),
        })
        .collect();
    json!({
        "needs": needs,
        "env": env,
        "version": words(&program.version),
        "build": program.build.iter().map(words).collect::<Vec<_>>(),
    })
    .to_string()
}

/// The engine's own way of giving labels to a build makes a layer of each.
fn labelled(dockerfile: &str, labels: &[(&str, &str)]) -> Vec<u8> {
    format!("{dockerfile}LABEL {}\n", written(labels).join(" ")).into_bytes()
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
