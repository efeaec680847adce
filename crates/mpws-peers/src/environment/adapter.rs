//! The files of an adapter, written out and compiled.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::error::EnvironmentError;
use super::interpreter::Interpreter;
use super::state::StateFolder;
use super::{made, tool};

const COMPILE_DEADLINE: Duration = Duration::from_secs(60);

/// The folder with exactly these files.
pub(super) fn written(
    state: &StateFolder,
    interpreter: &Interpreter,
    files: &BTreeMap<String, String>,
) -> Result<PathBuf, EnvironmentError> {
    let runtime = interpreter.key();
    let parts = files
        .iter()
        .flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    let key = made::key(std::iter::once(runtime.as_str()).chain(parts));
    made::once(
        &state.path().join("adapter"),
        &key,
        &|_| {},
        &mut |folder| {
            for (name, text) in files {
                let path = folder.join(name);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent).map_err(EnvironmentError::at(parent))?;
                }
                std::fs::write(&path, text).map_err(EnvironmentError::at(&path))?;
            }
            let mut compile = Command::new(&interpreter.executable);
            compile.args(["-I", "-m", "compileall", "-q"]).arg(folder);
            // A file that does not compile says so better when it runs.
            let _ = tool::run(&mut compile, COMPILE_DEADLINE);
            Ok(())
        },
    )
}
