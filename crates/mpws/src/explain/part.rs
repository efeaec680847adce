//! What explanations of cases and of claims share.

use mpws_suite::case::Profile;
use mpws_suite::plan::Plan;

use crate::args::Selection;
use crate::failure::Failure;
use crate::output::Output;
use crate::plan;

/// A part of an explanation, with its name beside its first line.
pub(super) fn part(name: &str, text: &str, output: &mut Output) {
    for (number, line) in text.lines().enumerate() {
        let name = if number == 0 { name } else { "" };
        output.line(format_args!("{name:<15} {}", line.trim()));
    }
}

/// The cells of ordinary peers that a selector selects.
pub(super) fn selected(selector: String, profile: Profile) -> Result<Plan, Failure> {
    let selection = Selection {
        selectors: vec![selector],
        profile,
        matrix: None,
        peers: Vec::new(),
        peer_files: Vec::new(),
    };
    Ok(plan::of_args(&selection)?.plan)
}
