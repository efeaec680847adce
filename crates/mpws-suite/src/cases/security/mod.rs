//! What must not become possible, or impossible, by MPTCP.
//!
//! | module | question |
//! |---|---|
//! | [`join`] | Does a subflow get in without the right token, HMAC or announcement? |
//! | [`policy`] | Do marks, sandboxes, signatures and the peer's address mean what they mean over TCP? |

pub mod join;
pub mod policy;
