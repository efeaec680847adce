//! From answers to a verdict, and on what it depends.

use std::collections::{BTreeMap, BTreeSet};

use mpws_model::claims::{ClaimAnswer, ClaimResult, ClaimVerdict, Dependence, HostCondition, Says};
use mpws_model::result::{CellResult, PeerFacts, RunResult, RunsOn};
use mpws_model::{FIXTURE, Protocol};

use crate::claim::{Aspect, Claim, Sense, Source, selectors};
use crate::figures::Figures;
use crate::reading::{self, Answer, Results, Word};

/// Judges these claims by the cells of a run and what was measured beside it.
///
/// One rule for all: an answer that is missing leaves the claim not decided; all for it make it
/// true, all against it false; anything else, and it depends.
pub fn judge(claims: &[&Claim], run: &RunResult, figures: &Figures) -> Vec<ClaimResult> {
    let results = Results {
        cells: &run.cells,
        peers: &run.peers,
    };
    claims
        .iter()
        .map(|claim| {
            let answers: Vec<Judged> = claim
                .aspects
                .iter()
                .flat_map(|aspect| answers(aspect, results, figures, Protocol::Mptcp))
                .collect();
            let verdict = verdict(&answers);
            let depends_on = match verdict {
                ClaimVerdict::ItDepends => dependences(&answers, results),
                _ => Vec::new(),
            };
            let libc: BTreeSet<&str> = answers
                .iter()
                .flat_map(|one| &one.answer.cells)
                .flat_map(|cell| [&cell.client, &cell.server])
                .filter_map(|peer| run.peer(peer)?.runs_on.as_ref())
                .map(|runs_on| runs_on.libc.as_str())
                .collect();
            ClaimResult {
                id: claim.id.to_owned(),
                number: claim.number,
                statement: claim.statement.to_owned(),
                verdict,
                reason: reason(verdict, &answers),
                over_tcp: over_tcp(claim, results),
                depends_on,
                conditions: conditions(claim, run),
                libc: libc.into_iter().map(str::to_owned).collect(),
                answers: answers.into_iter().map(Judged::into_result).collect(),
            }
        })
        .collect()
}

/// An answer, and what it says of the claim.
struct Judged<'a> {
    aspect: &'static str,
    says: Says,
    answer: Answer<'a>,
}

fn answers<'a>(
    aspect: &Aspect,
    results: Results<'a>,
    figures: &'a Figures,
    asked: Protocol,
) -> Vec<Judged<'a>> {
    let mut found = match aspect.source {
        Source::Cells { select, read } => {
            let select = selectors(select);
            let chosen: Vec<&'a CellResult> = results
                .cells
                .iter()
                .filter(|cell| cell.environment.asked == asked)
                .filter(|cell| select.iter().any(|one| one.matches(cell.cell.as_str())))
                .collect();
            results.read(read, &chosen)
        }
        Source::Figures { measures, ask } => reading::figures(figures, measures, ask),
    };
    if found.is_empty() {
        found.push(Answer {
            word: Word::Unknown,
            because: "none of its cells took part in the run".to_owned(),
            cells: Vec::new(),
            ratio: None,
        });
    }
    found
        .into_iter()
        .map(|answer| Judged {
            aspect: aspect.name,
            says: match (answer.word, aspect.yes) {
                (Word::Yes, Sense::Supports) | (Word::No, Sense::Contradicts) => Says::Supports,
                (Word::No, Sense::Supports) | (Word::Yes, Sense::Contradicts) => Says::Contradicts,
                (Word::Both, _) => Says::WithinNoise,
                (Word::Unknown, _) => Says::Nothing,
            },
            answer,
        })
        .collect()
}

fn verdict(answers: &[Judged<'_>]) -> ClaimVerdict {
    word(&answers.iter().collect::<Vec<_>>())
}

fn word(answers: &[&Judged<'_>]) -> ClaimVerdict {
    let all = |says| answers.iter().all(|one| one.says == says);
    if answers.is_empty() || answers.iter().any(|one| one.says == Says::Nothing) {
        ClaimVerdict::NotDecided
    } else if all(Says::Supports) {
        ClaimVerdict::True
    } else if all(Says::Contradicts) {
        ClaimVerdict::False
    } else {
        ClaimVerdict::ItDepends
    }
}

/// The verdict of the TCP controls; figures have none, they hold both transports.
fn over_tcp(claim: &Claim, results: Results<'_>) -> Option<ClaimVerdict> {
    let none = Figures::default();
    let mut all = Vec::new();
    for aspect in claim.aspects {
        let cells = matches!(
            aspect.source,
            Source::Cells { read, .. } if !matches!(read, crate::claim::Reading::FailsOnlyOverMptcp(_))
        );
        if !cells {
            return None;
        }
        all.extend(answers(aspect, results, &none, Protocol::Tcp));
    }
    match verdict(&all) {
        ClaimVerdict::NotDecided => None,
        decided => Some(decided),
    }
}

fn reason(verdict: ClaimVerdict, answers: &[Judged<'_>]) -> String {
    let of = |says| answers.iter().filter(move |one| one.says == says);
    let total = answers.len();
    match verdict {
        ClaimVerdict::NotDecided => {
            let count = of(Says::Nothing).count();
            let why = commonest(of(Says::Nothing)).unwrap_or_default();
            format!("{count} of {total} answers are missing: {why}")
        }
        ClaimVerdict::True | ClaimVerdict::False => {
            let word = if verdict == ClaimVerdict::True {
                "for"
            } else {
                "against"
            };
            let what = commonest(answers.iter()).unwrap_or_default();
            format!("all {total} answers are {word} it: {what}")
        }
        ClaimVerdict::ItDepends => {
            let parts = [
                (Says::Supports, "for it"),
                (Says::Contradicts, "against it"),
                (Says::WithinNoise, "within the noise"),
            ];
            let parts: Vec<String> = parts
                .into_iter()
                .filter_map(|(says, word)| {
                    let why = commonest(of(says))?;
                    Some(format!("{} {word} ({why})", of(says).count()))
                })
                .collect();
            format!("of {total} answers {}", parts.join(", "))
        }
    }
}

/// What most answers give as their reason, the first of them where several do.
fn commonest<'a, 'b: 'a>(answers: impl Iterator<Item = &'a Judged<'b>>) -> Option<String> {
    let mut counts: Vec<(&str, &str, usize)> = Vec::new();
    for one in answers {
        let because = one.answer.because.as_str();
        match counts.iter_mut().find(|known| known.1 == because) {
            Some(known) => known.2 += 1,
            None => counts.push((one.aspect, because, 1)),
        }
    }
    let most = counts.iter().map(|one| one.2).max()?;
    let (aspect, because, _) = counts.iter().find(|one| one.2 == most)?;
    Some(format!("{aspect}: {because}"))
}

fn conditions(claim: &Claim, run: &RunResult) -> Vec<HostCondition> {
    let of = |name: &&str| {
        let known = run.host.capabilities.get(*name);
        HostCondition {
            capability: (*name).to_owned(),
            available: known.map(|one| one.available),
            detail: known.map_or_else(|| "not tried".to_owned(), |one| one.detail.clone()),
        }
    };
    claim.hinges_on.iter().map(of).collect()
}

/// Which aspects hold and which do not; and for those that do neither, every property that parts
/// their answers without an exception, or where no single one does, every pair of properties that
/// does.
fn dependences(answers: &[Judged<'_>], results: Results<'_>) -> Vec<Dependence> {
    let mut aspects: Vec<(&'static str, Vec<&Judged<'_>>)> = Vec::new();
    for one in answers {
        match aspects.iter_mut().find(|known| known.0 == one.aspect) {
            Some(known) => known.1.push(one),
            None => aspects.push((one.aspect, vec![one])),
        }
    }
    let mut all = Vec::new();
    if aspects.len() > 1 {
        let of = |verdict: ClaimVerdict| {
            let those = aspects.iter().filter(|one| word(&one.1) == verdict);
            those.map(|one| one.0.to_owned()).collect()
        };
        all.push(Dependence {
            aspect: None,
            on: "aspect".to_owned(),
            holds: of(ClaimVerdict::True),
            fails: of(ClaimVerdict::False),
            neither: of(ClaimVerdict::ItDepends),
        });
    }
    for (aspect, answers) in &aspects {
        if word(answers) == ClaimVerdict::ItDepends {
            let named = (aspects.len() > 1).then(|| (*aspect).to_owned());
            all.extend(within(answers, results).into_iter().map(|one| Dependence {
                aspect: named.clone(),
                ..one
            }));
        }
    }
    all
}

/// On what it depends within one aspect.
fn within(answers: &[&Judged<'_>], results: Results<'_>) -> Vec<Dependence> {
    let properties: Vec<BTreeMap<&'static str, String>> =
        answers.iter().map(|one| properties(one, results)).collect();
    let single: Vec<Dependence> = PROPERTIES
        .iter()
        .filter_map(|on| parting(&[on], answers, &properties))
        .collect();
    if !single.is_empty() {
        return single;
    }
    let mut pairs = Vec::new();
    for (number, first) in PROPERTIES.iter().enumerate() {
        for second in &PROPERTIES[number + 1..] {
            pairs.extend(parting(&[first, second], answers, &properties));
        }
    }
    pairs
}

/// The values of these properties with what the answers say, if no value has answers of both kinds.
fn parting(
    on: &[&'static str],
    answers: &[&Judged<'_>],
    properties: &[BTreeMap<&'static str, String>],
) -> Option<Dependence> {
    let mut values: BTreeMap<String, Says> = BTreeMap::new();
    for (answer, known) in answers.iter().zip(properties) {
        let parts: Option<Vec<&str>> = on
            .iter()
            .map(|name| known.get(name).map(String::as_str))
            .collect();
        let value = parts?.join(", ");
        if *values.entry(value).or_insert(answer.says) != answer.says {
            return None;
        }
    }
    let of = |says| {
        let those = values.iter().filter(move |one| *one.1 == says);
        those.map(|one| one.0.clone()).collect()
    };
    Some(Dependence {
        aspect: None,
        on: on.join(" and "),
        holds: of(Says::Supports),
        fails: of(Says::Contradicts),
        neither: of(Says::WithinNoise),
    })
}

/// Properties by which answers may differ. A property that an answer lacks parts nothing.
const PROPERTIES: [&str; 7] = [
    "case",
    "libc",
    "runtime",
    "version",
    "implementation",
    "IP version",
    "measure",
];

fn properties(one: &Judged<'_>, results: Results<'_>) -> BTreeMap<&'static str, String> {
    let mut known = BTreeMap::new();
    if let Some(ratio) = one.answer.ratio {
        known.insert("measure", ratio.measure.word().to_owned());
        ends(&mut known, &ratio.client, &ratio.server, results);
    }
    if let Some(cell) = one.answer.cells.first() {
        known.insert("case", cell.case.clone());
        known.insert("IP version", cell.environment.ip.word().to_owned());
        ends(&mut known, &cell.client, &cell.server, results);
    }
    known
}

/// What is known of the ends that are not the fixture; both, where neither is.
fn ends(
    known: &mut BTreeMap<&'static str, String>,
    client: &str,
    server: &str,
    results: Results<'_>,
) {
    let libraries: Vec<&str> = [client, server]
        .into_iter()
        .filter(|peer| *peer != FIXTURE)
        .collect();
    if libraries.is_empty() {
        return;
    }
    let joined = |of: &dyn Fn(&str) -> String| -> String {
        let mut all: Vec<String> = libraries.iter().map(|peer| of(peer)).collect();
        all.dedup();
        all.join(" with ")
    };
    let fact = |of: &dyn Fn(&PeerFacts) -> Option<String>| {
        joined(&|peer| {
            let found = results.peers.iter().find(|facts| facts.peer == peer);
            found.and_then(of).unwrap_or_else(|| "unknown".to_owned())
        })
    };
    let runs_on = |of: fn(&RunsOn) -> &String| {
        fact(&|facts: &PeerFacts| facts.runs_on.as_ref().map(of).cloned())
    };
    known.insert("libc", runs_on(|runs_on| &runs_on.libc));
    known.insert("runtime", runs_on(|runs_on| &runs_on.runtime));
    known.insert(
        "version",
        fact(&|facts| facts.loaded_version().map(str::to_owned)),
    );
    known.insert(
        "implementation",
        fact(&|facts| facts.id.implementation.clone()),
    );
}

impl Judged<'_> {
    fn into_result(self) -> ClaimAnswer {
        let first = self.answer.cells.first();
        ClaimAnswer {
            aspect: self.aspect.to_owned(),
            says: self.says,
            because: self.answer.because,
            verdict: first.map(|cell| cell.verdict),
            recorded: first.map_or_else(BTreeMap::new, |cell| {
                let steady = cell.recorded.iter().filter(|(_, one)| !one.volatile);
                steady
                    .map(|(name, one)| (name.clone(), one.value.clone()))
                    .collect()
            }),
            cells: self
                .answer
                .cells
                .iter()
                .map(|cell| cell.cell.clone())
                .collect(),
            ratio: self.answer.ratio.cloned(),
        }
    }
}
