//! When which cell runs: every planned cell once, several at a time, results as they come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::event::RunEvent;
use crate::plan::{Plan, PlannedCell};
use crate::result::{CellResult, PeerFacts, Verdict};
use crate::run::execute;
use crate::run::journal::{Entry, Journal};

/// What runs how.
pub(crate) struct Schedule<'a> {
    pub(crate) runner: &'a execute::Runner<'a>,
    pub(crate) plan: &'a Plan,
    /// Cells at a time.
    pub(crate) jobs: usize,
    pub(crate) explain: &'a (dyn Fn(&mut CellResult) + Sync),
}

/// What came of it.
pub(crate) struct Ran {
    /// In the order of the plan.
    pub(crate) cells: Vec<CellResult>,
    pub(crate) peers: Vec<PeerFacts>,
    /// Number of cells that were not begun, because the run was stopped before.
    pub(crate) not_run: usize,
    /// Number of cells that an earlier run had done.
    pub(crate) taken_over: usize,
    pub(crate) journal: Journal,
}

impl Schedule<'_> {
    /// Runs every cell that is not done yet, several at a time.
    pub(crate) fn all_cells(
        &self,
        mut journal: Journal,
        done: Vec<Entry>,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Ran {
        enum News {
            Started(usize),
            Finished(usize, Box<Entry>),
        }
        let numbers: BTreeMap<&str, usize> = self
            .plan
            .cells
            .iter()
            .map(|cell| cell.name.as_str())
            .zip(0..)
            .collect();
        let mut results: Vec<Option<CellResult>> = self.plan.cells.iter().map(|_| None).collect();
        let mut peers: BTreeMap<String, PeerFacts> = BTreeMap::new();
        let mut taken_over = 0;
        for entry in done {
            // The earlier run may have had other selectors.
            if let Some(&number) = numbers.get(entry.cell.cell.as_str()) {
                taken_over += usize::from(results[number].is_none());
                peers.extend(entry.peers.into_iter().map(|one| (one.peer.clone(), one)));
                tell(RunEvent::CellFinished(Box::new(entry.cell.clone())));
                results[number] = Some(entry.cell);
            }
        }
        let to_do = (0..results.len()).filter(|&number| results[number].is_none());
        let (waiting, others) = to_do.partition(|&number| self.plan.cells[number].case.waits);
        let queues = [Queue::of(waiting), Queue::of(apart(&others))];
        std::thread::scope(|scope| {
            let (news, arrivals) = mpsc::channel();
            for worker in 0..self.jobs {
                let (news, [waiting, others]) = (news.clone(), &queues);
                // Half of the workers begin with the cells that wait, and all help with what is
                // left.
                let order = match worker % 2 {
                    0 => [waiting, others],
                    _ => [others, waiting],
                };
                scope.spawn(move || {
                    while let Some(number) = order.iter().find_map(|queue| queue.next()) {
                        if self.runner.options.stop.load(Ordering::Relaxed) {
                            break;
                        }
                        // The receiver outlives the scope's threads.
                        let _ = news.send(News::Started(number));
                        let (mut cell, peers) = self.runner.run(&self.plan.cells[number]);
                        (self.explain)(&mut cell);
                        let entry = Box::new(Entry { cell, peers });
                        let _ = news.send(News::Finished(number, entry));
                    }
                });
            }
            drop(news);
            for arrival in arrivals {
                match arrival {
                    News::Started(number) => tell(RunEvent::CellStarted {
                        cell: self.plan.cells[number].full_name(),
                    }),
                    News::Finished(number, entry) => {
                        // What a missing peer or host kept from running is to be tried again by the
                        // next run, and so is what broke while the run was being stopped: Ctrl-C
                        // reaches labs that start, too.
                        let stopped = self.runner.options.stop.load(Ordering::Relaxed);
                        let cut_short = stopped && entry.cell.verdict == Verdict::Error;
                        if !cut_short && self.runner.unfit(&self.plan.cells[number]).is_none() {
                            journal.add(&entry);
                        }
                        peers.extend(entry.peers.into_iter().map(|one| (one.peer.clone(), one)));
                        tell(RunEvent::CellFinished(Box::new(entry.cell.clone())));
                        results[number] = Some(entry.cell);
                    }
                }
            }
        });
        let not_run = results.iter().filter(|result| result.is_none()).count();
        let cells = results
            .into_iter()
            .zip(&self.plan.cells)
            .map(|(result, cell)| result.unwrap_or_else(|| self.left_undone(cell)))
            .collect();
        Ran {
            cells,
            not_run,
            peers: peers.into_values().collect(),
            taken_over,
            journal,
        }
    }

    fn left_undone(&self, cell: &PlannedCell) -> CellResult {
        let reason = execute::NOT_RUN.to_owned();
        self.runner.empty(cell, Verdict::Error, reason)
    }
}

/// The same numbers, with neighbours far from each other. Cells that follow each other in a plan
/// are alike; run together, they would all wait for the same timer, or all want the processor, at
/// the same time.
fn apart(numbers: &[usize]) -> Vec<usize> {
    let step = numbers.len().isqrt().max(1);
    (0..step)
        .flat_map(|first| numbers.iter().skip(first).step_by(step))
        .copied()
        .collect()
}

/// Numbers of cells that workers take in turn.
struct Queue {
    numbers: Vec<usize>,
    taken: AtomicUsize,
}

impl Queue {
    fn of(numbers: Vec<usize>) -> Self {
        Self {
            numbers,
            taken: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> Option<usize> {
        let place = self.taken.fetch_add(1, Ordering::Relaxed);
        self.numbers.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn apart_keeps_every_number_once() {
        for count in [0, 1, 2, 3, 8, 9, 10, 2374] {
            let planned: Vec<usize> = (0..count).collect();
            let mut numbers = apart(&planned);
            numbers.sort_unstable();
            assert_eq!(numbers, planned);
        }
    }

    #[test]
    fn apart_separates_neighbours() {
        assert_eq!(
            apart(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
            [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]
        );
    }
}
