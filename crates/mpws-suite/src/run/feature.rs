//! Features of MPTCP as capabilities of a host: their names, and how to get them.

use mptcp::probe::Feature;

/// Name of the capability to have a feature of MPTCP.
pub(crate) fn name(feature: Feature) -> String {
    format!("mptcp-{feature}")
}

/// How to get a feature of MPTCP, where that is known.
pub(crate) fn remedy(feature: Feature) -> Option<&'static str> {
    match feature {
        Feature::SocketV4 | Feature::SocketV6 => Some(
            "a kernel with CONFIG_MPTCP (5.6 or newer), and net.mptcp.enabled=1; cells use namespaces of their own, \
             where the switch is on by default",
        ),
        Feature::PathManagerEvents => {
            Some("needs CAP_NET_ADMIN; labs have it, so no cell depends on it out here")
        }
        Feature::Diag => {
            Some("CONFIG_INET_MPTCP_DIAG, a module on some systems: modprobe mptcp_diag")
        }
        Feature::Resolver => Some(
            "glibc 2.42 or newer; without it asyncio's sock_connect cannot connect MPTCP sockets",
        ),
        Feature::IsMptcp => Some("Linux 6.10 or newer; older kernels are judged by errno"),
        Feature::FullInfo => Some("Linux 6.5 or newer"),
        Feature::Info | Feature::PathManager | Feature::Counters | Feature::Sysctls => None,
    }
}
