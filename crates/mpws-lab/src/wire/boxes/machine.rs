//! What every middlebox is to the wire: a machine that takes frames and sends some.

use crate::topology::End;
use std::time::Instant;

/// A middlebox at work.
pub(crate) trait Machine: Send {
    /// Takes a frame that came from the end `from` of the path where the box stands; what it puts
    /// into `out` leaves.
    ///
    /// Of the frames that leave on the same path towards the other end, the first that is not
    /// [`Handling::Forged`] is what became of the frame taken; without one it was dropped, and all
    /// else counts as forged.
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

/// A frame that a middlebox sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    /// On which path; where it is not the box's own, it enters the other path behind that path's
    /// boxes.
    pub(crate) path: u8,
    pub(crate) towards: End,
    pub(crate) frame: Vec<u8>,
    pub(crate) handling: Handling,
}

/// What a middlebox did with a frame that it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// It is the frame that was taken, unchanged.
    Passed,
    /// It stands for the frame that was taken.
    Rewritten,
    /// The box made it.
    Forged,
}
