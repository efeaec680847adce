//! Searches and replaces in the payload, as application gateways do: the length changes, and
//! sequence numbers, acknowledgements and SACK blocks of both directions are kept consistent.
//!
//! It looks at each segment by itself; what is spread over two segments is not found. TCP notices
//! nothing, but the mappings and checksums of MPTCP do (RFC 8684 section 3.7).

use super::flows::Flows;
use super::outlet::{OnSegments, Outlet};
use super::segment::{Segment, before};
use crate::topology::End;
use std::time::Instant;

/// Edits of one direction that are remembered.
const LIMIT: usize = 1024;

#[derive(Debug)]
pub(crate) struct Replace {
    search: Vec<u8>,
    with: Vec<u8>,
    flows: Flows<[Edits; 2]>,
}

/// What was changed in the bytes of one end, in their order.
#[derive(Debug, Default)]
struct Edits(Vec<Edit>);

/// From the sequence number `after` on, the bytes stand `shift` further on than their sender
/// thinks.
#[derive(Clone, Copy, Debug)]
struct Edit {
    after: u32,
    shift: u32,
}

impl Replace {
    /// Every `search`, of at least 1 byte, becomes `with`.
    pub(crate) fn new(search: Vec<u8>, with: Vec<u8>) -> Self {
        Self {
            search,
            with,
            flows: Flows::default(),
        }
    }

    /// The new payload and after how many bytes of the old one the length had changed; `None` where
    /// nothing is found.
    fn edit(&self, payload: &[u8], room: usize) -> Option<(Vec<u8>, Vec<usize>)> {
        let mut edited = Vec::with_capacity(payload.len());
        let (mut ends, mut at) = (Vec::new(), 0);
        while at < payload.len() {
            let rest = &payload[at..];
            let grown =
                edited.len() + self.with.len() + rest.len() - self.search.len().min(rest.len());
            if rest.starts_with(&self.search) && grown <= room {
                edited.extend_from_slice(&self.with);
                at += self.search.len();
                ends.push(at);
            } else {
                edited.push(payload[at]);
                at += 1;
            }
        }
        (!ends.is_empty()).then_some((edited, ends))
    }
}

impl OnSegments for Replace {
    fn segment(
        &mut self,
        from: End,
        mut segment: Segment,
        frame: Vec<u8>,
        now: Instant,
        out: &mut Outlet<'_>,
    ) {
        let flow = segment.flow(from);
        if segment.opens() {
            self.flows.remove(&flow);
        }
        let found = self.edit(&segment.payload, segment.room());
        if found.is_none() && self.flows.find(&flow, now).is_none() {
            return out.pass(from, frame);
        }
        let [first, second] = self.flows.entry(flow, now, Default::default);
        let (own, other) = match from {
            End::First => (first, &*second),
            End::Second => (second, &*first),
        };
        let start = segment.tcp.sequence_number;
        segment.tcp.sequence_number = own.there(start);
        if segment.tcp.ack {
            segment.tcp.acknowledgment_number = other.back(segment.tcp.acknowledgment_number);
        }
        segment.map_sack(|edge| other.back(edge));
        if let Some((edited, ends)) = found {
            let grown = (self.with.len() as u32).wrapping_sub(self.search.len() as u32);
            if grown != 0 {
                for end in ends {
                    own.add(start.wrapping_add(end as u32), grown);
                }
            }
            segment.payload = edited;
        }
        out.rewritten(from, &segment);
    }
}

impl Edits {
    /// Remembers an edit, once however often the segment is sent.
    fn add(&mut self, after: u32, grown: u32) {
        if self.0.last().is_some_and(|last| !before(last.after, after)) {
            return;
        }
        let shift = self.0.last().map_or(0, |last| last.shift);
        if self.0.len() >= LIMIT {
            self.0.remove(0);
        }
        self.0.push(Edit {
            after,
            shift: shift.wrapping_add(grown),
        });
    }

    /// Where a byte of the sender arrives.
    fn there(&self, number: u32) -> u32 {
        let last = self.0.iter().rev().find(|edit| !before(number, edit.after));
        number.wrapping_add(last.map_or(0, |edit| edit.shift))
    }

    /// Which byte of the sender arrived there; within a replacement, the one before which it
    /// stands.
    fn back(&self, number: u32) -> u32 {
        let last = self
            .0
            .iter()
            .rev()
            .find(|edit| !before(number, edit.after.wrapping_add(edit.shift)));
        number.wrapping_sub(last.map_or(0, |edit| edit.shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{rig, segment};

    fn data(from: End, sequence: u32, payload: &[u8]) -> Segment {
        let mut data = segment(from, false);
        data.tcp.ack = true;
        data.tcp.sequence_number = sequence;
        data.payload = payload.to_vec();
        data
    }

    #[test]
    fn a_longer_replacement_shifts_what_follows_and_its_acknowledgement_is_shifted_back() {
        let replace = Replace::new(b"cat".to_vec(), b"tiger".to_vec());
        let mut rig = rig(replace);
        let start = u32::MAX - 4;
        let first = rig.send(End::First, &data(End::First, start, b"a cat, a cat"));
        let first = first.one(End::Second);
        assert_eq!(first.payload, b"a tiger, a tiger");
        assert_eq!(first.tcp.sequence_number, start);
        let next = start.wrapping_add(12);
        let second = rig
            .send(End::First, &data(End::First, next, b"!"))
            .one(End::Second);
        assert_eq!(second.tcp.sequence_number, first.end());
        let mut ack = data(End::Second, 5, b"");
        ack.tcp.acknowledgment_number = second.end();
        let heard = rig.send(End::Second, &ack).one(End::First);
        assert_eq!(heard.tcp.acknowledgment_number, next.wrapping_add(1));
        assert_eq!(heard.tcp.sequence_number, 5);
    }

    #[test]
    fn a_retransmission_is_replaced_again_and_counted_once() {
        let mut rig = rig(Replace::new(b"cat".to_vec(), b"a".to_vec()));
        let cat = data(End::First, 100, b"cat");
        let first = rig.send(End::First, &cat).one(End::Second);
        let again = rig.send(End::First, &cat).one(End::Second);
        assert_eq!(first, again);
        let next = rig
            .send(End::First, &data(End::First, 103, b"x"))
            .one(End::Second);
        assert_eq!(next.tcp.sequence_number, 101);
    }

    #[test]
    fn a_replacement_without_room_in_the_packet_is_not_made() {
        let mut rig = rig(Replace::new(b"cat".to_vec(), b"tiger".to_vec()));
        let mut full = vec![b'.'; 1457];
        full.extend(b"cat");
        let sent = data(End::First, 1, &full);
        assert_eq!(rig.send(End::First, &sent).one(End::Second), sent);
    }
}
