//! Running a plan: from options to one result for every planned cell.

mod containers;
pub mod evidence;
pub mod execute;
pub mod host;
pub mod journal;
mod schedule;
mod selftest;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use mpws_lab::preset::OnPath;
use mpws_model::PeerId;
use mpws_peers::catalogue::Kind;
use mpws_peers::image::Base;
use mpws_peers::{Catalogue, LaunchError, Launcher, PeerSpec, StateFolder};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::journal::{Journal, JournalError};
use self::schedule::{Course, Ran};
use crate::case::{Case, Profile};
use crate::cases::catalogue;
use crate::event::RunEvent;
use crate::expectation::Expectations;
use crate::finding;
use crate::plan;
use crate::plan::left_out;
pub use crate::plan::{Plan, PlanError};
use crate::result::{
    Capability, CaseFacts, CellResult, PeerFacts, RESULT_SCHEMA, RunResult, Summary, Tool,
};
use crate::sabotage::Sabotage;

/// What a user may choose.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The cases: the catalogue, or what a test of the suite itself puts in its place.
    pub cases: &'static [Case],
    /// Globs over cell names, or prefixes that end at a `/` or `@`; empty for all.
    pub selectors: Vec<String>,
    /// How much is covered.
    pub profile: Profile,
    /// Names or globs of peers; empty for all of the catalogue. The fixture always takes part.
    pub peers: Vec<String>,
    /// A matrix whose peers, or a family of which every version takes part, against the fixture and its neighbours ([`Plan::of_matrix`]), and
    /// nobody else.
    pub matrix: Option<String>,
    /// Further `peer.toml` files.
    pub peer_files: Vec<PathBuf>,
    /// Cells that run at a time, at least 1; by default [`default_jobs`], and a quarter of that where blind peers run in
    /// containers.
    pub jobs: Option<usize>,
    /// Conditions of paths, beside what each case does to its network. A cell that lacks the path goes without.
    pub paths: Vec<OnPath>,
    /// Where evidence goes (result files are the reporters' business).
    pub out: PathBuf,
    /// Whether to go on where an earlier run into the same folder was stopped ([`crate::run::journal`]).
    pub resume: bool,
    /// Which cells keep their evidence.
    pub keep: Keep,
    /// How peers run.
    pub launcher: LauncherKind,
    /// Where pinned environments live; by default where [`mpws_peers`] puts them.
    pub state: Option<PathBuf>,
    /// Set it to stop: cells that run end, the rest is reported as not run.
    pub stop: Arc<AtomicBool>,
    /// A fault of the bench, for tests of the suite itself.
    pub sabotage: Option<Sabotage>,
}

/// How peers run. The verdicts are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LauncherKind {
    /// As processes in the hosts of the lab.
    #[default]
    Process,
    /// In containers, whose images stand on this base; the fixture as a process.
    Container {
        /// What the images stand on.
        base: Base,
    },
}

/// Which cells keep a folder of evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Those that are not green.
    #[default]
    Red,
    /// All.
    All,
    /// None.
    None,
}

/// Why a run came to no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no plan.
    #[error("the run cannot be planned")]
    Plan(#[from] PlanError),
    /// The state folder cannot be used.
    #[error("no folder for the peers' environments")]
    State(#[source] mpws_peers::EnvironmentError),
    /// Peers cannot be started at all.
    #[error("peers cannot be started")]
    Launcher(#[source] LaunchError),
    /// Results cannot be kept as they come, or not be taken over.
    #[error("the results of cells have no place")]
    Journal(#[from] JournalError),
    /// The evidence folder cannot be made.
    #[error("the folder for evidence, {}, cannot be made", .path.display())]
    Evidence {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

/// Whose fault it is that a run came to no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// What was asked for.
    Usage,
    /// This host.
    Host,
    /// The suite.
    Internal,
}

impl RunError {
    /// Whose fault it is.
    pub fn exit(&self) -> ExitKind {
        match self {
            Self::Plan(_) | Self::Evidence { .. } | Self::Journal(_) => ExitKind::Usage,
            Self::State(_) | Self::Launcher(_) => ExitKind::Host,
        }
    }
}

/// Eight cells for each processor, at most 64: most of a cell's time is waiting. More make a run hardly shorter.
pub fn default_jobs() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (8 * processors).min(64)
}

/// A blind program starts when its cell has begun, and in a container it is read from a file system that nothing has read
/// before it: that is work, and not waiting.
fn usual_jobs(plan: &Plan, launcher: &Launcher) -> usize {
    let blind = |peer: &PeerSpec| peer.kind() == Kind::Blind && launcher.in_container(peer);
    let cells = &plan.cells;
    if cells
        .iter()
        .any(|cell| blind(&cell.client) || blind(&cell.server))
    {
        (default_jobs() / 4).max(1)
    } else {
        default_jobs()
    }
}

/// What this host can prove, each with how to get it.
pub fn doctor(state: Option<&Path>) -> Vec<(String, Capability)> {
    host::doctor(state)
}

/// The cells that a run with these options has.
///
/// # Errors
///
/// [`PlanError`]: an unknown selector or peer, or a broken file.
pub fn plan(options: &RunOptions) -> Result<Plan, PlanError> {
    Planned::of(options).map(|planned| planned.plan)
}

/// Runs the plan. There is one result for every planned cell, whatever happens to it.
///
/// # Errors
///
/// [`RunError`], before any cell ran.
pub fn run(options: &RunOptions, tell: &mut dyn FnMut(RunEvent)) -> Result<RunResult, RunError> {
    let started = Instant::now();
    let started_at = SystemTime::now();
    let mut planned = Planned::of(options)?;
    let mut capabilities: BTreeMap<String, Capability> =
        host::doctor(options.state.as_deref()).into_iter().collect();
    let no_labs = capabilities
        .get(host::LAB)
        .filter(|lab| !lab.available)
        .map(|lab| format!("no labs on this host: {}", lab.detail));
    let (launcher, no_containers) = launcher(options, tell)?;
    let host_unfit = no_labs.or(no_containers);
    let left_out = match host_unfit {
        None => left_out::leave_out(&mut planned.plan, options, &launcher, tell)?,
        Some(_) => Vec::new(),
    };
    let unfit = match host_unfit {
        None => prepare(&planned.plan, &launcher, tell),
        Some(_) => BTreeMap::new(),
    };
    if host_unfit.is_none() {
        containers::capabilities(&planned.plan, &launcher, &unfit, &mut capabilities);
    }
    std::fs::create_dir_all(&options.out).map_err(|source| RunError::Evidence {
        path: options.out.clone(),
        source,
    })?;
    let host = host::facts(capabilities.clone());
    let basis = journal::basis(options, &host, &planned.plan);
    let (journal, done) = if options.resume {
        Journal::resume(&options.out, &basis)?
    } else {
        (Journal::begin(&options.out, &basis)?, Vec::new())
    };
    let jobs = options
        .jobs
        .unwrap_or_else(|| usual_jobs(&planned.plan, &launcher))
        .clamp(1, planned.plan.cells.len());
    tell(RunEvent::Planned {
        cells: planned.plan.cells.len(),
        jobs,
    });
    let bench = execute::Bench {
        launcher,
        options,
        unfit,
        host_unfit,
    };
    let explain = |cell: &mut CellResult| planned.expectations.explain(cell, &capabilities);
    let course = Course {
        bench: &bench,
        plan: &planned.plan,
        jobs,
        explain: &explain,
    };
    let Ran {
        mut cells,
        peers,
        not_run,
        taken_over,
        journal,
    } = course.all_cells(journal, done, tell);
    // Under a condition a known deviation may well stay away; that says nothing of the expectation.
    let mut problems = if options.paths.is_empty() {
        planned
            .expectations
            .problems(&cells, &planned.catalogue, &capabilities)
    } else {
        Vec::new()
    };
    if let Err(error) = journal.end() {
        problems.push(format!(
            "cells were not written as they came, so this run could not go on after a stop: {error}"
        ));
    }
    for cell in &mut cells {
        bench.settle_evidence(cell, &mut problems);
    }
    finding::compare_controls(&planned.plan.cells, &mut cells);
    let result = RunResult {
        schema: RESULT_SCHEMA.to_owned(),
        tool: Tool {
            name: "mpws".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        started_at: rfc3339(started_at),
        duration_ms: millis(started),
        host,
        peers: all_peers(&planned.plan, peers),
        cases: cases_of(&planned.plan),
        profile: options.profile,
        matrix: options.matrix.clone(),
        selectors: options.selectors.clone(),
        paths: options.paths.iter().map(ToString::to_string).collect(),
        left_out,
        planned: planned.plan.cells.len(),
        taken_over,
        interrupted: options.stop.load(Ordering::Relaxed) && not_run > 0,
        findings: finding::findings(&cells, options),
        claims: Vec::new(),
        problems,
        summary: Summary::of(&cells),
        cells,
    };
    tell(RunEvent::Finished(Box::new(result.clone())));
    Ok(result)
}

/// What is known of every peer of the plan: that which peers said that started, and that which the catalogue says of the
/// others.
fn all_peers(plan: &Plan, started: Vec<PeerFacts>) -> Vec<PeerFacts> {
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
fn cases_of(plan: &Plan) -> Vec<CaseFacts> {
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

/// A plan with what belongs to it.
struct Planned {
    plan: Plan,
    /// Names of all cells that the chosen peers have, selected or not.
    catalogue: Vec<String>,
    expectations: Expectations,
}

impl Planned {
    fn of(options: &RunOptions) -> Result<Self, PlanError> {
        let mut known = Catalogue::builtin()?;
        for path in &options.peer_files {
            known.add_file(path)?;
        }
        let everyone = known.everyone().iter();
        let documents = everyone.filter_map(|peer| peer.deviations.as_ref());
        let today = rfc3339(SystemTime::now());
        let expectations = Expectations::read(documents, today.get(..10).unwrap_or_default())?;
        let matrices: Vec<&str> = known.matrices().collect();
        let all = matrices.iter().map(|family| Some(*family)).chain([None]);
        let all =
            all.map(|matrix| plan_of(&known, catalogue(), matrix, &[]).map(|plan| plan.cells));
        let catalogue = all
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .map(|cell| cell.name)
            .collect();
        let matrix = options.matrix.as_deref();
        let mut plan = plan_of(&known, options.cases, matrix, &options.peers)?;
        if !options.peers.is_empty() {
            // The fixture comes along as the opposite end; cells without a named peer do not.
            plan.cells.retain(|cell| {
                let named = |peer: &PeerSpec| {
                    options
                        .peers
                        .iter()
                        .any(|name| plan::glob(name, &peer.name))
                };
                named(&cell.client) || named(&cell.server)
            });
        }
        let plan = plan.select(options.profile, &options.selectors)?;
        for on_path in &options.paths {
            plan.takes(on_path)?;
        }
        Ok(Self {
            plan,
            catalogue,
            expectations,
        })
    }
}

/// The cells of an ordinary run or of a matrix, for these peers.
/// The peers of an ordinary run, and those of a matrix of several families that are named.
fn with_named(known: &Catalogue, names: &[String]) -> Vec<PeerSpec> {
    let named = |peer: &PeerSpec| names.iter().any(|name| plan::glob(name, &peer.name));
    let all = known.everyone().iter();
    all.filter(|peer| !peer.matrix_only || (peer.matrix.is_some() && named(peer)))
        .cloned()
        .collect()
}

fn plan_of(
    known: &Catalogue,
    cases: &'static [Case],
    matrix: Option<&str>,
    names: &[String],
) -> Result<Plan, PlanError> {
    let Some(family) = matrix else {
        let only_there = |name: &String| {
            let matches = |peer: &&PeerSpec| plan::glob(name, &peer.name);
            let left_out = known.matrices().flat_map(|family| known.matrix(family));
            let left_out: Vec<PeerSpec> = left_out.filter(|peer| matches(&peer)).collect();
            (!with_named(known, names).iter().any(|peer| matches(&peer)))
                .then(|| left_out.into_iter().next())
                .flatten()
        };
        if let Some((name, peer)) = names
            .iter()
            .find_map(|name| Some((name, only_there(name)?)))
        {
            return Err(PlanError::OnlyInMatrix {
                name: name.clone(),
                family: peer.family,
            });
        }
        let chosen = plan::choose(&with_named(known, names), names)?;
        return Ok(Plan::of(cases, &chosen));
    };
    let mut peers = known.matrix(family);
    if peers.is_empty() {
        return Err(PlanError::NoSuchMatrix {
            family: family.to_owned(),
            known: known.matrices().collect::<Vec<_>>().join(", "),
        });
    }
    peers.extend(known.peer(plan::FIXTURE).cloned());
    let everyone = plan::choose(&peers, &[])?;
    let chosen = plan::choose(&peers, names)?;
    let mut plan = Plan::of_matrix(cases, &everyone);
    // Who is whose neighbour does not depend on who was chosen.
    let there = |peer: &PeerSpec| chosen.iter().any(|one| one.name == peer.name);
    plan.cells
        .retain(|cell| there(&cell.client) && there(&cell.server));
    Ok(plan)
}

/// The launcher, and why no peer can run by the one that was asked for. Then it is another, which no cell uses.
fn launcher(
    options: &RunOptions,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<(Launcher, Option<String>), RunError> {
    let state = match &options.state {
        Some(path) => StateFolder::new(path),
        None => StateFolder::usual(),
    };
    let state = state.map_err(RunError::State)?;
    let mut unfit = None;
    if let LauncherKind::Container { base } = &options.launcher {
        tell(RunEvent::Preparing {
            what: "looking for the container engine".to_owned(),
        });
        match Launcher::container(state.clone(), base.clone()) {
            Err(LaunchError::NoContainers(why)) => {
                unfit = Some(format!("no containers on this host: {why}"))
            }
            other => return other.map(|made| (made, None)).map_err(RunError::Launcher),
        }
    }
    let made = Launcher::process(state).map_err(RunError::Launcher)?;
    Ok((made, unfit))
}

/// Makes what the peers need. A peer that cannot be had does not stop the others.
fn prepare(
    plan: &Plan,
    launcher: &Launcher,
    tell: &mut dyn FnMut(RunEvent),
) -> BTreeMap<String, String> {
    let mut peers: BTreeMap<&str, &PeerSpec> = BTreeMap::new();
    for cell in &plan.cells {
        peers.insert(&cell.client.name, &cell.client);
        peers.insert(&cell.server.name, &cell.server);
    }
    let tell = std::cell::RefCell::new(tell);
    let mut unfit = BTreeMap::new();
    for (name, spec) in peers {
        let progress = |what: &str| {
            if let Ok(mut tell) = tell.try_borrow_mut() {
                tell(RunEvent::Preparing {
                    what: what.to_owned(),
                });
            }
        };
        if let Err(error) = launcher.prepare(spec, &progress) {
            let mut reason = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(inner) = source {
                reason.push_str(&format!(": {inner}"));
                source = inner.source();
            }
            unfit.insert(name.to_owned(), reason);
        }
    }
    unfit
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A time as `2026-01-31T12:00:00Z` (RFC 3339, UTC), without fractions of a second.
///
/// # Panics
///
/// Beyond the year 9999.
pub fn rfc3339(time: SystemTime) -> String {
    let whole = OffsetDateTime::from(time).truncate_to_second();
    whole.format(&Rfc3339).expect("a year of four digits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_matrix_of_several_families_runs_where_it_or_a_peer_of_it_is_named_and_nowhere_else() {
        let known = Catalogue::builtin().expect("our own peers");
        let families = |matrix: Option<&str>, names: &[&str]| -> Vec<String> {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let plan = plan_of(&known, catalogue(), matrix, &names).expect("a plan");
            let families = plan.cells.iter().map(|cell| cell.client.family.clone());
            let families: std::collections::BTreeSet<String> = families.collect();
            families.into_iter().collect()
        };
        assert_eq!(families(None, &[]), ["fixture", "websockets"]);
        assert_eq!(families(None, &["aiohttp-*"]), ["aiohttp", "fixture"]);
        let foreign = families(Some("foreign"), &[]);
        assert!(foreign.contains(&"aiohttp".to_owned()), "{foreign:?}");
        assert!(!foreign.contains(&"websockets".to_owned()), "{foreign:?}");
        assert!(matches!(
            plan_of(&known, catalogue(), Some("nowhere"), &[]),
            Err(PlanError::NoSuchMatrix { .. })
        ));
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(at(1_772_323_199), "2026-02-28T23:59:59Z");
        assert_eq!(at(1_772_323_200), "2026-03-01T00:00:00Z");
    }
}
