//! What wire, both kernels, both peers and this host said of one cell.

use std::net::SocketAddr;

use mptcp::counters::CounterDelta;
use mpws_model::Side;
use mpws_model::result::Check;
use serde::{Deserialize, Serialize};

use crate::wire::Wire;

/// All that was said. Gathered while the cell ran; judged afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Testimony {
    /// What the steps of the case judged themselves, and how they ended.
    pub steps: Steps,
    /// What crossed the wire.
    pub wire: Wire,
    /// How many packets came for each lab rule and middlebox, in the order of
    /// [`crate::Demands::placed`].
    pub came: Vec<u64>,
    /// What the kernels of both hosts said.
    pub kernels: Sides<Kernel>,
    /// What both peers said, and how they ended.
    pub peers: Sides<Peer>,
    /// The refusal of an MPTCP socket to the client, where there was one, and what this host says
    /// of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// The same of client and server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sides<T> {
    /// The end that connects.
    pub client: T,
    /// The end that listens.
    pub server: T,
}

/// What the steps of a case judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Their own checks, in order. A case without any judges nothing.
    pub checks: Vec<Check>,
    /// Why they ended early; absent where they went through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// Why the steps of a case ended early, with the reason in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// A peer did something that it must not, or did not do what it must.
    Failed(String),
    /// A peer said that it cannot do what the case asks.
    Unsupported(String),
    /// This host cannot show it.
    Unprovable(String),
    /// The suite itself is at fault.
    Broken(String),
}

/// What one kernel said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// By how much its counters moved from the start of the cell to its end. One that the kernel
    /// does not have is not in it.
    pub moved: CounterDelta,
    /// Its MPTCP sockets, listeners left out, while a connection stood; absent where nobody asked
    /// then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Vec<MptcpSocket>>,
}

/// An MPTCP socket, as `inet_diag` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MptcpSocket {
    /// Its own address.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Whether it fell back to TCP; absent where the kernel did not tell.
    pub fallback: Option<bool>,
}

/// What one peer said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its connections, while one stood, as its own API and socket options show them; absent where
    /// nobody asked then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Vec<PeerConnection>>,
    /// How its process ended; absent where it was not told to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// A connection, as a peer sees it. What it cannot say is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConnection {
    /// Whether its descriptor is still open.
    pub open: bool,
    /// `SO_PROTOCOL`: 262 for MPTCP, 6 for TCP.
    pub so_protocol: Option<i32>,
    /// `TCP_IS_MPTCP`. A server reads it when it accepts.
    pub is_mptcp: Option<bool>,
    /// `TCP_NODELAY`.
    pub nodelay: Option<bool>,
    /// The protocol that the runtime's own object claims, such as `sock.proto` in Python.
    pub api_protocol: Option<i32>,
}

/// How the process of a peer ended when it was told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Not in its time, or it could not be told to; why, in words.
    Not(String),
}

/// An MPTCP socket that a peer asked for and did not get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The errno that its program got.
    pub errno: i32,
    /// Whether this host gives a socket of the same kind to others, in the same network namespace,
    /// after the steps.
    pub given_to_others: bool,
    /// `net.mptcp.enabled` in that namespace; absent where it cannot be read.
    pub enabled: Option<bool>,
}

impl<T> Sides<T> {
    /// That of one side.
    pub fn of(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// Client, then server, each with its side.
    pub fn both(&self) -> [(Side, &T); 2] {
        [(Side::Client, &self.client), (Side::Server, &self.server)]
    }
}

impl End {
    /// Why, in words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Failed(reason)
            | Self::Unsupported(reason)
            | Self::Unprovable(reason)
            | Self::Broken(reason) => reason,
        }
    }
}
