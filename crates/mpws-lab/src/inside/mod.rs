//! The lab process.
//!
//! It is two processes. The outer one makes the namespaces and waits; the inner one is the first
//! process of the PID namespace and does all the work. Owner and inner process are tied by the
//! control socket, whose end ends the lab; outer and inner by the parent death signal. The kernel
//! ends a PID namespace with its first process, so that whoever of the three is killed, all
//! processes of the lab go, and with them the namespaces.

mod entered;
mod hosts;
mod links;
mod processes;
mod route;
mod serve;
mod spawn;

pub(crate) use processes::main;
