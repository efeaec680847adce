//! What is seen while the run goes on.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mpws_model::bench::BenchEvent;
use mpws_model::event::RunEvent;
use mpws_model::result::{CellResult, Verdict};

use super::Paint;
use crate::{bench, text, words};

/// Consumes the events of a run: one line for each thing that is not green as it happens, and a
/// progress bar on a terminal or a line for each tenth of the plan elsewhere.
pub struct Progress<W: Write> {
    out: W,
    paint: Paint,
    wants_bar: bool,
    bar: ProgressBar,
    planned: usize,
    finished: usize,
    not_green: usize,
    known: usize,
    tenths: usize,
    bench: Option<bench::Progress<io::Stderr>>,
}

impl<W: Write> Progress<W> {
    /// Writes lines to `out`; draws a bar on the standard error stream if `bar` is set, which the
    /// caller does when that is a terminal.
    pub fn new(out: W, paint: Paint, bar: bool) -> Self {
        Self {
            out,
            paint,
            wants_bar: bar,
            bar: ProgressBar::hidden(),
            planned: 0,
            finished: 0,
            not_green: 0,
            known: 0,
            tenths: 0,
            bench: None,
        }
    }

    /// Shows one event.
    ///
    /// # Errors
    /// Fails when `out` cannot be written to, such as a closed pipe.
    pub fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        match event {
            RunEvent::Preparing { what } => self.preparing(what),
            RunEvent::LeftOut(peers) => words::left_out(peers)
                .iter()
                .try_for_each(|line| self.left_out(line)),
            RunEvent::Planned { cells, jobs } => self.planned(*cells, *jobs),
            RunEvent::CellStarted { cell } => {
                self.bar.set_message(text::line(cell.as_str(), NAME_LIMIT));
                Ok(())
            }
            RunEvent::CellFinished(cell) => self.cell_finished(cell),
            RunEvent::Measuring(event) => self.measuring(event),
            RunEvent::Finished(_) => {
                self.clear();
                Ok(())
            }
            // Events that a later version adds are not for this reporter.
            _ => Ok(()),
        }
    }

    /// Takes the bar away, for when the run ends without a result.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
        if let Some(bench) = &self.bench {
            bench.clear();
        }
    }

    /// What is measured is told on the standard error stream, where the bar is.
    fn measuring(&mut self, event: &BenchEvent) -> io::Result<()> {
        self.bar.finish_and_clear();
        let wants_bar = self.wants_bar;
        let bench = self
            .bench
            .get_or_insert_with(|| bench::Progress::new(io::stderr(), wants_bar));
        bench.event(event)
    }

    fn preparing(&mut self, what: &str) -> io::Result<()> {
        let what = text::line(what, text::LINE_LIMIT);
        self.line(&format!("{} {what}", self.paint.faint("preparing")))
    }

    fn left_out(&mut self, line: &str) -> io::Result<()> {
        let line = text::line(line, REASON_LIMIT);
        self.line(&format!("{} {line}", self.paint.faint("left out:")))
    }

    fn planned(&mut self, cells: usize, jobs: usize) -> io::Result<()> {
        self.planned = cells;
        self.line(&format!(
            "{}, {jobs} at a time",
            words::number_of(cells, "cell")
        ))?;
        if self.wants_bar {
            self.bar = ProgressBar::with_draw_target(
                u64::try_from(cells).ok(),
                ProgressDrawTarget::stderr(),
            );
            if let Ok(style) = ProgressStyle::with_template(BAR) {
                self.bar.set_style(style);
            }
        }
        Ok(())
    }

    fn cell_finished(&mut self, cell: &CellResult) -> io::Result<()> {
        self.finished += 1;
        if !cell.expected.is_empty() {
            // Known deviations are told once, at the end, with their reason.
            self.known += 1;
        } else if cell.verdict != Verdict::Pass {
            self.not_green += 1;
            let word = format!("{:<11}", words::of_cell(cell));
            self.line(&format!(
                "{} {}: {}",
                self.paint.cell(cell, &word),
                text::line(cell.cell.as_str(), NAME_LIMIT),
                text::line(&cell.reason, REASON_LIMIT),
            ))?;
        }
        self.bar.inc(1);
        if !self.wants_bar && self.planned > 0 {
            let tenths = self.finished * 10 / self.planned;
            if tenths > self.tenths {
                self.tenths = tenths;
                let progress = format!(
                    "{} of {} done, {} not green, {} known",
                    self.finished, self.planned, self.not_green, self.known
                );
                self.line(&self.paint.faint(&progress))?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        let out = &mut self.out;
        self.bar.suspend(|| {
            writeln!(out, "{line}")?;
            out.flush()
        })
    }
}

/// Longest cell name shown, in characters.
const NAME_LIMIT: usize = 200;
/// Longest reason shown while the run goes on, in characters; the account at the end has more.
const REASON_LIMIT: usize = 200;
const BAR: &str = "{bar:30} {pos}/{len} [{elapsed} left {eta}] {wide_msg}";
