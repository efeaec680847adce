//! One cell from start to judgement.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use mpws_harness::{End, Fault, Harness, Setup, StartError};
use mpws_judge::Demands;
use mpws_lab::MAX_BACKLOG;
use mpws_lab::preset::OnPath;
use mpws_model::PeerId;
use mpws_peers::protocol::SocketProtocol;
use mpws_peers::protocol::chain::in_one_line;
use mpws_peers::{LaunchOptions, Launcher, Peer, PeerSpec, Program};

use crate::case::Side;
use crate::cell::{Cell, CellEnd, Paths};
use crate::plan::{PlannedCell, asked};
use crate::result::{
    self, CellResult, Control, Environment, Evidence, PeerFacts, RunsOn, Transport, TransportKind,
    Verdict,
};
use crate::run::evidence;
use crate::run::options::{Keep, LauncherKind, RunOptions};
use crate::sabotage;
use crate::witness::gather::gather;

/// The reason of cells that did not run because the run was stopped.
pub const NOT_RUN: &str = "not run: the run was stopped before";

/// Under this name a result records the rules and boxes that its case put on the wire.
pub const ON_THE_WIRE: &str = "rules and boxes on the wire";

/// What all cells of a run share.
pub struct Runner<'a> {
    pub(crate) launcher: Launcher,
    pub(crate) options: &'a RunOptions,
    /// Conditions of paths, beside what the cases do to their networks.
    pub(crate) paths: &'a [OnPath],
    /// Peers that cannot be had, with the reason.
    pub(crate) unfit: BTreeMap<String, String>,
    /// Why no cell can be shown on this host.
    pub(crate) host_unfit: Option<String>,
}

impl Runner<'_> {
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
        let end = |side| End {
            spec: spec(planned, side),
            options: self.options(planned, side, scratch.path()),
        };
        let setup = Setup {
            paths: planned.case.paths,
            backlog: if planned.case.bulk {
                MAX_BACKLOG
            } else {
                BACKLOG
            },
            conditions: self.paths,
            client: Some(end(Side::Client)),
            server: end(Side::Server),
        };
        let started = Harness::start(&self.launcher, &setup);
        let harness = started.map_err(not_started)?;
        let Harness {
            lab,
            client,
            server,
            kernels,
        } = harness;
        let client = client.ok_or_else(|| CellEnd::Broken("there is no client".to_owned()))?;
        let facts =
            [(&planned.client, &client), (&planned.server, &server)].map(|(s, p)| facts(s, p));
        let mut cell = Cell {
            demands: Demands {
                control: planned.protocol == SocketProtocol::Tcp,
                transport: planned.case.transport,
                ..Demands::default()
            },
            lab,
            client,
            server,
            client_spec: Arc::clone(&planned.client),
            server_spec: Arc::clone(&planned.server),
            ip: planned.ip,
            protocol: planned.protocol,
            scratch: scratch.path().to_owned(),
            on_the_wire: Mutex::default(),
            paths: Paths::default(),
            kernels,
            checks: Vec::new(),
            recorded: BTreeMap::new(),
            snapshots: Vec::new(),
            refusals: Vec::new(),
            server_number: None,
            effects: sabotage::effects(self.options.sabotage),
        };
        cell.effects
            .begin(&cell.lab)
            .map_err(|error| CellEnd::broken("the steps could not begin", &error))?;
        let end = (planned.case.steps)(&mut cell);
        let placed = cell.on_the_wire().clone();
        let placed: Vec<String> = placed.iter().map(|one| one.placed.describe()).collect();
        if !placed.is_empty() {
            cell.record_volatile(ON_THE_WIRE, placed);
        }
        let result = self.judge(planned, cell, end)?;
        Ok((result, facts.to_vec()))
    }

    fn options(&self, planned: &PlannedCell, side: Side, scratch: &Path) -> LaunchOptions {
        let mut options = LaunchOptions {
            scratch: Some(scratch.to_owned()),
            ..LaunchOptions::default()
        };
        if let Some((denied, errno)) = planned.case.deny
            && denied == side
        {
            options.deny_mptcp = Some(errno);
        }
        if planned.case.switched_off == Some(side) {
            options.sysctls = vec![("net.mptcp.enabled".to_owned(), "0".to_owned())];
        }
        if side == Side::Client {
            let env = planned.case.env.iter();
            options.env = env
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect();
        }
        sabotage::effects(self.options.sabotage).launch(options)
    }

    fn judge(
        &self,
        planned: &PlannedCell,
        mut cell: Cell,
        end: Result<(), CellEnd>,
    ) -> Result<CellResult, CellEnd> {
        let mut gathered = gather(&mut cell, end)?;
        let judgement = mpws_judge::judge(&gathered.demands, &gathered.testimony);
        for (name, value) in judgement.volatile {
            cell.record_volatile(&name, value);
        }
        let mut result = CellResult {
            transport: judgement.transport,
            checks: judgement.checks,
            recorded: std::mem::take(&mut cell.recorded),
            evidence: judgement.evidence,
            ..self.empty(planned, judgement.verdict, judgement.reason)
        };
        if self.keeps(judgement.verdict) {
            evidence::keep(&self.options.out, &mut result, &cell, &mut gathered)
                .map_err(|error| CellEnd::broken("evidence was not written", &error))?;
        }
        Ok(result)
    }

    /// A result without a judgement.
    pub fn empty(&self, planned: &PlannedCell, verdict: Verdict, reason: String) -> CellResult {
        let (launcher, base) = self.kind(planned);
        CellResult {
            cell: planned.full_name(),
            case: planned.case.slug.to_owned(),
            client: planned.client.name.clone(),
            server: planned.server.name.clone(),
            control: Control::NONE,
            environment: Environment {
                ip: planned.ip,
                asked: asked(planned.protocol),
                launcher,
                base,
            },
            verdict,
            reason,
            expected: Vec::new(),
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
    fn kind(&self, planned: &PlannedCell) -> (result::Launcher, Option<String>) {
        match &self.options.launcher {
            LauncherKind::Container { base }
                if [&planned.client, &planned.server]
                    .into_iter()
                    .any(|spec| spec.program != Program::Fixture) =>
            {
                (result::Launcher::Container, Some(base.to_string()))
            }
            _ => (result::Launcher::Process, None),
        }
    }
}

fn spec(planned: &PlannedCell, side: Side) -> &PeerSpec {
    match side {
        Side::Client => &planned.client,
        Side::Server => &planned.server,
    }
}

/// Frames that the wire has room for where a case sends little: 1.4 MB of full packets.
const BACKLOG: u32 = 1024;

/// What a harness that does not stand says of the cell.
fn not_started(error: StartError) -> CellEnd {
    let text = match &error {
        // It says all by itself.
        StartError::Lab(why @ mpws_lab::StartError::Unsupported { .. }) => why.to_string(),
        _ => in_one_line(&error),
    };
    match error.fault() {
        Fault::Peer => CellEnd::Failed(text),
        Fault::Unsupported => CellEnd::Unsupported(text),
        Fault::Host => CellEnd::Unprovable(text),
        Fault::Own => CellEnd::Broken(text),
    }
}

fn facts(spec: &PeerSpec, peer: &Peer) -> PeerFacts {
    let hello = peer.hello();
    PeerFacts {
        peer: spec.name.clone(),
        id: PeerId {
            family: spec.family.clone(),
            version: Some(hello.version.clone()),
            implementation: Some(hello.implementation.clone()),
        },
        runs_on: Some(RunsOn {
            runtime: hello.runtime.clone(),
            libc: hello.libc.clone(),
        }),
    }
}
