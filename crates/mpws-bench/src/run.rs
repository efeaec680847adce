//! A whole run: from options to one row for every measure of every pair.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use mpws_peers::protocol::SocketProtocol;
use mpws_peers::{EnvironmentError, LaunchError, Launcher, PeerSpec, StateFolder};
use mpws_suite::result::Tool;
use mpws_suite::run::rfc3339;

use crate::end::RowEnd;
use crate::figure::{self, Reading};
use crate::machine;
use crate::measure::{self, Pending, Round};
use crate::options::BenchOptions;
use crate::plan::{self, BenchPlan, BenchPlanError};
use crate::proof::{self, Witnessed};
pub use crate::result::BenchEvent;
use crate::result::{
    BENCH_SCHEMA, BenchPeer, BenchResult, Measure, Outcome, PairResult, Row, SideResult,
};
use crate::stage::{Stage, is_fixture};

/// Why a run came to no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// There is no plan.
    #[error("the measurements cannot be planned")]
    Plan(#[from] BenchPlanError),
    /// The state folder cannot be used.
    #[error("no folder for the peers' environments")]
    State(#[source] EnvironmentError),
    /// Peers cannot be started at all.
    #[error("peers cannot be started")]
    Launcher(#[source] LaunchError),
    /// There are no labs here.
    #[error("this host cannot have labs: {0}")]
    NoLab(String),
}

/// Measures what the options ask for. There is one row for every measure of every pair, whatever
/// happens to it.
///
/// # Errors
///
/// [`BenchError`], before anything was measured.
pub fn run(
    options: &BenchOptions,
    tell: &mut dyn FnMut(BenchEvent),
) -> Result<BenchResult, BenchError> {
    let started = Instant::now();
    let started_at = rfc3339(SystemTime::now());
    let plan = plan::plan(options)?;
    let lab = mpws_lab::probe();
    if !lab.available {
        return Err(BenchError::NoLab(lab.detail));
    }
    let launcher = launcher(options)?;
    let unfit = prepare(&plan, &launcher, tell);
    let machine = machine::look();
    let warnings = machine::warnings(&machine);
    for text in &warnings {
        tell(BenchEvent::Warning { text: text.clone() });
    }
    let rounds: u32 = plan
        .measures
        .iter()
        .map(|&one| options.rounds_of(one))
        .sum();
    tell(BenchEvent::Planned {
        rounds: rounds * u32::try_from(plan.pairs.len()).unwrap_or(u32::MAX),
    });
    let mut pairs = Vec::new();
    for (client, server) in &plan.pairs {
        let pair = Pair {
            launcher: &launcher,
            options,
            client,
            server,
            unfit: [client, server]
                .into_iter()
                .find_map(|spec| unfit.get(&spec.name)),
        };
        pairs.push(pair.measure(&plan.measures, tell));
    }
    Ok(BenchResult {
        schema: BENCH_SCHEMA.to_owned(),
        tool: Tool {
            name: "mpws".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        started_at,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        machine,
        seed: options.seed,
        rounds: options.rounds,
        quick: options.quick,
        interrupted: options.stop.load(Ordering::Relaxed),
        warnings,
        pairs,
    })
}

fn launcher(options: &BenchOptions) -> Result<Launcher, BenchError> {
    let state = match &options.state {
        Some(path) => StateFolder::new(path),
        None => StateFolder::usual(),
    };
    Launcher::process(state.map_err(BenchError::State)?).map_err(BenchError::Launcher)
}

/// Makes what the peers need. A peer that cannot be had does not stop the others.
fn prepare(
    plan: &BenchPlan,
    launcher: &Launcher,
    tell: &mut dyn FnMut(BenchEvent),
) -> BTreeMap<String, RowEnd> {
    let tell = std::cell::RefCell::new(tell);
    let progress = |what: &str| {
        if let Ok(mut tell) = tell.try_borrow_mut() {
            tell(BenchEvent::Preparing {
                what: what.to_owned(),
            });
        }
    };
    let specs: BTreeMap<&str, &PeerSpec> = plan
        .pairs
        .iter()
        .flat_map(|(client, server)| [client, server])
        .map(|spec| (spec.name.as_str(), &**spec))
        .collect();
    let mut unfit = BTreeMap::new();
    for (name, spec) in specs {
        if let Err(error) = launcher.prepare(spec, &progress) {
            unfit.insert(
                name.to_owned(),
                RowEnd::of_launch(name, &error, is_fixture(spec)),
            );
        }
    }
    unfit
}

/// One client with one server.
struct Pair<'a> {
    launcher: &'a Launcher,
    options: &'a BenchOptions,
    client: &'a PeerSpec,
    server: &'a PeerSpec,
    /// Why one of them cannot be had.
    unfit: Option<&'a RowEnd>,
}

impl Pair<'_> {
    fn measure(&self, measures: &[Measure], tell: &mut dyn FnMut(BenchEvent)) -> PairResult {
        let mut peers: BTreeMap<String, BenchPeer> = BTreeMap::new();
        let mut rows = Vec::new();
        for &measure in measures {
            tell(BenchEvent::RowStarted {
                client: self.client.name.clone(),
                server: self.server.name.clone(),
                measure,
            });
            let planned = self.options.rounds_of(measure);
            let mut done = 0;
            let outcome = self.row(measure, &mut peers, &mut || {
                done += 1;
                tell(BenchEvent::RoundDone);
            });
            let row = self.of(measure, outcome);
            tell(BenchEvent::RowFinished {
                row: Box::new(row.clone()),
                left: planned.saturating_sub(done),
            });
            rows.push(row);
        }
        PairResult {
            client: self.client.name.clone(),
            server: self.server.name.clone(),
            peers: peers.into_values().collect(),
            rows,
        }
    }

    fn of(&self, measure: Measure, outcome: Result<[SideResult; 2], RowEnd>) -> Row {
        let mut judgements = Vec::new();
        let outcome = match outcome {
            Ok([mptcp, tcp]) => {
                judgements = measure::judge(measure, &mptcp);
                let ratios = figure::ratios(&mptcp.figure, &tcp.figure);
                Outcome::Measured {
                    ratio: ratios.map(|rounds| figure::median(&rounds)),
                    mptcp: Box::new(mptcp),
                    tcp: Box::new(tcp),
                }
            }
            Err(RowEnd::Error(fault, reason)) => Outcome::Error { fault, reason },
            Err(RowEnd::NotMeasured(reason)) => Outcome::NotMeasured { reason },
        };
        Row {
            measure,
            network: measure::network(measure, self.options),
            method: measure::method(measure, !is_fixture(self.client)),
            outcome,
            judgements,
        }
    }

    /// All rounds of a row, one transport after the other in each, in one lab with the same peers.
    fn row(
        &self,
        measure: Measure,
        peers: &mut BTreeMap<String, BenchPeer>,
        round_done: &mut dyn FnMut(),
    ) -> Result<[SideResult; 2], RowEnd> {
        if let Some(end) = self.unfit {
            return Err(end.clone());
        }
        if self.stopped() {
            return Err(stopped());
        }
        let foreign = !is_fixture(self.client);
        let (client, server) = (self.client, self.server);
        let mut stage = Stage::open(self.launcher, client, server, foreign, measure.paths())?;
        for facts in stage.peers() {
            peers.insert(facts.peer.clone(), facts);
        }
        measure::prepare(&stage, measure, self.options)?;
        let mut readings: [Vec<Pending>; 2] = Default::default();
        let mut witnessed: Vec<Witnessed> = Vec::new();
        for number in 0..self.options.rounds_of(measure) {
            let mut both = Vec::new();
            for protocol in TRANSPORTS {
                if self.stopped() {
                    break;
                }
                let round = Round {
                    stage: &mut stage,
                    protocol,
                    volume: self.options.volume(),
                    seed: self.options.seed.wrapping_add(u64::from(number)),
                };
                both.push(measure::round(measure, foreign, round)?);
            }
            // A round of one transport alone compares with nothing.
            if let Ok([mptcp, tcp]) = <[_; 2]>::try_from(both) {
                for (side, done) in readings.iter_mut().zip([mptcp, tcp]) {
                    side.push(done.reading);
                    witnessed.extend(done.witnessed);
                }
                round_done();
            }
        }
        if readings[0].is_empty() {
            return Err(stopped());
        }
        let trace = proof::trace(&stage.lab)?;
        let mut sides = Vec::new();
        for (protocol, pending) in TRANSPORTS.into_iter().zip(readings) {
            let proof = proof::prove(&trace, &witnessed, protocol, subflows(measure, protocol))?;
            let read: Result<Vec<Reading>, RowEnd> =
                pending.into_iter().map(|one| one.read(&trace)).collect();
            let rounds = read?;
            sides.push(SideResult {
                rounds: u32::try_from(rounds.len()).unwrap_or(u32::MAX),
                figure: figure::figure(rounds, measure::capacity(measure, protocol, self.options))
                    .ok_or_else(|| RowEnd::peer("nothing was measured"))?,
                proof,
            });
        }
        <[_; 2]>::try_from(sides).map_err(|_| RowEnd::peer("one transport is missing"))
    }

    fn stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }
}

fn stopped() -> RowEnd {
    RowEnd::NotMeasured("the run was stopped before".to_owned())
}

/// Subflows over which data must have gone.
fn subflows(measure: Measure, protocol: SocketProtocol) -> u32 {
    match protocol {
        SocketProtocol::Mptcp => u32::from(measure.paths()),
        SocketProtocol::Tcp => 1,
    }
}

const TRANSPORTS: [SocketProtocol; 2] = [SocketProtocol::Mptcp, SocketProtocol::Tcp];
