//! The generic netlink family of the path manager.

/// `NETLINK_GENERIC`.
pub(super) const GENERIC: isize = libc::NETLINK_GENERIC as isize;
/// Its name (`include/uapi/linux/mptcp_pm.h`).
pub(super) const FAMILY: &str = "mptcp_pm";
