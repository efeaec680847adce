//! Pinned packages, installed with their hashes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::error::EnvironmentError;
use super::interpreter::Interpreter;
use super::state::StateFolder;
use super::{made, tool};
use crate::catalogue::Document;

/// How long an installation may take.
const DEADLINE: Duration = Duration::from_secs(300);

/// The folder with the packages of a requirements file.
pub(super) fn installed(
    state: &StateFolder,
    interpreter: &Interpreter,
    requirements: &Document,
    progress: &dyn Fn(&str),
) -> Result<PathBuf, EnvironmentError> {
    let key = made::key([interpreter.key().as_str(), &requirements.text]);
    let parent = state.path().join("python");
    let folder = made::once(&parent, &key, progress, &mut |folder| {
        progress(&format!(
            "installing the packages of {} (once)",
            requirements.path.display()
        ));
        install(state, interpreter, &requirements.text, folder)
    })?;
    Ok(folder.join(SITE))
}

const SITE: &str = "site";

fn install(
    state: &StateFolder,
    interpreter: &Interpreter,
    requirements: &str,
    folder: &Path,
) -> Result<(), EnvironmentError> {
    let file = folder.join("requirements.txt");
    std::fs::write(&file, requirements).map_err(EnvironmentError::at(&file))?;
    let output = installer(pip(interpreter, folder))?
        .map_err(EnvironmentError::at(&interpreter.executable))?;
    if output.status.success() {
        return Ok(());
    }
    if !String::from_utf8_lossy(&output.stderr).contains("No module named pip") {
        return Err(cause(&output, state));
    }
    match installer(uv(interpreter, folder))? {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(cause(&output, state)),
        Err(_) => Err(EnvironmentError::NoInstaller {
            program: interpreter.executable.clone(),
        }),
    }
}

/// Runs an installer; the inner error is that it cannot be started.
pub(super) fn installer(mut command: Command) -> Result<std::io::Result<Output>, EnvironmentError> {
    match tool::run(&mut command, DEADLINE) {
        Ok(output) => Ok(Ok(output)),
        Err(tool::RunError::Start(error)) => Ok(Err(error)),
        Err(tool::RunError::Slow) => Err(EnvironmentError::Slow {
            seconds: DEADLINE.as_secs(),
        }),
    }
}

/// Nothing but wheels with these hashes: no code of a package runs while it is installed.
pub(super) const EXACTLY: [&str; 4] = ["--require-hashes", "--no-deps", "--only-binary", ":all:"];

fn pip(interpreter: &Interpreter, folder: &Path) -> Command {
    let mut command = Command::new(&interpreter.executable);
    command
        .args([
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .args([
            "--no-cache-dir",
            "--no-warn-script-location",
            "--retries",
            "2",
            "--timeout",
            "20",
        ])
        .args(EXACTLY)
        .args(["--target", SITE, "-r", "requirements.txt"])
        // Settings of some users and images that do not go with a target.
        .env("PIP_USER", "0")
        .env("PIP_REQUIRE_VIRTUALENV", "0")
        .env("TMPDIR", folder)
        .current_dir(folder);
    command
}

fn uv(interpreter: &Interpreter, folder: &Path) -> Command {
    let mut command = Command::new("uv");
    command
        .args(["pip", "install", "--no-cache", "--compile-bytecode"])
        .args(EXACTLY)
        .arg("--python")
        .arg(&interpreter.executable)
        .args(["--target", SITE, "-r", "requirements.txt"])
        .env("TMPDIR", folder)
        .current_dir(folder);
    command
}

/// Reads an installer's words for a cause that the user can do something about.
pub(super) fn cause(output: &Output, state: &StateFolder) -> EnvironmentError {
    let text = String::from_utf8_lossy(&output.stderr).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let detail = tool::last_words(output);
    if says(&["no space left on device", "disk quota exceeded"]) {
        return EnvironmentError::DiskFull {
            folder: state.path().to_owned(),
        };
    }
    if says(&["do not match the hashes", "hash mismatch"]) {
        return EnvironmentError::HashMismatch { detail };
    }
    // Before the next: without an index, pip also finds no version.
    if says(&[
        "failed to establish a new connection",
        "name resolution",
        "connecttimeout",
        "readtimeout",
        "connection refused",
        "connection reset",
        "network is unreachable",
        "proxyerror",
        "sslerror",
        "error sending request",
        "dns error",
    ]) {
        return EnvironmentError::NoNetwork { detail };
    }
    if says(&[
        "no matching distribution",
        "could not find a version",
        "no solution found",
    ]) {
        return EnvironmentError::NoPackage { detail };
    }
    EnvironmentError::Installer { detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn cause_of(words: &str) -> EnvironmentError {
        let output = Output {
            status: ExitStatus::from_raw(256),
            stdout: Vec::new(),
            stderr: words.as_bytes().to_vec(),
        };
        cause(&output, &StateFolder::new("/state").unwrap())
    }

    #[test]
    fn a_wrong_hash_is_told() {
        let words = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.";
        assert!(matches!(
            cause_of(words),
            EnvironmentError::HashMismatch { .. }
        ));
    }

    #[test]
    fn an_index_out_of_reach_is_told_from_a_package_that_is_not_there() {
        let nothing = "ERROR: No matching distribution found for websockets==13.1";
        let offline = format!("Failed to establish a new connection: [Errno 101]\n{nothing}");
        assert!(matches!(
            cause_of(&offline),
            EnvironmentError::NoNetwork { .. }
        ));
        assert!(matches!(
            cause_of(nothing),
            EnvironmentError::NoPackage { .. }
        ));
    }

    #[test]
    fn a_full_disk_is_told() {
        let words = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device";
        assert!(matches!(cause_of(words), EnvironmentError::DiskFull { .. }));
    }

    #[test]
    fn what_is_not_understood_is_passed_on() {
        let EnvironmentError::Installer { detail } = cause_of("something odd") else {
            panic!("not an unknown cause");
        };
        assert_eq!(detail, "something odd");
    }
}
