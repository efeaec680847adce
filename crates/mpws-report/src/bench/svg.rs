//! A chart for each pair, as one SVG with a panel for each row.
//!
//! Written by hand: all panels are points and lines in one kind of frame, and what stands in them
//! is escaped by the same rules as in the other reports. A plotting library would bring its own
//! layout and fonts for that.

use std::fmt::Write as _;

use mpws_model::bench::{Figure, Outcome, PairResult, Row, SideResult, Stream, Times};

use super::unit::{rate, time};
use crate::text;

/// The chart of a pair; `None` where nothing was measured.
pub fn pair(pair: &PairResult) -> Option<String> {
    let panels: Vec<Panel> = pair.rows.iter().filter_map(panel).collect();
    if panels.is_empty() {
        return None;
    }
    let rows = panels.len().div_ceil(ACROSS);
    let (width, height) = (ACROSS as f64 * WIDE, rows as f64 * HIGH + HEAD);
    let title = format!(
        "{} : {}",
        text::line(&pair.client, NAME_LIMIT),
        text::line(&pair.server, NAME_LIMIT)
    );
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <title>{0}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escaped(&title)
    );
    words(&mut out, LEFT, 22.0, "start", &title);
    for (number, (name, colour)) in SERIES.iter().enumerate() {
        let x = width - 160.0 + number as f64 * 80.0;
        let _ = writeln!(
            out,
            "<path d=\"M{x} 18h20\" stroke=\"{colour}\" stroke-width=\"3\"/>"
        );
        words(&mut out, x + 25.0, 22.0, "start", name);
    }
    for (number, panel) in panels.iter().enumerate() {
        let x = (number % ACROSS) as f64 * WIDE;
        let y = HEAD + (number / ACROSS) as f64 * HIGH;
        panel.draw(&mut out, x, y);
    }
    out.push_str("</svg>\n");
    Some(out)
}

/// Points and lines in a frame.
struct Panel {
    title: String,
    x: Axis,
    y: Axis,
    /// MPTCP, then TCP.
    series: [Vec<(f64, f64)>; 2],
    /// Dots instead of a line.
    dots: bool,
    /// Levels to mark, such as a capacity, of MPTCP and TCP.
    levels: [Option<f64>; 2],
}

/// An axis: from where to where, and the ticks on it.
struct Axis {
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
}

fn panel(row: &Row) -> Option<Panel> {
    let Outcome::Measured { mptcp, tcp, .. } = &row.outcome else {
        return None;
    };
    let sides = [mptcp.as_ref(), tcp.as_ref()];
    match (&mptcp.figure, &tcp.figure) {
        (Figure::Times(a), Figure::Times(b)) => Some(times(row, [a, b])),
        (Figure::Stream(a), Figure::Stream(b)) => Some(stream(row, [a, b])),
        (Figure::Goodput(_), Figure::Goodput(_)) => Some(goodput(row, sides)),
        _ => None,
    }
}

/// Time over percentile, both logarithmic.
fn times(row: &Row, sides: [&Times; 2]) -> Panel {
    let series = sides.map(|times| {
        let mut seen = 0;
        let mut points = Vec::new();
        for &(ns, count) in &times.steps {
            let before = seen as f64 / times.count.max(1) as f64;
            seen += count;
            points.push((nines(before), (ns.max(1) as f64).log10()));
        }
        points
    });
    let ticks = [
        (0.0, "0 %"),
        (0.9, "90 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
    ];
    Panel {
        title: format!("{}: time by percentile", row.measure.word()),
        x: Axis {
            from: 0.0,
            to: 3.5,
            ticks: ticks
                .map(|(part, word)| (nines(part), word.to_owned()))
                .to_vec(),
        },
        y: decades(&series, |log| time(10f64.powf(log))),
        series,
        dots: false,
        levels: [None, None],
    }
}

/// How long each message took, over the time when it was sent.
fn stream(row: &Row, sides: [&Stream; 2]) -> Panel {
    let series = sides.map(|stream| {
        let taken = stream.timeline_us.iter().filter_map(|&(sent, back)| {
            let us = back?.saturating_sub(sent).max(1) as f64;
            Some((sent as f64 / 1e6, (us * 1e3).log10()))
        });
        taken.collect::<Vec<_>>()
    });
    let end = all(&series).map(|(x, _)| x).fold(0.1, f64::max);
    let ticks = (0..=4).map(|n| f64::from(n) * end / 4.0);
    Panel {
        title: format!(
            "{}: time of each message, by when it was sent",
            row.measure.word()
        ),
        x: Axis {
            from: 0.0,
            to: end,
            ticks: ticks.map(|at| (at, format!("{at:.1} s"))).collect(),
        },
        y: decades(&series, |log| time(10f64.powf(log))),
        series,
        dots: true,
        levels: [None, None],
    }
}

/// Goodput of each round.
fn goodput(row: &Row, sides: [&SideResult; 2]) -> Panel {
    let of = |side: &SideResult| match &side.figure {
        Figure::Goodput(goodput) => (goodput.round_bps.clone(), goodput.capacity.clone()),
        _ => (Vec::new(), None),
    };
    let series = sides.map(|side| {
        let rates = of(side).0;
        (1..).map(f64::from).zip(rates).collect::<Vec<_>>()
    });
    let levels = sides.map(|side| of(side).1.map(|capacity| capacity.payload_bps));
    let rounds = series[0].len().max(series[1].len());
    let top = all(&series)
        .map(|(_, y)| y)
        .chain(levels.iter().flatten().copied())
        .fold(1.0, f64::max)
        * 1.1;
    let ticks = (1..=rounds).step_by(rounds.div_ceil(8).max(1));
    Panel {
        title: format!("{}: goodput by round", row.measure.word()),
        x: Axis {
            from: 0.5,
            to: rounds as f64 + 0.5,
            ticks: ticks.map(|n| (n as f64, n.to_string())).collect(),
        },
        y: Axis {
            from: 0.0,
            to: top,
            ticks: (0..=4)
                .map(|n| f64::from(n) * top / 4.0)
                .map(|at| (at, rate(at)))
                .collect(),
        },
        series,
        dots: true,
        levels,
    }
}

/// An axis over whole powers of ten of what is already a logarithm.
fn decades(series: &[Vec<(f64, f64)>; 2], word: impl Fn(f64) -> String) -> Axis {
    let low = all(series).map(|(_, y)| y).fold(f64::INFINITY, f64::min);
    let high = all(series)
        .map(|(_, y)| y)
        .fold(f64::NEG_INFINITY, f64::max);
    let (from, to) = if low.is_finite() && high.is_finite() {
        (low.floor(), high.ceil().max(low.floor() + 1.0))
    } else {
        (0.0, 1.0)
    };
    let count = (to - from) as i32;
    Axis {
        from,
        to,
        ticks: (0..=count)
            .map(|n| from + f64::from(n))
            .map(|at| (at, word(at)))
            .collect(),
    }
}

fn all(series: &[Vec<(f64, f64)>; 2]) -> impl Iterator<Item = (f64, f64)> + '_ {
    series.iter().flatten().copied()
}

/// 0.9 is 1, 0.99 is 2, and so on; at most 3.5.
fn nines(part: f64) -> f64 {
    (-(1.0 - part).max(1e-9).log10()).min(3.5)
}

impl Panel {
    fn draw(&self, out: &mut String, x: f64, y: f64) {
        let (left, top) = (x + LEFT, y + 26.0);
        let (wide, high) = (WIDE - LEFT - 16.0, HIGH - 60.0);
        let across = |at: f64| left + self.x.part(at) * wide;
        let down = |at: f64| top + (1.0 - self.y.part(at)) * high;
        words(out, left, y + 16.0, "start", &self.title);
        for (at, word) in &self.y.ticks {
            let y = down(*at);
            let _ = writeln!(
                out,
                "<path d=\"M{left:.1} {y:.1}h{wide:.1}\" stroke=\"#ddd\"/>"
            );
            words(out, left - 5.0, y + 4.0, "end", word);
        }
        for (at, word) in &self.x.ticks {
            let x = across(*at);
            let _ = writeln!(
                out,
                "<path d=\"M{x:.1} {top:.1}v{high:.1}\" stroke=\"#eee\"/>"
            );
            words(out, x, top + high + 15.0, "middle", word);
        }
        for (level, (_, colour)) in self.levels.iter().zip(SERIES) {
            if let Some(at) = level {
                let y = down(*at);
                let _ = writeln!(
                    out,
                    "<path d=\"M{left:.1} {y:.1}h{wide:.1}\" stroke=\"{colour}\" stroke-dasharray=\"5 4\"/>"
                );
            }
        }
        for (points, (_, colour)) in self.series.iter().zip(SERIES) {
            let mut path = String::new();
            for (number, &(px, py)) in points.iter().enumerate() {
                let (px, py) = (across(px), down(py));
                let _ = if self.dots {
                    write!(path, "M{px:.1} {py:.1}h0")
                } else {
                    write!(
                        path,
                        "{}{px:.1} {py:.1}",
                        if number == 0 { 'M' } else { 'L' }
                    )
                };
            }
            let (thick, cap) = if self.dots { (4, "round") } else { (2, "butt") };
            let _ = writeln!(
                out,
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{thick}\" \
                 stroke-linecap=\"{cap}\"/>"
            );
        }
    }
}

impl Axis {
    fn part(&self, at: f64) -> f64 {
        ((at - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

fn words(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(words)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Names and colours (told apart by colour-blind eyes as well).
const SERIES: [(&str, &str); 2] = [("MPTCP", "#0072b2"), ("TCP", "#d55e00")];
const NAME_LIMIT: usize = 80;
const ACROSS: usize = 2;
const WIDE: f64 = 480.0;
const HIGH: f64 = 250.0;
const HEAD: f64 = 36.0;
const LEFT: f64 = 78.0;
