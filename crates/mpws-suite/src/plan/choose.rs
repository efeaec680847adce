//! From what was asked for to a plan: which peers, cases and cells take part.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use mpws_lab::preset::OnPath;
use mpws_peers::{Catalogue, PeerSpec};

use super::cells::{FIXTURE, Plan, PlannedCell};
use super::error::PlanError;
use super::pattern::Pattern;
use super::selector::Selectors;
use crate::case::{Case, Profile};
use crate::cases::catalogue;
use crate::clock::rfc3339;
use crate::expectation::Expectations;

/// What a user may choose of cells.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The cases: the catalogue, or what a test of the suite itself puts in its place.
    pub cases: &'static [Case],
    /// Which of their cells.
    pub selectors: Selectors,
    /// How much is covered.
    pub profile: Profile,
    /// Names or globs of peers; empty for all of the catalogue. The fixture always takes part.
    pub peers: Vec<Pattern>,
    /// A matrix whose peers, or a family of which every version takes part, against the fixture and
    /// its neighbours ([`Plan::of_matrix`]), and nobody else.
    pub matrix: Option<String>,
    /// Further `peer.toml` files.
    pub peer_files: Vec<PathBuf>,
    /// Conditions of paths, beside what each case does to its network. A cell that lacks the path
    /// goes without.
    pub paths: Vec<OnPath>,
}

impl Default for Selection {
    /// All of the catalogue in the profile `default`, without conditions.
    fn default() -> Self {
        Self {
            cases: catalogue(),
            selectors: Selectors::default(),
            profile: Profile::default(),
            peers: Vec::new(),
            matrix: None,
            peer_files: Vec::new(),
            paths: Vec::new(),
        }
    }
}

/// A plan with what belongs to it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The cells.
    pub plan: Plan,
    /// What chose them.
    pub selection: Selection,
    /// Names of all cells that the known peers have, selected or not.
    pub(crate) catalogue: Vec<String>,
    pub(crate) expectations: Expectations,
}

impl Planned {
    /// The plan of a selection.
    ///
    /// # Errors
    ///
    /// [`PlanError`]: an unknown selector, peer or matrix, a condition that no cell can have, or a
    /// broken file.
    pub fn of(selection: Selection) -> Result<Self, PlanError> {
        let mut known = Catalogue::builtin()?;
        for path in &selection.peer_files {
            known.add_file(path)?;
        }
        let everyone = known.everyone().iter();
        let documents = everyone.filter_map(|peer| peer.deviations.as_ref());
        let today = rfc3339(SystemTime::now());
        let expectations = Expectations::read(documents, today.get(..10).unwrap_or_default())?;
        let matrices: Vec<&str> = known.matrices().collect();
        let mut all = Vec::new();
        for matrix in matrices.into_iter().map(Some).chain([None]) {
            all.extend(cells(&known, catalogue(), matrix, &[])?.cells);
        }
        let names = all.into_iter().map(|cell| cell.name).collect();

        let chosen = &selection.peers;
        let mut plan = cells(&known, selection.cases, selection.matrix.as_deref(), chosen)?;
        if !chosen.is_empty() {
            // The fixture comes along as the opposite end; cells without a named peer do not.
            let named = |peer: &PeerSpec| chosen.iter().any(|one| one.matches(&peer.name));
            let has_named = |cell: &PlannedCell| named(&cell.client) || named(&cell.server);
            plan.cells.retain(has_named);
        }
        let plan = plan.select(selection.profile, &selection.selectors)?;
        for on_path in &selection.paths {
            plan.takes(on_path)?;
        }
        Ok(Self {
            plan,
            selection,
            catalogue: names,
            expectations,
        })
    }
}

impl Plan {
    /// Only the cells of the profile that at least one selector selects; every selector must select
    /// something.
    ///
    /// # Errors
    ///
    /// [`PlanError::NoSuchCell`], [`PlanError::InLargerProfile`] and [`PlanError::Empty`].
    pub fn select(mut self, profile: Profile, selectors: &Selectors) -> Result<Self, PlanError> {
        for selector in selectors.iter() {
            let matching = self
                .cells
                .iter()
                .filter(|cell| selector.matches(&cell.name));
            match matching.map(|cell| cell.case.profile).min() {
                None => {
                    return Err(PlanError::NoSuchCell {
                        selector: selector.to_string(),
                        nearest: selectors.nearest(selector, &self.cells),
                    });
                }
                Some(smallest) if smallest > profile => {
                    return Err(PlanError::InLargerProfile {
                        selector: selector.to_string(),
                        profile: smallest,
                    });
                }
                Some(_) => {}
            }
        }
        self.cells
            .retain(|cell| cell.case.profile <= profile && selectors.matches(cell));
        if self.cells.is_empty() {
            Err(PlanError::Empty)
        } else {
            Ok(self)
        }
    }
}

/// The peers that names or globs choose; all for none. The fixture is always among them.
///
/// # Errors
///
/// [`PlanError::NoSuchPeer`] where one matches none.
pub fn choose(all: &[PeerSpec], names: &[Pattern]) -> Result<Vec<Arc<PeerSpec>>, PlanError> {
    for name in names {
        if !all.iter().any(|peer| name.matches(&peer.name)) {
            let known: Vec<&str> = all.iter().map(|peer| peer.name.as_str()).collect();
            return Err(PlanError::NoSuchPeer {
                name: name.to_string(),
                known: known.join(", "),
            });
        }
    }
    let chosen = all.iter().filter(|peer| {
        names.is_empty() || peer.name == FIXTURE || names.iter().any(|one| one.matches(&peer.name))
    });
    Ok(chosen.map(|peer| Arc::new(peer.clone())).collect())
}

/// The cells of an ordinary run or of a matrix, for these peers.
fn cells(
    known: &Catalogue,
    cases: &'static [Case],
    matrix: Option<&str>,
    names: &[Pattern],
) -> Result<Plan, PlanError> {
    match matrix {
        None => cells_of_ordinary_run(known, cases, names),
        Some(family) => cells_of_matrix(known, cases, family, names),
    }
}

fn cells_of_ordinary_run(
    known: &Catalogue,
    cases: &'static [Case],
    names: &[Pattern],
) -> Result<Plan, PlanError> {
    let peers = ordinary_peers(known, names);
    let elsewhere = |name: &Pattern| -> Option<PeerSpec> {
        if peers.iter().any(|peer| name.matches(&peer.name)) {
            return None;
        }
        let mut others = known.matrices().flat_map(|family| known.matrix(family));
        others.find(|peer| name.matches(&peer.name))
    };
    let only_there = names.iter().find_map(|name| Some((name, elsewhere(name)?)));
    if let Some((name, peer)) = only_there {
        return Err(PlanError::OnlyInMatrix {
            name: name.to_string(),
            family: peer.family,
        });
    }
    Ok(Plan::of(cases, &choose(&peers, names)?))
}

fn cells_of_matrix(
    known: &Catalogue,
    cases: &'static [Case],
    family: &str,
    names: &[Pattern],
) -> Result<Plan, PlanError> {
    let mut peers = known.matrix(family);
    if peers.is_empty() {
        return Err(PlanError::NoSuchMatrix {
            family: family.to_owned(),
            known: known.matrices().collect::<Vec<_>>().join(", "),
        });
    }
    peers.extend(known.peer(FIXTURE).cloned());
    let everyone = choose(&peers, &[])?;
    let chosen = choose(&peers, names)?;
    let mut plan = Plan::of_matrix(cases, &everyone);
    // Who is whose neighbour does not depend on who was chosen.
    let there = |peer: &PeerSpec| chosen.iter().any(|one| one.name == peer.name);
    plan.cells
        .retain(|cell| there(&cell.client) && there(&cell.server));
    Ok(plan)
}

/// The peers of an ordinary run, and those of a matrix of several families that are named.
fn ordinary_peers(known: &Catalogue, names: &[Pattern]) -> Vec<PeerSpec> {
    let named = |peer: &PeerSpec| names.iter().any(|name| name.matches(&peer.name));
    let all = known.everyone().iter();
    all.filter(|peer| !peer.matrix_only || (peer.matrix.is_some() && named(peer)))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_matrix_of_several_families_runs_where_it_or_a_peer_of_it_is_named_and_nowhere_else() {
        let known = Catalogue::builtin().expect("our own peers");
        let families = |matrix: Option<&str>, names: &[&str]| -> Vec<String> {
            let names: Vec<Pattern> = names.iter().map(|one| one.parse().expect(one)).collect();
            let plan = cells(&known, catalogue(), matrix, &names).expect("a plan");
            let families = plan.cells.iter().map(|cell| cell.client.family.clone());
            let families: BTreeSet<String> = families.collect();
            families.into_iter().collect()
        };
        assert_eq!(families(None, &[]), ["fixture", "websockets"]);
        assert_eq!(families(None, &["aiohttp-*"]), ["aiohttp", "fixture"]);
        let foreign = families(Some("foreign"), &[]);
        assert!(foreign.contains(&"aiohttp".to_owned()), "{foreign:?}");
        assert!(!foreign.contains(&"websockets".to_owned()), "{foreign:?}");
        assert!(matches!(
            cells(&known, catalogue(), Some("nowhere"), &[]),
            Err(PlanError::NoSuchMatrix { .. })
        ));
    }

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
            let selectors = Selectors::parse(selectors, &[]).expect("selectors");
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
}
