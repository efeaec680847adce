//! What a bench writes: whole, well-formed, and harmless whatever peers are named.

use mpws_model::bench::{
    BENCH_SCHEMA, BenchResult, Capacity, Clock, Fault, Figure, Goodput, Judgement, Machine,
    Measure, Method, Outcome, PairResult, PathShare, Proof, Row, SideResult, Stream, Times,
};
use mpws_model::result::Tool;
use mpws_report::bench;
use mpws_report::terminal::Paint;

fn side(figure: Figure) -> Box<SideResult> {
    Box::new(SideResult {
        rounds: 2,
        figure,
        proof: Proof {
            connections: 2,
            wire: "seen".to_owned(),
            kernel: "listed".to_owned(),
            paths: [1, 2]
                .map(|path| PathShare {
                    path,
                    wire_up: 1_000_000,
                    ..PathShare::default()
                })
                .to_vec(),
        },
    })
}

fn row(measure: Measure, outcome: Outcome) -> Row {
    Row {
        measure,
        network: "1 path, not shaped".to_owned(),
        method: Method {
            clock: Clock::Client,
            resolution_ns: 1,
            includes: "all".to_owned(),
        },
        outcome,
        judgements: Vec::new(),
    }
}

fn measured(measure: Measure, mptcp: Figure, tcp: Figure) -> Row {
    let outcome = Outcome::Measured {
        mptcp: side(mptcp),
        tcp: side(tcp),
        ratio: Some(1.5),
    };
    row(measure, outcome)
}

fn times(ns: u64) -> Figure {
    Figure::Times(Times {
        count: 3,
        min_ns: ns,
        p50_ns: ns,
        p90_ns: ns * 2,
        p99_ns: ns * 2,
        max_ns: ns * 2,
        mean_ns: ns as f64,
        round_p50_ns: vec![ns],
        steps: vec![(ns, 2), (ns * 2, 1)],
    })
}

fn goodput(bps: f64) -> Figure {
    Figure::Goodput(Goodput {
        median_bps: bps,
        round_bps: vec![bps, bps],
        capacity: Some(Capacity {
            rates_bps: vec![50_000_000; 2],
            frame: 1514,
            headers: 94,
            headers_are: "Ethernet 14, IPv4 20, TCP 20, time stamps 12, DSS 28".to_owned(),
            // Exact in JSON.
            payload_bps: 93e6,
        }),
        fraction: Some(0.5),
    })
}

fn stream(back: Option<u64>) -> Figure {
    Figure::Stream(Stream {
        pace_ms: 5,
        cut_ms: 2000,
        sent: 2,
        lost: u64::from(back.is_none()),
        timeline_us: vec![(0, Some(900)), (5_000, back)],
        ..Stream::default()
    })
}

fn sample() -> BenchResult {
    let mut red = measured(Measure::AggregationUp, goodput(40e6), goodput(45e6));
    red.judgements.push(Judgement {
        demand: "at least 90 %".to_owned(),
        seen: "43 %".to_owned(),
        held: false,
    });
    let failed = Outcome::Error {
        fault: Fault::Transport,
        reason: "plain \u{1b}[31mTCP".to_owned(),
    };
    BenchResult {
        schema: BENCH_SCHEMA.to_owned(),
        tool: Tool {
            name: "mpws".to_owned(),
            version: "0.1.0".to_owned(),
        },
        started_at: "2026-01-31T12:00:00Z".to_owned(),
        duration_ms: 1500,
        machine: Machine {
            kernel: "6.18".to_owned(),
            architecture: "x86_64".to_owned(),
            processors: 2,
            busy: Some(0.25),
        },
        seed: 1,
        rounds: 2,
        quick: false,
        interrupted: false,
        warnings: vec!["busy".to_owned()],
        pairs: vec![PairResult {
            client: "</title><script>&".to_owned(),
            server: "../../etc/x".to_owned(),
            peers: Vec::new(),
            rows: vec![
                measured(Measure::Latency64, times(100_000), times(90_000)),
                row(Measure::BulkUp, failed),
                red,
                measured(Measure::Failover, stream(Some(400_000)), stream(None)),
            ],
        }],
    }
}

#[test]
fn a_chart_is_well_formed_whatever_the_peers_are_called() {
    let chart = bench::svg::pair(&sample().pairs[0]).expect("a chart");
    let mut reader = quick_xml::Reader::from_str(&chart);
    let mut elements = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(start) | quick_xml::events::Event::Empty(start) => {
                elements.push(String::from_utf8_lossy(start.name().as_ref()).into_owned());
            }
            _ => {}
        }
    }
    assert!(elements.iter().any(|name| name == "path"), "{chart}");
    assert!(!elements.iter().any(|name| name == "script"), "{chart}");
    assert!(!chart.contains("NaN") && !chart.contains("inf"), "{chart}");
}

#[test]
fn a_pair_without_figures_has_no_chart() {
    let mut pair = sample().pairs.remove(0);
    pair.rows
        .retain(|row| !matches!(row.outcome, Outcome::Measured { .. }));
    assert_eq!(bench::svg::pair(&pair), None);
}

#[test]
fn the_table_shows_what_is_wrong_and_no_control_characters() {
    let table = bench::table::render(&sample(), Paint::new(false));
    assert!(
        table.contains("error (transport): plain \\x1b[31mTCP"),
        "{table}"
    );
    assert!(table.contains("at least 90 %: 43 % - no"), "{table}");
    assert!(table.contains("100 µs, p99 200 µs, of 3"), "{table}");
    assert!(
        table.contains("0 lost") && table.contains("1 lost"),
        "{table}"
    );
    assert!(table.contains("warning: busy"), "{table}");
    assert!(sample().is_red());
}

#[test]
fn all_files_stay_in_the_folder_and_the_json_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = bench::write(folder.path(), &sample()).expect("written");
    for path in &written {
        assert_eq!(path.parent(), Some(folder.path()), "{}", path.display());
    }
    let count = |end: &str| {
        let ends = |path: &&std::path::PathBuf| path.extension().is_some_and(|have| have == end);
        written.iter().filter(ends).count()
    };
    assert_eq!((count("json"), count("svg"), count("hgrm")), (1, 1, 2));
    let text = std::fs::read_to_string(folder.path().join(bench::BENCH_JSON)).expect("JSON");
    let back: BenchResult = serde_json::from_str(&text).expect("the same model");
    assert_eq!(back, sample());
}

#[test]
fn a_key_that_the_schema_does_not_know_is_refused() {
    let text = bench::json(&sample()).expect("JSON");
    let more = text.replacen("\"seed\":", "\"speed\": 1, \"seed\":", 1);
    assert_ne!(more, text);
    assert!(serde_json::from_str::<BenchResult>(&more).is_err());
}

#[test]
fn the_schema_of_a_bench_is_the_one_of_the_model() {
    let schema = schemars::schema_for!(BenchResult);
    let mut generated = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    generated.push('\n');
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas/bench.schema.json");
    if std::env::var_os("MPWS_UPDATE_SCHEMAS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &generated).expect("the schema can be written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("the schema is checked in");
    assert!(
        generated == checked_in,
        "docs/schemas/bench.schema.json is out of date; renew it with\n  \
         MPWS_UPDATE_SCHEMAS=1 cargo test -p mpws-report --test bench"
    );
}
