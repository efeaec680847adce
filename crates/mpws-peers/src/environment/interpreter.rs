//! The real Python interpreter. `python3` may be a shim, which costs a tenth of a second at each
//! start.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::error::EnvironmentError;
use super::tool;

/// Environment variable that names the Python interpreter.
pub const PYTHON: &str = "MPWS_PYTHON";

/// What an interpreter says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Interpreter {
    /// `sys.executable`.
    pub(super) executable: PathBuf,
    /// `sys.version_info`, its first three numbers.
    pub(super) version: (u32, u32, u32),
    /// `sys.implementation.cache_tag`, such as `cpython-311`.
    cache_tag: Option<String>,
    /// `EXT_SUFFIX`: version, C library and machine of compiled modules.
    extension: Option<String>,
}

const OLDEST: (u32, u32, u32) = (3, 9, 0);

const DEADLINE: Duration = Duration::from_secs(30);

/// It also runs on Python 2 and on old versions of 3, so that these can be told from broken ones.
const QUESTION: &str = "
import json, sys
try:
    import sysconfig
    extension = sysconfig.get_config_var('EXT_SUFFIX')
    cache_tag = sys.implementation.cache_tag
except Exception:
    extension = cache_tag = None
print(json.dumps({
    'executable': sys.executable, 'version': list(sys.version_info[:3]),
    'cache_tag': cache_tag, 'extension': extension,
}))
";

impl Interpreter {
    /// `$MPWS_PYTHON`, or `python3` in `PATH`.
    pub(super) fn find() -> Result<Self, EnvironmentError> {
        let named = std::env::var_os(PYTHON).filter(|name| !name.is_empty());
        Self::ask(Path::new(named.as_deref().unwrap_or("python3".as_ref())))
    }

    /// Version and place.
    pub(super) fn describe(&self) -> String {
        let (major, minor, patch) = self.version;
        format!(
            "Python {major}.{minor}.{patch} at {}",
            self.executable.display()
        )
    }

    fn ask(program: &Path) -> Result<Self, EnvironmentError> {
        let broken = |detail: String| EnvironmentError::BrokenPython {
            program: program.to_owned(),
            detail,
        };
        let mut command = Command::new(program);
        command.args(["-c", QUESTION]);
        let output = tool::run(&mut command, DEADLINE).map_err(|error| match error {
            tool::RunError::Start(source) => EnvironmentError::NoPython {
                program: program.to_owned(),
                source,
            },
            tool::RunError::Slow => broken(format!("no answer within {} s", DEADLINE.as_secs())),
        })?;
        if !output.status.success() {
            return Err(broken(format!(
                "{}: {}",
                output.status,
                tool::last_words(&output)
            )));
        }
        let found: Self = serde_json::from_slice(&output.stdout)
            .map_err(|error| broken(format!("{error}: {}", tool::last_words(&output))))?;
        if found.version < OLDEST {
            return Err(EnvironmentError::OldPython {
                program: program.to_owned(),
                found: found.version_text(),
            });
        }
        if !found.executable.is_absolute() {
            return Err(broken("sys.executable is empty".to_owned()));
        }
        Ok(found)
    }

    /// What compiled packages depend on.
    pub(super) fn key(&self) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        format!(
            "{} {} {}",
            self.version_text(),
            part(&self.cache_tag),
            part(&self.extension)
        )
    }

    fn version_text(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that answers with these lines of shell. It is written by another process: what
    /// another test forks while this one has the file open for writing would keep it open, and it
    /// could not be run.
    fn program(folder: &Path, shell: &str) -> PathBuf {
        let path = folder.join("python");
        let text = format!("#!/bin/sh\n{shell}\n");
        let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
        let mut writer = Command::new("/bin/sh");
        writer.args(["-c", write, "sh", &text]).arg(&path);
        assert!(writer.status().unwrap().success());
        path
    }

    #[test]
    fn a_missing_interpreter_is_told_from_a_broken_one() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Interpreter::ask(&folder.path().join("nothing")).unwrap_err();
        assert!(
            matches!(missing, EnvironmentError::NoPython { .. }),
            "{missing:?}"
        );
        let broken = program(folder.path(), "echo no such module >&2; exit 3");
        let error = Interpreter::ask(&broken).unwrap_err();
        let EnvironmentError::BrokenPython { detail, .. } = error else {
            panic!("{error:?}");
        };
        assert!(detail.contains("no such module"), "{detail}");
    }

    #[test]
    fn an_old_interpreter_is_refused_and_its_version_named() {
        let folder = tempfile::tempdir().unwrap();
        let answer = r#"{"executable":"/x","version":[3,8,18],"cache_tag":null,"extension":null}"#;
        let old = program(folder.path(), &format!("echo '{answer}'"));
        let error = Interpreter::ask(&old).unwrap_err();
        assert!(matches!(&error, EnvironmentError::OldPython { found, .. } if found == "3.8.18"));
    }

    #[test]
    fn an_interpreter_that_talks_nonsense_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let talker = program(folder.path(), "echo hello");
        let error = Interpreter::ask(&talker).unwrap_err();
        assert!(
            matches!(error, EnvironmentError::BrokenPython { .. }),
            "{error:?}"
        );
    }
}
