//! `mpws explain claims/ID`.

use mpws_claims::{Aspect, CLAIMS, Claim, SELECTOR, Sense, Source, selectors};
use mpws_suite::case::Profile;
use mpws_suite::plan::Plan;

use super::part::{part, selected};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// The ID where the name is that of a claim.
pub(super) fn id(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(SELECTOR)?;
    match rest.strip_prefix('/') {
        None if !rest.is_empty() => None,
        id => Some(id.unwrap_or("")),
    }
}

/// Tells all about a claim.
pub(super) fn run(id: &str) -> Result<Exit, Failure> {
    let claim = CLAIMS
        .iter()
        .find(|claim| claim.id == id)
        .ok_or_else(|| unknown(id))?;
    let name = claim.selector();
    let plan = selected(name.clone(), Profile::Default)?;
    let mut output = Output::default();
    tell(claim, &name, &mut output);
    for (number, aspect) in (1..).zip(claim.aspects) {
        output.line("");
        about(number, aspect, &plan, &mut output);
    }
    output.line("");
    output.line(format_args!("run it: mpws run {name}"));
    output.finish()
}

fn tell(claim: &Claim, name: &str, output: &mut Output) {
    output.line(name);
    output.line("");
    part("claim", claim.statement, output);
    let number = format!("{} of the article; docs/claims.md", claim.number);
    part("statement", &number, output);
    if !claim.hinges_on.is_empty() {
        part("hinges on", &claim.hinges_on.join("\n"), output);
    }
    part("judged", JUDGED, output);
}

fn about(number: usize, aspect: &Aspect, plan: &Plan, output: &mut Output) {
    part(&format!("aspect {number}"), aspect.name, output);
    let (question, behind) = match aspect.source {
        Source::Cells { select, read } => {
            let select = selectors(select);
            let cells = plan.cells.iter().map(|cell| cell.name.clone());
            let cells: Vec<String> = cells
                .filter(|cell| select.iter().any(|one| one.matches(cell)))
                .collect();
            (read.question(), ("cells", cells))
        }
        Source::Figures { measures, ask } => {
            let measures = measures.iter().map(|one| one.word().to_owned()).collect();
            let question = ask.question().to_owned();
            (question, ("measures of mpws bench", measures))
        }
    };
    part("asked", &question, output);
    let yes = match aspect.yes {
        Sense::Supports => "supports the claim",
        Sense::Contradicts => "contradicts the claim",
    };
    part("yes", yes, output);
    let (what, all) = behind;
    output.line(format_args!("{what} ({})", all.len()));
    for one in all {
        output.line(format_args!("  {one}"));
    }
}

fn unknown(id: &str) -> Failure {
    let ids: Vec<&str> = CLAIMS.iter().map(|claim| claim.id).collect();
    let what = match id {
        "" => "which claim?".to_owned(),
        _ => format!("there is no claim {id}"),
    };
    Failure::new(Exit::Usage, what).next(format!("the claims are: {}", ids.join(", ")))
}

const JUDGED: &str = "true: every answer supports it
false: every answer contradicts it
it depends: some do the one and some the other
not decided: an answer is missing";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_claims_have_an_id() {
        assert_eq!(id("claims/server-recipe"), Some("server-recipe"));
        assert_eq!(id("claims"), Some(""));
        assert_eq!(id("claimsx"), None);
        assert_eq!(id("negotiation/both-ends"), None);
    }
}
