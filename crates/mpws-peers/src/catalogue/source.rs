//! Where the files of peers are: part of this program, or on disk.

use std::path::Path;

/// Where the files are.
pub(super) trait Source {
    /// The text of a file.
    fn read(&self, path: &Path) -> std::io::Result<String>;
    /// The files of a folder and of the folders in it: paths inside it, with `/`.
    fn folder(&self, path: &Path) -> std::io::Result<Vec<String>>;
}

/// Files of the user.
pub(super) struct Disk;

/// Most files of one adapter.
const MOST_FILES: usize = 1000;

/// Largest file that is read.
const LARGEST: u64 = 4 << 20;

impl Source for Disk {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        let length = std::fs::metadata(path)?.len();
        if length > LARGEST {
            return Err(std::io::Error::other(format!(
                "{length} bytes, more than {LARGEST}"
            )));
        }
        std::fs::read_to_string(path)
    }

    fn folder(&self, path: &Path) -> std::io::Result<Vec<String>> {
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(path.join(&folder))? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                if name.starts_with('.') || name == "__pycache__" {
                    continue;
                }
                let inside = if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                };
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(inside);
                } else if kind.is_file() {
                    files.push(inside);
                }
                if files.len() + folders.len() > MOST_FILES {
                    return Err(std::io::Error::other(format!(
                        "more than {MOST_FILES} files"
                    )));
                }
            }
        }
        files.sort();
        Ok(files)
    }
}
