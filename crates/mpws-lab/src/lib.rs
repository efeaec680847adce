//! Hosts, paths and a recording wire in one disposable process: the network that mpws cells run in.
//!
//! A [`Lab`] is one process tree in namespaces of its own. Nothing has a name in the global
//! namespaces; when the lab process ends, by [`Lab::stop`], by drop or by SIGKILL of anyone in the
//! chain, every host, interface and peer process ends with it. Labs work for root and, where user
//! namespaces are allowed, for ordinary users; [`probe()`] says in words what this host can do.
//!
//! ```no_run
//! use mpws_lab::{Ip, Lab, rule::{Action, Rewrite, Rule}};
//!
//! let lab = Lab::two_hosts(2)?;
//! let server = lab.host("server").address(1, Ip::V4);
//! let rule = lab.install(&Rule::new("strip", Action::Rewrite(Rewrite::StripMptcp)).syn())?;
//! let client = lab.host("client");
//! let socket = client.socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP)?;
//! // … connect to `server`, talk, and then ask the wire what it saw:
//! println!("{server}: {} SYNs stripped", lab.hits(rule)?);
//! let capture = lab.capture()?;
//! # drop((socket, capture));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate judges nothing: what a capture means is the business of `mpws-trace`.
//!
//! # Modules
//! - [`rule`]: lab rules: what the wire does to packets, as data.
//! - [`middlebox`]: machines on paths that remember what they saw, as data.
//! - [`shape`]: rate, delay, queue and chance of a path, as data.
//! - [`preset`]: the usual middleboxes and link qualities by name, as a user types them.
//! - [`mod@reexec`]: entry points of the current executable, by which any program that links this
//!   crate can be the lab process. `Lab::start` needs nothing else from the program.
//! - `lab`, `apply`, `host`, `process`, `exit`, `probe`, `error`: the caller's side, all
//!   re-exported here.
//! - `topology`, `message`, `channel`: what caller and lab process share.
//! - `inside`: the lab process: namespaces, hosts, links, peer processes.
//! - `wire`: forwarder, rules applied, middleboxes and links at work, capture.
//! - `sys`: system calls that no dependency wraps. The other unsafe code is the ring of `wire`,
//!   memory that the kernel shares, and what is placed before `main`: `entry` and the hook of
//!   [`reexec!`].

#![deny(unsafe_code)]

mod apply;
mod channel;
mod entry;
mod error;
mod exit;
mod host;
mod inside;
mod lab;
mod message;
pub mod middlebox;
mod policy;
pub mod preset;
mod probe;
mod process;
pub mod reexec;
pub mod rule;
pub mod shape;
mod sys;
mod topology;
mod wire;

pub use apply::Applied;
pub use error::{InstallError, PathError, StartError, StartStep};
pub use exit::Exit;
pub use host::Host;
pub use lab::{BoxId, Builder, Lab, RuleId};
pub use mpws_packet::Ip;
pub use probe::{Probe, probe};
pub use process::{Namespaces, Process, Spawn};
pub use topology::{MAX_BACKLOG, MAX_HOSTS, MAX_PATHS, MIN_SNAPLEN};
