//! Running a plan: from options to one result for every planned cell.

mod containers;
pub mod evidence;
pub mod execute;
mod facts;
mod feature;
pub mod host;
pub mod journal;
pub mod options;
mod schedule;
mod selftest;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use mpws_peers::catalogue::Kind;
use mpws_peers::protocol::chain::in_one_line;
use mpws_peers::{LaunchError, Launcher, PeerSpec, StateFolder};

use self::journal::{Journal, JournalError};
pub use self::options::{Keep, LauncherKind, RunOptions, default_jobs};
use self::schedule::{Ran, Schedule};
use crate::clock::millis;
pub use crate::clock::rfc3339;
use crate::event::RunEvent;
use crate::finding;
use crate::plan::left_out;
pub use crate::plan::{Plan, PlanError, Planned};
use crate::result::{Capability, CellResult, RESULT_SCHEMA, RunResult, Summary, Tool};

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

/// A blind program starts when its cell has begun, and in a container it is read from a file system
/// that nothing has read before it: that is work, and not waiting.
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

/// Runs the plan. There is one result for every planned cell, whatever happens to it.
///
/// # Errors
///
/// [`RunError`], before any cell ran.
pub fn run(
    planned: Planned,
    options: &RunOptions,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<RunResult, RunError> {
    run_with(planned, options, &mut |_, _| {}, tell)
}

/// What is still to be found out when the cells are over. It adds that to the result, and may tell
/// of events.
pub type Last<'a> = &'a mut dyn FnMut(&mut RunResult, &mut dyn FnMut(RunEvent));

/// As [`run`]; `last` is asked when the cells are over, before [`RunEvent::Finished`], so that the
/// event has everything.
///
/// # Errors
///
/// [`RunError`], before any cell ran.
pub fn run_with(
    mut planned: Planned,
    options: &RunOptions,
    last: Last<'_>,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<RunResult, RunError> {
    let started = Instant::now();
    let started_at = SystemTime::now();
    let found = host::look(options.state.as_deref());
    let mut capabilities: BTreeMap<String, Capability> = found.capabilities.into_iter().collect();
    let no_labs = capabilities
        .get(host::LAB)
        .filter(|lab| !lab.available)
        .map(|lab| format!("no labs on this host: {}", lab.detail));
    let (launcher, no_containers) = launcher(options, tell)?;
    let host_unfit = no_labs.or(no_containers);
    let left_out = match host_unfit {
        None => left_out::leave_out(&mut planned.plan, &planned.selection, &launcher, tell)?,
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
    let host = host::facts(found.root, capabilities.clone());
    let basis = journal::basis(options, &host, &planned);
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
    let runner = execute::Runner {
        launcher,
        options,
        paths: &planned.selection.paths,
        unfit,
        host_unfit,
    };
    let explain = |cell: &mut CellResult| planned.expectations.explain(cell, &capabilities);
    let schedule = Schedule {
        runner: &runner,
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
    } = schedule.all_cells(journal, done, tell);
    // Under a condition a known deviation may well stay away; that says nothing of the expectation.
    let mut problems = if planned.selection.paths.is_empty() {
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
        runner.settle_evidence(cell, &mut problems);
    }
    finding::compare_controls(&planned.plan.cells, &mut cells);
    let selection = &planned.selection;
    let mut result = RunResult {
        schema: RESULT_SCHEMA.to_owned(),
        tool: Tool {
            name: "mpws".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        started_at: rfc3339(started_at),
        duration_ms: millis(started),
        host,
        peers: facts::all_peers(&planned.plan, peers),
        cases: facts::cases_of(&planned.plan),
        profile: selection.profile,
        matrix: selection.matrix.clone(),
        selectors: selection
            .selectors
            .iter()
            .map(ToString::to_string)
            .collect(),
        paths: selection.paths.iter().map(ToString::to_string).collect(),
        left_out,
        planned: planned.plan.cells.len(),
        taken_over,
        interrupted: options.stop.load(Ordering::Relaxed) && not_run > 0,
        findings: finding::findings(&cells, selection),
        claims: Vec::new(),
        problems,
        summary: Summary::of(&cells),
        cells,
    };
    last(&mut result, tell);
    tell(RunEvent::Finished(Box::new(result.clone())));
    Ok(result)
}

/// The launcher, and why no peer can run by the one that was asked for. Then it is another, which
/// no cell uses.
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
            unfit.insert(name.to_owned(), in_one_line(&error));
        }
    }
    unfit
}
