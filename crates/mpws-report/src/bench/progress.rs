//! What is seen while a bench goes on.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mpws_model::bench::BenchEvent;
use mpws_model::bench::Outcome;

use crate::text;

/// Consumes the events of a bench: a bar on a terminal, a line for each row elsewhere.
pub struct Progress<W: Write> {
    out: W,
    wants_bar: bool,
    bar: ProgressBar,
    pair: String,
}

impl<W: Write> Progress<W> {
    /// Writes lines to `out`, which is standard error; draws a bar there instead if `bar` is set.
    pub fn new(out: W, bar: bool) -> Self {
        Self {
            out,
            wants_bar: bar,
            bar: ProgressBar::hidden(),
            pair: String::new(),
        }
    }

    /// Shows one event.
    ///
    /// # Errors
    /// Fails when `out` cannot be written to, such as a closed pipe.
    pub fn event(&mut self, event: &BenchEvent) -> io::Result<()> {
        match event {
            BenchEvent::Preparing { what } => self.line(&text::line(what, text::LINE_LIMIT)),
            BenchEvent::Warning { text } => self.line(&format!("warning: {text}")),
            BenchEvent::Planned { rounds } => {
                if self.wants_bar {
                    self.bar = ProgressBar::with_draw_target(
                        Some(u64::from(*rounds)),
                        ProgressDrawTarget::stderr(),
                    );
                    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
                    if let Ok(style) = style {
                        self.bar.set_style(style);
                    }
                    self.bar.enable_steady_tick(Duration::from_millis(500));
                }
                Ok(())
            }
            BenchEvent::RowStarted {
                client,
                server,
                measure,
            } => {
                self.pair = text::line(&format!("{client}:{server}"), text::LINE_LIMIT);
                self.bar
                    .set_message(format!("{} {}", self.pair, measure.word()));
                Ok(())
            }
            BenchEvent::RoundDone => {
                self.bar.inc(1);
                Ok(())
            }
            BenchEvent::RowFinished { row, left } => {
                self.bar.inc(u64::from(*left));
                let word = match &row.outcome {
                    Outcome::Measured { .. } => "measured",
                    Outcome::Error { .. } => "error",
                    Outcome::NotMeasured { .. } => "not measured",
                };
                if self.wants_bar {
                    return Ok(());
                }
                let line = format!("{} {}: {word}", self.pair, row.measure.word());
                self.line(&line)
            }
            // Events that a later version adds are not for this reporter.
            _ => Ok(()),
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.bar.suspend(|| writeln!(self.out, "{line}"))
    }
}
