//! One cell from start to judgement.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpws_lab::preset::OnPath;
use mpws_lab::{Exit, Lab, MAX_BACKLOG};
use mpws_peers::{Ahead, LaunchError, LaunchOptions, Launcher, Peer, PeerSpec, Program};

use crate::case::Side;
use crate::cell::{Cell, CellEnd, Paths};
use crate::deadline;
use crate::oracle;
use crate::plan::{PlannedCell, word};
use crate::result::{
    CellResult, Control, ControlRole, Environment, Evidence, PeerFacts, Transport, TransportKind,
    Verdict,
};
use crate::run::evidence::{self, Kept};
use crate::run::{Keep, LauncherKind, RunOptions};
use crate::sabotage::Sabotage;
use crate::witness::Witness;

/// The reason of cells that did not run because the run was stopped.
pub const NOT_RUN: &str = "not run: the run was stopped before";

/// Under this name, with `~` before it, a result records the rules and boxes that its case put on the wire.
pub const ON_THE_WIRE: &str = "rules and boxes on the wire";

/// What all cells of a run share.
pub struct Bench<'a> {
    pub(crate) launcher: Launcher,
    pub(crate) options: &'a RunOptions,
    /// Peers that cannot be had, with the reason.
    pub(crate) unfit: BTreeMap<String, String>,
    /// Why no cell can be shown on this host.
    pub(crate) host_unfit: Option<String>,
}

impl Bench<'_> {
    /// Why a cell cannot be run at all.
    pub fn unfit(&self, planned: &PlannedCell) -> Option<&String> {
        self.host_unfit.as_ref().or_else(|| {
            [&planned.client.name, &planned.server.name]
                .into_iter()
                .find_map(|peer| self.unfit.get(peer))
        })
    }

    /// Runs a cell. Whatever happens, there is a result.
    pub fn run(&self, planned: &PlannedCell) -> (CellResult, Vec<PeerFacts>) {
        let started = Instant::now();
        if let Some(reason) = self.unfit(planned) {
            let result = self.empty(planned, Verdict::Unprovable, reason.clone());
            return (result, Vec::new());
        }
        let ran = catch_unwind(AssertUnwindSafe(|| self.try_run(planned)));
        let (mut result, facts) = match ran {
            Ok(Ok(done)) => done,
            Ok(Err(end)) => (self.ended(planned, end), Vec::new()),
            Err(panic) => {
                let what = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                let reason = format!("the suite panicked: {what}");
                (self.empty(planned, Verdict::Error, reason), Vec::new())
            }
        };
        result.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        (result, facts)
    }

    /// Throws away the evidence of cells that turned out to need none.
    pub fn settle_evidence(&self, cell: &mut CellResult, problems: &mut Vec<String>) {
        if self.keeps(cell.verdict) {
            return;
        }
        if let Some(folder) = cell.evidence.folder.take() {
            cell.evidence.files.clear();
            let folder = self.options.out.join(folder);
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                problems.push(format!(
                    "evidence was not removed: {}: {error}",
                    folder.display()
                ));
            }
        }
    }

    fn keeps(&self, verdict: Verdict) -> bool {
        match self.options.keep {
            Keep::All => true,
            Keep::None => false,
            Keep::Red => !matches!(verdict, Verdict::Pass | Verdict::Tolerated),
        }
    }

    fn try_run(&self, planned: &PlannedCell) -> Result<(CellResult, Vec<PeerFacts>), CellEnd> {
        // In the run folder, which the next run removes when this one is killed.
        let scratch = tempfile::Builder::new()
            .prefix("cell-")
            .tempdir_in(self.launcher.run_folder())
            .map_err(|error| CellEnd::broken("no scratch folder", &error))?;
        let [client, server] = self.ahead(planned, scratch.path())?;
        let (client_net, client) = apart(client);
        let (server_net, server) = apart(server);
        let lab = lab(planned, [client_net, server_net])?;
        for OnPath { path, spec } in &self.options.paths {
            if *path <= planned.case.paths {
                let what = || format!("path {path} was not given the condition {spec}");
                lab.apply(*path, spec)
                    .map_err(|error| CellEnd::broken(what(), &error))?;
            }
        }
        let witness = Witness::open(&lab)?;
        let server = self.in_lab(planned, Side::Server, server, &lab, scratch.path())?;
        let client = self.in_lab(planned, Side::Client, client, &lab, scratch.path())?;
        let facts =
            [(&planned.client, &client), (&planned.server, &server)].map(|(s, p)| facts(s, p));
        let mut cell = Cell {
            expect: planned.case.transport,
            lab,
            client,
            server,
            client_spec: Arc::clone(&planned.client),
            server_spec: Arc::clone(&planned.server),
            ip: planned.ip,
            protocol: planned.protocol,
            scratch: scratch.path().to_owned(),
            each: Vec::new(),
            no_holding: Vec::new(),
            no_reset: false,
            compressed: false,
            illegal: Vec::new(),
            on_the_wire: Mutex::default(),
            paths: Paths::default(),
            witness,
            checks: Vec::new(),
            recorded: BTreeMap::new(),
            snapshots: Vec::new(),
            refusals: Vec::new(),
            server_number: None,
            sabotage: self.options.sabotage,
        };
        if let Some(rule) = self.options.sabotage.and_then(Sabotage::rule) {
            cell.spoil(&rule)?;
        }
        let end = (planned.case.steps)(&mut cell);
        let placed = cell.on_the_wire().clone();
        let placed: Vec<String> = placed.iter().map(|one| one.mark.describe()).collect();
        if let Some(first) = placed.first() {
            if !planned.case.mutants.contains(&Sabotage::RuleLeftOut.name()) {
                let mutant = Sabotage::RuleLeftOut.name();
                return Err(CellEnd::Broken(format!(
                    "the case puts the {first} on the wire and does not name the mutant {mutant}"
                )));
            }
            cell.record_volatile(ON_THE_WIRE, placed);
        }
        let result = self.judge(planned, cell, end)?;
        Ok((result, facts.to_vec()))
    }

    /// The peers that run before there is a lab, client and server, both started at the same time.
    fn ahead(&self, planned: &PlannedCell, scratch: &Path) -> Result<[Option<Ahead>; 2], CellEnd> {
        let start = |side: Side| {
            let spec = spec(planned, side);
            if !self.launcher.in_container(spec) {
                return Ok(None);
            }
            let options = self.options(planned, side, scratch);
            let started = self.launcher.launch_ahead(spec, &options);
            started.map_err(|error| not_started(spec, side, error))
        };
        let [client, server] = std::thread::scope(|scope| {
            let client = scope.spawn(|| start(Side::Client));
            let server = start(Side::Server);
            let panicked = || CellEnd::Broken("a launch panicked".to_owned());
            [client.join().unwrap_or_else(|_| Err(panicked())), server]
        });
        Ok([client?, server?])
    }

    /// The peer that runs already, or else one that is started in the lab.
    fn in_lab(
        &self,
        planned: &PlannedCell,
        side: Side,
        runs: Option<Peer>,
        lab: &Lab,
        scratch: &Path,
    ) -> Result<Peer, CellEnd> {
        if let Some(peer) = runs {
            return Ok(peer);
        }
        let spec = spec(planned, side);
        let host = lab.host(side.word());
        let options = self.options(planned, side, scratch);
        for (name, value) in &options.sysctls {
            host.set_sysctl(name, value)
                .map_err(|error| CellEnd::broken(format!("sysctl {name} was not set"), &error))?;
        }
        let started = self.launcher.launch(spec, &host, &options);
        started.map_err(|error| not_started(spec, side, error))
    }

    fn options(&self, planned: &PlannedCell, side: Side, scratch: &Path) -> LaunchOptions {
        let mut options = LaunchOptions {
            scratch: Some(scratch.to_owned()),
            ..LaunchOptions::default()
        };
        if let Some((denied, errno)) = planned.case.deny
            && denied == side
            && self.options.sabotage != Some(Sabotage::FilterLeftOut)
        {
            options.deny_mptcp = Some(errno);
        }
        if planned.case.switched_off == Some(side)
            && self.options.sabotage != Some(Sabotage::SysctlLeftOn)
        {
            options.sysctls = vec![("net.mptcp.enabled".to_owned(), "0".to_owned())];
        }
        if side == Side::Client && self.options.sabotage != Some(Sabotage::ConstantLeftIn) {
            let env = planned.case.env.iter();
            options.env = env
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect();
        }
        options
    }

    fn judge(
        &self,
        planned: &PlannedCell,
        mut cell: Cell,
        end: Result<(), CellEnd>,
    ) -> Result<CellResult, CellEnd> {
        let mut capture = cell
            .lab
            .capture()
            .map_err(|error| CellEnd::broken("the wire gave no capture", &error))?;
        // After the capture: what the wire has handed on by then has reached its kernel.
        let (client_moved, server_moved) = cell.witness.deltas()?;
        let packets = mpws_trace::read_pcapng(std::io::BufReader::new(&mut capture))
            .map_err(|error| CellEnd::broken("the capture cannot be read", &error))?;
        let trace = mpws_trace::analyse(&packets);
        let judgement = oracle::judge(&cell, &trace, &client_moved, &server_moved);
        let took_effect = oracle::on_the_wire::judge(&cell, &packets, end.is_ok())?;
        cell.recorded.extend(judgement.recorded);
        let mut checks = std::mem::take(&mut cell.checks);
        let judged_by_case = checks.len();
        checks.extend(judgement.checks);
        checks.extend(took_effect);
        if let Err(CellEnd::Failed(reason)) = &end {
            // A check like the others, so that no expectation about another one can explain it away.
            checks.push(crate::result::Check {
                name: "the steps go through".to_owned(),
                expected: "to the end".to_owned(),
                observed: reason.clone(),
                held: false,
            });
        }
        let cut_short = end.is_err();
        let (verdict, mut reason) = verdict(&checks, judged_by_case, end);
        let mut evidence = judgement.evidence;
        if cut_short {
            // Programs only see silence; the wire shows which kernel keeps it.
            for told in oracle::held_back(&cell, &trace) {
                reason.push_str(&format!("; {told}"));
                evidence.wire.push(told);
            }
        }
        for (side, peer) in [("client", &cell.client), ("server", &cell.server)] {
            match peer.shutdown(Duration::from_millis(deadline::PEER_EXIT_MS)) {
                Ok(Exit::Code(_)) => {}
                // A crash shows at the other end as no more than a connection that ends.
                Ok(Exit::Signal(signal)) => {
                    let how = format!("was killed by signal {signal}");
                    if cut_short && !reason.contains(&how) {
                        reason.push_str(&format!("; the {side} {how}"));
                    }
                    evidence.peer.push(format!("{side}: {how}"));
                }
                Err(error) => {
                    cell.recorded
                        .insert(format!("~{side} at the end"), error.to_string().into());
                }
            }
        }
        let mut result = CellResult {
            control: Control {
                role: ControlRole::None,
                cell: None,
                differs: None,
                differences: Vec::new(),
            },
            transport: judgement.transport,
            checks,
            recorded: std::mem::take(&mut cell.recorded),
            evidence,
            ..self.empty(planned, verdict, reason)
        };
        if self.keeps(verdict) {
            let kept = Kept {
                cell: &cell,
                capture: &mut capture,
                moved: [&client_moved, &server_moved],
            };
            evidence::keep(&self.options.out, &mut result, kept)
                .map_err(|error| CellEnd::broken("evidence was not written", &error))?;
        }
        Ok(result)
    }

    /// A result without a judgement.
    pub fn empty(&self, planned: &PlannedCell, verdict: Verdict, reason: String) -> CellResult {
        let (launcher, base) = self.kind(planned);
        CellResult {
            cell: planned.name.clone(),
            case: planned.case.slug.to_owned(),
            client: planned.client.name.clone(),
            server: planned.server.name.clone(),
            control: Control {
                role: ControlRole::None,
                cell: None,
                differs: None,
                differences: Vec::new(),
            },
            environment: Environment {
                ip: planned.ip.word().to_owned(),
                asked: word(planned.protocol).to_owned(),
                launcher,
                base,
            },
            verdict,
            reason,
            expected: None,
            transport: Transport {
                kind: TransportKind::Unproven,
                cause: None,
                subflows: None,
            },
            duration_ms: 0,
            checks: Vec::new(),
            recorded: BTreeMap::new(),
            evidence: Evidence::default(),
        }
    }

    fn ended(&self, planned: &PlannedCell, end: CellEnd) -> CellResult {
        let (verdict, reason) = match end {
            CellEnd::Failed(reason) => (Verdict::Fail, reason),
            CellEnd::Unsupported(reason) => (Verdict::Unsupported, reason),
            CellEnd::Unprovable(reason) => (Verdict::Unprovable, reason),
            CellEnd::Broken(reason) => (Verdict::Error, reason),
        };
        self.empty(planned, verdict, reason)
    }

    /// How the cell's peers run, and on which base.
    fn kind(&self, planned: &PlannedCell) -> (String, Option<String>) {
        match &self.options.launcher {
            LauncherKind::Container { base }
                if [&planned.client, &planned.server]
                    .into_iter()
                    .any(|spec| spec.program != Program::Fixture) =>
            {
                ("container".to_owned(), Some(base.to_string()))
            }
            _ => ("process".to_owned(), None),
        }
    }
}

fn spec(planned: &PlannedCell, side: Side) -> &PeerSpec {
    match side {
        Side::Client => &planned.client,
        Side::Server => &planned.server,
    }
}

fn apart(ahead: Option<Ahead>) -> (Option<OwnedFd>, Option<Peer>) {
    ahead.map_or((None, None), |ahead| {
        (Some(ahead.network), Some(ahead.peer))
    })
}

/// Frames that the wire has room for where a case sends little: 1.4 MB of full packets.
const BACKLOG: u32 = 1024;

/// Client and server, each in a namespace that is there or in one of its own, and the paths of the case.
fn lab(planned: &PlannedCell, networks: [Option<OwnedFd>; 2]) -> Result<Lab, CellEnd> {
    let hosts = [Side::Client, Side::Server].map(Side::word);
    let backlog = if planned.case.bulk {
        MAX_BACKLOG
    } else {
        BACKLOG
    };
    let mut lab = Lab::builder().backlog(backlog);
    for (name, network) in hosts.into_iter().zip(networks) {
        lab = match network {
            Some(network) => lab.host_in(name, network),
            None => lab.host(name),
        };
    }
    let [client, server] = hosts;
    for _ in 0..planned.case.paths {
        lab = lab.path(client, server);
    }
    lab.start().map_err(|error| match error {
        mpws_lab::StartError::Unsupported { .. } => CellEnd::Unprovable(error.to_string()),
        other => CellEnd::broken("the lab did not start", &other),
    })
}

fn not_started(spec: &PeerSpec, side: Side, error: LaunchError) -> CellEnd {
    let text = CellEnd::broken(format!("the {} did not start", side.word()), &error);
    let CellEnd::Broken(text) = text else {
        return text;
    };
    match error {
        LaunchError::NotSupported { .. } => CellEnd::Unsupported(text),
        LaunchError::Environment { .. }
        | LaunchError::NoPython { .. }
        | LaunchError::Image { .. }
        | LaunchError::Engine { .. }
        | LaunchError::NoContainers(_)
        | LaunchError::NotInContainer { .. } => CellEnd::Unprovable(text),
        LaunchError::Socket(_) | LaunchError::Nursery { .. } => CellEnd::Broken(text),
        _ if spec.program == Program::Fixture => CellEnd::Broken(text),
        _ => CellEnd::Failed(text),
    }
}

/// The verdict of a cell that was judged. Steps that ended early outweigh checks that held so far.
fn verdict(
    checks: &[crate::result::Check],
    judged_by_case: usize,
    end: Result<(), CellEnd>,
) -> (Verdict, String) {
    match end {
        Err(CellEnd::Broken(reason)) => return (Verdict::Error, reason),
        Err(CellEnd::Unprovable(reason)) => return (Verdict::Unprovable, reason),
        Err(CellEnd::Unsupported(reason)) => return (Verdict::Unsupported, reason),
        Err(CellEnd::Failed(reason)) => return (Verdict::Fail, reason),
        Ok(()) => {}
    }
    if judged_by_case == 0 {
        return (Verdict::Error, "the case judged nothing".to_owned());
    }
    let failed: Vec<&crate::result::Check> = checks.iter().filter(|check| !check.held).collect();
    match failed.as_slice() {
        [] => (Verdict::Pass, format!("{} checks held", checks.len())),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            let reason = format!(
                "{}: expected {}, observed {}{more}",
                first.name, first.expected, first.observed
            );
            (Verdict::Fail, reason)
        }
    }
}

fn facts(spec: &PeerSpec, peer: &Peer) -> PeerFacts {
    let hello = peer.hello();
    PeerFacts {
        peer: spec.name.clone(),
        version: hello.version.clone(),
        runtime: hello.runtime.clone(),
        libc: hello.libc.clone(),
    }
}

/// Folder of a cell's evidence, below the output folder.
pub(crate) fn folder_of(cell: &str) -> PathBuf {
    let safe: String = cell
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._@".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    Path::new("evidence").join(safe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Check;

    fn check(held: bool) -> Check {
        Check {
            name: "answer".to_owned(),
            expected: "42".to_owned(),
            observed: if held { "42" } else { "41" }.to_owned(),
            held,
        }
    }

    #[test]
    fn a_case_that_judged_nothing_is_a_fault_of_the_suite_whatever_the_oracle_adds() {
        let (is, why) = verdict(&[check(true)], 0, Ok(()));
        assert_eq!(
            (is, why.as_str()),
            (Verdict::Error, "the case judged nothing")
        );
    }

    #[test]
    fn one_check_that_did_not_hold_is_enough_to_fail() {
        let (is, why) = verdict(&[check(true), check(false)], 1, Ok(()));
        assert_eq!(is, Verdict::Fail);
        assert_eq!(why, "answer: expected 42, observed 41");
    }

    #[test]
    fn steps_that_ended_early_are_never_green_for_the_checks_that_held_before() {
        let ends = [
            (CellEnd::Failed(String::new()), Verdict::Fail),
            (CellEnd::Unsupported(String::new()), Verdict::Unsupported),
            (CellEnd::Unprovable(String::new()), Verdict::Unprovable),
            (CellEnd::Broken(String::new()), Verdict::Error),
        ];
        for (end, expected) in ends {
            assert_eq!(verdict(&[check(true)], 1, Err(end)).0, expected);
        }
    }
}
