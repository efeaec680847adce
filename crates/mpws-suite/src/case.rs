//! What a case is: one requirement, with stimulus, network, expected transport and expected
//! outcome.

pub use mpws_model::{Expect, Ip, Profile, Side};

use crate::cell::{Cell, CellEnd};
use crate::requirement::Requirement;
use mpws_peers::protocol::Feature;

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
    /// What it answers to: sections of documents, interfaces of the kernel, documentation of
    /// libraries.
    pub requirements: &'static [Requirement],
    /// Why it matters to a user.
    pub why: &'static str,
    /// The network, in words; paths and rules are set up by `steps`.
    pub network: &'static str,
    /// Number of paths between client and server, 1 to 4.
    pub paths: u8,
    /// Which peers are paired.
    pub pairs: Pairs,
    /// Features that the client peer must have.
    pub client_needs: &'static [Feature],
    /// Features that the server peer must have.
    pub server_needs: &'static [Feature],
    /// Features that say what a client lacks, such as `no-fragments`, with which it takes no part.
    pub client_unless: &'static [Feature],
    /// The same for servers.
    pub server_unless: &'static [Feature],
    /// Whether it can be shown with an end that cannot be asked for single steps: a blind peer
    /// serves echoes, or sends and receives lines of text, and all else is seen on the wire and in
    /// the kernels.
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
    /// A side whose network namespace has `net.mptcp.enabled=0` before its peer starts; a container
    /// gets it from the engine.
    pub switched_off: Option<Side>,
    /// Environment variables of the client's process.
    pub env: &'static [(&'static str, &'static str)],
    /// The smallest run that it takes part in.
    pub profile: Profile,
    /// Names of recorded values that the support matrix shows even where they are the same in all
    /// versions.
    pub always_shown: &'static [&'static str],
    /// Whether its cells wait for seconds with next to nothing to do, as for a library's own time
    /// limit. The runner starts such cells early, so that they wait beside the others and not at
    /// the end.
    pub waits: bool,
    /// Whether more than some 500 packets may be on their way at once: half a megabyte, or a
    /// hundred connections. The wire then has room for more frames; where more come at once than it
    /// has room for, the cell is an error.
    pub bulk: bool,
    /// Who does what. Peers run, the network stands.
    pub steps: fn(&mut Cell) -> Result<(), CellEnd>,
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

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Case").field(&self.slug).finish()
    }
}

impl Case {
    /// The ground on which cases are written: one path, IPv4, star pairing, with control, MPTCP
    /// expected.
    pub const BASE: Self = Self {
        slug: "",
        title: "",
        requirements: &[],
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
        always_shown: &[],
        waits: false,
        bulk: false,
        steps: |_| Err(CellEnd::Broken("the case has no steps".to_owned())),
    };

    /// What stands before the slash of the slug.
    pub fn family(&self) -> &'static str {
        self.slug.split('/').next().unwrap_or(self.slug)
    }
}
