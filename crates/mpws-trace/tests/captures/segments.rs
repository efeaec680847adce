//! Who waited for whom.

use mpws_trace::{Direction, NagleLimits};

use crate::support::*;

const TO_RESPONDER: Direction = Direction::ToResponder;

/// A small segment, its acknowledgement after so long, and the next small one right after that.
fn nagle(ack_delay_ms: u64) -> Talk {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Client, b"first");
    talk.wait_ms(ack_delay_ms)
        .ack(Server)
        .data(Client, b"second")
        .ack(Server);
    talk
}

#[test]
fn a_segment_released_by_a_delayed_bare_ack_was_held() {
    let held = nagle(40).connection().nagle_delays(TO_RESPONDER);
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].behind.seq, held[0].segment.seq), (0, 5));
    assert_eq!(held[0].ack_delay_ns, 40_100_000);
    assert_eq!(held[0].release_gap_ns, 100_000);
}

#[test]
fn an_ack_that_was_not_delayed_held_nobody() {
    assert_eq!(nagle(1).connection().nagle_delays(TO_RESPONDER), []);
    let strict = NagleLimits {
        min_ack_delay_ns: 1_000_000,
        ..NagleLimits::default()
    };
    assert_eq!(
        nagle(1)
            .connection()
            .nagle_delays_within(TO_RESPONDER, strict)
            .len(),
        1
    );
}

#[test]
fn a_segment_that_left_before_the_ack_was_not_held() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"first")
        .data(Client, b"second");
    talk.wait_ms(40).ack(Server).data(Client, b"third");
    let held = talk.connection().nagle_delays(TO_RESPONDER);
    let third = held.iter().map(|held| held.segment.seq).collect::<Vec<_>>();
    assert_eq!(third, [11], "only the third waited, and behind the second");
}

#[test]
fn a_segment_that_left_long_after_the_ack_was_not_held() {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Client, b"first");
    talk.wait_ms(40)
        .ack(Server)
        .wait_ms(10)
        .data(Client, b"second");
    assert_eq!(talk.connection().nagle_delays(TO_RESPONDER), []);
}

#[test]
fn an_answer_to_data_that_came_with_the_ack_was_not_held() {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Client, b"ping");
    talk.wait_ms(40)
        .data(Server, b"pong")
        .data(Client, b"ping again");
    assert_eq!(talk.connection().nagle_delays(TO_RESPONDER), []);
}

#[test]
fn an_ack_that_did_not_arrive_releases_nobody() {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Client, b"first");
    talk.wait_ms(40)
        .ack(Server)
        .dropped()
        .data(Client, b"second");
    assert_eq!(talk.connection().nagle_delays(TO_RESPONDER), []);
}

#[test]
fn a_full_segment_before_it_does_not_count_as_small() {
    let mut talk = Talk::new();
    // DSS with short ACK and long mapping takes 24 bytes of the segment.
    let full = vec![7; usize::from(MSS) - 24];
    talk.mptcp_handshake().data(Client, &full);
    talk.wait_ms(40).ack(Server).data(Client, b"second");
    let connection = talk.connection();
    assert!(!connection.data_segments(TO_RESPONDER)[0].small);
    assert_eq!(connection.nagle_delays(TO_RESPONDER), []);
}

#[test]
fn waiting_for_an_ack_because_of_a_loss_is_not_holding() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .packet(Client, "A", &[], b"first")
        .dropped();
    talk.wait_ms(200)
        .again(Client, "A", &[], b"first")
        .ack(Server)
        .packet(Client, "A", &[], b"second");
    let connection = talk.connection();
    let segments = connection.data_segments(TO_RESPONDER);
    let facts: Vec<_> = segments
        .iter()
        .map(|one| (one.seq, one.retransmission, one.delivered))
        .collect();
    assert_eq!(
        facts,
        [(0, false, false), (0, true, true), (5, false, true)]
    );
    assert_eq!(connection.nagle_delays(TO_RESPONDER), []);
}

#[test]
fn a_segment_knows_when_all_of_it_was_acknowledged() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"first")
        .data(Client, b"second")
        .ack(Server);
    let acked = talk.now_ns;
    talk.data(Client, b"third");
    let segments = talk.connection().data_segments(TO_RESPONDER);
    let times: Vec<_> = segments.iter().map(|one| one.acked_at_ns).collect();
    assert_eq!(times, [Some(acked), Some(acked), None]);
}

#[test]
fn an_ack_of_a_part_of_what_is_under_way_releases_nobody() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"first")
        .data(Client, b"second");
    let all = talk.next[0];
    talk.next[0] -= 6;
    talk.wait_ms(40).ack(Server);
    talk.next[0] = all;
    talk.data(Client, b"third");
    assert_eq!(talk.connection().nagle_delays(TO_RESPONDER), []);
}
