//! Results for tests, with the feature `testing`: each as plain as can be, to be changed where a
//! test needs it otherwise.
//!
//! A cell passed over what its name asks for, a run is the whole run of its cells by an ordinary
//! user, a claim has no answers.

use std::collections::BTreeMap;

use crate::claims::{ClaimResult, ClaimVerdict};
use crate::result::{
    CaseFacts, CellResult, Check, Control, Environment, Evidence, ExpectedDeviation, HostFacts,
    Launcher, LeftOut, PeerFacts, RESULT_SCHEMA, RunResult, RunsOn, Summary, Tool, Transport,
    TransportKind, Verdict,
};
use crate::{Cause, CellName, PeerId, Profile, Protocol};

/// A whole run of these cells, with their peers and cases.
pub fn run(cells: Vec<CellResult>) -> RunResult {
    let mut peers = BTreeMap::new();
    let mut cases: Vec<CaseFacts> = Vec::new();
    for cell in &cells {
        for name in [&cell.client, &cell.server] {
            peers.insert(name.clone(), peer(name, name, "1.0", ""));
        }
        if !cases.iter().any(|known| known.case == cell.case) {
            cases.push(case(&cell.case, cases.len() + 1));
        }
    }
    RunResult {
        schema: RESULT_SCHEMA.to_owned(),
        tool: Tool {
            name: "mpws".to_owned(),
            version: "0.1.0".to_owned(),
        },
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        duration_ms: 1,
        host: HostFacts {
            kernel: "6.1.0-1-amd64".to_owned(),
            architecture: "x86_64".to_owned(),
            libc: "glibc 2.36".to_owned(),
            processors: 2,
            root: false,
            capabilities: BTreeMap::new(),
        },
        peers: peers.into_values().collect(),
        cases,
        profile: Profile::Default,
        matrix: None,
        selectors: Vec::new(),
        paths: Vec::new(),
        left_out: Vec::new(),
        planned: cells.len(),
        taken_over: 0,
        interrupted: false,
        findings: Vec::new(),
        claims: Vec::new(),
        problems: Vec::new(),
        summary: Summary::of(&cells),
        cells,
    }
}

/// A cell that passed.
///
/// # Panics
///
/// If the name is not one of a cell.
pub fn cell(name: &str) -> CellResult {
    let name: CellName = match name.parse() {
        Ok(name) => name,
        Err(error) => panic!("{error}"),
    };
    let transport = match name.protocol() {
        Protocol::Mptcp => Transport {
            kind: TransportKind::Mptcp,
            cause: None,
            subflows: Some(1),
        },
        Protocol::Tcp => Transport {
            kind: TransportKind::Tcp,
            cause: Some(Cause::NeverAsked),
            subflows: None,
        },
    };
    CellResult {
        case: name.case().to_owned(),
        client: name.client().to_owned(),
        server: name.server().to_owned(),
        control: Control::NONE,
        environment: Environment {
            ip: name.ip(),
            asked: name.protocol(),
            launcher: Launcher::Process,
            base: None,
        },
        cell: name,
        verdict: Verdict::Pass,
        reason: "1 checks held".to_owned(),
        expected: Vec::new(),
        transport,
        duration_ms: 1,
        checks: vec![check("echo", true)],
        recorded: BTreeMap::new(),
        evidence: Evidence::default(),
    }
}

/// A cell with this verdict.
///
/// # Panics
///
/// As [`cell`].
pub fn cell_with(name: &str, verdict: Verdict, reason: &str) -> CellResult {
    CellResult {
        verdict,
        reason: reason.to_owned(),
        ..cell(name)
    }
}

/// The same cell, explained by a known deviation.
pub fn known(cell: CellResult, id: &str) -> CellResult {
    CellResult {
        expected: vec![ExpectedDeviation {
            by_chance: false,
            id: id.to_owned(),
            reason: format!("the reason of {id}"),
        }],
        ..cell
    }
}

/// A judgement.
pub fn check(name: &str, held: bool) -> Check {
    Check {
        name: name.to_owned(),
        expected: "this".to_owned(),
        observed: if held { "this" } else { "that" }.to_owned(),
        held,
    }
}

/// A peer that started, without an implementation where that is empty.
pub fn peer(name: &str, family: &str, version: &str, implementation: &str) -> PeerFacts {
    PeerFacts {
        peer: name.to_owned(),
        id: PeerId {
            family: family.to_owned(),
            version: Some(version.to_owned()),
            implementation: Some(implementation.to_owned()).filter(|text| !text.is_empty()),
        },
        runs_on: Some(RunsOn {
            runtime: "CPython 3.11.2".to_owned(),
            libc: "glibc 2.36".to_owned(),
        }),
    }
}

/// A case at this place of the catalogue.
pub fn case(slug: &str, place: usize) -> CaseFacts {
    CaseFacts {
        case: slug.to_owned(),
        place,
        title: format!("what {slug} does"),
        requirements: vec!["RFC 8684 section 3.7".to_owned()],
        always_shown: Vec::new(),
    }
}

/// A peer that a run of a matrix left out.
pub fn left_out(peer: &str, reason: &str) -> LeftOut {
    LeftOut {
        peer: peer.to_owned(),
        cells: 3,
        reason: reason.to_owned(),
    }
}

/// A claim with this verdict.
pub fn claim(id: &str, verdict: ClaimVerdict) -> ClaimResult {
    ClaimResult {
        id: id.to_owned(),
        number: 1,
        statement: format!("what {id} says"),
        verdict,
        reason: "the reason".to_owned(),
        over_tcp: None,
        depends_on: Vec::new(),
        conditions: Vec::new(),
        libc: Vec::new(),
        answers: Vec::new(),
    }
}
