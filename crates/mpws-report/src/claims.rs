//! What both reports of claims share: answers that are alike, together.

use mpws_model::claims::{ClaimAnswer, ClaimResult, Dependence, HostCondition, Says};

/// Answers of one aspect that say the same for the same reason.
pub(crate) struct Alike<'a> {
    pub(crate) says: Says,
    pub(crate) aspect: &'a str,
    pub(crate) because: &'a str,
    pub(crate) answers: Vec<&'a ClaimAnswer>,
}

/// The answers of a claim, in groups, in the order of each group's first.
pub(crate) fn alike(claim: &ClaimResult) -> Vec<Alike<'_>> {
    let mut groups: Vec<Alike<'_>> = Vec::new();
    for answer in &claim.answers {
        let known = groups.iter_mut().find(|group| {
            group.says == answer.says
                && group.aspect == answer.aspect
                && group.because == answer.because
        });
        match known {
            Some(group) => group.answers.push(answer),
            None => groups.push(Alike {
                says: answer.says,
                aspect: &answer.aspect,
                because: &answer.because,
                answers: vec![answer],
            }),
        }
    }
    groups
}

/// `implementation: holds with asyncio | does not hold with sync`.
pub(crate) fn dependence(one: &Dependence) -> String {
    let parts: Vec<String> = [
        ("holds with", &one.holds),
        ("does not hold with", &one.fails),
        ("neither with", &one.neither),
    ]
    .into_iter()
    .filter(|(_, values)| !values.is_empty())
    .map(|(word, values)| format!("{word} {}", values.join("; ")))
    .collect();
    let whose = one
        .aspect
        .as_ref()
        .map_or_else(String::new, |aspect| format!(" of \"{aspect}\""));
    format!("{}{whose}: {}", one.on, parts.join(" | "))
}

/// `mptcp-resolver: no (what was tried)`.
pub(crate) fn condition(one: &HostCondition) -> String {
    let word = match one.available {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    format!("{}: {word} ({})", one.capability, one.detail)
}
