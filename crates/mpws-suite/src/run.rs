//! Running a plan: from options to one result for every planned cell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mpws_lab::preset::OnPath;
use mpws_peers::image::Base;
use mpws_peers::{Catalogue, LaunchError, Launcher, PeerSpec, StateFolder};

use crate::case::Profile;
use crate::cases::catalogue;
use crate::event::RunEvent;
use crate::expectation::Expectations;
use crate::journal::{self, Entry, Journal, JournalError};
use crate::plan::{self, PlannedCell};
pub use crate::plan::{Plan, PlanError};
use crate::result::{
    Capability, CellResult, PeerFacts, RESULT_SCHEMA, RunResult, Summary, Tool, Verdict,
};
use crate::sabotage::Sabotage;
use crate::{containers, execute, finding, host};

/// What a user may choose.
#[derive(Clone, Debug)]
pub struct RunOptions {
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
    /// Cells that run at a time, at least 1; by default [`default_jobs`].
    pub jobs: Option<usize>,
    /// Conditions of paths, beside what each case does to its network. A cell that lacks the path goes without.
    pub paths: Vec<OnPath>,
    /// Where evidence goes (result files are the reporters' business).
    pub out: PathBuf,
    /// Whether to go on where an earlier run into the same folder was stopped ([`crate::journal`]).
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
    /// Python peers in containers, whose images stand on this base; the fixture as a process.
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

/// Six cells for each processor, at most 64: most of a cell's time is waiting.
pub fn default_jobs() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (6 * processors).min(64)
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
    let planned = Planned::of(options)?;
    let mut capabilities: BTreeMap<String, Capability> =
        host::doctor(options.state.as_deref()).into_iter().collect();
    let no_labs = capabilities
        .get(host::LAB)
        .filter(|lab| !lab.available)
        .map(|lab| format!("no labs on this host: {}", lab.detail));
    let (launcher, no_containers) = launcher(options, tell)?;
    let host_unfit = no_labs.or(no_containers);
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
        .unwrap_or_else(default_jobs)
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
        peers,
        profile: options.profile,
        matrix: options.matrix.clone(),
        selectors: options.selectors.clone(),
        paths: options.paths.iter().map(ToString::to_string).collect(),
        planned: planned.plan.cells.len(),
        taken_over,
        interrupted: options.stop.load(Ordering::Relaxed)
            && cells.iter().any(|cell| cell.reason == execute::NOT_RUN),
        findings: finding::findings(&cells, options),
        claims: Vec::new(),
        problems,
        summary: Summary::of(&cells),
        cells,
    };
    tell(RunEvent::Finished(Box::new(result.clone())));
    Ok(result)
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
        let all = all.map(|matrix| plan_of(&known, matrix, &[]).map(|plan| plan.cells));
        let catalogue = all
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .map(|cell| cell.name)
            .collect();
        let mut plan = plan_of(&known, options.matrix.as_deref(), &options.peers)?;
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

fn plan_of(known: &Catalogue, matrix: Option<&str>, names: &[String]) -> Result<Plan, PlanError> {
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
        return Ok(Plan::of(catalogue(), &chosen));
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
    let mut plan = Plan::of_matrix(catalogue(), &everyone);
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

/// What runs how.
struct Course<'a> {
    bench: &'a execute::Bench<'a>,
    plan: &'a Plan,
    /// Cells at a time.
    jobs: usize,
    explain: &'a (dyn Fn(&mut CellResult) + Sync),
}

/// What came of it.
struct Ran {
    /// In the order of the plan.
    cells: Vec<CellResult>,
    peers: Vec<PeerFacts>,
    /// Number of cells that an earlier run had done.
    taken_over: usize,
    journal: Journal,
}

impl Course<'_> {
    /// Runs every cell that is not done yet, several at a time.
    fn all_cells(
        &self,
        mut journal: Journal,
        done: Vec<Entry>,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Ran {
        enum News {
            Started(usize),
            Finished(usize, Box<Entry>),
        }
        let numbers: BTreeMap<&str, usize> = self
            .plan
            .cells
            .iter()
            .map(|cell| cell.name.as_str())
            .zip(0..)
            .collect();
        let mut results: Vec<Option<CellResult>> = self.plan.cells.iter().map(|_| None).collect();
        let mut peers: BTreeMap<String, PeerFacts> = BTreeMap::new();
        let mut taken_over = 0;
        for entry in done {
            // The earlier run may have had other selectors.
            if let Some(&number) = numbers.get(entry.cell.cell.as_str()) {
                taken_over += usize::from(results[number].is_none());
                peers.extend(entry.peers.into_iter().map(|one| (one.peer.clone(), one)));
                tell(RunEvent::CellFinished(Box::new(entry.cell.clone())));
                results[number] = Some(entry.cell);
            }
        }
        let to_do: Vec<usize> = (0..results.len())
            .filter(|&number| results[number].is_none())
            .collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (news, arrivals) = mpsc::channel();
            for _ in 0..self.jobs {
                let (news, next, to_do) = (news.clone(), &next, &to_do);
                scope.spawn(move || {
                    while let Some(&number) = to_do.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if self.bench.options.stop.load(Ordering::Relaxed) {
                            break;
                        }
                        // The receiver outlives the scope's threads.
                        let _ = news.send(News::Started(number));
                        let (mut cell, peers) = self.bench.run(&self.plan.cells[number]);
                        (self.explain)(&mut cell);
                        let entry = Box::new(Entry { cell, peers });
                        let _ = news.send(News::Finished(number, entry));
                    }
                });
            }
            drop(news);
            for arrival in arrivals {
                match arrival {
                    News::Started(number) => tell(RunEvent::CellStarted {
                        cell: self.plan.cells[number].name.clone(),
                    }),
                    News::Finished(number, entry) => {
                        // What a missing peer or host kept from running is to be tried again by the next run, and
                        // so is what broke while the run was being stopped: Ctrl-C reaches labs that start, too.
                        let stopped = self.bench.options.stop.load(Ordering::Relaxed);
                        let cut_short = stopped && entry.cell.verdict == Verdict::Error;
                        if !cut_short && self.bench.unfit(&self.plan.cells[number]).is_none() {
                            journal.add(&entry);
                        }
                        peers.extend(entry.peers.into_iter().map(|one| (one.peer.clone(), one)));
                        tell(RunEvent::CellFinished(Box::new(entry.cell.clone())));
                        results[number] = Some(entry.cell);
                    }
                }
            }
        });
        let cells = results
            .into_iter()
            .zip(&self.plan.cells)
            .map(|(result, cell)| result.unwrap_or_else(|| not_run(self.bench, cell)))
            .collect();
        Ran {
            cells,
            peers: peers.into_values().collect(),
            taken_over,
            journal,
        }
    }
}

fn not_run(bench: &execute::Bench<'_>, cell: &PlannedCell) -> CellResult {
    bench.empty(cell, Verdict::Error, execute::NOT_RUN.to_owned())
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A time as `2026-01-31T12:00:00Z` (RFC 3339, UTC).
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(i64::try_from(days).unwrap_or(0));
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970-01-01, by counting eras of 400 years from 1 March of year 0.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_matrix_of_several_families_runs_where_it_or_a_peer_of_it_is_named_and_nowhere_else() {
        let known = Catalogue::builtin().expect("our own peers");
        let families = |matrix: Option<&str>, names: &[&str]| -> Vec<String> {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let plan = plan_of(&known, matrix, &names).expect("a plan");
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
            plan_of(&known, Some("nowhere"), &[]),
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
