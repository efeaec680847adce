//! Words that all reports share.

use std::collections::BTreeMap;
use std::time::Duration;

use mpws_model::result::{
    CellResult, FindingKind, LeftOut, PeerFacts, RunResult, RunsOn, Summary, Verdict,
};

/// The word for a cell: its verdict, or `known` where an expectation explains it.
pub(crate) fn of_cell(cell: &CellResult) -> &'static str {
    match cell.verdict {
        Verdict::Pass | Verdict::Tolerated => cell.verdict.word(),
        _ if !cell.expected.is_empty() => "known",
        _ => cell.verdict.word(),
    }
}

/// The heading of a finding.
pub(crate) fn of_finding(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Shown => "shown",
        FindingKind::Unexpected => "unexpected",
        FindingKind::Known => "known",
        FindingKind::Difference => "differs from TCP",
        FindingKind::Contradiction => "contradiction",
    }
}

/// The counts of a summary with their words, in the order of all reports.
pub(crate) fn counts(summary: &Summary) -> [(&'static str, usize); 7] {
    [
        ("pass", summary.pass),
        ("tolerated", summary.tolerated),
        ("known", summary.known),
        ("fail", summary.fail),
        ("unsupported", summary.unsupported),
        ("unprovable", summary.unprovable),
        ("error", summary.error),
    ]
}

/// `12 pass, 1 known, 2 fail`: the counts that are not zero.
pub(crate) fn totals(summary: &Summary) -> String {
    let shown: Vec<String> = counts(summary)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if shown.is_empty() {
        "no cell".to_owned()
    } else {
        shown.join(", ")
    }
}

/// `850 ms`, `12.3 s`, `4 min 07 s`, `1 h 02 min`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let time = Duration::from_millis(milliseconds);
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{}.{} s", seconds, time.subsec_millis() / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 cell`, `2 cells`.
pub(crate) fn number_of(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// The peers that started, with what they run on.
pub(crate) fn started(peers: &[PeerFacts]) -> impl Iterator<Item = (&PeerFacts, &RunsOn)> {
    peers
        .iter()
        .filter_map(|facts| Some((facts, facts.runs_on.as_ref()?)))
}

/// ` (614 of them in an earlier run)`, or nothing.
pub(crate) fn taken_over(result: &RunResult) -> String {
    match result.taken_over {
        0 => String::new(),
        cells => format!(" ({cells} of them in an earlier run)"),
    }
}

/// `websockets-17.4-sync, websockets-17.4-trio: websockets 17.4 exists for ...`: one line a reason.
pub(crate) fn left_out(left_out: &[LeftOut]) -> Vec<String> {
    let mut peers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in left_out {
        peers.entry(&one.reason).or_default().push(&one.peer);
    }
    let line = |(reason, peers): (&str, Vec<&str>)| format!("{}: {reason}", peers.join(", "));
    peers.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_unit_that_a_person_would_use() {
        assert_eq!(duration(0), "0 ms");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(1_000), "1.0 s");
        assert_eq!(duration(59_999), "59.9 s");
        assert_eq!(duration(60_000), "1 min 00 s");
        assert_eq!(duration(3_599_999), "59 min 59 s");
        assert_eq!(duration(3_720_000), "1 h 02 min");
    }

    #[test]
    fn peers_that_were_left_out_for_one_reason_stand_in_one_line() {
        let one = |peer: &str, reason: &str| LeftOut {
            peer: peer.to_owned(),
            cells: 3,
            reason: reason.to_owned(),
        };
        let all = [
            one("a-2-x", "too new"),
            one("b-1-x", "too old"),
            one("a-2-y", "too new"),
        ];
        assert_eq!(left_out(&all), ["a-2-x, a-2-y: too new", "b-1-x: too old"]);
    }

    #[test]
    fn totals_leave_out_what_did_not_happen() {
        let summary = Summary {
            pass: 12,
            fail: 2,
            ..Summary::default()
        };
        assert_eq!(totals(&summary), "12 pass, 2 fail");
        assert_eq!(totals(&Summary::default()), "no cell");
    }
}
