//! `mpws explain`: a case, or a claim of the published recipe.

mod claim;
mod part;

use mpws_suite::case::{Case, Profile};
use mpws_suite::cases::catalogue;

use self::part::{part, selected};
use crate::args::Explain;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Tells all about a case or a claim.
pub(crate) fn run(args: &Explain) -> Result<Exit, Failure> {
    if let Some(id) = claim::id(&args.case) {
        return claim::run(id);
    }
    // The name of a cell is as good as that of its case.
    let name = args.case.split('@').next().unwrap_or(&args.case);
    let case = catalogue()
        .iter()
        .find(|case| case.slug == name)
        .ok_or_else(|| unknown(name))?;
    let mut output = Output::default();
    tell(case, &mut output);

    let plan = selected(format!("{}@", case.slug), Profile::Full)?;
    output.line("");
    output.line(format_args!("cells ({})", plan.cells.len()));
    for cell in &plan.cells {
        output.line(format_args!("  {}", cell.name));
    }
    output.line("");
    let profile = match case.profile {
        Profile::Default => String::new(),
        larger => format!(" --profile {}", larger.word()),
    };
    output.line(format_args!("run it: mpws run {}@{profile}", case.slug));
    output.finish()
}

fn tell(case: &Case, output: &mut Output) {
    output.line(case.slug);
    output.line("");
    let mutants = case.mutants.join("\n");
    let requirements: Vec<String> = case.requirements.iter().map(ToString::to_string).collect();
    let requirements = requirements.join("\n");
    let parts = [
        ("what", case.title),
        ("requirement", &requirements),
        ("why it matters", case.why),
        ("network", case.network),
        ("transport", &case.transport.describe()),
        ("must be seen", case.outcome),
        ("turned red by", &mutants),
        ("profile", case.profile.word()),
        (
            "control",
            if case.control {
                "the same over plain TCP"
            } else {
                "none"
            },
        ),
    ];
    for (name, text) in parts {
        part(name, text, output);
    }
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::new(Exit::Usage, format!("there is no case {name}"));
    let near = near(name);
    if near.is_empty() {
        failure.next("`mpws list` shows all cases")
    } else {
        failure.next(format!(
            "did you mean {}? `mpws list` shows all cases",
            near.join(" or ")
        ))
    }
}

/// Cases that share the most words with the name.
fn near(name: &str) -> Vec<&'static str> {
    let words: Vec<&str> = name
        .split(['/', '-', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    let score = |case: &&Case| {
        words
            .iter()
            .filter(|word| case.slug.split(['/', '-']).any(|other| other == **word))
            .count()
    };
    let best = catalogue()
        .iter()
        .map(|case| score(&case))
        .max()
        .unwrap_or(0);
    if best == 0 {
        return Vec::new();
    }
    let near = catalogue().iter().filter(|case| score(case) == best);
    near.take(SUGGESTIONS).map(|case| case.slug).collect()
}

const SUGGESTIONS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_shares_words_with_a_case_leads_to_it() {
        let slug = catalogue().first().expect("there are cases").slug;
        assert!(near(&format!("{slug}-")).contains(&slug));
    }

    #[test]
    fn a_name_that_shares_nothing_leads_nowhere() {
        assert_eq!(near("xyzzy"), Vec::<&str>::new());
    }
}
