//! What the owner of a lab asks, and what the lab process answers: one JSON message each way,
//! descriptors beside it.

use crate::error::StartStep;
use crate::exit::Exit;
use crate::middlebox::Middlebox;
use crate::rule::Rule;
use crate::shape::Shape;
use crate::topology::Topology;
use mpws_packet::Ip;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Longest message, in bytes. Below what a socket buffer holds by default, so that one send never
/// blocks for long.
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;

/// Most descriptors beside one message.
pub(crate) const MAX_DESCRIPTORS: usize = crate::topology::MAX_HOSTS;

/// A request or a reply with the number that ties them together.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope<T> {
    pub(crate) id: u64,
    pub(crate) body: T,
}

/// Hosts are indices into the topology. The first request is `Start`, and only the first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Beside it: the namespaces of the hosts that are entered.
    Start(Topology),
    Socket {
        host: usize,
        domain: i32,
        kind: i32,
        protocol: i32,
    },
    OpenProc {
        host: usize,
        path: String,
    },
    Namespace {
        host: usize,
    },
    Namespaces {
        host: usize,
    },
    Sysctl {
        host: usize,
        name: String,
    },
    SetSysctl {
        host: usize,
        name: String,
        value: String,
    },
    SetLink {
        host: usize,
        path: u8,
        up: bool,
    },
    RemoveAddress {
        host: usize,
        path: u8,
        ip: Ip,
    },
    /// Beside it: standard output and standard error.
    Spawn {
        host: usize,
        program: PathBuf,
        args: Vec<OsString>,
        env: Vec<(OsString, OsString)>,
        current_dir: PathBuf,
        deny_mptcp: Option<i32>,
    },
    /// `pid` is in the lab's PID namespace.
    Adopt {
        host: usize,
        pid: i32,
    },
    Exit {
        pid: i32,
    },
    Install(Rule),
    Remove(u64),
    Hits(u64),
    Place {
        path: u8,
        what: Middlebox,
    },
    RemoveBox(u64),
    BoxHits(u64),
    Shape {
        path: u8,
        /// Both directions where absent.
        from: Option<usize>,
        shape: Shape,
    },
    Capture,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Beside it, where one was asked for: the descriptor.
    Done,
    /// The lab is up. `inner` is the process id of its second process as its owner sees it.
    Up {
        inner: u32,
    },
    /// Beside it: the host's network namespace, the lab's PID namespace and, where it has one, its
    /// user namespace.
    Namespaces,
    Text(String),
    Exit(Option<Exit>),
    /// Beside it: the pidfd.
    Started {
        pid: i32,
    },
    /// Number of the rule or box.
    Installed(u64),
    Hits(u64),
    /// Beside it: the memory file; only its first `length` bytes are meant.
    Capture {
        length: u64,
    },
}

/// A failure that keeps the errno where there is one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) step: Option<StartStep>,
    pub(crate) errno: Option<i32>,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn at(step: StartStep, error: &io::Error) -> Self {
        Self {
            step: Some(step),
            ..Self::from(error)
        }
    }

    pub(crate) fn into_error(self) -> io::Error {
        match self.errno {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::other(self.text),
        }
    }
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        // What the lab itself refuses reads like a refusal of the kernel.
        let refused = (error.kind() == io::ErrorKind::InvalidInput).then_some(libc::EINVAL);
        Self {
            step: None,
            errno: error.raw_os_error().or(refused),
            text: error.to_string(),
        }
    }
}
