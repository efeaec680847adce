//! A transparent proxy that splits each connection in two, as performance-enhancing proxies of
//! mobile networks do: it acknowledges by itself what either end sends, and sends it on by itself.
//!
//! Its two halves are plain TCP without options but the segment size, so that neither end has MPTCP
//! to talk to (RFC 8684 section 3.1). A join dies there, since the SYN arrives without its option.

mod half;

use super::flows::Flows;
use super::outlet::{OnSegments, Outlet};
use super::segment::{Flow, Segment};
use crate::topology::End;
use half::{Half, Heard};
use std::time::Instant;

/// Connections that began before it was there pass unchanged.
#[derive(Debug, Default)]
pub(crate) struct SplitTcp {
    flows: Flows<Relay>,
}

/// The two halves of a connection.
#[derive(Debug)]
struct Relay {
    opener: End,
    /// Towards the end that opened it.
    near: Half,
    /// Towards the other.
    far: Half,
}

impl OnSegments for SplitTcp {
    fn segment(
        &mut self,
        from: End,
        segment: Segment,
        frame: Vec<u8>,
        now: Instant,
        out: &mut Outlet<'_>,
    ) {
        let flow = segment.flow(from);
        if segment.opens() && self.is_new(&flow, &segment, now) {
            let relay = Relay {
                opener: from,
                near: Half::asked(&segment),
                far: Half::asking(&segment),
            };
            self.flows.insert(flow, now, relay).go_on(now, out);
            return;
        }
        let Some(relay) = self.flows.find(&flow, now) else {
            return out.pass(from, frame);
        };
        if relay.hear(from, &segment, now, out) {
            self.flows.remove(&flow);
        }
    }

    fn due(&self) -> Option<Instant> {
        let halves = self.flows.iter().flat_map(|(_, one)| [&one.near, &one.far]);
        halves.filter_map(Half::due).min()
    }

    fn tick(&mut self, now: Instant, out: &mut Outlet<'_>) {
        let mut given_up = Vec::new();
        for (flow, relay) in self.flows.iter_mut() {
            let alive = relay.near.expire(now) && relay.far.expire(now);
            if alive {
                relay.go_on(now, out);
            } else {
                given_up.push(*flow);
            }
        }
        for flow in given_up {
            self.flows.remove(&flow);
        }
    }
}

impl SplitTcp {
    /// Whether a SYN begins a connection; otherwise it is one that was sent again.
    fn is_new(&mut self, flow: &Flow, syn: &Segment, now: Instant) -> bool {
        let known = self.flows.find(flow, now);
        known.is_none_or(|relay| !relay.near.was_asked_by(syn))
    }
}

impl Relay {
    /// Takes a segment from one end; says whether the connection is over at once.
    fn hear(&mut self, from: End, segment: &Segment, now: Instant, out: &mut Outlet<'_>) -> bool {
        let (own, other) = if from == self.opener {
            (&mut self.near, &mut self.far)
        } else {
            (&mut self.far, &mut self.near)
        };
        match own.hear(segment, other.room(), now) {
            Heard::Reset => {
                out.forged(from.other(), &other.reset());
                return true;
            }
            Heard::Data { bytes, last } => other.queue(&bytes, last),
            Heard::Nothing => {}
        }
        self.go_on(now, out);
        false
    }

    /// Sends what can be sent.
    fn go_on(&mut self, now: Instant, out: &mut Outlet<'_>) {
        let (near, far) = (&mut self.near, &mut self.far);
        // The opener is answered once there is somebody to talk to.
        if far.is_open() {
            near.accept();
        }
        let room = near.room();
        for segment in far.sendable(room, now) {
            out.forged(self.opener.other(), &segment);
        }
        let room = far.room();
        for segment in near.sendable(room, now) {
            out.forged(self.opener, &segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{Rig, rig, segment};
    use std::time::Duration;

    fn flagged(from: End, sequence: u32, acknowledges: Option<u32>) -> Segment {
        let mut segment = segment(from, false);
        segment.tcp.sequence_number = sequence;
        segment.tcp.window_size = 1000;
        segment.tcp.ack = acknowledges.is_some();
        segment.tcp.acknowledgment_number = acknowledges.unwrap_or(0);
        segment
    }

    fn syn() -> Segment {
        let mut syn = flagged(End::First, 100, None);
        syn.tcp.syn = true;
        assert!(syn.set_options(&[2, 4, 0, 10, 30, 4, 1, 0]));
        syn
    }

    /// The next numbers of the proxy towards the first and the second end.
    fn open(rig: &mut Rig) -> (u32, u32) {
        let asked = rig.send(End::First, &syn()).one(End::Second);
        assert!(asked.opens());
        assert_eq!(asked.options(), [2, 4, 5, 180], "no other option goes on");
        let mut accept = flagged(End::Second, 700, Some(asked.end()));
        accept.tcp.syn = true;
        let both = rig.send(End::Second, &accept).everything();
        let [(End::Second, confirm), (End::First, answer)] = &both[..] else {
            panic!("{both:?}");
        };
        assert_eq!(confirm.tcp.acknowledgment_number, 701);
        assert!(answer.accepts());
        assert_eq!(answer.tcp.acknowledgment_number, 101);
        let numbers = (answer.end(), asked.end());
        let confirm = flagged(End::First, 101, Some(answer.end()));
        assert!(rig.send(End::First, &confirm).is_empty());
        numbers
    }

    #[test]
    fn bytes_are_acknowledged_at_once_and_sent_on_in_numbers_of_the_other_half() {
        let mut rig = rig(SplitTcp::default());
        let (near, far) = open(&mut rig);
        let mut data = flagged(End::First, 101, Some(near));
        data.payload = b"hello".to_vec();
        let both = rig.send(End::First, &data).everything();
        let [(End::Second, sent), (End::First, ack)] = &both[..] else {
            panic!("{both:?}");
        };
        assert_eq!(
            (sent.tcp.sequence_number, &sent.payload[..]),
            (far, &b"hello"[..])
        );
        assert_eq!(ack.tcp.acknowledgment_number, 106);
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_and_no_more_after_that() {
        let mut rig = rig(SplitTcp::default());
        let (_, far) = open(&mut rig);
        let mut data = flagged(End::First, 101, Some(0));
        data.payload = b"hello".to_vec();
        assert!(!rig.send(End::First, &data).is_empty());
        let again = rig.after(Duration::from_secs(1)).one(End::Second);
        assert_eq!(
            (again.tcp.sequence_number, &again.payload[..]),
            (far, &b"hello"[..])
        );
        let ack = flagged(End::Second, 701, Some(again.end()));
        assert!(rig.send(End::Second, &ack).is_empty());
        assert!(rig.after(Duration::from_secs(60)).is_empty());
    }

    #[test]
    fn segments_are_as_large_as_the_end_that_gets_them_allows() {
        let mut rig = rig(SplitTcp::default());
        open(&mut rig);
        let mut data = flagged(End::Second, 701, Some(0));
        data.payload = vec![1; 25];
        let out = rig.send(End::Second, &data).everything();
        let sizes: Vec<_> = out
            .iter()
            .filter(|(to, _)| *to == End::First)
            .map(|(_, segment)| segment.payload.len())
            .collect();
        assert_eq!(sizes, [10, 10, 5]);
    }

    #[test]
    fn a_half_close_goes_on_after_all_bytes_and_a_reset_at_once() {
        let mut rig = rig(SplitTcp::default());
        let (near, far) = open(&mut rig);
        let mut last = flagged(End::First, 101, Some(near));
        last.payload = b"x".to_vec();
        last.tcp.fin = true;
        let out = rig.send(End::First, &last).everything();
        let (_, sent) = out.iter().find(|(to, _)| *to == End::Second).expect("sent");
        assert!(sent.tcp.fin);
        assert_eq!((sent.payload.len(), sent.tcp.sequence_number), (1, far));
        let mut reset = flagged(End::Second, 701, None);
        reset.tcp.rst = true;
        let heard = rig.send(End::Second, &reset).one(End::First);
        assert!(heard.tcp.rst);
        assert_eq!(heard.tcp.sequence_number, near);
    }

    #[test]
    fn a_server_that_refuses_is_heard_by_the_client() {
        let mut rig = rig(SplitTcp::default());
        let asked = rig.send(End::First, &syn()).one(End::Second);
        let mut refuse = flagged(End::Second, 0, Some(asked.end()));
        refuse.tcp.rst = true;
        let heard = rig.send(End::Second, &refuse).one(End::First);
        assert!(heard.tcp.rst && heard.tcp.ack);
        assert_eq!(heard.tcp.acknowledgment_number, 101);
    }
}
