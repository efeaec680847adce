//! Linux Multipath TCP (RFC 8684) for Rust: making sockets, and asking the kernel what became of
//! them.
//!
//! It is for programs that must *know* whether MPTCP is in use: it never falls back to TCP on its
//! own, it tells "absent in this kernel" from zero, and it probes features instead of comparing
//! versions. It is not an asynchronous socket library: [`stream`] gives a plain [`socket2::Socket`]
//! for the runtime of your choice, and all calls are blocking.
//!
//! | module | room |
//! |---|---|
//! | [`stream`], [`Unavailable`] | an MPTCP socket, or why there is none |
//! | [`sockopt`] | what a socket says of itself: `TCP_IS_MPTCP`, `MPTCP_INFO` and more |
//! | [`facts`] | all of that in one look |
//! | [`counters`] | counters of a network namespace, and what moved |
//! | [`pm`] | path manager: endpoints, limits, subflows, events |
//! | [`diag`] | all MPTCP sockets and subflows of a network namespace |
//! | [`probe`] | what the running system can |
//! | [`uapi`] | numbers of the kernel that the C library lacks |
//!
//! ```no_run
//! use mptcp::sockopt::{IsMptcp, is_mptcp};
//!
//! let socket = mptcp::stream(socket2::Domain::IPV4)?;
//! let server: std::net::SocketAddr = "192.0.2.1:443".parse()?;
//! socket.connect(&server.into())?;
//! if is_mptcp(&socket)? != IsMptcp::Yes {
//!     eprintln!("the connection fell back to TCP");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(unsafe_code)]

pub mod counters;
pub mod diag;
pub mod facts;
mod fields;
#[cfg(test)]
mod hostile_bytes;
mod netlink;
pub mod pm;
pub mod probe;
mod socket;
pub mod sockopt;
mod sys;
mod types;
pub mod uapi;

pub use self::netlink::{KernelRefusal, NetlinkError};
pub use self::socket::{Reason, Unavailable, stream};
pub use self::types::{AddressId, SubflowId, Token};
