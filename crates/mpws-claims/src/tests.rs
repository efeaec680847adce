//! Each rule gives each verdict, from results that are made up: what is true here today must be
//! able to be false.

use std::collections::{BTreeMap, BTreeSet};

use mpws_model::claims::{ClaimVerdict, Ratio};
use mpws_model::result::{
    Capability, CellResult, Check, Control, PeerFacts, Recorded, RunResult, RunsOn, Verdict,
};
use mpws_model::{CellName, PeerId, Profile, Protocol, testing};
use mpws_suite::cases::catalogue;
use mpws_suite::plan::{Plan, Selector, Selectors, choose};
use serde_json::json;

use super::*;

/// What is made up of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// Its answer supports the claim.
    For,
    /// Its answer contradicts it.
    Against,
    /// This host cannot show it.
    Unprovable,
}

#[test]
fn every_claim_can_come_to_every_verdict() {
    for claim in CLAIMS {
        for (made, verdict) in [
            (vec![Made::For], ClaimVerdict::True),
            (vec![Made::Against], ClaimVerdict::False),
            (vec![Made::For, Made::Against], ClaimVerdict::ItDepends),
            (vec![Made::Unprovable], ClaimVerdict::NotDecided),
        ] {
            let (run, figures) = world(claim, &made);
            let judged = judge(&[claim], &run, &figures).remove(0);
            assert_eq!(
                judged.verdict, verdict,
                "{} with {made:?}: {}",
                claim.id, judged.reason
            );
        }
    }
}

#[test]
fn one_cell_that_shows_nothing_leaves_a_claim_not_decided() {
    for verdict in [Verdict::Unprovable, Verdict::Error, Verdict::Unsupported] {
        let claim = claim("client-recipe");
        let (mut run, figures) = world(claim, &[Made::For]);
        run.cells[0].verdict = verdict;
        let judged = judge(&[claim], &run, &figures).remove(0);
        assert_eq!(judged.verdict, ClaimVerdict::NotDecided, "{verdict:?}");
        assert!(judged.reason.contains(verdict.word()), "{}", judged.reason);
    }
}

#[test]
fn a_claim_whose_cells_took_no_part_is_not_decided() {
    for claim in CLAIMS {
        let (mut run, figures) = world(claim, &[Made::For]);
        run.cells.clear();
        let judged = judge(&[claim], &run, &figures).remove(0);
        assert_eq!(judged.verdict, ClaimVerdict::NotDecided, "{}", claim.id);
    }
}

#[test]
fn a_figure_that_is_missing_leaves_a_claim_not_decided_and_says_why() {
    let claim = claim("slower-setup");
    let (run, mut figures) = world(claim, &[Made::For]);
    let lost = figures.ratios.pop().expect("a figure");
    figures.missing.push(Missing {
        measure: lost.measure,
        client: lost.client,
        server: lost.server,
        reason: "it fell back".to_owned(),
    });
    let judged = judge(&[claim], &run, &figures).remove(0);
    assert_eq!(judged.verdict, ClaimVerdict::NotDecided);
    assert!(judged.reason.contains("it fell back"), "{}", judged.reason);

    let none = Figures::none("no labs".to_owned());
    let judged = judge(&[claim], &run, &none).remove(0);
    assert_eq!(judged.verdict, ClaimVerdict::NotDecided);
    assert!(judged.reason.contains("no labs"), "{}", judged.reason);
}

#[test]
fn rounds_that_contradict_each_other_decide_nothing_for_or_against() {
    let claim = claim("slower-setup");
    let (run, mut figures) = world(claim, &[Made::For]);
    for ratio in &mut figures.ratios {
        ratio.rounds = vec![0.9, 1.2];
    }
    let judged = judge(&[claim], &run, &figures).remove(0);
    assert_eq!(judged.verdict, ClaimVerdict::ItDepends);
    let on = judged.depends_on.iter().find(|one| one.on == "aspect");
    let on = on.expect("it depends on the aspect");
    assert_eq!(on.neither.len(), 2, "{on:?}");
    assert_eq!(on.holds.len(), 1, "{on:?}");
}

#[test]
fn a_cell_that_ended_before_it_was_judged_says_nothing() {
    for id in ["connect-first", "protocol-error", "debug-log"] {
        let claim = claim(id);
        let (mut run, figures) = world(claim, &[Made::For]);
        for cell in &mut run.cells {
            cell.checks.clear();
            cell.recorded.clear();
            cell.verdict = Verdict::Fail;
        }
        let judged = judge(&[claim], &run, &figures).remove(0);
        assert_eq!(judged.verdict, ClaimVerdict::NotDecided, "{id}");
    }
}

#[test]
fn the_client_claim_follows_the_resolver_and_names_it() {
    let claim = claim("client-recipe");
    for (made, available, verdict) in [
        (Made::Against, false, ClaimVerdict::False),
        (Made::For, true, ClaimVerdict::True),
    ] {
        let (mut run, figures) = world(claim, &[made]);
        let capability = Capability {
            available,
            detail: "what getaddrinfo() said".to_owned(),
            remedy: None,
        };
        run.host
            .capabilities
            .insert("mptcp-resolver".to_owned(), capability);
        let judged = judge(&[claim], &run, &figures).remove(0);
        assert_eq!(judged.verdict, verdict);
        let named = judged
            .conditions
            .iter()
            .find(|one| one.capability == "mptcp-resolver")
            .expect("it hinges on the resolver");
        assert_eq!(named.available, Some(available));
        assert_eq!(judged.libc, ["glibc 2.36"]);
    }
}

#[test]
fn what_parts_the_answers_is_named() {
    let claim = claim("client-recipe");
    let (mut run, figures) = world(claim, &[Made::For]);
    for cell in &mut run.cells {
        if cell.client.contains("14.2") {
            cell.verdict = Verdict::Fail;
        }
    }
    let judged = judge(&[claim], &run, &figures).remove(0);
    assert_eq!(judged.verdict, ClaimVerdict::ItDepends);
    let [only] = judged.depends_on.as_slice() else {
        panic!("{:?}", judged.depends_on);
    };
    assert_eq!(only.on, "version");
    assert_eq!(only.holds, ["13.1"]);
    assert_eq!(only.fails, ["14.2"]);

    for cell in &mut run.cells {
        let one = cell.client == "websockets-13.1-asyncio";
        cell.verdict = if one { Verdict::Fail } else { Verdict::Pass };
    }
    let judged = judge(&[claim], &run, &figures).remove(0);
    let [only] = judged.depends_on.as_slice() else {
        panic!("{:?}", judged.depends_on);
    };
    assert_eq!(only.on, "version and implementation");
    assert_eq!(only.fails, ["13.1, asyncio"]);
}

#[test]
fn the_controls_give_the_verdict_over_tcp() {
    let claim = claim("client-recipe");
    let (mut run, figures) = world(claim, &[Made::Against]);
    for cell in &mut run.cells {
        if cell.environment.asked == Protocol::Tcp {
            cell.verdict = Verdict::Pass;
        }
    }
    let judged = judge(&[claim], &run, &figures).remove(0);
    assert_eq!(judged.verdict, ClaimVerdict::False);
    assert_eq!(judged.over_tcp, Some(ClaimVerdict::True));
}

#[test]
fn a_pair_of_versions_that_fails_with_one_version_as_well_is_no_matter_of_versions() {
    let claim = claim("same-version");
    let (mut run, figures) = world(claim, &[Made::Against]);
    for cell in &mut run.cells {
        if cell.client.ends_with("sync") {
            cell.verdict = Verdict::Fail;
        }
    }
    let judged = judge(&[claim], &run, &figures).remove(0);
    assert_eq!(judged.verdict, ClaimVerdict::False, "{}", judged.reason);
}

#[test]
fn an_error_of_another_module_is_no_protocol_error() {
    let claim = claim("protocol-error");
    for (class, verdict) in [
        ("websockets.exceptions.InvalidMessage", ClaimVerdict::True),
        ("other.exceptions.InvalidMessage", ClaimVerdict::False),
        ("OSError[32]", ClaimVerdict::False),
    ] {
        let (mut run, figures) = world(claim, &[Made::For]);
        for cell in &mut run.cells {
            cell.recorded
                .insert("error".to_owned(), Recorded::steady(json!([class])));
        }
        let judged = judge(&[claim], &run, &figures).remove(0);
        assert_eq!(judged.verdict, verdict, "{class}");
    }
}

#[test]
fn every_selector_of_a_claim_selects_cells_of_the_catalogue_and_every_claim_has_some() {
    let peers = choose(peers().peers(), &[]).expect("peers");
    let plan = Plan::of(catalogue(), &peers);
    for group in groups() {
        let behind = |name: &str| group.cells.iter().any(|one| one.matches(name));
        assert!(
            plan.cells.iter().any(|cell| behind(&cell.name)),
            "{}",
            group.name
        );
    }
    for claim in CLAIMS {
        for aspect in claim.aspects {
            let Source::Cells { select, .. } = aspect.source else {
                continue;
            };
            for selector in select {
                let parsed: Selector = selector.parse().expect(selector);
                let mut cells = plan.cells.iter();
                assert!(
                    cells.any(|cell| parsed.matches(&cell.name)),
                    "{}: {selector}",
                    claim.id
                );
            }
        }
    }
}

#[test]
fn claims_are_selected_by_name_and_unknown_ones_are_refused_with_a_hint() {
    let peers = choose(peers().peers(), &[]).expect("peers");
    let select = |selector: &str| {
        let selectors = Selectors::parse([selector], &groups()).expect("a selector");
        Plan::of(catalogue(), &peers).select(Profile::Default, &selectors)
    };
    let all = select("claims").expect("cells").cells.len();
    let one = select("claims/client-recipe").expect("cells").cells;
    assert!(one.len() < all);
    assert!(
        one.iter()
            .all(|cell| cell.case.slug == "client-ordering/published-recipe")
    );
    let error = select("claims/client-recip").expect_err("no such claim");
    assert!(
        error.to_string().contains("claims/client-recipe"),
        "{error}"
    );
    let named = |selector| {
        let selectors = Selectors::parse([selector], &groups()).expect("a selector");
        asked(&selectors).len()
    };
    assert_eq!(named("negotiation/"), 0);
    assert_eq!(named("claims/client-recipe"), 1);
    assert_eq!(named("claims"), CLAIMS.len());
}

#[test]
fn ids_are_unique_and_every_numbered_statement_of_the_article_has_a_claim() {
    let ids: BTreeSet<&str> = CLAIMS.iter().map(|claim| claim.id).collect();
    assert_eq!(ids.len(), CLAIMS.len());
    let numbers: BTreeSet<u8> = CLAIMS.iter().map(|claim| claim.number).collect();
    assert_eq!(numbers, (1..=7).collect());
    let page = include_str!("../../../docs/claims.md");
    for claim in CLAIMS {
        assert!(
            page.contains(&format!("| `{}` |", claim.id)),
            "{}",
            claim.id
        );
    }
}

fn claim(id: &str) -> &'static Claim {
    CLAIMS.iter().find(|claim| claim.id == id).expect("a claim")
}

fn peers() -> mpws_peers::Catalogue {
    mpws_peers::Catalogue::builtin().expect("our own peers")
}

/// A run of the claim's cells, made up so that answers come out as `made` says, in turn.
fn world(claim: &Claim, made: &[Made]) -> (RunResult, Figures) {
    let peers = choose(peers().peers(), &[]).expect("peers");
    let plan = Plan::of(catalogue(), &peers);
    let mut cells: BTreeMap<CellName, CellResult> = BTreeMap::new();
    let mut figures = Figures::default();
    let mut turn = 0;
    let mut next = || {
        turn += 1;
        made[(turn - 1) % made.len()]
    };
    for aspect in claim.aspects {
        let supports = aspect.yes == Sense::Supports;
        match aspect.source {
            Source::Cells { select, read } => {
                let mut by_case: BTreeMap<&str, Made> = BTreeMap::new();
                let mut last = Made::For;
                let select = selectors(select);
                for planned in &plan.cells {
                    if !select.iter().any(|one| one.matches(&planned.name)) {
                        continue;
                    }
                    let mut cell = blank(&planned.name, planned.twin());
                    let compared_with = read == Reading::FailsOnlyAcrossVersions && !across(&cell);
                    // A control comes after its subject, and is like it.
                    if read == Reading::ChangesBetweenVersions {
                        // One answer for a whole case.
                        last = *by_case.entry(planned.case.slug).or_insert_with(&mut next);
                    } else if cell.environment.asked == Protocol::Mptcp && !compared_with {
                        last = next();
                    }
                    let made = last;
                    make(&mut cell, read, made, supports);
                    cells.insert(cell.cell.clone(), cell);
                }
            }
            Source::Figures { measures, ask } => {
                for measure in measures {
                    for (client, server) in PAIRS {
                        let made = next();
                        let yes = (made == Made::For) == supports;
                        let ratio = if yes == (ask == Ask::Larger) {
                            1.5
                        } else {
                            0.5
                        };
                        if made != Made::Unprovable {
                            figures.ratios.push(Ratio {
                                measure: *measure,
                                client: client.to_owned(),
                                server: server.to_owned(),
                                ratio,
                                rounds: vec![ratio; 3],
                            });
                        }
                    }
                }
            }
        }
    }
    (run(cells.into_values().collect()), figures)
}

/// Makes a cell's answer what it has to be.
fn make(cell: &mut CellResult, read: Reading, made: Made, supports: bool) {
    if made == Made::Unprovable {
        cell.verdict = Verdict::Unprovable;
        return;
    }
    let yes = (made == Made::For) == supports;
    let verdict = |good: bool| if good { Verdict::Pass } else { Verdict::Fail };
    let tcp = cell.environment.asked == Protocol::Tcp;
    match read {
        Reading::Passes => cell.verdict = verdict(yes),
        Reading::Check(name) => cell.checks.push(check(name, yes)),
        Reading::Recorded { name, yes: y, no } => {
            let value = if yes { y[0] } else { no[0] };
            cell.recorded
                .insert(name.to_owned(), Recorded::steady(value));
        }
        Reading::LibraryError(names) => {
            let class = if yes {
                names[0]
            } else {
                "ConnectionClosedError"
            };
            let class = format!("websockets.exceptions.{class}");
            cell.recorded.insert(
                "error".to_owned(),
                Recorded::steady(json!([class, "OSError[32]"])),
            );
        }
        Reading::FailsOnlyOverMptcp(name) => cell.checks.push(check(name, tcp || !yes)),
        Reading::FailsOnlyAcrossVersions => {
            cell.verdict = verdict(!(across(cell) && yes));
        }
        Reading::ChangesBetweenVersions => {
            let old = cell.client.contains("13.1") || cell.server.contains("13.1");
            cell.verdict = verdict(old || !yes);
        }
    }
}

/// Whether the two ends are of different versions.
fn across(cell: &CellResult) -> bool {
    cell.client.contains("13.1") != cell.server.contains("13.1")
}

fn check(name: &str, held: bool) -> Check {
    testing::check(&name.replace('*', "client"), held)
}

fn blank(name: &str, twin: Option<CellName>) -> CellResult {
    CellResult {
        control: Control {
            cell: twin,
            ..Control::NONE
        },
        checks: Vec::new(),
        ..testing::cell(name)
    }
}

fn run(cells: Vec<CellResult>) -> RunResult {
    let known = peers();
    let facts = known.peers().iter().map(|peer| PeerFacts {
        peer: peer.name.clone(),
        id: PeerId {
            family: peer.family.clone(),
            version: peer.version.clone(),
            implementation: peer.implementation.clone(),
        },
        runs_on: Some(RunsOn {
            runtime: "a runtime".to_owned(),
            libc: "glibc 2.36".to_owned(),
        }),
    });
    RunResult {
        peers: facts.collect(),
        ..testing::run(cells)
    }
}
