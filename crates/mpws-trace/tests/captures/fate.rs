//! Packets of which the wire says more than one thing.

use mpws_trace::Flow;

use crate::support::*;

/// A handshake and a segment of which the wire says something; the client's direction.
fn sent(comment: impl FnOnce(&mut Talk)) -> Flow {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Client, b"first");
    comment(&mut talk);
    talk.connection().to_responder
}

fn corrupted(talk: &mut Talk) -> &mut Talk {
    talk.rewritten(|_, payload| payload[0] ^= 1)
}

#[test]
fn a_packet_that_is_late_and_then_lost_did_not_arrive() {
    let flow = sent(|talk| {
        talk.comment("delay by shape").comment("drop by link-down");
    });
    assert_eq!((flow.dropped, flow.delivered.payload_bytes), (1, 0));
    assert_eq!(flow.rules, ["link-down"]);
    let late = sent(|talk| {
        talk.comment("delay by shape").comment("due +0.010000000 s");
    });
    assert_eq!((late.dropped, late.delivered.payload_bytes), (0, 5));
}

#[test]
fn a_packet_that_is_rewritten_and_then_lost_did_not_arrive() {
    let flow = sent(|talk| {
        corrupted(talk).comment("drop by link-down");
    });
    assert_eq!((flow.dropped, flow.delivered.payload_bytes), (1, 0));
    assert_eq!(flow.sent.payload_bytes, 5);
    let arrived = sent(|talk| {
        corrupted(talk);
    });
    assert_eq!((arrived.dropped, arrived.payload_changed), (0, 1));
}

#[test]
fn a_packet_that_nobody_sent_and_nobody_got_is_none() {
    let flow = sent(|talk| {
        talk.comment("forged by box").comment("drop by queue");
    });
    assert_eq!(
        (flow.sent.payload_bytes, flow.delivered.payload_bytes),
        (0, 0)
    );
    assert_eq!((flow.dropped, flow.delivered.forged), (0, 0));
}

#[test]
fn a_packet_of_which_the_wire_says_what_nobody_understands_did_not_pass() {
    for comment in ["eaten by rule", "drop by ", "delay by rule; drop by rule"] {
        let mut talk = Talk::new();
        talk.mptcp_handshake()
            .data(Client, b"first")
            .comment(comment);
        let trace = mpws_trace::analyse(&talk.records);
        assert_eq!(trace.counts.unreadable_acts, 1, "{comment:?}");
        assert_eq!(trace.counts.lost(), 1, "{comment:?}");
        let flow = &trace.connections[0].to_responder;
        assert_eq!(
            (flow.sent.payload_bytes, flow.delivered.payload_bytes),
            (0, 0)
        );
    }
}

#[test]
fn what_others_write_beside_a_packet_says_nothing_of_it() {
    for comment in ["reset by peer", "drop by rule", "forged by hand"] {
        let mut talk = Talk::new();
        talk.mptcp_handshake().data(Client, b"first");
        let last = talk.records.last_mut().expect("a packet");
        last.comments.push(comment.to_owned());
        let trace = mpws_trace::analyse(&talk.records);
        assert_eq!(trace.counts.lost(), 0, "{comment:?}");
        let flow = &trace.connections[0].to_responder;
        assert_eq!(
            (flow.dropped, flow.delivered.payload_bytes),
            (0, 5),
            "{comment:?}"
        );
    }
}
