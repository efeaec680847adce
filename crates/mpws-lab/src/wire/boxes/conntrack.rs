//! A stateful firewall: it drops what belongs to no connection that it saw begin, what lies outside
//! the window, and what acknowledges bytes that were never sent, as connection tracking does that
//! takes these for invalid.
//!
//! Each subflow is a TCP connection like any other to it, so that joins must pass.

use super::flows::Flows;
use super::outlet::{OnSegments, Outlet};
use super::segment::{Segment, before};
use crate::topology::End;
use mpws_codec::mptcp::options::{self, KIND_WINDOW_SCALE};
use std::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Conntrack {
    flows: Flows<Tracked>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tracked {
    first: Option<Half>,
    second: Option<Half>,
    /// A reset went through: the addresses may be used anew.
    over: bool,
}

/// What is known of one end.
#[derive(Clone, Copy, Debug)]
struct Half {
    /// Highest sequence number that it has sent, SYN and FIN included.
    end: u32,
    /// Highest that the other end has room for.
    limit: u32,
    /// Largest window that it has offered, in bytes.
    window: u32,
    /// Window scale of its SYN (RFC 7323 section 2.2).
    scale: Option<u8>,
}

impl OnSegments for Conntrack {
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
            let known = self.flows.find(&flow, now).is_some_and(|known| !known.over);
            if !known {
                self.flows.insert(flow, now, Tracked::default());
            }
        }
        let Some(tracked) = self.flows.find(&flow, now) else {
            return;
        };
        if tracked.valid(from, &segment) {
            tracked.note(from, &segment);
            out.pass(from, frame);
        }
    }
}

impl Tracked {
    /// Whether the connection can have this segment next.
    fn valid(&self, from: End, segment: &Segment) -> bool {
        let (own, other) = match from {
            End::First => (self.first, self.second),
            End::Second => (self.second, self.first),
        };
        let tcp = &segment.tcp;
        match (own, other) {
            (None, None) => segment.opens(),
            // A SYN that is sent again.
            (Some(own), None) => segment.opens() && segment.end() == own.end,
            // The answer to the SYN accepts or refuses exactly that.
            (None, Some(other)) => {
                tcp.ack && (tcp.syn || tcp.rst) && tcp.acknowledgment_number == other.end
            }
            (Some(own), Some(other)) => {
                let sent = !tcp.ack || !before(other.end, tcp.acknowledgment_number);
                let room = !before(own.limit, tcp.sequence_number);
                let oldest = own.end.wrapping_sub(other.window).wrapping_sub(1);
                sent && room && before(oldest, segment.end())
            }
        }
    }

    fn note(&mut self, from: End, segment: &Segment) {
        let (own, other) = match from {
            End::First => (&mut self.first, &mut self.second),
            End::Second => (&mut self.second, &mut self.first),
        };
        let own = own.get_or_insert_with(|| Half {
            end: segment.end(),
            limit: segment.end(),
            window: 1,
            scale: scale(segment),
        });
        if before(own.end, segment.end()) {
            own.end = segment.end();
        }
        if let Some(other) = other {
            // Scaling counts only when both have offered it, and never on a SYN.
            let shift = match (segment.tcp.syn, own.scale, other.scale) {
                (false, Some(shift), Some(_)) => shift.min(14),
                _ => 0,
            };
            let window = u32::from(segment.tcp.window_size) << shift;
            own.window = own.window.max(window);
            let limit = segment
                .tcp
                .acknowledgment_number
                .wrapping_add(window.max(1));
            if segment.tcp.ack && before(other.limit, limit) {
                other.limit = limit;
            }
        }
        self.over |= segment.tcp.rst;
    }
}

fn scale(syn: &Segment) -> Option<u8> {
    options::iter(syn.options())
        .map_while(Result::ok)
        .find(|option| option.kind() == KIND_WINDOW_SCALE)
        .and_then(|option| option.bytes.get(2).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{Rig, rig, segment};

    fn flagged(from: End, sequence: u32, acknowledges: Option<u32>) -> Segment {
        let mut segment = segment(from, false);
        segment.tcp.sequence_number = sequence;
        segment.tcp.window_size = 1000;
        segment.tcp.ack = acknowledges.is_some();
        segment.tcp.acknowledgment_number = acknowledges.unwrap_or(0);
        segment
    }

    fn data(sequence: u32, length: usize) -> Segment {
        let mut data = flagged(End::First, sequence, Some(501));
        data.payload = vec![0; length];
        data
    }

    fn established() -> Rig {
        let mut rig = rig(Conntrack::default());
        let mut syn = flagged(End::First, 100, None);
        syn.tcp.syn = true;
        rig.send(End::First, &syn).one(End::Second);
        rig.send(End::First, &syn).one(End::Second);
        let mut accept = flagged(End::Second, 500, Some(101));
        accept.tcp.syn = true;
        rig.send(End::Second, &accept).one(End::First);
        rig.send(End::First, &flagged(End::First, 101, Some(501)))
            .one(End::Second);
        rig
    }

    #[test]
    fn a_conversation_within_the_window_passes_and_so_does_a_retransmission() {
        let mut rig = established();
        rig.send(End::First, &data(101, 100)).one(End::Second);
        rig.send(End::First, &data(101, 100)).one(End::Second);
        let ack = flagged(End::Second, 501, Some(201));
        rig.send(End::Second, &ack).one(End::First);
        let mut fin = data(201, 0);
        fin.tcp.fin = true;
        rig.send(End::First, &fin).one(End::Second);
        let ack = flagged(End::Second, 501, Some(202));
        rig.send(End::Second, &ack).one(End::First);
    }

    #[test]
    fn what_begins_above_the_window_or_ends_far_below_it_is_dropped() {
        let mut rig = established();
        assert!(rig.send(End::First, &data(1102, 1)).is_empty());
        assert!(!rig.send(End::First, &data(1101, 1)).is_empty());
        assert!(
            rig.send(End::First, &data(101_u32.wrapping_sub(1001), 1))
                .is_empty()
        );
    }

    #[test]
    fn an_acknowledgement_of_what_was_never_sent_is_dropped() {
        let mut rig = established();
        let ack = flagged(End::Second, 501, Some(102));
        assert!(rig.send(End::Second, &ack).is_empty());
    }

    #[test]
    fn a_connection_that_it_did_not_see_begin_is_dropped() {
        let mut rig = rig(Conntrack::default());
        assert!(rig.send(End::First, &data(101, 1)).is_empty());
        let mut accept = flagged(End::Second, 500, Some(101));
        accept.tcp.syn = true;
        assert!(rig.send(End::Second, &accept).is_empty());
    }

    #[test]
    fn a_reset_out_of_the_window_is_dropped_and_one_within_ends_the_connection() {
        let mut rig = established();
        let mut reset = flagged(End::Second, 5000, None);
        reset.tcp.rst = true;
        assert!(rig.send(End::Second, &reset).is_empty());
        reset.tcp.sequence_number = 501;
        rig.send(End::Second, &reset).one(End::First);
        let mut syn = flagged(End::First, 9000, None);
        syn.tcp.syn = true;
        rig.send(End::First, &syn).one(End::Second);
    }
}
