//! The way of a frame through the middleboxes of its path.

use super::machine::{Handling, Machine, Parcel};
use crate::topology::{End, MAX_PATHS};
use mpws_packet::{By, Name};
use std::collections::VecDeque;
use std::io;
use std::time::Instant;

/// All boxes of all paths.
#[derive(Default)]
pub(crate) struct Boxes {
    /// By path, from the first end to the second.
    paths: [Vec<Placed>; MAX_PATHS as usize],
    next: u64,
}

struct Placed {
    id: u64,
    name: Name,
    hits: u64,
    machine: Box<dyn Machine>,
}

/// What the boxes made of a frame, now that it has all of them behind it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passage {
    /// What became of the frame that was sent.
    pub(crate) went_on: Option<WentOn>,
    /// The box that dropped or kept the frame that was sent.
    pub(crate) kept_by: Option<Name>,
    /// What boxes made themselves.
    pub(crate) made: Vec<Made>,
}

/// A frame that left the boxes on its path, towards the end that it was sent to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WentOn {
    pub(crate) frame: Vec<u8>,
    /// The boxes that changed it; none where it is as it was sent.
    pub(crate) changed_by: Option<By>,
}

/// A frame that boxes made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) path: u8,
    pub(crate) towards: End,
    pub(crate) frame: Vec<u8>,
    pub(crate) by: By,
}

/// Where a frame before a box comes from.
#[derive(Debug)]
enum Origin {
    /// It is what became of the frame that was sent, at the hands of these boxes; there is one at
    /// most.
    Sent(Option<By>),
    /// These boxes made it.
    Made(By),
}

/// A frame before a box.
struct Step {
    path: u8,
    /// Index of the box that it meets; may be beyond the last.
    before: Option<usize>,
    from: End,
    frame: Vec<u8>,
    origin: Origin,
}

impl Boxes {
    /// Places a box behind those of its path.
    #[cfg(test)]
    pub(crate) fn place(&mut self, path: u8, name: &str, machine: Box<dyn Machine>) -> u64 {
        let name = Name::new(name).expect("a name");
        self.place_all(&name, vec![(path, machine)])
    }

    /// Places the machines of one box, each behind those of its path.
    pub(crate) fn place_all(&mut self, name: &Name, machines: Vec<(u8, Box<dyn Machine>)>) -> u64 {
        self.next += 1;
        let id = self.next;
        for (path, machine) in machines {
            if let Some(placed) = self.on_mut(path) {
                placed.push(Placed {
                    id,
                    name: name.clone(),
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
            origin: Origin::Sent(None),
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
    pub(crate) fn tick(&mut self, now: Instant) -> io::Result<Vec<Made>> {
        let mut steps = VecDeque::new();
        let mut passage = Passage::default();
        let mut out = Vec::new();
        for (path, boxes) in (1..).zip(&mut self.paths) {
            for (at, placed) in boxes.iter_mut().enumerate() {
                if placed.machine.due().is_some_and(|due| due <= now) {
                    placed.machine.tick(now, &mut out);
                    placed.hits += out.len() as u64;
                    let taken = None;
                    let place = Place { path, at, taken };
                    place.spread(&placed.name, &mut out, &mut steps, &mut passage.made);
                }
            }
        }
        self.walk(steps, now, &mut passage)?;
        Ok(passage.made)
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
                origin,
            } = step;
            let met = before.and_then(|at| Some((at, self.on_mut(path)?.get_mut(at)?)));
            let Some((at, placed)) = met else {
                let towards = from.other();
                match origin {
                    Origin::Sent(changed_by) => {
                        passage.went_on = Some(WentOn { frame, changed_by });
                    }
                    Origin::Made(by) => passage.made.push(Made {
                        path,
                        towards,
                        frame,
                        by,
                    }),
                }
                continue;
            };
            taken += 1;
            if taken > MOST_STEPS {
                let text = "middleboxes answer each other without end";
                return Err(io::Error::other(text));
            }
            placed.machine.take(from, frame, now, &mut out);
            let let_by = matches!(out.as_slice(), [only] if only.handling == Handling::Passed);
            placed.hits += u64::from(!let_by);
            let was_sent = matches!(origin, Origin::Sent(_));
            let taken = Some(Taken { from, origin });
            let place = Place { path, at, taken };
            let went_on = place.spread(&placed.name, &mut out, &mut steps, &mut passage.made);
            if was_sent && !went_on {
                passage.kept_by = Some(placed.name.clone());
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

/// A box that sends parcels.
struct Place {
    path: u8,
    /// Index of the box on the path.
    at: usize,
    /// The frame that the box took; none when its time had come.
    taken: Option<Taken>,
}

struct Taken {
    from: End,
    origin: Origin,
}

impl Place {
    /// Sends parcels to the next box in their direction; says whether the frame that was taken is
    /// among them.
    fn spread(
        mut self,
        name: &Name,
        out: &mut Vec<Parcel>,
        steps: &mut VecDeque<Step>,
        made: &mut Vec<Made>,
    ) -> bool {
        let was_taken = self.taken.is_some();
        for parcel in out.drain(..) {
            let Parcel {
                path,
                towards,
                frame,
                handling,
            } = parcel;
            if path != self.path {
                made.push(Made {
                    path,
                    towards,
                    frame,
                    by: name.clone().into(),
                });
                continue;
            }
            let taken = self
                .taken
                .take_if(|taken| towards == taken.from.other() && handling != Handling::Forged);
            let origin = match (taken, handling) {
                (Some(taken), Handling::Passed) => taken.origin,
                (Some(taken), _) => taken.origin.changed_by(name),
                (None, _) => Origin::Made(name.clone().into()),
            };
            steps.push_back(Step {
                path,
                before: match towards {
                    End::First => self.at.checked_sub(1),
                    End::Second => Some(self.at + 1),
                },
                from: towards.other(),
                frame,
                origin,
            });
        }
        was_taken && self.taken.is_none()
    }
}

impl Origin {
    fn changed_by(self, name: &Name) -> Self {
        let name = name.clone();
        match self {
            Self::Sent(None) => Self::Sent(Some(name.into())),
            Self::Sent(Some(by)) => Self::Sent(Some(by.and(name))),
            Self::Made(by) => Self::Made(by.and(name)),
        }
    }
}

/// So many boxes a frame and all that comes of it may meet.
const MOST_STEPS: u32 = 100_000;

#[cfg(test)]
#[path = "passage_tests.rs"]
mod tests;
