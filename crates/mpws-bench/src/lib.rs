//! MPTCP beside TCP, measured in one lab: is MPTCP worth it for this stack?
//!
//! For: times and goodput of a client with a server, over MPTCP and over TCP in turn, so that both
//! have the same minutes of the same machine. Not for: comparing machines, or judging whether a
//! stack is right; that is what cells are for (`mpws-suite`).
//!
//! A figure counts only with a proof of what carried it. The wire must show MP_CAPABLE and DSS (or
//! neither) on every measured connection and the kernels at both ends must agree; otherwise the row
//! is an error and has no figure. No figure comes from the clock or the word of a measured peer: it
//! is read in the fixture's client, which runs inside this program, or from the kernel's time
//! stamps of the packets on the wire.
//!
//! | module | what it is |
//! |---|---|
//! | [`options`] | what a user may choose, and how long each measure takes |
//! | [`plan`] | pairs and rows |
//! | [`run`] | a whole run |
//! | [`result`] | what comes out |
//! | [`capacity`] | what shaped paths can carry by rate and headers |
//! | `stage` | one lab with its peers and listeners |
//! | `link` | a measured connection of the fixture's client |
//! | `proof` | what carried the bytes of each measured connection |
//! | `measure` | the measures |
//! | [`figure`] | from readings to figures |

#![forbid(unsafe_code)]

pub mod capacity;
mod end;
pub mod figure;
mod link;
mod machine;
mod measure;
pub mod options;
pub mod plan;
mod proof;
pub mod run;
mod stage;

pub use mpws_model::bench as result;
