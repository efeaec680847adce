//! What the running kernel, its policies and the C library can, found by trying.
//!
//! Versions are never compared: features are backported, removed and switched off. Nothing is sent
//! and nothing is changed.

use std::fmt;
use std::fs;
use std::io;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket};

use crate::counters::Counters;
use crate::pm::{EventSocket, PathManager};
use crate::{diag, sockopt, stream, sys, uapi};

/// Something that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Feature {
    /// An MPTCP socket over IPv4.
    SocketV4,
    /// An MPTCP socket over IPv6.
    SocketV6,
    /// `TCP_IS_MPTCP` answers by itself; where not, its error number tells (see
    /// [`sockopt::is_mptcp`]).
    IsMptcp,
    /// `MPTCP_INFO`.
    Info,
    /// `MPTCP_FULL_INFO`.
    FullInfo,
    /// `inet_diag` lists MPTCP sockets.
    Diag,
    /// The path manager answers.
    PathManager,
    /// The path manager's events can be heard; needs `CAP_NET_ADMIN`.
    PathManagerEvents,
    /// There are MPTCP counters.
    Counters,
    /// There are MPTCP sysctls.
    Sysctls,
    /// `getaddrinfo()` accepts MPTCP as protocol.
    Resolver,
}

impl Feature {
    /// All of them, in the order of [`probe`].
    pub const ALL: [Self; 11] = [
        Self::SocketV4,
        Self::SocketV6,
        Self::IsMptcp,
        Self::Info,
        Self::FullInfo,
        Self::Diag,
        Self::PathManager,
        Self::PathManagerEvents,
        Self::Counters,
        Self::Sysctls,
        Self::Resolver,
    ];

    /// Its name, as it is serialised.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SocketV4 => "socket-v4",
            Self::SocketV6 => "socket-v6",
            Self::IsMptcp => "is-mptcp",
            Self::Info => "info",
            Self::FullInfo => "full-info",
            Self::Diag => "diag",
            Self::PathManager => "path-manager",
            Self::PathManagerEvents => "path-manager-events",
            Self::Counters => "counters",
            Self::Sysctls => "sysctls",
            Self::Resolver => "resolver",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What came of trying one feature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Finding {
    /// What was tried.
    pub feature: Feature,
    /// Whether it works, here, in this network namespace, with these rights.
    pub available: bool,
    /// What was seen, or how it failed.
    pub detail: String,
}

/// Tries every feature in the calling thread's network namespace. A failure is a finding, so this
/// cannot fail.
#[must_use]
pub fn probe() -> Vec<Finding> {
    Feature::ALL.into_iter().map(try_feature).collect()
}

/// Tries one feature.
#[must_use]
pub fn try_feature(feature: Feature) -> Finding {
    let outcome = match feature {
        Feature::SocketV4 => socket(Domain::IPV4).map(|_| "socket made".to_owned()),
        Feature::SocketV6 => socket(Domain::IPV6).map(|_| "socket made".to_owned()),
        Feature::IsMptcp => is_mptcp(),
        Feature::Info => info(),
        Feature::FullInfo => full_info(),
        Feature::Diag => diag::dump()
            .map(|sockets| format!("{} sockets listed", sockets.len()))
            .map_err(|error| chain(&error)),
        Feature::PathManager => path_manager(),
        Feature::PathManagerEvents => EventSocket::new()
            .map(|_| "group joined".to_owned())
            .map_err(|error| chain(&error)),
        Feature::Counters => counters(),
        Feature::Sysctls => sysctls(),
        Feature::Resolver => resolver(),
    };
    let (available, detail) = match outcome {
        Ok(seen) => (true, seen),
        Err(failure) => (false, failure),
    };
    Finding {
        feature,
        available,
        detail,
    }
}

/// What was seen, or how it failed.
type Outcome = Result<String, String>;

fn socket(domain: Domain) -> Result<Socket, String> {
    stream(domain).map_err(|error| chain(&error))
}

/// A socket to ask, of whichever family there is.
fn any_socket() -> Result<Socket, String> {
    socket(Domain::IPV4).or_else(|failure| socket(Domain::IPV6).map_err(|_| failure))
}

fn is_mptcp() -> Outcome {
    match sockopt::number(&any_socket()?, libc::IPPROTO_TCP, uapi::TCP_IS_MPTCP) {
        Ok(1) => Ok("1 on an MPTCP socket".to_owned()),
        Ok(other) => Err(format!("{other} on an MPTCP socket")),
        Err(error) => Err(error.to_string()),
    }
}

fn info() -> Outcome {
    let info = sockopt::info(&any_socket()?).map_err(|error| error.to_string())?;
    Ok(format!("{} bytes", info.length))
}

fn full_info() -> Outcome {
    let full = sockopt::full_info(&any_socket()?).map_err(|error| error.to_string())?;
    Ok(format!("{} bytes of mptcp_info in it", full.info.length))
}

fn path_manager() -> Outcome {
    let limits = PathManager::new()
        .and_then(|mut manager| manager.limits())
        .map_err(|error| chain(&error))?;
    Ok(format!(
        "limits: subflows {}, add_addr_accepted {}",
        limits.subflows, limits.add_addr_accepted
    ))
}

fn counters() -> Outcome {
    let counters = Counters::of_current_namespace().map_err(|error| chain(&error))?;
    match counters.mptcp_names().count() {
        0 => Err("no counter group MPTcpExt".to_owned()),
        count => Ok(format!("{count} counters")),
    }
}

fn sysctls() -> Outcome {
    let failed = |error: io::Error| format!("{SYSCTLS}: {error}");
    let mut names = fs::read_dir(SYSCTLS)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<io::Result<Vec<_>>>()
        })
        .map_err(failed)?;
    names.sort();
    let settings: Vec<_> = names
        .iter()
        .map(
            |name| match fs::read_to_string(format!("{SYSCTLS}/{name}")) {
                Ok(value) => format!("{name}={}", value.trim()),
                Err(error) => format!("{name} ({error})"),
            },
        )
        .collect();
    if settings.is_empty() {
        Err(format!("{SYSCTLS} is empty"))
    } else {
        Ok(settings.join(", "))
    }
}

fn resolver() -> Outcome {
    match sys::resolve_for_mptcp() {
        Ok(()) => Ok("getaddrinfo() accepts protocol 262".to_owned()),
        Err(failure) => Err(format!("getaddrinfo() refuses protocol 262: {failure}")),
    }
}

/// An error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

const SYSCTLS: &str = "/proc/sys/net/mptcp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_tried_once_and_says_what_was_seen() {
        let findings = probe();
        let features: Vec<_> = findings.iter().map(|finding| finding.feature).collect();
        assert_eq!(features, Feature::ALL);
        for finding in findings {
            assert!(!finding.detail.is_empty(), "{}", finding.feature);
        }
    }

    #[test]
    fn a_failure_names_its_causes() {
        let error = crate::Unavailable::from(io::Error::from_raw_os_error(libc::EPERM));
        let text = chain(&error);
        assert!(
            text.contains("policy") && text.contains("os error 1"),
            "{text}"
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn the_name_of_a_feature_is_its_serialised_form() {
        for feature in Feature::ALL {
            let json = serde_json::to_string(&feature).expect("JSON");
            assert_eq!(json, format!("{:?}", feature.name()));
        }
    }
}
