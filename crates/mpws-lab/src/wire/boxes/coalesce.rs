//! Merges adjacent segments of a connection into one with the options of the first, as some offload
//! engines and traffic normalisers do.
//!
//! The options of the later segments are lost, and with them their DSS mappings: unless the first
//! mapping covers all bytes, MPTCP has to notice (RFC 8684 section 3.7).

use super::flows::Flows;
use super::outlet::{OnSegments, Outlet};
use super::segment::Segment;
use crate::topology::End;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Coalesce {
    wait: Duration,
    flows: Flows<[Option<HeldBack>; 2]>,
}

/// A segment that waits for its successor.
#[derive(Debug)]
struct HeldBack {
    segment: Segment,
    due: Instant,
}

impl Coalesce {
    /// A segment waits so long for the next.
    pub(crate) fn new(wait: Duration) -> Self {
        Self {
            wait,
            flows: Flows::default(),
        }
    }
}

impl OnSegments for Coalesce {
    fn segment(
        &mut self,
        from: End,
        segment: Segment,
        frame: Vec<u8>,
        now: Instant,
        out: &mut Outlet<'_>,
    ) {
        let tcp = &segment.tcp;
        let ends = tcp.fin || tcp.syn || tcp.rst || tcp.urg;
        let bare = segment.payload.is_empty();
        let flow = segment.flow(from);
        let waiting = &mut self.flows.entry(flow, now, Default::default)[side(from)];
        // Acknowledgements overtake; nothing follows them in the stream.
        if !ends && bare || ends && waiting.is_none() {
            return out.pass(from, frame);
        }
        let due = if ends { now } else { now + self.wait };
        if let Some(held) = waiting
            && held.take_in(&segment)
        {
            held.due = held.due.min(due);
        } else if let Some(held) = waiting.replace(HeldBack { segment, due }) {
            out.forged(from.other(), &held.segment);
        }
    }

    fn due(&self) -> Option<Instant> {
        let waiting = self.flows.iter().flat_map(|(_, waiting)| waiting);
        waiting.flatten().map(|held| held.due).min()
    }

    fn tick(&mut self, now: Instant, out: &mut Outlet<'_>) {
        for (_, waiting) in self.flows.iter_mut() {
            for (from, waiting) in [End::First, End::Second].into_iter().zip(waiting) {
                if let Some(held) = waiting.take_if(|held| held.due <= now) {
                    out.forged(from.other(), &held.segment);
                }
            }
        }
    }
}

impl HeldBack {
    /// Appends the segment if it is the next and fits.
    fn take_in(&mut self, next: &Segment) -> bool {
        let own = &mut self.segment;
        let fits = own.payload.len() + next.payload.len() <= own.room();
        let follows = own.end() == next.tcp.sequence_number;
        if !fits || !follows || own.tcp.fin || next.tcp.syn || next.tcp.rst || next.tcp.urg {
            return false;
        }
        own.payload.extend_from_slice(&next.payload);
        own.tcp.psh |= next.tcp.psh;
        own.tcp.fin = next.tcp.fin;
        own.tcp.acknowledgment_number = next.tcp.acknowledgment_number;
        own.tcp.window_size = next.tcp.window_size;
        true
    }
}

fn side(from: End) -> usize {
    match from {
        End::First => 0,
        End::Second => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{rig, segment};

    fn data(sequence: u32, payload: &[u8]) -> Segment {
        let mut data = segment(End::First, false);
        data.tcp.ack = true;
        data.tcp.sequence_number = sequence;
        data.payload = payload.to_vec();
        data
    }

    #[test]
    fn adjacent_segments_leave_as_one_with_the_options_of_the_first_when_their_time_is_over() {
        let mut rig = rig(Coalesce::new(Duration::from_millis(5)));
        let mut first = data(10, b"ab");
        assert!(first.set_options(&[30, 4, 0x20, 0]));
        assert!(rig.send(End::First, &first).is_empty());
        assert!(rig.send(End::First, &data(12, b"c")).is_empty());
        let merged = rig.after(Duration::from_millis(5)).one(End::Second);
        assert_eq!(merged.payload, b"abc");
        assert_eq!(merged.options(), first.options());
        assert_eq!(merged.tcp.sequence_number, 10);
    }

    #[test]
    fn a_gap_ends_the_wait_and_a_fin_leaves_with_what_waits() {
        let mut rig = rig(Coalesce::new(Duration::from_millis(5)));
        assert!(rig.send(End::First, &data(10, b"a")).is_empty());
        let out = rig.send(End::First, &data(20, b"b")).one(End::Second);
        assert_eq!(out, data(10, b"a"));
        let mut fin = data(21, b"c");
        fin.tcp.fin = true;
        assert!(rig.send(End::First, &fin).is_empty());
        let out = rig.after(Duration::ZERO).one(End::Second);
        assert_eq!((&out.payload[..], out.tcp.fin), (&b"bc"[..], true));
    }

    #[test]
    fn an_acknowledgement_does_not_wait() {
        let mut rig = rig(Coalesce::new(Duration::from_millis(5)));
        assert!(rig.send(End::First, &data(10, b"a")).is_empty());
        let ack = data(11, b"");
        assert_eq!(rig.send(End::First, &ack).one(End::Second), ack);
    }
}
