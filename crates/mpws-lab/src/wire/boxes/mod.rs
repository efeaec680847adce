//! The middleboxes that stand on the paths, and the way of a frame through them.

mod balance;
#[cfg(test)]
mod bench;
mod bridge;
mod checker;
mod coalesce;
mod echo;
mod filter;
mod flows;
mod nat;
mod neighbour;
mod outlet;
mod replace;
mod resegment;
mod reset_after;
mod segment;
mod sequence;
mod split;
mod syn_proxy;
mod unreachable;

use crate::middlebox;
use crate::topology::{End, MAX_PATHS, Topology};
use outlet::{OnSegments, TcpOnly};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// What a middlebox sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    /// On which path; where it is not the box's own, it enters the other path behind that path's boxes.
    pub(crate) path: u8,
    pub(crate) towards: End,
    pub(crate) frame: Vec<u8>,
    /// `passed`: it is the frame that was taken, unchanged. `rewritten`: it stands for it. `forged`: the box made it.
    pub(crate) did: &'static str,
}

/// A machine on a path.
pub(crate) trait Middlebox: Send {
    /// Takes a frame that came from the end `from` of the path where the box stands; what it puts into `out` leaves.
    ///
    /// Of the frames that leave on the same path towards the other end, the first that is not `forged` is what
    /// became of the frame taken; without one it was dropped, and all else counts as forged.
    fn take(&mut self, from: End, frame: Vec<u8>, now: Instant, out: &mut Vec<Parcel>);

    /// When it wants to be called without a frame.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// What it does without a frame, at or after the time that it named.
    fn tick(&mut self, now: Instant, out: &mut Vec<Parcel>) {
        let _ = (now, out);
    }
}

/// The machines that the description of a box on this path means, each with the path where it stands.
pub(crate) fn build(
    description: &middlebox::Middlebox,
    topology: &Topology,
    path: u8,
) -> Vec<(u8, Box<dyn Middlebox>)> {
    use middlebox::Middlebox as Is;
    fn tcp(path: u8, inner: impl OnSegments + 'static) -> Box<dyn Middlebox> {
        Box::new(TcpOnly::new(path, inner))
    }
    let machine: Box<dyn Middlebox> = match description.clone() {
        Is::Bridge => Box::new(bridge::Bridge { path }),
        Is::Rule(rule) => {
            let hosts = [End::First, End::Second].map(|end| topology.host_at(path, end).to_owned());
            Box::new(filter::Filter::new(path, hosts, rule))
        }
        Is::Nat { idle, flush_after } => Box::new(nat::Nat::new(path, idle, flush_after)),
        Is::Sequence => tcp(path, sequence::Sequence::default()),
        Is::Replace { search, with } => {
            tcp(path, replace::Replace::new(search.into(), with.into()))
        }
        Is::Resegment { size } => tcp(path, resegment::Resegment::new(size)),
        Is::Coalesce { wait } => tcp(path, coalesce::Coalesce::new(wait)),
        Is::SynProxy => tcp(path, syn_proxy::SynProxy::default()),
        Is::SplitTcp => tcp(path, split::Split::default()),
        Is::EchoOptions => tcp(path, echo::Echo::default()),
        Is::UnknownToken => tcp(path, balance::NoToken),
        Is::Balance { to, by } => {
            let client = topology.host_at(path, End::First);
            let server = match topology.host_at(to, End::Second) {
                other if other == client => End::First,
                _ => End::Second,
            };
            let far = balance::Leg { path: to, server };
            let (there, back) = balance::pair(path, far, by);
            return vec![(path, tcp(path, there)), (to, tcp(to, back))];
        }
        Is::Checker => tcp(path, checker::Checker::default()),
        Is::ResetAfter { segments } => tcp(path, reset_after::ResetAfter::new(segments)),
        Is::Unreachable => tcp(path, unreachable::Unreachable),
    };
    vec![(path, machine)]
}

/// All boxes of all paths.
#[derive(Default)]
pub(crate) struct Boxes {
    /// By path, from the first end to the second.
    paths: [Vec<Placed>; MAX_PATHS as usize],
    next: u64,
}

struct Placed {
    id: u64,
    name: Arc<str>,
    hits: u64,
    machine: Box<dyn Middlebox>,
}

/// A frame that has all boxes behind it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) parcel: Parcel,
    /// Whether it is what became of the frame that was sent; all others were made by a box.
    pub(crate) heir: bool,
    /// The boxes that changed or made it.
    pub(crate) by: Vec<Arc<str>>,
}

/// What the boxes made of a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) leaving: Vec<Leaving>,
    /// The box that dropped or kept the frame that was sent.
    pub(crate) kept_by: Option<Arc<str>>,
}

/// A frame before a box.
struct Step {
    path: u8,
    /// Index of the box that it meets; may be beyond the last.
    before: Option<usize>,
    from: End,
    frame: Vec<u8>,
    heir: bool,
    by: Vec<Arc<str>>,
}

impl Boxes {
    /// Places a box behind those of its path.
    #[cfg(test)]
    pub(crate) fn place(&mut self, path: u8, name: &str, machine: Box<dyn Middlebox>) -> u64 {
        self.place_all(name, vec![(path, machine)])
    }

    /// Places the machines of one box, each behind those of its path.
    pub(crate) fn place_all(&mut self, name: &str, machines: Vec<(u8, Box<dyn Middlebox>)>) -> u64 {
        self.next += 1;
        let id = self.next;
        for (path, machine) in machines {
            if let Some(placed) = self.on_mut(path) {
                placed.push(Placed {
                    id,
                    name: Arc::from(name),
                    hits: 0,
                    machine,
                });
            }
        }
        id
    }

    /// Takes a box away, and what it held back; says whether there was such a box.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.count();
        for placed in &mut self.paths {
            placed.retain(|placed| placed.id != id);
        }
        self.count() < before
    }

    /// How many frames the box did not just let by, frames counted that it made on its own.
    pub(crate) fn hits(&self, id: u64) -> Option<u64> {
        let all = self.paths.iter().flatten();
        let own = all.filter(|placed| placed.id == id);
        own.map(|placed| placed.hits).reduce(|sum, hits| sum + hits)
    }

    pub(crate) fn stand_on(&self, path: u8) -> bool {
        !self.on(path).is_empty()
    }

    /// Sends a frame, which came from this end of the path, through all boxes of the path.
    pub(crate) fn pass(
        &mut self,
        path: u8,
        from: End,
        frame: Vec<u8>,
        now: Instant,
    ) -> io::Result<Passage> {
        let before = match from {
            End::First => Some(0),
            End::Second => self.on(path).len().checked_sub(1),
        };
        let mut passage = Passage::default();
        let step = Step {
            path,
            before,
            from,
            frame,
            heir: true,
            by: Vec::new(),
        };
        self.walk(VecDeque::from([step]), now, &mut passage)?;
        Ok(passage)
    }

    /// When the first box wants to be called.
    pub(crate) fn due(&self) -> Option<Instant> {
        let all = self.paths.iter().flatten();
        all.filter_map(|placed| placed.machine.due()).min()
    }

    /// Calls the boxes whose time has come.
    pub(crate) fn tick(&mut self, now: Instant) -> io::Result<Vec<Leaving>> {
        let mut steps = VecDeque::new();
        let mut passage = Passage::default();
        let mut out = Vec::new();
        for (path, boxes) in (1..).zip(&mut self.paths) {
            for (at, placed) in boxes.iter_mut().enumerate() {
                if placed.machine.due().is_some_and(|due| due <= now) {
                    placed.machine.tick(now, &mut out);
                    placed.hits += out.len() as u64;
                    let taken = None;
                    let origin = Origin { path, at, taken };
                    origin.spread(&placed.name, &mut out, &mut steps, &mut passage.leaving);
                }
            }
        }
        self.walk(steps, now, &mut passage)?;
        Ok(passage.leaving)
    }

    fn walk(
        &mut self,
        mut steps: VecDeque<Step>,
        now: Instant,
        passage: &mut Passage,
    ) -> io::Result<()> {
        let mut out = Vec::new();
        let mut taken = 0;
        while let Some(step) = steps.pop_front() {
            let Step {
                path,
                before,
                from,
                frame,
                heir,
                by,
            } = step;
            let met = before.and_then(|at| Some((at, self.on_mut(path)?.get_mut(at)?)));
            let Some((at, placed)) = met else {
                let did = match (heir, by.is_empty()) {
                    (true, true) => PASSED,
                    (true, false) => "rewritten",
                    (false, _) => FORGED,
                };
                let parcel = Parcel {
                    path,
                    towards: from.other(),
                    frame,
                    did,
                };
                passage.leaving.push(Leaving { parcel, heir, by });
                continue;
            };
            taken += 1;
            if taken > MOST_STEPS {
                let text = "middleboxes answer each other without end";
                return Err(io::Error::other(text));
            }
            placed.machine.take(from, frame, now, &mut out);
            let let_by = matches!(out.as_slice(), [only] if only.did == PASSED);
            placed.hits += u64::from(!let_by);
            let taken = Some(Taken { from, heir, by });
            let origin = Origin { path, at, taken };
            let went_on = origin.spread(&placed.name, &mut out, &mut steps, &mut passage.leaving);
            if heir && !went_on {
                passage.kept_by = Some(Arc::clone(&placed.name));
            }
        }
        Ok(())
    }

    fn on(&self, path: u8) -> &[Placed] {
        let index = usize::from(path).wrapping_sub(1);
        self.paths.get(index).map_or(&[], Vec::as_slice)
    }

    fn on_mut(&mut self, path: u8) -> Option<&mut Vec<Placed>> {
        self.paths.get_mut(usize::from(path).wrapping_sub(1))
    }

    fn count(&self) -> usize {
        self.paths.iter().map(Vec::len).sum()
    }
}

/// Where parcels come from.
struct Origin {
    path: u8,
    /// Index of the box on the path.
    at: usize,
    /// The frame that the box took; none when its time had come.
    taken: Option<Taken>,
}

struct Taken {
    from: End,
    heir: bool,
    by: Vec<Arc<str>>,
}

impl Origin {
    /// Sends parcels to the next box in their direction; says whether the frame that was taken is among them.
    fn spread(
        mut self,
        name: &Arc<str>,
        out: &mut Vec<Parcel>,
        steps: &mut VecDeque<Step>,
        leaving: &mut Vec<Leaving>,
    ) -> bool {
        let was_taken = self.taken.is_some();
        for parcel in out.drain(..) {
            let (path, at) = (self.path, self.at);
            let taken = self.taken.take_if(|taken| {
                parcel.path == path && parcel.towards == taken.from.other() && parcel.did != FORGED
            });
            let (heir, by) = match taken {
                Some(Taken { heir, mut by, .. }) => {
                    if parcel.did != PASSED {
                        by.push(Arc::clone(name));
                    }
                    (heir, by)
                }
                None => (false, vec![Arc::clone(name)]),
            };
            if parcel.path == path {
                steps.push_back(Step {
                    path,
                    before: match parcel.towards {
                        End::First => at.checked_sub(1),
                        End::Second => Some(at + 1),
                    },
                    from: parcel.towards.other(),
                    frame: parcel.frame,
                    heir,
                    by,
                });
            } else {
                let did = FORGED;
                let parcel = Parcel { did, ..parcel };
                leaving.push(Leaving { parcel, heir, by });
            }
        }
        was_taken && self.taken.is_none()
    }
}

const PASSED: &str = "passed";
const FORGED: &str = "forged";

/// So many boxes a frame and all that comes of it may meet.
const MOST_STEPS: u32 = 100_000;

#[cfg(test)]
mod tests;
