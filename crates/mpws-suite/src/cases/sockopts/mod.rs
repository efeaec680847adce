//! Which socket options can be set, in which state of a socket, and who sets them.
//!
//! | module | question |
//! |---|---|
//! | `matrix` | Which options does a socket take: fresh, connected, accepted, fallen back, plain TCP? |
//! | `table` | The answers, as data. |
//! | `inherited` | What becomes of an option on the way to an accepted socket, or through a fallback? |
//! | `info` | What does a socket say of its connection? |
//! | `libraries` | What do libraries do to the options of their users, and to a refusal? |
//!
//! All but the last ask the kernel alone, on sockets of the suite's own; `option` does it.

pub mod info;
pub mod inherited;
pub mod libraries;
pub mod matrix;
mod option;
mod table;

use option::{SocketOption, Value};

pub(crate) use option::errno;

/// `TCP_INFO`, on MPTCP that of the first subflow; read only.
pub(crate) const TCP_INFO: SocketOption = SocketOption {
    name: "TCP_INFO",
    level: libc::IPPROTO_TCP,
    number: libc::TCP_INFO,
    value: Value::ReadOnly,
};
