//! What this host is and what it can prove.

use std::collections::BTreeMap;
use std::path::Path;

use mpws_peers::StateFolder;

use crate::result::{Capability, HostFacts};
use crate::run::containers::{self, CONTAINERS};

/// Name of the capability to have labs.
pub const LAB: &str = "lab";

/// Tries everything that runs depend on, in the order in which a reader wants it.
pub fn doctor(state: Option<&Path>) -> Vec<(String, Capability)> {
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
        let name = format!("mptcp-{}", finding.feature.name());
        let remedy = remedy(&name)
            .map(str::to_owned)
            .filter(|_| !finding.available);
        all.push((
            name,
            Capability {
                available: finding.available,
                detail: finding.detail,
                remedy,
            },
        ));
    }
    all.push(("python".to_owned(), python(state)));
    all.push((CONTAINERS.to_owned(), containers::engine()));
    all
}

/// The facts of the host for a result.
pub fn facts(capabilities: BTreeMap<String, Capability>) -> HostFacts {
    HostFacts {
        kernel: text("/proc/sys/kernel/osrelease"),
        architecture: std::env::consts::ARCH.to_owned(),
        libc: mpws_peers::protocol::libc_version(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        root: capabilities
            .get(LAB)
            .is_some_and(|lab| !lab.detail.contains("user namespace")),
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

pub(crate) fn remedy(name: &str) -> Option<&'static str> {
    match name {
        "mptcp-socket-v4" | "mptcp-socket-v6" => Some(
            "a kernel with CONFIG_MPTCP (5.6 or newer), and net.mptcp.enabled=1; cells use namespaces of their own, where the switch is on by default",
        ),
        "mptcp-path-manager-events" => {
            Some("needs CAP_NET_ADMIN; labs have it, so no cell depends on it out here")
        }
        "mptcp-diag" => {
            Some("CONFIG_INET_MPTCP_DIAG, a module on some systems: modprobe mptcp_diag")
        }
        "mptcp-resolver" => Some(
            "glibc 2.42 or newer; without it asyncio's sock_connect cannot connect MPTCP sockets",
        ),
        "mptcp-is-mptcp" => Some("Linux 6.10 or newer; older kernels are judged by errno"),
        "mptcp-full-info" => Some("Linux 6.5 or newer"),
        _ => None,
    }
}

fn text(path: &str) -> String {
    std::fs::read_to_string(path)
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
