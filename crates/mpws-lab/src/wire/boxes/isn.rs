//! Rewrites the sequence numbers of both directions, as firewalls do that randomise initial ones.
//!
//! MPTCP counts the bytes of a subflow from its initial sequence number (RFC 8684 section 3.3.1),
//! so that a new one does it no harm.

use super::flows::Flows;
use super::outlet::{OnSegments, Outlet};
use super::segment::{Flow, Segment};
use crate::topology::End;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

/// Connections that began before it was there pass unchanged.
#[derive(Debug, Default)]
pub(crate) struct Isn {
    flows: Flows<Offsets>,
}

/// What is added to the sequence numbers of each end, never 0.
#[derive(Clone, Copy, Debug)]
struct Offsets {
    first: u32,
    second: u32,
}

impl OnSegments for Isn {
    fn segment(
        &mut self,
        from: End,
        mut segment: Segment,
        frame: Vec<u8>,
        now: Instant,
        out: &mut Outlet<'_>,
    ) {
        let flow = segment.flow(from);
        if segment.opens() && self.flows.find(&flow, now).is_none() {
            self.flows.insert(flow, now, Offsets::of(&flow));
        }
        let Some(offsets) = self.flows.find(&flow, now) else {
            return out.pass(from, frame);
        };
        let (own, other) = match from {
            End::First => (offsets.first, offsets.second),
            End::Second => (offsets.second, offsets.first),
        };
        let tcp = &mut segment.tcp;
        tcp.sequence_number = tcp.sequence_number.wrapping_add(own);
        if tcp.ack {
            tcp.acknowledgment_number = tcp.acknowledgment_number.wrapping_sub(other);
        }
        segment.map_sack(|edge| edge.wrapping_sub(other));
        out.rewritten(from, &segment);
    }
}

impl Offsets {
    /// The same for the same connection, so that a run can be repeated.
    fn of(flow: &Flow) -> Self {
        let mut hash = DefaultHasher::new();
        flow.hash(&mut hash);
        let bits = hash.finish();
        Self {
            first: bits as u32 | 1,
            second: (bits >> 32) as u32 | 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{rig, segment};

    #[test]
    fn both_ends_see_one_consistent_conversation_in_other_numbers() {
        let mut rig = rig(Isn::default());
        let mut syn = segment(End::First, false);
        syn.tcp.syn = true;
        syn.tcp.sequence_number = 1000;
        let sent = rig.send(End::First, &syn).one(End::Second);
        let shift = sent.tcp.sequence_number.wrapping_sub(1000);
        assert_ne!(shift, 0);

        let mut answer = segment(End::Second, false);
        answer.tcp.sequence_number = 7;
        answer.tcp.ack = true;
        answer.tcp.acknowledgment_number = sent.end();
        let mut sack = vec![1, 1, 5, 10];
        sack.extend(sent.end().wrapping_add(10).to_be_bytes());
        sack.extend(sent.end().wrapping_add(20).to_be_bytes());
        assert!(answer.set_options(&sack));
        let heard = rig.send(End::Second, &answer).one(End::First);
        assert_eq!(heard.tcp.acknowledgment_number, 1001);
        assert_eq!(heard.options()[4..8], 1011_u32.to_be_bytes());
        assert_ne!(heard.tcp.sequence_number, 7);
    }

    #[test]
    fn a_connection_that_began_before_passes_unchanged() {
        let mut rig = rig(Isn::default());
        let mut data = segment(End::First, true);
        data.tcp.ack = true;
        assert_eq!(rig.send(End::First, &data).one(End::Second), data);
    }
}
