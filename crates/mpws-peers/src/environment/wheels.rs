//! Pinned wheels for another Python than the one that is here.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::EnvironmentError;
use super::interpreter::Interpreter;
use super::made::{self, Held};
use super::packages::{self, EXACTLY};
use super::state::StateFolder;
use crate::catalogue::Document;

/// A Python on Linux, as far as wheels depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Major and minor.
    pub(crate) python: (u32, u32),
    /// Such as `cp311`.
    pub(crate) abi: String,
    /// Such as `x86_64`.
    pub(crate) machine: String,
    pub(crate) libc: Libc,
}

/// A C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Libc {
    /// glibc, major and minor.
    Glibc(u32, u32),
    /// musl, 1.2 or later.
    Musl,
    /// Neither: only wheels without compiled parts fit.
    Other,
}

impl StateFolder {
    /// Fetches the wheels of a requirements file for another Python, or finds those that were
    /// fetched before.
    pub(crate) fn wheels(
        &self,
        requirements: &Document,
        target: &Target,
        progress: &dyn Fn(&str),
    ) -> Result<PathBuf, EnvironmentError> {
        fetched(self, self.interpreter()?, requirements, target, progress)
    }

    /// Waits until no other process holds this name, and holds it until the value is dropped.
    pub(crate) fn hold(
        &self,
        name: &str,
        progress: &dyn Fn(&str),
    ) -> Result<Held, EnvironmentError> {
        std::fs::create_dir_all(self.path()).map_err(EnvironmentError::at(self.path()))?;
        made::lock(&self.path().join(format!("{name}.lock")), progress)
    }
}

/// The folder with the wheels of a requirements file.
fn fetched(
    state: &StateFolder,
    interpreter: &Interpreter,
    requirements: &Document,
    target: &Target,
    progress: &dyn Fn(&str),
) -> Result<PathBuf, EnvironmentError> {
    let arguments = target.arguments();
    let parts = arguments.iter().map(String::as_str);
    let key = made::key(parts.chain([&*requirements.text]));
    let parent = state.path().join("wheels");
    let folder = made::once(&parent, &key, progress, &mut |folder| {
        let (major, minor) = target.python;
        progress(&format!(
            "fetching the wheels of {} for Python {major}.{minor} (once)",
            requirements.path.display()
        ));
        fetch(state, interpreter, &requirements.text, &arguments, folder)
    })?;
    Ok(folder.join(WHEELS))
}

const WHEELS: &str = "wheels";

fn fetch(
    state: &StateFolder,
    interpreter: &Interpreter,
    requirements: &str,
    arguments: &[String],
    folder: &Path,
) -> Result<(), EnvironmentError> {
    let file = folder.join("requirements.txt");
    std::fs::write(&file, requirements).map_err(EnvironmentError::at(&file))?;
    let mut command = Command::new(&interpreter.executable);
    command
        .args(["-m", "pip", "download", "--no-input"])
        .args(["--disable-pip-version-check", "--no-cache-dir"])
        .args(["--retries", "2", "--timeout", "20"])
        .args(EXACTLY)
        .args(arguments)
        .args(["--dest", WHEELS, "-r", "requirements.txt"])
        .env("PIP_REQUIRE_VIRTUALENV", "0")
        .env("TMPDIR", folder)
        .current_dir(folder);
    let output =
        packages::installer(command)?.map_err(EnvironmentError::at(&interpreter.executable))?;
    if output.status.success() {
        return Ok(());
    }
    if String::from_utf8_lossy(&output.stderr).contains("No module named pip") {
        return Err(EnvironmentError::NoPip {
            program: interpreter.executable.clone(),
        });
    }
    Err(packages::cause(&output, state))
}

impl Target {
    /// What pip has to know of it.
    fn arguments(&self) -> Vec<String> {
        let (major, minor) = self.python;
        let mut arguments = vec![
            format!("--python-version={major}.{minor}"),
            "--implementation=cp".to_owned(),
            format!("--abi={}", self.abi),
        ];
        arguments.extend(
            self.platforms()
                .into_iter()
                .map(|name| format!("--platform={name}")),
        );
        arguments
    }

    /// Tags of platforms whose wheels run there, the newest first, as pip prefers the first.
    fn platforms(&self) -> Vec<String> {
        let machine = &self.machine;
        match self.libc {
            // PEP 600: a wheel names the oldest glibc that it runs with; three of them have older
            // names too.
            Libc::Glibc(2, newest) => (OLDEST_GLIBC..=newest)
                .rev()
                .flat_map(|minor| {
                    let older = match minor {
                        17 => Some("manylinux2014"),
                        12 => Some("manylinux2010"),
                        5 => Some("manylinux1"),
                        _ => None,
                    };
                    let named = older.map(|name| format!("{name}_{machine}"));
                    [Some(format!("manylinux_2_{minor}_{machine}")), named]
                })
                .flatten()
                .collect(),
            Libc::Musl => ["1_2", "1_1"]
                .map(|version| format!("musllinux_{version}_{machine}"))
                .into(),
            Libc::Glibc(..) | Libc::Other => vec!["any".to_owned()],
        }
    }
}

/// The oldest that wheels are made for, 2.5.
const OLDEST_GLIBC: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(libc: Libc) -> Vec<String> {
        let target = Target {
            python: (3, 9),
            abi: "cp39".to_owned(),
            machine: "x86_64".to_owned(),
            libc,
        };
        target.platforms()
    }

    #[test]
    fn wheels_for_older_versions_of_glibc_fit_and_for_newer_ones_do_not() {
        let named = platforms(Libc::Glibc(2, 31));
        assert_eq!(named[0], "manylinux_2_31_x86_64");
        for older in [
            "manylinux2014_x86_64",
            "manylinux_2_17_x86_64",
            "manylinux1_x86_64",
        ] {
            assert!(named.iter().any(|name| name == older), "{older}");
        }
        assert_eq!(
            named.iter().filter(|name| name.contains("_2_32")).count(),
            0
        );
    }

    #[test]
    fn musl_gets_no_wheels_for_glibc() {
        let named = platforms(Libc::Musl);
        assert_eq!(named, ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"]);
        assert_eq!(platforms(Libc::Other), ["any"]);
    }
}
