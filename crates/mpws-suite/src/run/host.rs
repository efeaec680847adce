//! What this host is and what it can prove.

use std::collections::BTreeMap;
use std::path::Path;

use mpws_peers::StateFolder;

use crate::result::{Capability, HostFacts};
use crate::run::containers::{self, CONTAINERS};
use crate::run::feature;

/// Name of the capability to have labs.
pub const LAB: &str = "lab";

/// What was found out about this host.
pub(crate) struct Found {
    /// Whether labs are made with root's rights instead of a user namespace.
    pub(crate) root: bool,
    /// Everything that runs depend on, in the order in which a reader wants it.
    pub(crate) capabilities: Vec<(String, Capability)>,
}

/// Tries everything that runs depend on, in the order in which a reader wants it.
pub fn doctor(state: Option<&Path>) -> Vec<(String, Capability)> {
    look(state).capabilities
}

/// Tries everything that runs depend on.
pub(crate) fn look(state: Option<&Path>) -> Found {
    let lab = mpws_lab::probe();
    let mut all = vec![(
        LAB.to_owned(),
        Capability {
            available: lab.available,
            detail: lab.detail.clone(),
            remedy: lab.remedy.map(str::to_owned),
        },
    )];
    if lab.available {
        all.push(("wire".to_owned(), wire()));
    }
    for finding in mptcp::probe::probe() {
        let remedy = feature::remedy(finding.feature)
            .map(str::to_owned)
            .filter(|_| !finding.available);
        all.push((
            feature::name(finding.feature),
            Capability {
                available: finding.available,
                detail: finding.detail,
                remedy,
            },
        ));
    }
    all.push(("python".to_owned(), python(state)));
    all.push((CONTAINERS.to_owned(), containers::engine()));
    Found {
        root: lab.privileged,
        capabilities: all,
    }
}

/// The facts of the host for a result.
pub(crate) fn facts(root: bool, capabilities: BTreeMap<String, Capability>) -> HostFacts {
    HostFacts {
        kernel: text("/proc/sys/kernel/osrelease"),
        architecture: std::env::consts::ARCH.to_owned(),
        libc: mpws_peers::protocol::libc_version(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        root,
        capabilities,
    }
}

/// A lab is made, an MPTCP handshake is sent over its wire, and the capture is read back.
fn wire() -> Capability {
    match crate::run::selftest::handshake() {
        Ok(detail) => Capability {
            available: true,
            detail,
            remedy: None,
        },
        Err(detail) => Capability {
            available: false,
            detail,
            remedy: Some(
                "packet sockets (CONFIG_PACKET) and veth must be in the kernel".to_owned(),
            ),
        },
    }
}

fn python(state: Option<&Path>) -> Capability {
    let folder = match state {
        Some(path) => StateFolder::new(path),
        None => StateFolder::usual(),
    };
    match folder.and_then(|folder| folder.describe_python()) {
        Ok(detail) => Capability {
            available: true,
            detail,
            remedy: None,
        },
        Err(error) => Capability {
            available: false,
            detail: error.to_string(),
            remedy: Some(
                "install Python 3.9 or newer with pip, or name one in MPWS_PYTHON".to_owned(),
            ),
        },
    }
}

fn text(path: &str) -> String {
    std::fs::read_to_string(path)
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
