//! Makes the files of `interop/` part of the library, so that an installed command has them too.

use std::fmt::Write as _;
use std::io::Result;
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    // Asked when it runs: a checkout may have been moved since this script was compiled.
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let root = Path::new(&crate_folder).join("../../interop");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, "interop", &mut files)?;
    files.sort();
    let mut source = String::from("const FILES: &[(&str, &str)] = &[\n");
    for (name, path) in files {
        let path = path.canonicalize()?;
        writeln!(
            source,
            "({name:?}, include_str!({:?})),",
            path.display().to_string()
        )
        .expect("a string takes all");
    }
    source.push_str("];\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("interop.rs"), source)
}

/// The files that peers are made of; caches and tests of adapters are none.
fn collect(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        let skipped = file.starts_with('.') || file == "__pycache__" || file == "tests";
        if skipped {
            continue;
        }
        let inside = format!("{name}/{file}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &inside, files)?;
        } else if [".toml", ".txt", ".py", ".js", ".c", ".go", ".sh"]
            .iter()
            .any(|end| file.ends_with(end))
        {
            files.push((inside, entry.path()));
        }
    }
    Ok(())
}
