//! Which cells put a mutant to the test, and what comes of it.
//!
//! A name in [`Case::mutants`] is a fault of a peer ([`Fault`]), a fault of the suite
//! ([`Sabotage`]) or a real peer of the catalogue that is known to get the case wrong. Each is
//! compared with a cell that differs in nothing else and is green.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use mpws_peers::protocol::SocketProtocol;
use mpws_suite::case::{Case, Pairs, Profile};
use mpws_suite::cases::catalogue;
use mpws_suite::plan::{FIXTURE, Pattern, Plan, PlannedCell};
use mpws_suite::result::{CellResult, Verdict};
use mpws_suite::run::execute::ON_THE_WIRE;
use mpws_suite::sabotage::Sabotage;

use crate::mutant::Fault;
use crate::stage::{Stage, skip};

/// What a name in a case's list stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A peer that lies.
    Peer(Fault),
    /// A broken suite.
    Suite(Sabotage),
    /// A real peer.
    Real(String),
}

/// Two cells that differ in the fault alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Duel {
    case: &'static str,
    honest: String,
    mutant: String,
}

impl Mutant {
    /// What a name stands for; `None` where nobody implements it.
    pub fn named(name: &str) -> Option<Self> {
        let sabotage = Sabotage::ALL.iter().copied().find(|one| one.name() == name);
        let real = || {
            let known = mpws_peers::Catalogue::builtin().expect("our own peers");
            known.peer(name).map(|peer| Self::Real(peer.name.clone()))
        };
        Fault::named(name)
            .map(Self::Peer)
            .or(sabotage.map(Self::Suite))
            .or_else(real)
    }
}

/// Every name that a case lists.
pub fn names() -> BTreeSet<&'static str> {
    let all = catalogue().iter().flat_map(|case| case.mutants);
    all.copied().collect()
}

/// The cases that name the mutant, of those that [`only`] selects.
pub fn cases_of(name: &str) -> Vec<&'static Case> {
    let named = catalogue()
        .iter()
        .filter(|case| case.mutants.contains(&name));
    let only = only();
    let selected = |case: &&Case| {
        only.as_ref()
            .is_none_or(|pattern| pattern.matches(case.slug))
    };
    named.filter(selected).collect()
}

/// The pattern of case names in `MPWS_KILL_ONLY`, by which a part of the matrix runs.
///
/// # Panics
///
/// Where it is no pattern.
pub fn only() -> Option<Pattern> {
    let only = std::env::var(ONLY).ok();
    let only = only.filter(|pattern| !pattern.is_empty())?;
    Some(only.parse().expect(ONLY))
}

/// Runs every case that names the mutant, with it and without it; see [`cases_of`].
///
/// What this host cannot show is left out, and said; see [`skip`]. Every cell that runs is held
/// against [`nameless`] as well.
///
/// # Errors
///
/// A list of what went wrong: a name that nobody implements, cases that did not notice it, or in
/// which the honest peer is not green either.
pub fn kill(name: &str) -> Result<(), String> {
    let mutant = Mutant::named(name).ok_or_else(|| format!("nobody implements {name}"))?;
    let cases = cases_of(name);
    let (fault, sabotage) = match &mutant {
        Mutant::Peer(fault) => (Some(*fault), None),
        Mutant::Suite(sabotage) => (None, Some(*sabotage)),
        Mutant::Real(_) => (None, None),
    };
    let stage = Stage::with_mutant(fault);
    let plan = stage.plan().map_err(|error| error.to_string())?;
    let mut complaints = Vec::new();
    let mut duels = Vec::new();
    for case in cases {
        let found = duels_of(&plan, case, &mutant);
        if found.is_empty() {
            complaints.push(format!("{}: no cell shows {name}", case.slug));
        }
        duels.extend(found);
    }
    let honest = honest_verdicts(&duels)?;
    let mutants: Vec<&str> = duels.iter().map(|duel| duel.mutant.as_str()).collect();
    let results = results(&stage, &mutants, sabotage)?;
    let mut killed = BTreeSet::new();
    for duel in &duels {
        let (was, is) = (&honest[&duel.honest], &results[&duel.mutant]);
        if was.verdict == Verdict::Unprovable {
            skip(&format!("{}: {}", duel.honest, was.reason));
        } else if was.verdict != Verdict::Pass {
            complaints.push(format!(
                "{}: not green without a fault: {}",
                duel.honest, was.reason
            ));
        } else if is.verdict == Verdict::Fail && !is_about(sabotage, is) {
            complaints.push(format!(
                "{} is red with {name} for another reason: {}",
                duel.mutant, is.reason
            ));
        } else if is.verdict == Verdict::Fail {
            killed.insert(duel.case);
        } else {
            complaints.push(format!(
                "{} survived with {}: {}",
                duel.mutant,
                is.verdict.word(),
                is.reason
            ));
        }
        if std::env::var_os(SHOW).is_some() {
            println!("{}: {}: {}", duel.mutant, is.verdict.word(), is.reason);
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.join("\n"))
    }
}

/// Runs every cell of the profile `default` in which the honest peer meets the fixture, over both
/// transports and IP versions. Those of larger profiles run beside their mutants.
///
/// # Errors
///
/// A list of the cells that are not green, and why.
pub fn be_honest() -> Result<(), String> {
    let stage = Stage::with_mutant(None);
    let plan = stage.plan().map_err(|error| error.to_string())?;
    let honest = |name: &str| name.starts_with("honest-");
    let cells: Vec<&str> = plan
        .cells
        .iter()
        .filter(|cell| {
            if cell.case.profile != Profile::Default
                || only().is_some_and(|pattern| !pattern.matches(cell.case.slug))
            {
                return false;
            }
            let (client, server) = (&cell.client.name, &cell.server.name);
            (honest(client) && server == FIXTURE) || (client == FIXTURE && honest(server))
        })
        .map(|cell| cell.name.as_str())
        .collect();
    if cells.is_empty() && only().is_some() {
        // No selector at all would select everything.
        return Ok(());
    }
    let mut complaints = Vec::new();
    for (name, cell) in results(&stage, &cells, None)? {
        match cell.verdict {
            Verdict::Pass => {}
            Verdict::Unprovable => skip(&format!("{name}: {}", cell.reason)),
            other => complaints.push(format!("{name}: {}: {}", other.word(), cell.reason)),
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.join("\n"))
    }
}

/// Whether a check that failed is about the sabotage. Without its rule nearly every case fails in
/// some way, so one that speaks of a rule or box must be among the checks that failed.
fn is_about(sabotage: Option<Sabotage>, cell: &CellResult) -> bool {
    if sabotage != Some(Sabotage::RuleLeftOut) {
        return true;
    }
    let placed = placed(cell);
    let mut failed = cell.checks.iter().filter(|check| !check.held);
    failed.any(|check| {
        let said = |one: &&str| check.name.contains(*one) || check.observed.contains(*one);
        placed.iter().any(said)
    })
}

/// The variable that selects cases.
const ONLY: &str = "MPWS_KILL_ONLY";

/// Set it to see why each mutant was found out.
const SHOW: &str = "MPWS_SHOW_KILLS";

/// The cells in which a case meets a mutant: for each flavour of it, the one with the plainest
/// opposite end.
fn duels_of(plan: &Plan, case: &Case, mutant: &Mutant) -> Vec<Duel> {
    let subjects: Vec<&PlannedCell> = plan
        .cells
        .iter()
        .filter(|cell| cell.case.slug == case.slug)
        .filter(|cell| cell.protocol == SocketProtocol::Mptcp && cell.ip == case.ips[0])
        .collect();
    let find = |client: &str, server: &str| {
        subjects
            .iter()
            .find(|cell| cell.client.name == client && cell.server.name == server)
            .map(|cell| cell.name.clone())
    };
    let pair = |honest: Option<String>, mutant: Option<String>| {
        Some(Duel {
            case: case.slug,
            honest: honest?,
            mutant: mutant?,
        })
    };
    match mutant {
        Mutant::Suite(_) => {
            let cells = [FIXTURE, "honest-sock", REAL]
                .into_iter()
                .flat_map(|one| [(one, FIXTURE), (FIXTURE, one), (one, REAL)])
                .find_map(|(client, server)| find(client, server));
            pair(cells.clone(), cells).into_iter().collect()
        }
        Mutant::Peer(fault) => {
            let ordered = |one: &str, other: &str| {
                if fault.is_of_client() {
                    find(one, other)
                } else {
                    find(other, one)
                }
            };
            FLAVOURS
                .into_iter()
                .filter_map(|(lying, honest)| {
                    OPPOSITE
                        .into_iter()
                        .find_map(|other| pair(ordered(honest, other), ordered(lying, other)))
                })
                .collect()
        }
        Mutant::Real(name) => {
            let ordered = |one: &str| match case.pairs {
                Pairs::Servers => find(FIXTURE, one),
                _ => find(one, FIXTURE),
            };
            let others = REAL_PEERS.into_iter().filter(|other| other != name);
            others
                .filter_map(|other| pair(ordered(other), ordered(name)))
                .take(1)
                .collect()
        }
    }
}

/// Mutants and who stands for them without a fault.
const FLAVOURS: [(&str, &str); 3] = [
    ("mutant-own", "honest-own"),
    ("mutant-sock", "honest-sock"),
    ("mutant-blind", "honest-blind"),
];

/// Opposite ends, the plainest first.
const OPPOSITE: [&str; 4] = [FIXTURE, "honest-own", "honest-sock", REAL];

/// A real peer, for what the fixture does not have.
const REAL: &str = "websockets-14.2-asyncio";

/// Real peers that are each other's mutants where a release changed its interface.
const REAL_PEERS: [&str; 2] = ["websockets-13.1-legacy", REAL];

/// Results of cells without a fault. Several mutants meet the same honest peer; it runs once.
fn honest_verdicts(duels: &[Duel]) -> Result<BTreeMap<String, CellResult>, String> {
    static KNOWN: Mutex<BTreeMap<String, CellResult>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let missing: BTreeSet<&str> = duels
        .iter()
        .map(|duel| duel.honest.as_str())
        .filter(|cell| !known.contains_key(*cell))
        .collect();
    if !missing.is_empty() {
        let missing: Vec<&str> = missing.into_iter().collect();
        known.extend(results(&Stage::with_mutant(None), &missing, None)?);
    }
    Ok(known.clone())
}

fn results(
    stage: &Stage,
    cells: &[&str],
    sabotage: Option<Sabotage>,
) -> Result<BTreeMap<String, CellResult>, String> {
    let run = stage
        .run(cells, sabotage)
        .map_err(|error| format!("{error:?}"))?;
    let found = run.cells.iter().filter_map(|cell| {
        let mut cases = catalogue().iter();
        nameless(cases.find(|case| case.slug == cell.case)?, cell)
    });
    let nameless: Vec<String> = found.collect();
    if !nameless.is_empty() {
        return Err(nameless.join("\n"));
    }
    let cells = run.cells.into_iter();
    Ok(cells.map(|cell| (cell.cell.to_string(), cell)).collect())
}

/// What is wrong with a case that put a rule or box on the wire in this cell and does not name the
/// mutant that leaves them out. Rules are placed by the steps of a case, so that only a cell that
/// ran shows them.
pub fn nameless(case: &Case, cell: &CellResult) -> Option<String> {
    let mutant = Sabotage::RuleLeftOut.name();
    let placed = placed(cell);
    let first = placed.first().filter(|_| !case.mutants.contains(&mutant))?;
    Some(format!(
        "{} puts the {first} on the wire and does not name the mutant {mutant}",
        case.slug
    ))
}

/// The rules and boxes that the case of a cell put on the wire.
fn placed(cell: &CellResult) -> Vec<&str> {
    let recorded = cell.recorded.get(ON_THE_WIRE);
    let all = recorded.and_then(|recorded| recorded.value.as_array());
    let all = all.into_iter().flatten();
    all.filter_map(|one| one.as_str()).collect()
}
