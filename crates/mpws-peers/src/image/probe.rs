//! What Python a base has.

use serde::Deserialize;

use super::base::Base;
use super::error::{ImageError, last};
use super::images::Images;
use super::wanted::Wanted;
use crate::environment::{EnvironmentError, Libc, Target};

/// What the Python of a base says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Found {
    implementation: String,
    pub(super) version: (u32, u32, u32),
    /// `t` where there is no global lock.
    abiflags: String,
    pub(super) executable: String,
    machine: String,
    /// Empty where it is not glibc.
    glibc: String,
    /// Of compiled modules, such as `.cpython-311-x86_64-linux-gnu.so`.
    suffix: String,
}

const OLDEST: (u32, u32, u32) = (3, 9, 0);

const QUESTION: &str = "
import importlib.machinery, json, os, sys
try:
    glibc = os.confstr('CS_GNU_LIBC_VERSION') or ''
except (AttributeError, ValueError, OSError):
    glibc = ''
import asyncio, ctypes, ssl
print(json.dumps({
    'implementation': sys.implementation.name, 'version': sys.version_info[:3], 'abiflags': sys.abiflags,
    'executable': sys.executable, 'machine': os.uname().machine, 'glibc': glibc,
    'suffix': importlib.machinery.EXTENSION_SUFFIXES[0],
}))
";

impl Images {
    /// Asks the Python of a base.
    pub(super) fn probed(&self, base: &Base, id: &str) -> Result<Found, ImageError> {
        let no_python = |detail: String| ImageError::NoPython {
            base: base.clone(),
            detail,
        };
        let said = match self.run(id, &["python3", "-I", "-c", QUESTION], &[], None) {
            Err(ImageError::Engine(error))
                if error.to_string().contains("executable file not found") =>
            {
                return Err(no_python("there is no program `python3`".to_owned()));
            }
            said => said?,
        };
        if said.status != 0 {
            return Err(no_python(last(&said.errors).to_owned()));
        }
        let found: Found = serde_json::from_str(&said.output)
            .map_err(|fault| no_python(format!("{fault}: {}", last(&said.output))))?;
        if found.implementation != "cpython" || found.version < OLDEST {
            let detail = format!("it is {} {}", found.implementation, found.version_text());
            return Err(no_python(detail));
        }
        Ok(found)
    }
}

impl Found {
    pub(super) fn version_text(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{major}.{minor}.{patch}")
    }

    pub(super) fn libc_text(&self) -> String {
        match self.libc() {
            Libc::Glibc(major, minor) => format!("glibc {major}.{minor}"),
            Libc::Musl => "musl".to_owned(),
            Libc::Other => "unknown".to_owned(),
        }
    }

    pub(super) fn target(&self) -> Target {
        Target {
            python: (self.version.0, self.version.1),
            abi: format!("cp{}{}{}", self.version.0, self.version.1, self.abiflags),
            machine: self.machine.clone(),
            libc: self.libc(),
        }
    }

    fn libc(&self) -> Libc {
        let numbers = || {
            let (major, minor) = self.glibc.strip_prefix("glibc ")?.split_once('.')?;
            let minor = minor.split('.').next()?;
            Some(Libc::Glibc(major.parse().ok()?, minor.parse().ok()?))
        };
        if self.suffix.contains("musl") {
            Libc::Musl
        } else {
            numbers().unwrap_or(Libc::Other)
        }
    }
}

impl Wanted<'_> {
    /// What it means that there are no wheels for a base.
    pub(super) fn no_wheels(
        &self,
        error: EnvironmentError,
        base: &Base,
        found: &Found,
    ) -> ImageError {
        match error {
            EnvironmentError::NoPackage { detail } => ImageError::NotForPython {
                library: format!("{} {}", self.library, self.version),
                base: base.clone(),
                python: format!("Python {} ({})", found.version_text(), found.libc_text()),
                detail: required(&detail, self.version)
                    .map_or(detail.clone(), |python| format!("it needs Python {python}")),
            },
            other => other.into(),
        }
    }
}

/// What Python pip says that a version needs.
fn required<'a>(said: &'a str, version: &str) -> Option<&'a str> {
    said.lines()
        .filter(|line| line.contains("require a different python version"))
        .flat_map(|line| line.split([';', ':']))
        .find_map(|one| {
            let (found, python) = one.trim().split_once(" Requires-Python ")?;
            (found == version).then_some(python)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_that_a_version_needs_is_read_from_the_words_of_pip() {
        let said = "ERROR: Ignored the following versions that require a different python version: \
                    16.0 Requires-Python >=3.10; 17.4 Requires-Python >=3.11\nERROR: No matching distribution";
        assert_eq!(required(said, "17.4"), Some(">=3.11"));
        assert_eq!(required(said, "16.0"), Some(">=3.10"));
        assert_eq!(required(said, "7.4"), None);
        assert_eq!(required("ERROR: No matching distribution", "17.4"), None);
    }

    #[test]
    fn the_c_library_is_read_from_what_the_system_says() {
        let found = |glibc: &str, suffix: &str| Found {
            implementation: "cpython".to_owned(),
            version: (3, 13, 1),
            abiflags: "t".to_owned(),
            executable: "/usr/local/bin/python3".to_owned(),
            machine: "aarch64".to_owned(),
            glibc: glibc.to_owned(),
            suffix: suffix.to_owned(),
        };
        let gnu = found("glibc 2.41", ".cpython-313t-aarch64-linux-gnu.so");
        assert_eq!(gnu.libc_text(), "glibc 2.41");
        assert_eq!(gnu.target().abi, "cp313t");
        let musl = found("", ".cpython-313-aarch64-linux-musl.so");
        assert_eq!(musl.libc_text(), "musl");
        assert_eq!(found("", ".so").libc_text(), "unknown");
    }
}
