//! Which claims are asked about, and what they need.

use mpws_model::bench::Measure;
use mpws_suite::plan::{Group, Selectors};

use crate::catalogue::CLAIMS;
use crate::claim::{Claim, Source, selectors};

/// The cells behind each claim, to be selected by the claim's name.
pub fn groups() -> Vec<Group> {
    let cells = |claim: &Claim| {
        let aspects = claim.aspects.iter();
        let cells = aspects.flat_map(|aspect| match aspect.source {
            Source::Cells { select, .. } => selectors(select),
            Source::Figures { .. } => Vec::new(),
        });
        cells.collect()
    };
    let group = |claim: &Claim| Group {
        name: claim.selector(),
        cells: cells(claim),
    };
    CLAIMS.iter().map(group).collect()
}

/// The claims that selectors name, each once, in the order of [`CLAIMS`].
pub fn asked(selectors: &Selectors) -> Vec<&'static Claim> {
    let named: Vec<&str> = selectors.groups().collect();
    let chosen = CLAIMS.iter();
    chosen
        .filter(|claim| named.contains(&claim.selector().as_str()))
        .collect()
}

/// The measures of `mpws bench` that these claims need, each once.
pub fn measures(claims: &[&Claim]) -> Vec<Measure> {
    let mut all = Vec::new();
    for aspect in claims.iter().flat_map(|claim| claim.aspects) {
        if let Source::Figures { measures, .. } = aspect.source {
            all.extend(measures);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}
