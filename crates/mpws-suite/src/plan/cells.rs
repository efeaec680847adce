//! The cells that cases have with peers.

use mpws_peers::protocol::Feature;
use std::collections::BTreeMap;
use std::sync::Arc;

use mpws_lab::preset::OnPath;
use mpws_model::{CellName, Protocol};
use mpws_peers::catalogue::Kind;
use mpws_peers::protocol::SocketProtocol;
use mpws_peers::{PeerSpec, Role};

use super::error::PlanError;
use crate::case::{Case, Ip, Pairs};
use crate::result::LeftOut;

/// The cells of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The cells.
    pub cells: Vec<PlannedCell>,
}

/// One cell, before it runs.
#[derive(Clone, Debug)]
pub struct PlannedCell {
    /// `case@client:server/transport/ip`.
    pub name: String,
    /// The case.
    pub case: &'static Case,
    /// The client peer.
    pub client: Arc<PeerSpec>,
    /// The server peer.
    pub server: Arc<PeerSpec>,
    /// Protocol asked for.
    pub protocol: SocketProtocol,
    /// IP version.
    pub ip: Ip,
}

impl Plan {
    /// All cells of these cases for these peers.
    pub fn of(cases: &'static [Case], peers: &[Arc<PeerSpec>]) -> Self {
        Self::with(cases, peers, &|_, _| true)
    }

    /// All cells of these cases for the versions of a library, each against the fixture. Where a
    /// case pairs all with all, a version meets itself and its neighbours in the same
    /// implementation: what two releases do to each other shows first at the step where it changed,
    /// and pairs of all versions would grow with their square.
    pub fn of_matrix(cases: &'static [Case], peers: &[Arc<PeerSpec>]) -> Self {
        let place = |peer: &PeerSpec| {
            let alike = |one: &&Arc<PeerSpec>| {
                one.family == peer.family && one.implementation == peer.implementation
            };
            let mut row = peers.iter().filter(alike);
            row.position(|one| one.name == peer.name)
        };
        let meet = |client: &PeerSpec, server: &PeerSpec| {
            client.family == server.family
                && client.implementation == server.implementation
                && matches!((place(client), place(server)), (Some(c), Some(s)) if c.abs_diff(s) <= 1)
        };
        let mut plan = Self::with(cases, peers, &meet);
        let of_library = |peer: &PeerSpec| peer.name != FIXTURE;
        plan.cells
            .retain(|cell| of_library(&cell.client) || of_library(&cell.server));
        plan
    }

    /// `meet` tells whether two peers are paired that are both not the fixture.
    fn with(
        cases: &'static [Case],
        peers: &[Arc<PeerSpec>],
        meet: &dyn Fn(&PeerSpec, &PeerSpec) -> bool,
    ) -> Self {
        let mut cells = Vec::new();
        for case in cases {
            for (client, server) in pairs(case, peers, meet) {
                for &ip in case.ips {
                    let mut protocols = vec![SocketProtocol::Mptcp];
                    if case.control {
                        protocols.push(SocketProtocol::Tcp);
                    }
                    for protocol in protocols {
                        let (client, server) = (Arc::clone(&client), Arc::clone(&server));
                        let name = name(case, &client, &server, protocol, ip).to_string();
                        cells.push(PlannedCell {
                            name,
                            case,
                            client,
                            server,
                            protocol,
                            ip,
                        });
                    }
                }
            }
        }
        Self { cells }
    }
}

impl Plan {
    /// Takes out the cells of peers that do not exist here, and tells which peers and why.
    pub(crate) fn leave_out(&mut self, why: &dyn Fn(&PeerSpec) -> Option<String>) -> Vec<LeftOut> {
        let mut left_out: BTreeMap<String, LeftOut> = BTreeMap::new();
        self.cells.retain(|cell| {
            let mut stays = true;
            let ends: BTreeMap<&str, &PeerSpec> = [&cell.client, &cell.server]
                .map(|peer| (peer.name.as_str(), peer.as_ref()))
                .into();
            for (name, peer) in ends {
                let Some(reason) = why(peer) else { continue };
                stays = false;
                let entry = left_out.entry(name.to_owned());
                let entry = entry.or_insert_with(|| LeftOut {
                    peer: name.to_owned(),
                    cells: 0,
                    reason,
                });
                entry.cells += 1;
            }
            stays
        });
        left_out.into_values().collect()
    }

    /// Checks that the condition can be put on at least one cell.
    pub(crate) fn takes(&self, on_path: &OnPath) -> Result<(), PlanError> {
        let condition = || on_path.to_string();
        let most = self.cells.iter().map(|cell| cell.case.paths).max();
        let (path, most) = (on_path.path, most.unwrap_or(0));
        if path > most {
            let condition = condition();
            return Err(PlanError::NoSuchPath {
                condition,
                path,
                most,
            });
        }
        if on_path.spec.leads_elsewhere() {
            let condition = condition();
            return Err(PlanError::NoThirdHost { condition });
        }
        Ok(())
    }
}

impl PlannedCell {
    /// Its name, in parts.
    pub fn full_name(&self) -> CellName {
        name(
            self.case,
            &self.client,
            &self.server,
            self.protocol,
            self.ip,
        )
    }

    /// Name of the same cell over the other transport, if the case has a control.
    pub fn twin(&self) -> Option<CellName> {
        self.case.control.then(|| self.full_name().twin())
    }
}

pub use mpws_model::FIXTURE;

fn name(
    case: &Case,
    client: &PeerSpec,
    server: &PeerSpec,
    protocol: SocketProtocol,
    ip: Ip,
) -> CellName {
    CellName::new(case.slug, &client.name, &server.name, asked(protocol), ip)
}

/// What sockets of this protocol ask for.
pub fn asked(protocol: SocketProtocol) -> Protocol {
    match protocol {
        SocketProtocol::Mptcp => Protocol::Mptcp,
        SocketProtocol::Tcp => Protocol::Tcp,
    }
}

fn pairs(
    case: &Case,
    peers: &[Arc<PeerSpec>],
    meet: &dyn Fn(&PeerSpec, &PeerSpec) -> bool,
) -> Vec<(Arc<PeerSpec>, Arc<PeerSpec>)> {
    let is_fixture = |peer: &PeerSpec| peer.name == FIXTURE || peer.has(Feature::StandIn);
    let mut pairs = Vec::new();
    for client in peers {
        for server in peers {
            let (c, s) = (is_fixture(client), is_fixture(server));
            let paired = match case.pairs {
                Pairs::Fixtures => c && s,
                Pairs::Star => c || s,
                Pairs::Clients => s,
                Pairs::Servers => c,
                Pairs::All => c || s || meet(client, server),
            };
            let seeing = [client, server].map(|peer| peer.kind() == Kind::Adapter);
            let able = (case.blind || seeing == [true, true])
                && client.can_be(Role::Client)
                && server.can_be(Role::Server)
                && case.client_needs.iter().all(|&feature| client.has(feature))
                && case.server_needs.iter().all(|&feature| server.has(feature))
                && !case.client_unless.iter().any(|&lack| client.has(lack))
                && !case.server_unless.iter().any(|&lack| server.has(lack));
            if paired && able {
                pairs.push((Arc::clone(client), Arc::clone(server)));
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_matrix_versions_meet_the_fixture_themselves_and_their_neighbours() {
        static CASES: [Case; 1] = [Case {
            slug: "family/pairs",
            pairs: Pairs::All,
            control: false,
            ..Case::BASE
        }];
        let known = mpws_peers::Catalogue::builtin().expect("our own peers");
        let mut peers = known.matrix("websockets");
        peers.extend(known.peer(FIXTURE).cloned());
        let peers: Vec<Arc<PeerSpec>> = peers.into_iter().map(Arc::new).collect();
        let plan = Plan::of_matrix(&CASES, &peers);
        let met = |peer: &str| -> Vec<&str> {
            let cells = plan.cells.iter().filter(|cell| cell.client.name == peer);
            cells.map(|cell| cell.server.name.as_str()).collect()
        };
        // sync came with 11.0, so nothing stands before it; 10.4 has legacy only.
        assert_eq!(
            met("websockets-11.0.3-sync"),
            ["websockets-11.0.3-sync", "websockets-12.0-sync", FIXTURE]
        );
        assert_eq!(
            met("websockets-14.0-asyncio"),
            [
                "websockets-13.1-asyncio",
                "websockets-14.0-asyncio",
                "websockets-14.1-asyncio",
                FIXTURE
            ]
        );
        assert_eq!(
            met("websockets-17.4-trio"),
            ["websockets-17.4-trio", FIXTURE]
        );
        assert!(!met(FIXTURE).contains(&FIXTURE));
        assert_eq!(met(FIXTURE).len(), 33);
    }
}
