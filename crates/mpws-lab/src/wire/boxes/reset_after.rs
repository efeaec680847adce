//! Cuts connections in mid-flow: both ends get a reset with the sequence number that they wait for,
//! so that they believe it (RFC 5961 section 3.2).

use super::flows::Flows;
use super::outlet::{OnSegments, Outlet};
use super::segment::{Segment, before};
use crate::topology::End;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct ResetAfter {
    segments: u64,
    flows: Flows<Progress>,
}

/// What went through of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Segments with payload, both directions.
    seen: u64,
    /// What comes next from each end; absent while nothing came from there.
    next: [Option<u32>; 2],
}

impl ResetAfter {
    /// So many segments with payload still go through of each connection.
    pub(crate) fn new(segments: u64) -> Self {
        Self {
            segments,
            flows: Flows::default(),
        }
    }
}

impl OnSegments for ResetAfter {
    fn segment(
        &mut self,
        from: End,
        segment: Segment,
        frame: Vec<u8>,
        now: Instant,
        out: &mut Outlet<'_>,
    ) {
        let flow = segment.flow(from);
        if segment.opens() {
            self.flows.remove(&flow);
        }
        let progress = self.flows.entry(flow, now, Progress::default);
        if segment.payload.is_empty() || progress.seen < self.segments {
            progress.seen += u64::from(!segment.payload.is_empty());
            progress.passed(from, &segment);
            return out.pass(from, frame);
        }
        if segment.tcp.rst {
            return out.pass(from, frame);
        }
        out.forged(from, &segment.refusal());
        let mut reset = segment.bare();
        reset.tcp.rst = true;
        let next = progress.next[side(from)];
        reset.tcp.sequence_number = next.unwrap_or(segment.tcp.sequence_number);
        out.forged(from.other(), &reset);
    }
}

impl Progress {
    fn passed(&mut self, from: End, segment: &Segment) {
        let next = &mut self.next[side(from)];
        let end = segment.end();
        if next.is_none_or(|known| before(known, end)) {
            *next = Some(end);
        }
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

    fn data(sequence: u32) -> Segment {
        let mut data = segment(End::First, false);
        data.tcp.ack = true;
        data.tcp.sequence_number = sequence;
        data.tcp.acknowledgment_number = 500;
        data.payload = b"abc".to_vec();
        data
    }

    #[test]
    fn after_the_count_both_ends_get_a_reset_that_they_believe() {
        let mut rig = rig(ResetAfter::new(1));
        assert_eq!(rig.send(End::First, &data(10)).one(End::Second), data(10));
        // A later segment does not make the receiver wait for another number.
        let out = rig.send(End::First, &data(16)).everything();
        let resets: Vec<_> = out
            .iter()
            .map(|(to, reset)| (*to, reset.tcp.rst, reset.tcp.sequence_number))
            .collect();
        assert_eq!(resets, [(End::First, true, 500), (End::Second, true, 13)]);
    }

    #[test]
    fn acknowledgements_do_not_count() {
        let mut rig = rig(ResetAfter::new(0));
        let mut ack = data(10);
        ack.payload.clear();
        assert_eq!(rig.send(End::First, &ack).one(End::Second), ack);
    }
}
