//! What a case is: one requirement, with stimulus, network, expected transport and expected outcome.

pub use mpws_packet::Ip;
use mpws_trace::Cause;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cell::{Cell, CellEnd};

/// One requirement and how it is put to the test.
///
/// A case is written as a constant with [`Case::BASE`] as its ground; see the families under
/// [`crate::cases`] for models.
#[derive(Clone, Copy)]
pub struct Case {
    /// `family/stimulus`, stable; the case is addressed by it.
    pub slug: &'static str,
    /// One line for lists.
    pub title: &'static str,
    /// Where the requirement stands: RFC and section, kernel interface, or the library's documentation.
    pub requirement: &'static str,
    /// Why it matters to a user.
    pub why: &'static str,
    /// The network, in words; paths and rules are set up by `steps`.
    pub network: &'static str,
    /// Number of paths between client and server, 1 to 4.
    pub paths: u8,
    /// Which peers are paired.
    pub pairs: Pairs,
    /// Features that the client peer must have.
    pub client_needs: &'static [&'static str],
    /// Features that the server peer must have.
    pub server_needs: &'static [&'static str],
    /// Features that say what a client lacks, such as `no-fragments`, with which it takes no part.
    pub client_unless: &'static [&'static str],
    /// The same for servers.
    pub server_unless: &'static [&'static str],
    /// Whether it can be shown with an end that cannot be asked for single steps: a blind peer serves echoes, or sends and
    /// receives lines of text, and all else is seen on the wire and in the kernels.
    pub blind: bool,
    /// Whether it also runs over plain TCP as its control.
    pub control: bool,
    /// IP versions that it runs on.
    pub ips: &'static [Ip],
    /// What must carry the bytes when MPTCP is asked for. The control must show plain TCP instead.
    pub transport: Expect,
    /// What must be seen beside the transport, in words.
    pub outcome: &'static str,
    /// Broken peers or wires that must turn it red.
    pub mutants: &'static [&'static str],
    /// Sockets that the programs under test may refuse MPTCP to, by seccomp: side and errno.
    pub deny: Option<(Side, i32)>,
    /// A side whose network namespace has `net.mptcp.enabled=0` before its peer starts; a container gets it from the
    /// engine.
    pub switched_off: Option<Side>,
    /// Environment variables of the client's process.
    pub env: &'static [(&'static str, &'static str)],
    /// The smallest run that it takes part in.
    pub profile: Profile,
    /// Whether its cells wait for seconds with next to nothing to do, as for a library's own time limit. The runner
    /// starts such cells early, so that they wait beside the others and not at the end.
    pub waits: bool,
    /// Whether more than some 500 packets may be on their way at once: half a megabyte, or a hundred connections. The wire then
    /// has room for more frames; where more come at once than it has room for, the cell is an error.
    pub bulk: bool,
    /// Who does what. Peers run, the network stands.
    pub steps: fn(&mut Cell) -> Result<(), CellEnd>,
}

/// How much a run covers. A larger profile holds every case of the smaller ones.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// What one runs at each change: within two minutes on two processors.
    #[default]
    Default,
    /// Everything, the cases that take long or much data included.
    Full,
}

/// Which peers a case pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// Fixture with fixture: the kernel is under test.
    Fixtures,
    /// Fixture with fixture, and each other peer with the fixture in both roles.
    Star,
    /// Each peer as client, the fixture as server.
    Clients,
    /// Each peer as server, the fixture as client.
    Servers,
    /// Every peer with every peer.
    All,
}

/// One end of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that connects.
    Client,
    /// The one that listens.
    Server,
}

/// What must carry the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// MPTCP on every connection of the cell, to the end.
    Mptcp,
    /// TCP where MPTCP was asked for, for this cause.
    Fallback(Cause),
    /// Plain TCP; MPTCP never appeared on the wire, for this cause.
    Tcp(Cause),
    /// No connection, for this cause.
    NoConnection(Cause),
    /// Not a packet between the hosts.
    Silence,
    /// The case is not about transport; what was seen is recorded.
    Recorded,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Case").field(&self.slug).finish()
    }
}

impl Case {
    /// The ground on which cases are written: one path, IPv4, star pairing, with control, MPTCP expected.
    pub const BASE: Self = Self {
        slug: "",
        title: "",
        requirement: "",
        why: "",
        network: "one path, nothing in the way",
        paths: 1,
        pairs: Pairs::Star,
        client_needs: &[],
        server_needs: &[],
        client_unless: &[],
        server_unless: &[],
        blind: false,
        control: true,
        ips: &[Ip::V4],
        transport: Expect::Mptcp,
        outcome: "",
        mutants: &[],
        deny: None,
        switched_off: None,
        env: &[],
        profile: Profile::Default,
        waits: false,
        bulk: false,
        steps: |_| Err(CellEnd::Broken("the case has no steps".to_owned())),
    };

    /// What stands before the slash of the slug.
    pub fn family(&self) -> &'static str {
        self.slug.split('/').next().unwrap_or(self.slug)
    }
}

impl Profile {
    /// `default` or `full`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Full => "full",
        }
    }
}

impl Side {
    /// `client` or `server`: also the name of its host in the lab.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl Expect {
    /// In words, for checks.
    pub fn describe(self) -> String {
        match self {
            Self::Mptcp => "mptcp".to_owned(),
            Self::Fallback(cause) => format!("fallback ({cause})"),
            Self::Tcp(cause) => format!("tcp ({cause})"),
            Self::NoConnection(cause) => format!("no connection ({cause})"),
            Self::Silence => "no packet at all".to_owned(),
            Self::Recorded => "recorded, not judged".to_owned(),
        }
    }
}
