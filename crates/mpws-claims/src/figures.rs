//! What was measured for claims.

use mpws_bench::figure;
use mpws_model::bench::{BenchResult, Measure, Outcome, Row};
use mpws_model::claims::Ratio;

/// Pairs whose figures speak of claims, client and server: the fixture with itself, and with what
/// stands behind the top-level names of each pinned release.
pub const PAIRS: [(&str, &str); 3] = [
    ("fixture", "fixture"),
    ("fixture", "websockets-13.1-legacy"),
    ("fixture", "websockets-14.2-asyncio"),
];

/// What was measured for claims.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The figures.
    pub ratios: Vec<Ratio>,
    /// Rows without figures.
    pub missing: Vec<Missing>,
    /// Why nothing at all was measured.
    pub none: Option<String>,
}

/// A row without figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What was to be measured.
    pub measure: Measure,
    /// Client peer.
    pub client: String,
    /// Server peer.
    pub server: String,
    /// Why there are none.
    pub reason: String,
}

impl Figures {
    /// Where nothing could be measured.
    pub fn none(reason: String) -> Self {
        Self {
            none: Some(reason),
            ..Self::default()
        }
    }

    /// What the rows of a run say: MPTCP divided by TCP, round by round, and the median of that.
    ///
    /// A row without figures, or whose rounds do not pair, is named with the reason.
    pub fn of(result: &BenchResult) -> Self {
        let mut figures = Self::default();
        for pair in &result.pairs {
            for row in &pair.rows {
                let (client, server) = (pair.client.clone(), pair.server.clone());
                let measure = row.measure;
                match ratio(row) {
                    Ok((ratio, rounds)) => figures.ratios.push(Ratio {
                        measure,
                        client,
                        server,
                        ratio,
                        rounds,
                    }),
                    Err(reason) => figures.missing.push(Missing {
                        measure,
                        client,
                        server,
                        reason,
                    }),
                }
            }
        }
        figures
    }
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
    use mpws_model::bench::{
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
        let figures = Figures::of(&result(vec![
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
            .map(|one| (one.measure.word(), one.ratio, one.rounds.as_slice()))
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
            .map(|one| (one.measure.word(), one.reason.as_str()))
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
            tool: mpws_model::result::Tool {
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
