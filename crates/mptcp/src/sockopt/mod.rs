//! Socket options that tell what a socket is and how its connection fares.
//!
//! The kernel's structures grow from release to release. Each is read into a zeroed buffer larger
//! than any known kernel needs, and a field is `Some` only if its end lies within the length that
//! came back.

mod info;
mod options;
mod structure;
mod subflow;

pub use self::info::{InfoFlags, MptcpInfo};
pub(crate) use self::options::number;
pub use self::options::{
    IsMptcp, bytes, full_info, info, is_mptcp, set_bytes, so_protocol, subflow_addrs, tcpinfo,
};
pub use self::subflow::{FullInfo, FullSubflow, SubflowAddrs, TcpInfo};
