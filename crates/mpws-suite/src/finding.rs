//! What a run found out, in plain words, and how a cell compares with its control.

use std::collections::BTreeMap;

use mpws_model::{CellName, Protocol};
use serde_json::Value;

use crate::case::Profile;
use crate::cases::catalogue;
use crate::plan::{PlannedCell, Selection};
use crate::result::{
    CellResult, Control, ControlRole, ExpectedDeviation, Finding, FindingKind, TransportKind,
    Verdict,
};

/// Fills in how each cell stands to its twin.
pub fn compare_controls(planned: &[PlannedCell], cells: &mut [CellResult]) {
    let index: BTreeMap<CellName, usize> = cells
        .iter()
        .enumerate()
        .map(|(index, cell)| (cell.cell.clone(), index))
        .collect();
    for (number, plan) in planned.iter().enumerate() {
        let Some(twin) = plan.twin() else { continue };
        let found = index.get(&twin).copied();
        let subject = plan.protocol == mpws_peers::protocol::SocketProtocol::Mptcp;
        let mut control = Control {
            role: if subject {
                ControlRole::Subject
            } else {
                ControlRole::Control
            },
            cell: found.map(|_| twin),
            differs: None,
            differences: Vec::new(),
        };
        if let (true, Some(twin)) = (subject, found)
            && judged(&cells[number])
            && judged(&cells[twin])
        {
            control.differences = differences(&cells[number], &cells[twin]);
            control.differs = Some(!control.differences.is_empty());
        }
        cells[number].control = control;
    }
}

/// The findings, the most urgent first.
///
/// Repeating a cell needs the peer files and conditions of the run again.
pub fn findings(cells: &[CellResult], selection: &Selection) -> Vec<Finding> {
    let mut groups: BTreeMap<(Rank, String), Vec<&CellResult>> = BTreeMap::new();
    for cell in cells {
        if cell.is_red() {
            let text = format!("{}: {}", cell.case, cell.reason);
            groups
                .entry((Rank::Unexpected, text))
                .or_default()
                .push(cell);
        }
        if !cell.expected.is_empty() {
            let join = |text: fn(&ExpectedDeviation) -> &str, by: &str| {
                let each = cell.expected.iter().map(text);
                each.collect::<Vec<_>>().join(by)
            };
            let (reasons, ids) = (join(|one| &one.reason, "; "), join(|one| &one.id, ", "));
            let text = format!("{reasons} ({ids})");
            groups.entry((Rank::Known, text)).or_default().push(cell);
        }
        for contradiction in &cell.evidence.contradictions {
            let text = format!("{}: {contradiction}", cell.case);
            groups
                .entry((Rank::Contradiction, text))
                .or_default()
                .push(cell);
        }
        if !cell.control.differences.is_empty() {
            let text = format!("{}: {}", cell.case, cell.control.differences.join("; "));
            groups
                .entry((Rank::Difference, text))
                .or_default()
                .push(cell);
        }
    }
    shown(cells, selection)
        .into_iter()
        .chain(groups.into_iter().map(|((rank, text), cells)| Finding {
            kind: rank.kind(),
            text,
            command: command(cells[0], selection),
            cells: cells.iter().map(|cell| cell.cell.clone()).collect(),
        }))
        .collect()
}

/// How many pairs of programs really spoke MPTCP, case by case where that is the question.
fn shown(cells: &[CellResult], selection: &Selection) -> Vec<Finding> {
    ["negotiation/both-ends", "compatibility/conversation"]
        .into_iter()
        .filter_map(|case| {
            let tried: Vec<&CellResult> = cells
                .iter()
                .filter(|cell| cell.case == case && cell.environment.asked == Protocol::Mptcp)
                .collect();
            let proven = |cell: &&&CellResult| {
                cell.verdict == Verdict::Pass && cell.transport.kind == TransportKind::Mptcp
            };
            let done: Vec<&CellResult> = tried.iter().filter(proven).copied().collect();
            let first = done.first()?;
            Some(Finding {
                kind: FindingKind::Shown,
                text: format!(
                    "{} of {} cells of {case} spoke MPTCP from the SYN to the close and lost, doubled or changed nothing; wire and both kernels agree",
                    done.len(),
                    tried.len()
                ),
                command: command(first, selection),
                cells: done.iter().map(|cell| cell.cell.clone()).collect(),
            })
        })
        .collect()
}

/// The command that repeats a cell.
pub fn command(cell: &CellResult, selection: &Selection) -> String {
    // Started by `cargo run`, the user's command is cargo.
    let mpws = if std::env::var_os("CARGO").is_some() {
        "cargo run --release -- run"
    } else {
        "mpws run"
    };
    let files: String = selection
        .peer_files
        .iter()
        .map(|path| format!(" --peer-file '{}'", path.display()))
        .collect();
    let matrix = selection.matrix.iter();
    let matrix: String = matrix.map(|family| format!(" --matrix {family}")).collect();
    let case = catalogue().iter().find(|case| case.slug == cell.case);
    let profile = match case.map(|case| case.profile).unwrap_or_default() {
        Profile::Default => String::new(),
        larger => format!(" --profile {}", larger.word()),
    };
    let own = |path: u8| case.is_none_or(|case| path <= case.paths);
    let paths: String = selection
        .paths
        .iter()
        .filter(|on_path| own(on_path.path))
        .map(|on_path| format!(" --path '{}'", on_path.to_string().replace('\'', r"'\''")))
        .collect();
    let base = cell.environment.base.as_deref();
    let launcher = base.map_or_else(String::new, |base| {
        format!(" --launcher container --base '{base}'")
    });
    format!(
        "{mpws} '{}' --keep all{matrix}{profile}{launcher}{files}{paths}",
        cell.cell
    )
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Unexpected,
    Contradiction,
    Known,
    Difference,
}

impl Rank {
    fn kind(self) -> FindingKind {
        match self {
            Self::Unexpected => FindingKind::Unexpected,
            Self::Contradiction => FindingKind::Contradiction,
            Self::Known => FindingKind::Known,
            Self::Difference => FindingKind::Difference,
        }
    }
}

fn judged(cell: &CellResult) -> bool {
    matches!(
        cell.verdict,
        Verdict::Pass | Verdict::Tolerated | Verdict::Fail
    )
}

fn differences(subject: &CellResult, control: &CellResult) -> Vec<String> {
    let mut found = Vec::new();
    // A deviation that comes by chance may come in one of the two and not in the other.
    let by_chance = [subject, control].iter().any(|cell| cell.fails_by_chance());
    if subject.verdict != control.verdict && !by_chance {
        found.push(format!(
            "verdict: over MPTCP {}, over TCP {}",
            subject.verdict.word(),
            control.verdict.word()
        ));
    }
    let compared = |cell: &CellResult| -> BTreeMap<String, Value> {
        let steady = cell.recorded.iter().filter(|(_, one)| !one.volatile);
        steady
            .map(|(name, one)| (name.clone(), one.value.clone()))
            .collect()
    };
    let (ours, theirs) = (compared(subject), compared(control));
    let names: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let (over_mptcp, over_tcp) = (ours.get(name), theirs.get(name));
        if over_mptcp != over_tcp {
            let shown = |value: Option<&Value>| {
                value.map_or_else(|| "nothing".to_owned(), std::string::ToString::to_string)
            };
            found.push(format!(
                "{name}: over MPTCP {}, over TCP {}",
                shown(over_mptcp),
                shown(over_tcp)
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use mpws_model::testing;

    /// A cell that fails by a known deviation, beside its control, which passes.
    fn compared(by_chance: &[bool]) -> Vec<String> {
        let name = "family/case@fixture:fixture/mptcp/v4";
        let control = testing::cell_with(name, Verdict::Pass, "");
        let mut subject = testing::cell_with(name, Verdict::Fail, "");
        let known = by_chance.iter().map(|by_chance| ExpectedDeviation {
            id: "known".to_owned(),
            reason: "it is so".to_owned(),
            by_chance: *by_chance,
        });
        subject.expected = known.collect();
        differences(&subject, &control)
    }

    #[test]
    fn what_comes_by_chance_is_no_difference_between_mptcp_and_tcp() {
        let differs = ["verdict: over MPTCP fail, over TCP pass"];
        assert_eq!(compared(&[]), differs);
        assert_eq!(compared(&[false]), differs);
        assert_eq!(compared(&[true, false]), differs);
        assert!(compared(&[true]).is_empty());
        assert!(compared(&[true, true]).is_empty());
    }
}
