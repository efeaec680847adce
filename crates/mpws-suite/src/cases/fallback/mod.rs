//! What happens when MPTCP is unavailable, or is taken away on the way.

pub mod dropped;
pub mod stripped;
pub mod unavailable;
