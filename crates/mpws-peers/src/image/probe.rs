//! What Python a base has.

use std::collections::HashMap;

use serde::Deserialize;

use super::base::Base;
use super::{ImageError, Images, Wanted, error, labels};
use crate::environment::{EnvironmentError, Libc, Target};

/// What the Python of a base says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Found {
    implementation: String,
    version: (u32, u32, u32),
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
        let labels = HashMap::from([
            (labels::KIND.to_owned(), "probe".to_owned()),
            (labels::SCOPE.to_owned(), self.scope.clone()),
        ]);
        let said = match self
            .engine
            .run(id, &["python3", "-I", "-c", QUESTION], labels)
        {
            Err(ImageError::Engine(error))
                if error.to_string().contains("executable file not found") =>
            {
                return Err(no_python("there is no program `python3`".to_owned()));
            }
            said => said?,
        };
        if said.status != 0 {
            return Err(no_python(error::last(&said.errors).to_owned()));
        }
        let found: Found = serde_json::from_str(&said.output)
            .map_err(|fault| no_python(format!("{fault}: {}", error::last(&said.output))))?;
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
                detail,
            },
            other => other.into(),
        }
    }
}
