//! A SYN proxy, as firewalls have against SYN floods: it answers the SYN itself, without the
//! options that it does not know, asks the server only when the client has shown itself, and
//! translates sequence numbers from then on.
//!
//! To the client this is a TCP server (RFC 8684 section 3.1). Neither window scale nor SACK nor
//! timestamps are negotiated, since the proxy answers before it knows what the server can do.

use super::flows::Flows;
use super::outlet::{OnSegments, Outlet};
use super::segment::Segment;
use crate::topology::End;
use mpws_codec::mptcp::options::KIND_MSS;
use std::time::Instant;

/// Connections that began before it was there, or from the path's second host, pass unchanged.
#[derive(Debug, Default)]
pub(crate) struct SynProxy {
    flows: Flows<Step>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The SYN was answered.
    Answered(Opening),
    /// The client has confirmed, and the server was asked.
    Asked(Opening),
    /// Both talk. The server's numbers are this much above those that the client was told.
    Spliced { above: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Opening {
    /// Initial sequence number of the client.
    client: u32,
    /// The one that the client was told.
    own: u32,
    mss: u16,
    /// Window of the client.
    window: u16,
}

/// Segment size where the client names none (RFC 9293 section 3.7.1).
const DEFAULT_MSS: u16 = 536;

impl OnSegments for SynProxy {
    fn segment(
        &mut self,
        from: End,
        segment: Segment,
        frame: Vec<u8>,
        now: Instant,
        out: &mut Outlet<'_>,
    ) {
        let flow = segment.flow(from);
        let opens = from == End::First && segment.opens();
        if opens && !matches!(self.flows.find(&flow, now), Some(Step::Answered(_))) {
            self.flows
                .insert(flow, now, Step::Answered(Opening::of(&segment)));
        }
        let Some(step) = self.flows.find(&flow, now) else {
            return out.pass(from, frame);
        };
        match from {
            End::First => client(step, segment, out),
            End::Second => server(step, segment, out),
        }
    }
}

fn client(step: &mut Step, mut segment: Segment, out: &mut Outlet<'_>) {
    match *step {
        Step::Answered(opening) if segment.opens() => {
            out.forged(End::First, &opening.answer(&segment));
        }
        Step::Answered(mut opening) | Step::Asked(mut opening) => {
            let told = opening.own.wrapping_add(1);
            let tcp = &segment.tcp;
            // Also when the client probes the window: the question may have been lost.
            if tcp.ack && !tcp.rst && tcp.acknowledgment_number == told {
                opening.window = tcp.window_size;
                *step = Step::Asked(opening);
                out.forged(End::Second, &opening.question(&segment));
            }
        }
        Step::Spliced { above } => {
            let tcp = &mut segment.tcp;
            tcp.acknowledgment_number = tcp.acknowledgment_number.wrapping_add(above);
            segment.map_sack(|edge| edge.wrapping_add(above));
            out.rewritten(End::First, &segment);
        }
    }
}

fn server(step: &mut Step, mut segment: Segment, out: &mut Outlet<'_>) {
    match *step {
        Step::Asked(opening) if segment.accepts() => {
            let above = segment.tcp.sequence_number.wrapping_sub(opening.own);
            *step = Step::Spliced { above };
            let mut confirm = segment.back();
            confirm.tcp.ack = true;
            confirm.tcp.sequence_number = segment.tcp.acknowledgment_number;
            confirm.tcp.acknowledgment_number = segment.end();
            confirm.tcp.window_size = opening.window;
            out.forged(End::Second, &confirm);
            let mut go = segment.bare();
            go.tcp.ack = true;
            go.tcp.sequence_number = opening.own.wrapping_add(1);
            go.tcp.acknowledgment_number = segment.tcp.acknowledgment_number;
            go.tcp.window_size = segment.tcp.window_size;
            out.forged(End::First, &go);
        }
        Step::Asked(opening) if segment.tcp.rst => {
            segment.tcp.sequence_number = opening.own.wrapping_add(1);
            out.rewritten(End::Second, &segment);
        }
        Step::Spliced { above } => {
            let tcp = &mut segment.tcp;
            tcp.sequence_number = tcp.sequence_number.wrapping_sub(above);
            out.rewritten(End::Second, &segment);
        }
        Step::Answered(_) | Step::Asked(_) => {}
    }
}

impl Opening {
    /// The proxy's initial sequence number is a function of the SYN, so that a run can be repeated.
    fn of(syn: &Segment) -> Self {
        let tcp = &syn.tcp;
        let ports = u32::from(tcp.source_port) << 16 | u32::from(tcp.destination_port);
        Self {
            client: tcp.sequence_number,
            own: (tcp.sequence_number ^ ports).wrapping_mul(0x9e37_79b1),
            mss: syn.mss().unwrap_or(DEFAULT_MSS),
            window: tcp.window_size,
        }
    }

    /// A window of 0 keeps the client's data back until there is a server.
    fn answer(&self, syn: &Segment) -> Segment {
        let mut answer = syn.back();
        answer.tcp.syn = true;
        answer.tcp.ack = true;
        answer.tcp.sequence_number = self.own;
        answer.tcp.acknowledgment_number = self.client.wrapping_add(1);
        answer.set_options(&self.mss_option());
        answer
    }

    /// The SYN to the server, with the client's own number.
    fn question(&self, confirmation: &Segment) -> Segment {
        let mut syn = confirmation.bare();
        syn.tcp.syn = true;
        syn.tcp.window_size = self.window;
        syn.tcp.sequence_number = self.client;
        syn.set_options(&self.mss_option());
        syn
    }

    fn mss_option(&self) -> [u8; 4] {
        let [high, low] = self.mss.to_be_bytes();
        [KIND_MSS, 4, high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{Rig, rig, segment};

    fn flagged(from: End, sequence: u32, acknowledges: Option<u32>) -> Segment {
        let mut segment = segment(from, false);
        segment.tcp.sequence_number = sequence;
        segment.tcp.ack = acknowledges.is_some();
        segment.tcp.acknowledgment_number = acknowledges.unwrap_or(0);
        segment.tcp.window_size = 5000;
        segment
    }

    /// Up to the question to the server: the proxy's number.
    fn asked(rig: &mut Rig) -> u32 {
        let mut syn = flagged(End::First, 100, None);
        syn.tcp.syn = true;
        assert!(syn.set_options(&[2, 4, 5, 180, 30, 4, 1, 0]));
        let answer = rig.send(End::First, &syn).one(End::First);
        assert!(answer.accepts() && answer.tcp.window_size == 0);
        assert_eq!(answer.options(), [2, 4, 5, 180]);
        assert_eq!(answer.tcp.acknowledgment_number, 101);
        let confirm = flagged(End::First, 101, Some(answer.end()));
        let question = rig.send(End::First, &confirm).one(End::Second);
        assert!(question.opens());
        assert_eq!(question.tcp.sequence_number, 100);
        answer.tcp.sequence_number
    }

    #[test]
    fn the_server_is_asked_after_the_client_has_confirmed_and_then_both_talk() {
        let mut rig = rig(SynProxy::default());
        let own = asked(&mut rig);
        let mut accept = flagged(End::Second, 7000, Some(101));
        accept.tcp.syn = true;
        let both = rig.send(End::Second, &accept).everything();
        let [(_, confirm), (_, go)] = &both[..] else {
            panic!("{both:?}");
        };
        assert_eq!(confirm.tcp.acknowledgment_number, 7001);
        assert_eq!(go.tcp.sequence_number, own.wrapping_add(1));
        assert_eq!(go.tcp.window_size, 5000);
        let mut data = flagged(End::Second, 7001, Some(101));
        data.payload = b"hello".to_vec();
        let heard = rig.send(End::Second, &data).one(End::First);
        assert_eq!(heard.tcp.sequence_number, own.wrapping_add(1));
        let ack = flagged(End::First, 101, Some(heard.end()));
        let told = rig.send(End::First, &ack).one(End::Second);
        assert_eq!(told.tcp.acknowledgment_number, 7006);
    }

    #[test]
    fn a_server_that_refuses_is_heard_by_the_client() {
        let mut rig = rig(SynProxy::default());
        let own = asked(&mut rig);
        let mut refuse = flagged(End::Second, 0, Some(101));
        refuse.tcp.rst = true;
        let heard = rig.send(End::Second, &refuse).one(End::First);
        assert!(heard.tcp.rst);
        assert_eq!(heard.tcp.sequence_number, own.wrapping_add(1));
    }

    #[test]
    fn a_confirmation_of_another_number_asks_nobody() {
        let mut rig = rig(SynProxy::default());
        let own = asked(&mut rig);
        let wrong = flagged(End::First, 101, Some(own));
        assert!(rig.send(End::First, &wrong).is_empty());
    }
}
