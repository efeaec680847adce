//! The table at the end of a bench.

use std::fmt::Write as _;

use mpws_model::bench::{
    BenchResult, Capacity, Clock, Figure, Outcome, PairResult, PathShare, Row,
};

use super::unit::{rate, size, time};
use crate::terminal::Paint;
use crate::text;

/// The whole result as text, `width` columns wide where that can be.
pub fn render(result: &BenchResult, paint: Paint) -> String {
    let mut out = String::new();
    for pair in &result.pairs {
        render_pair(&mut out, pair, paint);
    }
    let machine = &result.machine;
    let busy = machine.busy.map_or_else(String::new, |busy| {
        format!(", {:.0} % busy before", busy * 100.0)
    });
    put(
        &mut out,
        &format!(
            "Linux {}, {} processors{busy}; seed {}, up to {} rounds, {:.1} s{}{}",
            text::line(&machine.kernel, NAME_LIMIT),
            machine.processors,
            result.seed,
            result.rounds,
            result.duration_ms as f64 / 1000.0,
            if result.quick { ", quick" } else { "" },
            if result.interrupted {
                ", stopped early"
            } else {
                ""
            },
        ),
    );
    for warning in &result.warnings {
        put(&mut out, &paint.yellow(&format!("warning: {warning}")));
    }
    out
}

fn render_pair(out: &mut String, pair: &PairResult, paint: Paint) {
    let name = |peer: &str| text::line(peer, NAME_LIMIT);
    let title = format!("{} : {}", name(&pair.client), name(&pair.server));
    put(out, &paint.bold(&title));
    for peer in &pair.peers {
        let facts = format!("  {} {}, {}", peer.peer, peer.version, peer.runtime);
        put(out, &paint.faint(&text::line(&facts, text::LINE_LIMIT)));
    }
    put(out, &paint.faint(&columns("", "MPTCP", "TCP", "MPTCP/TCP")));
    for row in &pair.rows {
        render_row(out, row, paint);
    }
    out.push('\n');
}

fn render_row(out: &mut String, row: &Row, paint: Paint) {
    let measure = match row.method.clock {
        Clock::Client => row.measure.word().to_owned(),
        Clock::Wire => format!("{} (wire)", row.measure.word()),
    };
    match &row.outcome {
        Outcome::Measured { mptcp, tcp, ratio } => {
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            let line = columns(
                &measure,
                &figure(&mptcp.figure),
                &figure(&tcp.figure),
                &ratio,
            );
            put(out, &line);
            if mptcp.proof.paths.len() > 1 {
                put(
                    out,
                    &paint.faint(&format!("    {}", shares(&mptcp.proof.paths))),
                );
            }
            if let Figure::Goodput(goodput) = &mptcp.figure
                && let Some(capacity) = &goodput.capacity
            {
                put(out, &paint.faint(&format!("    {}", explain(capacity))));
            }
        }
        Outcome::Error { fault, reason } => {
            let fault = fault.word();
            let reason = text::line(reason, text::LINE_LIMIT);
            put(
                out,
                &paint.red(&format!("  {measure:<18} error ({fault}): {reason}")),
            );
        }
        Outcome::NotMeasured { reason } => {
            let reason = text::line(reason, text::LINE_LIMIT);
            put(
                out,
                &paint.faint(&format!("  {measure:<18} not measured: {reason}")),
            );
        }
    }
    for judgement in &row.judgements {
        let line = format!("    {}: {}", judgement.demand, judgement.seen);
        let shown = if judgement.held {
            paint.green(&line)
        } else {
            paint.red(&format!("{line} - no"))
        };
        put(out, &shown);
    }
}

fn columns(measure: &str, mptcp: &str, tcp: &str, ratio: &str) -> String {
    format!("  {measure:<18} {mptcp:<38} {tcp:<38} {ratio:>9}")
}

fn figure(figure: &Figure) -> String {
    match figure {
        Figure::Times(times) => format!(
            "{}, p99 {}, of {}",
            time(times.p50_ns as f64),
            time(times.p99_ns as f64),
            times.count
        ),
        Figure::Goodput(goodput) => match goodput.fraction {
            Some(fraction) => format!(
                "{}, {:.1} % of capacity",
                rate(goodput.median_bps),
                fraction * 100.0
            ),
            None => rate(goodput.median_bps),
        },
        Figure::Stream(stream) => format!(
            "gap {}, {} lost, {} doubled",
            time(stream.median_gap_ms * 1e6),
            stream.lost,
            stream.doubled
        ),
    }
}

fn shares(paths: &[PathShare]) -> String {
    let mut words = Vec::new();
    for share in paths {
        let mut word = format!(
            "path {}: {} up, {} down",
            share.path,
            size(share.wire_up),
            size(share.wire_down)
        );
        if let (Some(up), Some(down)) = (share.kernel_up, share.kernel_down) {
            // Writing to a String cannot fail.
            let _ = write!(word, " (kernel: {} and {})", size(up), size(down));
        }
        words.push(word);
    }
    words.join("; ")
}

fn explain(capacity: &Capacity) -> String {
    format!(
        "capacity {}: {} x {} of {} bytes a frame ({})",
        rate(capacity.payload_bps),
        capacity
            .rates_bps
            .iter()
            .map(|&bps| rate(bps as f64))
            .collect::<Vec<_>>()
            .join(" + "),
        capacity.frame.saturating_sub(capacity.headers),
        capacity.frame,
        text::line(&capacity.headers_are, text::LINE_LIMIT),
    )
}

fn put(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

const NAME_LIMIT: usize = 80;
