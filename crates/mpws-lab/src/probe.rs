//! Whether this host can have labs, found out by having one.

use crate::error::StartError;
use crate::lab::Lab;
use std::error::Error;
use std::fmt;

/// What came of the attempt to start a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whether labs work here.
    pub available: bool,
    /// Whether this user has the privilege to make namespaces, so that labs need no user namespace.
    pub privileged: bool,
    /// What works or what failed, in words, with the cause.
    pub detail: String,
    /// What the owner of this host can do about it.
    pub remedy: Option<&'static str>,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        match self.remedy {
            Some(remedy) => write!(f, " ({remedy})"),
            None => Ok(()),
        }
    }
}

/// Starts and stops a lab of two hosts and one path, and says how that went.
pub fn probe() -> Probe {
    let privileged = crate::sys::may_make_namespaces();
    let outcome = Lab::two_hosts(1).and_then(|lab| {
        lab.stop().map_err(|source| StartError::Failed {
            step: crate::error::StartStep::Protocol,
            source,
        })
    });
    match outcome {
        Ok(()) => Probe {
            available: true,
            privileged,
            detail: if privileged {
                "labs work, in network namespaces".to_owned()
            } else {
                "labs work, in a user namespace".to_owned()
            },
            remedy: None,
        },
        Err(error) => Probe {
            available: false,
            privileged,
            detail: match error.source() {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
            remedy: error.remedy(),
        },
    }
}
