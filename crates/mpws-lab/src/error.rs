//! What can go wrong when a lab starts, and when rules and boxes are put into it.

use serde::{Deserialize, Serialize};
use std::{fmt, io};

/// Why a lab did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The description of hosts and paths is wrong; the text says how.
    #[error("not a lab: {0}")]
    Topology(String),
    /// This host cannot have labs, at least not for this user. [`StartError::remedy`] says what
    /// helps.
    #[error("this host cannot have labs: {step}")]
    Unsupported {
        /// What the host refused.
        step: StartStep,
        /// The error of the system call that was refused.
        source: io::Error,
    },
    /// Something failed that should not: a defect of the lab, or a host out of memory or processes.
    #[error("the lab failed to start: {step}")]
    Failed {
        /// The step that failed.
        step: StartStep,
        /// The error of the system call, or of the conversation with the lab process.
        source: io::Error,
    },
}

impl StartError {
    /// What the owner of this host can do about it; `None` where it is no matter of the host.
    pub fn remedy(&self) -> Option<&'static str> {
        let Self::Unsupported { step, .. } = self else {
            return None;
        };
        Some(match step {
            StartStep::Launch | StartStep::Protocol => {
                "let this user execute the program that links the lab"
            }
            StartStep::Namespaces | StartStep::IdMap => {
                "run as root, or allow user namespaces: sysctl user.max_user_namespaces > 0, \
                 kernel.unprivileged_userns_clone=1 (Debian), \
                 kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container also a \
                 seccomp profile that allows unshare(2)"
            }
            StartStep::Enter => {
                "run as root of this machine, in its first user namespace: only there may the end of a path be put \
                 into a network namespace that somebody else made"
            }
            StartStep::Host => "mount /proc/sys writable, or run as root with CAP_SYS_ADMIN",
            StartStep::Link | StartStep::Address => {
                "provide a kernel with CONFIG_VETH, CONFIG_IPV6 and CONFIG_IP_MULTIPLE_TABLES"
            }
            StartStep::Offload => "provide a kernel whose veth devices can switch offloads off",
            StartStep::Wire => "provide a kernel with CONFIG_PACKET",
        })
    }

    /// Sorts a failure into what this host cannot do and what should not happen.
    pub(crate) fn new(step: StartStep, source: io::Error) -> Self {
        const REFUSALS: &[i32] = &[
            libc::EPERM,
            libc::EACCES,
            libc::ENOSYS,
            libc::EINVAL,
            libc::EOPNOTSUPP,
            libc::EPROTONOSUPPORT,
            libc::EAFNOSUPPORT,
            libc::ENOSPC,
            libc::EUSERS,
            libc::EROFS,
            libc::ENOENT,
            libc::ENODEV,
        ];
        match source.raw_os_error() {
            Some(errno) if step != StartStep::Protocol && REFUSALS.contains(&errno) => {
                Self::Unsupported { step, source }
            }
            _ => Self::Failed { step, source },
        }
    }
}

/// What a lab does while it starts, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StartStep {
    /// The executable is started again as the lab process.
    Launch,
    /// The lab process and its owner talk.
    Protocol,
    /// User, network and PID namespaces are made.
    Namespaces,
    /// The user becomes root of the user namespace.
    IdMap,
    /// Network namespaces that somebody else made are looked at.
    Enter,
    /// Each host gets a network namespace and its sysctls.
    Host,
    /// The ends of each path are made.
    Link,
    /// Segmentation, coalescing and checksum offload are switched off.
    Offload,
    /// Addresses, neighbours and routes are set.
    Address,
    /// The wire opens its packet socket.
    Wire,
}

impl fmt::Display for StartStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Launch => "start of the lab process",
            Self::Protocol => "conversation with the lab process",
            Self::Namespaces => "new namespaces",
            Self::IdMap => "user map of the user namespace",
            Self::Enter => "network namespace that somebody else made",
            Self::Host => "network namespace of a host",
            Self::Link => "links",
            Self::Offload => "offloads off",
            Self::Address => "addresses and routes",
            Self::Wire => "packet socket of the wire",
        })
    }
}

/// Why a rule was not installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The rule names no host of this lab.
    #[error("rule {rule:?}: no host is named {host:?}")]
    NoSuchHost {
        /// Name of the rule.
        rule: String,
        /// What it takes for a host.
        host: String,
    },
    /// The rule names no path of this lab.
    #[error("rule {rule:?}: there is no path {path}")]
    NoSuchPath {
        /// Name of the rule.
        rule: String,
        /// What it takes for a path.
        path: u8,
    },
    /// The rule can never do what it says; the text says why.
    #[error("rule {rule:?}: {reason}")]
    Senseless {
        /// Name of the rule.
        rule: String,
        /// Why, in words.
        reason: &'static str,
    },
    /// The lab did not answer.
    #[error("the lab did not take the rule")]
    Lab(#[from] io::Error),
}

/// Why something was not put on a path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The lab has no such path.
    #[error("there is no path {path}")]
    NoSuchPath {
        /// What was taken for a path.
        path: u8,
    },
    /// The path has no end at a host of this name.
    #[error("path {path} does not reach a host named {host:?}")]
    NoSuchHost {
        /// Number of the path, from 1.
        path: u8,
        /// What was taken for one of its hosts.
        host: String,
    },
    /// It can never do what it says; the text says why.
    #[error("{reason}")]
    Senseless {
        /// Why, in words.
        reason: &'static str,
    },
    /// The lab did not answer.
    #[error("the lab did not answer")]
    Lab(#[from] io::Error),
}
