//! Figures for claims: the ratio of each round.

use mpws_suite::claims::{Figures, Ratio};

use crate::figure;
use crate::result::{BenchResult, Outcome, Row};

/// What the rows of a run say: MPTCP divided by TCP, round by round, and the median of that.
///
/// A row without figures, or whose rounds do not pair, is named with the reason.
pub fn figures(result: &BenchResult) -> Figures {
    let mut figures = Figures::default();
    for pair in &result.pairs {
        for row in &pair.rows {
            match ratio(row) {
                Ok((whole, rounds)) => figures.ratios.push(Ratio {
                    measure: row.measure.word().to_owned(),
                    client: pair.client.clone(),
                    server: pair.server.clone(),
                    ratio: whole,
                    rounds,
                }),
                Err(why) => figures.missing.push((
                    row.measure.word().to_owned(),
                    pair.client.clone(),
                    pair.server.clone(),
                    why,
                )),
            }
        }
    }
    figures
}

fn ratio(row: &Row) -> Result<(f64, Vec<f64>), String> {
    match &row.outcome {
        Outcome::Measured { mptcp, tcp, .. } => {
            let rounds = figure::ratios(&mptcp.figure, &tcp.figure)
                .ok_or_else(|| "its rounds cannot be compared".to_owned())?;
            Ok((figure::median(&rounds), rounds))
        }
        Outcome::Error { reason, .. } | Outcome::NotMeasured { reason } => Err(reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{
        Clock, Fault, Figure, Goodput, Machine, Measure, Method, PairResult, Proof, SideResult,
        Times,
    };

    #[test]
    fn rounds_are_paired_and_rows_without_figures_are_named() {
        let times = |rounds: &[u64]| {
            Figure::Times(Times {
                p50_ns: rounds[0],
                round_p50_ns: rounds.to_vec(),
                ..Times::default()
            })
        };
        let goodput = |rounds: &[f64]| {
            Figure::Goodput(Goodput {
                median_bps: rounds[0],
                round_bps: rounds.to_vec(),
                ..Goodput::default()
            })
        };
        let failed = Outcome::Error {
            fault: Fault::Transport,
            reason: "it fell back".to_owned(),
        };
        let figures = figures(&result(vec![
            row(
                Measure::Connect,
                measured(times(&[150, 300]), times(&[100, 400])),
            ),
            row(Measure::BulkUp, measured(goodput(&[8.0]), goodput(&[10.0]))),
            row(
                Measure::BulkDown,
                measured(goodput(&[8.0]), goodput(&[10.0, 9.0])),
            ),
            row(Measure::Upgrade, measured(times(&[1]), times(&[0]))),
            row(Measure::Failover, failed),
        ]));
        let seen: Vec<(&str, f64, &[f64])> = figures
            .ratios
            .iter()
            .map(|one| (one.measure.as_str(), one.ratio, one.rounds.as_slice()))
            .collect();
        assert_eq!(
            seen,
            [
                ("connect", 1.125, &[1.5, 0.75][..]),
                ("bulk-up", 0.8, &[0.8][..])
            ]
        );
        let missing: Vec<(&str, &str)> = figures
            .missing
            .iter()
            .map(|one| (one.0.as_str(), one.3.as_str()))
            .collect();
        assert_eq!(
            missing,
            [
                ("bulk-down", "its rounds cannot be compared"),
                ("upgrade", "its rounds cannot be compared"),
                ("failover", "it fell back"),
            ]
        );
    }

    fn measured(mptcp: Figure, tcp: Figure) -> Outcome {
        let side = |figure| {
            Box::new(SideResult {
                rounds: 1,
                figure,
                proof: Proof::default(),
            })
        };
        Outcome::Measured {
            mptcp: side(mptcp),
            tcp: side(tcp),
            ratio: None,
        }
    }

    fn row(measure: Measure, outcome: Outcome) -> Row {
        Row {
            measure,
            network: String::new(),
            method: Method {
                clock: Clock::Client,
                resolution_ns: 1,
                includes: String::new(),
            },
            outcome,
            judgements: Vec::new(),
        }
    }

    fn result(rows: Vec<Row>) -> BenchResult {
        BenchResult {
            schema: String::new(),
            tool: mpws_suite::result::Tool {
                name: String::new(),
                version: String::new(),
            },
            started_at: String::new(),
            duration_ms: 0,
            machine: Machine {
                kernel: String::new(),
                architecture: String::new(),
                processors: 1,
                busy: None,
            },
            seed: 1,
            rounds: 1,
            quick: true,
            interrupted: false,
            warnings: Vec::new(),
            pairs: vec![PairResult {
                client: "fixture".to_owned(),
                server: "fixture".to_owned(),
                peers: Vec::new(),
                rows,
            }],
        }
    }
}
