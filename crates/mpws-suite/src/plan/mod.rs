//! From cases and peers to cells.

pub(crate) mod left_out;
pub mod pattern;

use std::collections::BTreeMap;
use std::sync::Arc;

use mpws_lab::preset::OnPath;
use mpws_model::{CellName, Protocol};
use mpws_peers::catalogue::Kind;
use mpws_peers::protocol::SocketProtocol;
use mpws_peers::{PeerSpec, Role};

use crate::case::{Case, Ip, Pairs, Profile};
use crate::claims;
pub use crate::plan::pattern::glob;
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

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A selector selects nothing.
    #[error("the selector `{selector}` matches no cell{}", hint(.nearest))]
    NoSuchCell {
        /// The selector.
        selector: String,
        /// Cases with a similar name.
        nearest: Vec<String>,
    },
    /// A selector selects cells of a larger profile only.
    #[error("the selector `{selector}` matches only cells of the profile {}", .profile.word())]
    InLargerProfile {
        /// The selector.
        selector: String,
        /// The smallest profile that holds one of them.
        profile: Profile,
    },
    /// A family has no matrix.
    #[error("there is no matrix of `{family}`; there are: {known}")]
    NoSuchMatrix {
        /// The family.
        family: String,
        /// The families that have one.
        known: String,
    },
    /// A peer takes part in the matrix of its family only.
    #[error("the peer `{name}` is in the matrix of {family} only")]
    OnlyInMatrix {
        /// The name.
        name: String,
        /// The family.
        family: String,
    },
    /// A pattern makes no sense.
    #[error("the pattern `{pattern}` makes no sense: {detail}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A peer name or glob matches nothing.
    #[error("no peer is named `{name}`; there are: {known}")]
    NoSuchPeer {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Nothing was planned at all.
    #[error("nothing to run: the chosen peers fit no case")]
    Empty,
    /// All that was asked for does not exist here.
    #[error("nothing to run: {reason}")]
    NotHere {
        /// Why not.
        reason: String,
    },
    /// No cell has such a path.
    #[error("`{condition}` is for path {path}, and no chosen cell has more than {most}")]
    NoSuchPath {
        /// The condition.
        condition: String,
        /// The path.
        path: u8,
        /// Most paths of a chosen cell.
        most: u8,
    },
    /// Cells cannot have the condition.
    #[error("`{condition}` leads to a third host, and cells have two; `balance` alone needs none")]
    NoThirdHost {
        /// The condition.
        condition: String,
    },
    /// A `peer.toml` cannot be used.
    #[error("a peer file cannot be used")]
    Peers(#[from] mpws_peers::CatalogueError),
    /// A file of expectations cannot be used.
    #[error("expectations cannot be used")]
    Expectations(#[from] crate::expectation::ExpectationError),
}

impl Plan {
    /// All cells of these cases for these peers.
    pub fn of(cases: &'static [Case], peers: &[Arc<PeerSpec>]) -> Self {
        Self::with(cases, peers, &|_, _| true)
    }

    /// All cells of these cases for the versions of a library, each against the fixture. Where a case pairs all with all,
    /// a version meets itself and its neighbours in the same implementation: what two releases do to each other shows
    /// first at the step where it changed, and pairs of all versions would grow with their square.
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

    /// Only the cells of the profile that at least one selector selects; every selector must select something.
    ///
    /// # Errors
    ///
    /// [`PlanError::NoSuchCell`], [`PlanError::InLargerProfile`] and [`PlanError::Empty`].
    pub fn select(mut self, profile: Profile, selectors: &[String]) -> Result<Self, PlanError> {
        for selector in selectors {
            check_pattern(selector)?;
            let matching = self
                .cells
                .iter()
                .filter(|cell| selects(selector, &cell.name));
            match matching.map(|cell| cell.case.profile).min() {
                None => {
                    return Err(PlanError::NoSuchCell {
                        selector: selector.clone(),
                        nearest: nearest(selector, &self.cells),
                    });
                }
                Some(smallest) if smallest > profile => {
                    return Err(PlanError::InLargerProfile {
                        selector: selector.clone(),
                        profile: smallest,
                    });
                }
                Some(_) => {}
            }
        }
        self.cells.retain(|cell| cell.case.profile <= profile);
        if !selectors.is_empty() {
            self.cells
                .retain(|cell| selectors.iter().any(|one| selects(one, &cell.name)));
        }
        if self.cells.is_empty() {
            Err(PlanError::Empty)
        } else {
            Ok(self)
        }
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

/// The peers that names or globs choose; all for none. The fixture is always among them.
///
/// # Errors
///
/// [`PlanError::NoSuchPeer`].
pub fn choose(all: &[PeerSpec], names: &[String]) -> Result<Vec<Arc<PeerSpec>>, PlanError> {
    for name in names {
        check_pattern(name)?;
        if !all.iter().any(|peer| glob(name, &peer.name)) {
            let known: Vec<&str> = all.iter().map(|peer| peer.name.as_str()).collect();
            return Err(PlanError::NoSuchPeer {
                name: name.clone(),
                known: known.join(", "),
            });
        }
    }
    Ok(all
        .iter()
        .filter(|peer| {
            names.is_empty()
                || peer.name == FIXTURE
                || names.iter().any(|name| glob(name, &peer.name))
        })
        .map(|peer| Arc::new(peer.clone()))
        .collect())
}

fn check_pattern(pattern: &str) -> Result<(), PlanError> {
    match pattern::fault(pattern) {
        None => Ok(()),
        Some(detail) => Err(PlanError::Pattern {
            pattern: pattern.to_owned(),
            detail,
        }),
    }
}

/// Whether a selector selects a cell: a glob over the whole name, a prefix that ends at a boundary, or the name of claims
/// that need the cell.
pub fn selects(selector: &str, cell: &str) -> bool {
    if let Some(claims) = claims::named(selector) {
        return claims.iter().any(|claim| claim.needs(cell));
    }
    if pattern::is_pattern(selector) {
        return glob(selector, cell);
    }
    cell.strip_prefix(selector).is_some_and(|rest| {
        rest.is_empty() || selector.ends_with(['/', '@', ':']) || rest.starts_with(['/', '@', ':'])
    })
}

pub use mpws_model::FIXTURE;

/// Feature of a peer that can do all that the fixture can, and takes its place in pairs beside it: the broken fixtures with
/// which the suite itself is tested.
pub const STAND_IN: &str = "stand-in";

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
    let is_fixture = |peer: &PeerSpec| peer.name == FIXTURE || peer.has(STAND_IN);
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
                && case.client_needs.iter().all(|feature| client.has(feature))
                && case.server_needs.iter().all(|feature| server.has(feature))
                && !case.client_unless.iter().any(|lack| client.has(lack))
                && !case.server_unless.iter().any(|lack| server.has(lack));
            if paired && able {
                pairs.push((Arc::clone(client), Arc::clone(server)));
            }
        }
    }
    pairs
}

/// Cases and claims with a similar name.
fn nearest(selector: &str, cells: &[PlannedCell]) -> Vec<String> {
    let wanted: Vec<&str> = selector
        .split(['/', '@', '-', '*'])
        .filter(|part| part.len() > 2)
        .collect();
    let claims = claims::CLAIMS
        .iter()
        .map(|claim| format!("{}/{}", claims::SELECTOR, claim.id));
    let mut scored: Vec<(usize, String)> = cells
        .iter()
        .map(|cell| cell.case.slug.to_owned())
        .chain(claims)
        .map(|name| {
            let score = wanted.iter().filter(|part| name.contains(**part)).count();
            (score, name)
        })
        .filter(|(score, _)| *score > 0)
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; `mpws list` shows all".to_owned()
    } else {
        format!(
            "; did you mean {}? (`mpws list` shows all)",
            nearest.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_profile_holds_all_of_a_smaller_one_and_is_named_where_it_is_needed() {
        static CASES: [Case; 2] = [
            Case {
                slug: "family/short",
                ..Case::BASE
            },
            Case {
                slug: "family/long",
                profile: Profile::Full,
                ..Case::BASE
            },
        ];
        let known = mpws_peers::Catalogue::builtin().expect("our own peers");
        let fixture = [FIXTURE.to_owned()];
        let fixture = known
            .peers()
            .iter()
            .filter(|peer| fixture.contains(&peer.name));
        let peers: Vec<Arc<PeerSpec>> = fixture.cloned().map(Arc::new).collect();
        let select = |profile, selectors: &[&str]| {
            let selectors: Vec<String> = selectors.iter().map(|&one| one.to_owned()).collect();
            Plan::of(&CASES, &peers).select(profile, &selectors)
        };
        let slugs = |plan: Result<Plan, PlanError>| -> Vec<&'static str> {
            let cells = plan.expect("a plan").cells.into_iter();
            let mut slugs: Vec<_> = cells.map(|cell| cell.case.slug).collect();
            slugs.dedup();
            slugs
        };
        let (short, both) = (vec!["family/short"], vec!["family/short", "family/long"]);
        assert_eq!(slugs(select(Profile::Default, &[])), short);
        assert_eq!(slugs(select(Profile::Default, &["family/"])), short);
        assert_eq!(slugs(select(Profile::Full, &[])), both);
        assert!(matches!(
            select(Profile::Default, &["family/long"]),
            Err(PlanError::InLargerProfile {
                profile: Profile::Full,
                ..
            })
        ));
    }

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

    #[test]
    fn a_plain_selector_is_a_prefix_that_ends_at_a_boundary() {
        let cell = "fallback/syn@fixture:fixture/mptcp/v4";
        assert!(selects("fallback", cell));
        assert!(selects("fallback/syn", cell));
        assert!(selects(cell, cell));
        assert!(!selects("fallback/s", cell));
        assert!(!selects("fall", cell));
    }
}
