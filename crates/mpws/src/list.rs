//! `mpws list`, and `mpws run --list`.

use std::collections::{BTreeMap, BTreeSet};

use mpws_peers::protocol::Feature;
use mpws_peers::{PeerSpec, Role};
use mpws_report::text;
use mpws_suite::case::Profile;
use mpws_suite::cases::catalogue;
use mpws_suite::coverage::coverage;
use mpws_suite::plan::{Plan, Planned};

use crate::args::List;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::plan;

/// Lists cases, peers, cells, requirements or features.
pub(crate) fn run(args: &List) -> Result<Exit, Failure> {
    if args.what.features {
        return features();
    }
    let mut selection = plan::selection(&args.selection, Vec::new())?;
    if args.what.requirements {
        selection.profile = Profile::Full;
    }
    let planned = plan::of(selection)?;
    if args.what.cells {
        cells(&planned.plan)
    } else if args.what.peers {
        peers(&planned)
    } else if args.what.requirements {
        requirements(&planned.plan)
    } else {
        cases(&planned.plan)
    }
}

/// The cells of the plan, one a line.
pub(crate) fn cells(plan: &Plan) -> Result<Exit, Failure> {
    let mut output = Output::default();
    for cell in &plan.cells {
        output.line(text::line(&cell.name, text::LINE_LIMIT));
    }
    output.finish()
}

/// The features of peers: word, side, and what it includes or leaves out.
fn features() -> Result<Exit, Failure> {
    let width = Feature::ALL
        .iter()
        .map(|feature| feature.word().len())
        .max();
    let width = width.unwrap_or(0);
    let mut output = Output::default();
    for feature in Feature::ALL {
        let side = feature.side().to_string();
        output.line(format_args!(
            "{:<width$}  {side:<6}  {}",
            feature.word(),
            feature.what()
        ));
    }
    output.finish()
}

fn cases(plan: &Plan) -> Result<Exit, Failure> {
    let planned: BTreeSet<&str> = plan.cells.iter().map(|cell| cell.case.slug).collect();
    let cases: Vec<_> = catalogue()
        .iter()
        .filter(|case| planned.contains(case.slug))
        .collect();
    let width = cases.iter().map(|case| case.slug.len()).max().unwrap_or(0);
    let mut output = Output::default();
    for case in cases {
        output.line(format_args!("{:<width$}  {}", case.slug, case.title));
    }
    output.finish()
}

/// The sections, interfaces and pages that the cases of the plan answer to, and the sections that
/// none answers to.
fn requirements(plan: &Plan) -> Result<Exit, Failure> {
    let planned: BTreeSet<&str> = plan.cells.iter().map(|cell| cell.case.slug).collect();
    let cases = catalogue().iter();
    let mut output = Output::default();
    for one in coverage(cases.filter(|case| planned.contains(case.slug))) {
        let title = one.title.map(|title| format!(", {title}"));
        let count = match one.cases.len() {
            0 => "no case".to_owned(),
            1 => "1 case".to_owned(),
            many => format!("{many} cases"),
        };
        output.line(format_args!(
            "{}{}: {count}",
            one.source,
            title.unwrap_or_default()
        ));
        for case in one.cases {
            output.line(format_args!("  {case}"));
        }
    }
    output.finish()
}

fn peers(planned: &Planned) -> Result<Exit, Failure> {
    let mut peers: BTreeMap<&str, &PeerSpec> = BTreeMap::new();
    for cell in &planned.plan.cells {
        peers.insert(&cell.client.name, &cell.client);
        peers.insert(&cell.server.name, &cell.server);
    }
    let known = mpws_peers::Catalogue::builtin().ok();
    if planned.selection.peers.is_empty() && planned.selection.matrix.is_none() {
        let others = known.iter().flat_map(mpws_peers::Catalogue::everyone);
        for peer in others.filter(|peer| peer.matrix.is_some()) {
            peers.insert(&peer.name, peer);
        }
    }
    let width = peers
        .keys()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut output = Output::default();
    for (name, peer) in peers {
        let name = text::line(name, text::LINE_LIMIT);
        let what = text::line(&what(peer), text::LINE_LIMIT);
        output.line(format_args!("{name:<width$}  {what}"));
    }
    output.finish()
}

/// `websockets 14.2, sync; client and server`.
fn what(peer: &PeerSpec) -> String {
    let parts = [
        Some(peer.family.as_str()),
        peer.version.as_deref(),
        peer.implementation.as_deref(),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    let roles: Vec<&str> = [(Role::Client, "client"), (Role::Server, "server")]
        .into_iter()
        .filter(|(role, _)| peer.can_be(*role))
        .map(|(_, word)| word)
        .collect();
    let mut text = format!("{}; {}", parts.join(" "), roles.join(" and "));
    if let Some(matrix) = &peer.matrix {
        text.push_str(&format!("; only with --matrix {matrix} or --peer"));
    }
    text
}
