//! Cuts segments into smaller ones, each with the options of the whole, as offload engines do.
//!
//! A DSS mapping is allowed to cover several segments and to come more than once (RFC 8684 section
//! 3.3.1), so that MPTCP goes on.

use super::outlet::{OnSegments, Outlet};
use super::segment::Segment;
use crate::topology::End;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Resegment {
    size: usize,
}

impl Resegment {
    /// Payloads of more than so many bytes, at least 1, are cut.
    pub(crate) fn new(size: u16) -> Self {
        Self {
            size: usize::from(size.max(1)),
        }
    }
}

impl OnSegments for Resegment {
    fn segment(
        &mut self,
        from: End,
        segment: Segment,
        frame: Vec<u8>,
        _now: Instant,
        out: &mut Outlet<'_>,
    ) {
        // The payload of a SYN would have to be told from its own sequence number; nobody cuts it.
        if segment.payload.len() <= self.size || segment.tcp.syn || segment.tcp.urg {
            return out.pass(from, frame);
        }
        let pieces = segment.payload.chunks(self.size);
        let last = pieces.len() - 1;
        for (index, piece) in pieces.enumerate() {
            let mut part = segment.clone();
            part.payload = piece.to_vec();
            let offset = (index * self.size) as u32;
            part.tcp.sequence_number = part.tcp.sequence_number.wrapping_add(offset);
            part.tcp.psh &= index == last;
            part.tcp.fin &= index == last;
            out.rewritten(from, &part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{rig, segment};

    #[test]
    fn the_pieces_make_up_the_whole_and_each_has_its_options() {
        let mut rig = rig(Resegment::new(4));
        let mut whole = segment(End::Second, true);
        whole.tcp.sequence_number = u32::MAX;
        whole.tcp.fin = true;
        whole.tcp.psh = true;
        whole.payload = b"0123456789".to_vec();
        assert!(whole.set_options(&[30, 4, 0x20, 0]));
        let pieces = rig.send(End::Second, &whole).all(End::First);
        let texts: Vec<_> = pieces.iter().map(|piece| &piece.payload[..]).collect();
        assert_eq!(texts, [&b"0123"[..], b"4567", b"89"]);
        let numbers: Vec<_> = pieces.iter().map(|p| p.tcp.sequence_number).collect();
        assert_eq!(numbers, [u32::MAX, 3, 7]);
        assert!(
            pieces
                .iter()
                .all(|piece| piece.options() == whole.options())
        );
        let ends: Vec<_> = pieces.iter().map(|p| (p.tcp.fin, p.tcp.psh)).collect();
        assert_eq!(ends, [(false, false), (false, false), (true, true)]);
    }

    #[test]
    fn what_is_small_enough_passes_unchanged() {
        let mut rig = rig(Resegment::new(4));
        let mut small = segment(End::First, false);
        small.payload = b"0123".to_vec();
        assert_eq!(rig.send(End::First, &small).one(End::Second), small);
    }
}
