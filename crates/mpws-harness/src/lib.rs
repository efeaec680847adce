//! A lab with a client's and a server's host, the peers in them, and a view into both kernels.
//!
//! For: what runs a cell or measures a row. Not for: what is done with it, or how it is judged;
//! nothing here knows of cases, measures or verdicts.
//!
//! | module | what it is |
//! |---|---|
//! | [`harness`] | hosts, paths and peers, from their start on |
//! | [`kernels`] | counters and sockets, as both kernels list them |

#![forbid(unsafe_code)]

pub mod harness;
pub mod kernels;

pub use harness::{End, Fault, Harness, Setup, StartError};
pub use kernels::{InUse, KernelError, Kernels};
