//! A broken server: it sends options that it does not know back in its SYN/ACK, as some embedded
//! stacks do.
//!
//! The real server behind the box never sees the MPTCP options of the SYN. Its SYN/ACK carries them
//! as they were sent: an MP_CAPABLE without a key, an MP_JOIN without an HMAC. The client has to
//! take the former for TCP and the latter for a failed join, and must not hang (RFC 8684 sections
//! 3.1 and 3.2).

use super::flows::Flows;
use super::outlet::{OnSegments, Outlet};
use super::segment::Segment;
use crate::topology::End;
use mpws_codec::mptcp::{KIND_MPTCP, edit, options};
use std::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct EchoOptions {
    /// The MPTCP options of the SYN.
    flows: Flows<Vec<u8>>,
}

impl OnSegments for EchoOptions {
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
            let unknown: Vec<u8> = options::iter(segment.options())
                .map_while(Result::ok)
                .filter(|option| option.kind() == KIND_MPTCP)
                .flat_map(|option| option.bytes.to_vec())
                .collect();
            if !unknown.is_empty() {
                segment.edit_options(edit::strip_mptcp);
                self.flows.insert(flow, now, unknown);
                return out.rewritten(from, &segment);
            }
        } else if segment.accepts()
            && let Some(unknown) = self.flows.find(&flow, now)
        {
            let mut own = without_end(segment.options());
            own.extend_from_slice(unknown);
            if segment.set_options(&own) {
                return out.rewritten(from, &segment);
            }
        }
        out.pass(from, frame);
    }
}

/// The options up to the end of their list, so that others can follow.
fn without_end(bytes: &[u8]) -> Vec<u8> {
    options::iter(bytes)
        .map_while(Result::ok)
        .take_while(|option| option.kind() != options::KIND_END)
        .flat_map(|option| option.bytes.to_vec())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{rig, segment};

    #[test]
    fn the_option_of_the_syn_comes_back_in_the_syn_ack_as_it_was() {
        let mut rig = rig(EchoOptions::default());
        let mut syn = segment(End::First, false);
        syn.tcp.syn = true;
        assert!(syn.set_options(&[2, 4, 5, 180, 30, 4, 1, 1]));
        let seen = rig.send(End::First, &syn).one(End::Second);
        assert_eq!(seen.options(), [2, 4, 5, 180, 1, 1, 1, 1]);
        let mut accept = segment(End::Second, false);
        accept.tcp.syn = true;
        accept.tcp.ack = true;
        assert!(accept.set_options(&[2, 4, 5, 180]));
        let heard = rig.send(End::Second, &accept).one(End::First);
        assert_eq!(heard.options(), [2, 4, 5, 180, 30, 4, 1, 1]);
    }

    #[test]
    fn a_syn_without_the_option_has_nothing_to_be_sent_back() {
        let mut rig = rig(EchoOptions::default());
        let mut syn = segment(End::First, true);
        syn.tcp.syn = true;
        assert_eq!(rig.send(End::First, &syn).one(End::Second), syn);
    }
}
