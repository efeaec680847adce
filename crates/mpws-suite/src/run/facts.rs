//! What a result tells of the peers and the cases of its plan.

use std::collections::BTreeMap;

use mpws_model::PeerId;

use crate::cases::catalogue;
use crate::plan::Plan;
use crate::result::{CaseFacts, PeerFacts};

/// What is known of every peer of the plan: that which peers said that started, and that which the
/// catalogue says of the others.
pub(super) fn all_peers(plan: &Plan, started: Vec<PeerFacts>) -> Vec<PeerFacts> {
    let mut all: BTreeMap<String, PeerFacts> = BTreeMap::new();
    for spec in plan
        .cells
        .iter()
        .flat_map(|cell| [&cell.client, &cell.server])
    {
        all.entry(spec.name.clone()).or_insert_with(|| PeerFacts {
            peer: spec.name.clone(),
            id: PeerId {
                family: spec.family.clone(),
                version: spec.version.clone(),
                implementation: spec.implementation.clone(),
            },
            runs_on: None,
        });
    }
    all.extend(started.into_iter().map(|facts| (facts.peer.clone(), facts)));
    all.into_values().collect()
}

/// What reports tell of the cases of a plan, which has them in the order of the catalogue.
pub(super) fn cases_of(plan: &Plan) -> Vec<CaseFacts> {
    let mut all: Vec<CaseFacts> = Vec::new();
    for case in plan.cells.iter().map(|cell| cell.case) {
        if all.iter().any(|known| known.case == case.slug) {
            continue;
        }
        let known = catalogue().iter().position(|one| one.slug == case.slug);
        all.push(CaseFacts {
            case: case.slug.to_owned(),
            // Cases of a test of the suite itself stand behind those of the catalogue.
            place: known.unwrap_or(catalogue().len()) + 1,
            title: case.title.to_owned(),
            requirements: case.requirements.iter().map(ToString::to_string).collect(),
            always_shown: case
                .always_shown
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
        });
    }
    all
}
