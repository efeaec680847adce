//! Frames that are on their way: they arrive at a time, unless the link breaks before.

use super::capture::Place;
use crate::topology::End;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::io;
use std::time::Instant;

/// Most bytes that are on their way at a time, so that a path of great delay and no bound cannot
/// fill the memory.
const LIMIT: usize = 256 << 20;

/// All of them, by time of arrival, and in order where that is the same.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    frames: BinaryHeap<Reverse<Frame>>,
    order: u64,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) due: Instant,
    order: u64,
    pub(super) path: u8,
    pub(super) towards: End,
    pub(super) bytes: Vec<u8>,
    /// Where in the capture it says when it arrives.
    pub(super) place: Option<Place>,
}

impl InFlight {
    /// Takes a frame.
    pub(super) fn push(
        &mut self,
        due: Instant,
        path: u8,
        towards: End,
        bytes: Vec<u8>,
        place: Option<Place>,
    ) -> io::Result<()> {
        self.bytes += bytes.len();
        if self.bytes > LIMIT {
            let text = "more than 256 MiB of packets wait in the wire: a path has a delay or rate too \
                        large for its traffic, or needs a bound on its queue";
            return Err(io::Error::other(text));
        }
        self.order += 1;
        self.frames.push(Reverse(Frame {
            due,
            order: self.order,
            path,
            towards,
            bytes,
            place,
        }));
        Ok(())
    }

    /// When the next frame arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        self.frames.peek().map(|Reverse(next)| next.due)
    }

    /// The next frame, if it arrives until then.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Frame> {
        if self.due()? > now {
            return None;
        }
        let Reverse(frame) = self.frames.pop()?;
        self.bytes -= frame.bytes.len();
        Some(frame)
    }

    /// Takes away all that is on its way on a path, in both directions.
    pub(super) fn cut(&mut self, path: u8) -> Vec<Frame> {
        let all = std::mem::take(&mut self.frames).into_iter();
        let (cut, rest): (Vec<_>, Vec<_>) = all.partition(|Reverse(frame)| frame.path == path);
        self.frames = rest.into();
        let mut cut: Vec<_> = cut.into_iter().map(|Reverse(frame)| frame).collect();
        cut.sort();
        self.bytes -= cut.iter().map(|frame| frame.bytes.len()).sum::<usize>();
        cut
    }
}

impl Ord for Frame {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl PartialOrd for Frame {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Frame {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn in_flight(frames: &[(u64, u8)]) -> (InFlight, Instant) {
        let start = Instant::now();
        let mut in_flight = InFlight::default();
        for (number, &(ms, path)) in (0..).zip(frames) {
            let due = start + Duration::from_millis(ms);
            let pushed = in_flight.push(due, path, End::First, vec![number], None);
            pushed.expect("room");
        }
        (in_flight, start)
    }

    fn numbers(in_flight: &mut InFlight, until: Instant) -> Vec<u8> {
        std::iter::from_fn(|| in_flight.pop(until))
            .map(|frame| frame.bytes[0])
            .collect()
    }

    #[test]
    fn frames_arrive_by_time_and_then_in_order() {
        let (mut in_flight, start) = in_flight(&[(5, 1), (3, 1), (3, 2), (9, 1)]);
        let until = start + Duration::from_millis(5);
        assert_eq!(numbers(&mut in_flight, until), [1, 2, 0]);
        assert_eq!(in_flight.due(), Some(start + Duration::from_millis(9)));
    }

    #[test]
    fn a_cut_takes_what_is_on_that_path() {
        let (mut in_flight, start) = in_flight(&[(5, 1), (3, 2), (3, 1)]);
        let cut: Vec<_> = in_flight
            .cut(1)
            .iter()
            .map(|frame| frame.bytes[0])
            .collect();
        assert_eq!(cut, [2, 0]);
        assert_eq!(numbers(&mut in_flight, start + Duration::from_secs(1)), [1]);
        assert_eq!(in_flight.bytes, 0);
    }

    #[test]
    fn too_much_is_an_error_that_says_so() {
        let mut in_flight = InFlight::default();
        let now = Instant::now();
        let mut push = |bytes| in_flight.push(now, 1, End::First, vec![0; bytes], None);
        push(LIMIT).expect("room");
        let error = push(1).expect_err("full");
        assert!(error.to_string().contains("256 MiB"), "{error}");
    }
}
