//! The data stream over all subflows: who carried what, what is missing, what came twice.

use mpws_codec::mptcp::{MpJoin, MptcpOption};
use mpws_trace::{Connection, DataStream, Direction, Hole, Level, Proof, analyse};

use crate::support::*;

const THERE: Direction = Direction::ToResponder;

/// A connection with a second subflow on path2, and both talks to go on with.
fn two_subflows() -> (Talk, Talk) {
    let mut first = Talk::new();
    first
        .mptcp_handshake()
        .data(Client, b"0123456789")
        .data(Server, b"answer")
        .ack(Client);
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    second.path = "path2";
    second.join_handshake();
    first.now_ns = second.now_ns;
    (first, second)
}

fn connection(talks: &[&Talk]) -> Connection {
    let mut records: Vec<_> = talks.iter().flat_map(|talk| talk.records.clone()).collect();
    records.sort_by_key(|record| record.time_ns);
    let mut trace = analyse(&records);
    assert_eq!(trace.connections.len(), 1);
    trace.connections.remove(0)
}

fn bytes_of(data: &DataStream) -> Vec<u64> {
    data.shares.iter().map(|share| share.bytes).collect()
}

#[test]
fn each_subflow_is_credited_with_what_it_brought_first() {
    let (mut first, mut second) = two_subflows();
    second.data(Client, b"over two");
    first.now_ns = second.now_ns;
    first.data = second.data;
    first.data(Client, b"and one");
    let connection = connection(&[&first, &second]);
    let data = connection.data(THERE);
    assert_eq!(bytes_of(&data), [17, 8]);
    assert_eq!((data.bytes, data.doubled, data.lost), (25, 0, 0));
    assert_eq!(data.holes, []);
    assert!(data.from_start);
    let carriage = data.carriage(5..20);
    assert_eq!(carriage.subflows, [(0, 7), (1, 8)]);
    assert!(carriage.last_ns > carriage.first_ns);
}

#[test]
fn data_that_a_subflow_lost_and_another_brought_is_not_lost() {
    let (mut first, mut second) = two_subflows();
    first.data(Client, b"lost here").dropped();
    let lost_at = first.now_ns;
    second.now_ns = first.now_ns;
    second.data(Client, b"lost here");
    let connection = connection(&[&first, &second]);
    let data = connection.data(THERE);
    assert_eq!((data.bytes, data.doubled, data.lost), (19, 0, 0));
    assert_eq!(bytes_of(&data), [10, 9]);
    let [again] = data.retransmissions[..] else {
        panic!("{:?}", data.retransmissions)
    };
    assert_eq!((again.level, again.subflow), (Level::Data, 1));
    assert_eq!((again.start, again.length), (10, 9));
    assert!(again.time_ns > lost_at);
}

#[test]
fn data_that_came_on_both_subflows_came_twice() {
    let (mut first, mut second) = two_subflows();
    first.data(Client, b"twice");
    second.now_ns = first.now_ns;
    second.data(Client, b"twice");
    let data = connection(&[&first, &second]).data(THERE);
    assert_eq!((data.bytes, data.doubled), (15, 5));
    assert_eq!((data.shares[0].doubled, data.shares[1].doubled), (0, 5));
}

/// Nine bytes that arrive and so many copies of them, 200 ms apart, on the second subflow; then a
/// DATA_ACK, or none.
fn in_vain(copies: usize, acknowledged: bool) -> DataStream {
    let (mut first, mut second) = two_subflows();
    first.data(Client, b"taken").ack(Server);
    first.data(Client, b"not taken");
    second.now_ns = first.now_ns;
    second.data = first.data;
    for _ in 0..copies {
        second.data[0] -= 9;
        second.wait_ms(200).data(Client, b"not taken");
    }
    if acknowledged {
        second.ack(Server);
    }
    connection(&[&first, &second]).data(THERE)
}

#[test]
fn data_that_is_sent_again_and_again_and_never_acknowledged_is_held_back() {
    let held = in_vain(3, false).unacknowledged().expect("it is held back");
    assert_eq!((held.from, held.bytes, held.times), (15, 9, 3));
    assert!((400_000_000..500_000_000).contains(&held.during_ns));
    let said = held.to_string();
    assert!(said.starts_with("held back: 9 B from byte 15 on"), "{said}");
}

#[test]
fn data_that_is_acknowledged_at_last_or_was_hardly_sent_again_is_not_held_back() {
    assert_eq!(in_vain(3, true).unacknowledged(), None);
    assert_eq!(in_vain(2, false).unacknowledged(), None);
}

#[test]
fn data_that_never_arrives_is_not_held_back() {
    let (mut first, mut second) = two_subflows();
    first.data(Client, b"lost").dropped();
    second.now_ns = first.now_ns;
    second.data = first.data;
    for _ in 0..4 {
        second.data[0] -= 4;
        second.data(Client, b"lost").dropped();
    }
    let data = connection(&[&first, &second]).data(THERE);
    assert_eq!(data.unacknowledged(), None);
}

#[test]
fn what_nobody_brought_is_lost_and_a_hole() {
    let (mut first, second) = two_subflows();
    first.data(Client, b"lost").dropped().data(Client, b"after");
    let data = connection(&[&first, &second]).data(THERE);
    assert_eq!((data.bytes, data.lost), (15, 4));
    let hole = Hole {
        start: 10,
        length: 4,
        acknowledged: false,
    };
    assert_eq!(data.holes, [hole]);
    assert_eq!(data.whole_until(), 10);
}

#[test]
fn what_was_acknowledged_and_not_seen_is_missing_from_the_capture() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"first")
        .data(Client, b"unseen");
    talk.records.pop();
    talk.data(Client, b"third").ack(Server);
    let data = talk.connection().data(THERE);
    let hole = Hole {
        start: 5,
        length: 6,
        acknowledged: true,
    };
    assert_eq!(data.holes, [hole]);
    assert_eq!((data.bytes, data.lost, data.acked), (10, 0, 16));
}

#[test]
fn a_retransmission_by_tcp_is_no_doubled_data() {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Client, b"again");
    talk.data[0] -= 5;
    talk.next[0] = talk.next[0].wrapping_sub(5);
    talk.data(Client, b"again").data(Client, b"more");
    let data = talk.connection().data(THERE);
    assert_eq!((data.bytes, data.doubled), (9, 0));
    assert_eq!(data.shares[0].tcp_retransmitted, 5);
    assert_eq!(data.retransmissions[0].level, Level::Tcp);
}

#[test]
fn after_a_fallback_the_plain_stream_goes_on() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"mapped")
        .data(Server, b"answer");
    talk.data(Client, b"stripped").stripped();
    talk.packet(Client, "A", &[], b"plain")
        .packet(Server, "A", &[], b"");
    let data = talk.connection().data(THERE);
    assert_eq!((data.bytes, data.unmapped_from), (19, Some(6)));
    assert_eq!((data.acked, data.holes.len()), (19, 0));
}

#[test]
fn a_capture_that_begins_in_mid_stream_counts_from_what_it_has() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, &[1; 100])
        .data(Server, &[2; 50]);
    talk.records.clear();
    talk.data(Client, &[3; 30]).data(Server, &[4; 20]);
    let connection = talk.connection();
    let data = connection.data(THERE);
    assert_eq!((data.bytes, data.from_start), (30, false));
    assert_eq!(data.shares[0].unmapped, 0);
    assert_eq!(connection.to_responder.unmapped_bytes, 0);
}

#[test]
fn plain_tcp_is_a_stream_of_its_own_numbers() {
    let mut talk = Talk::new();
    talk.tcp_handshake()
        .packet(Client, "A", &[], b"one")
        .packet(Client, "A", &[], b"two");
    talk.packet(Server, "A", &[], b"");
    let data = talk.connection().data(THERE);
    assert_eq!((data.bytes, data.acked, data.from_start), (6, 6, true));
    assert_eq!(data.unmapped_from, None);
}

#[test]
fn a_join_whose_hmacs_are_right_is_proven() {
    let (first, second) = two_subflows();
    let checks = connection(&[&first, &second]).join_checks();
    assert_eq!(checks.len(), 1);
    assert!(checks[0].proven(), "{checks:?}");
    assert_eq!(checks[0].initiator_id.map(|id| id.0), Some(1));
}

#[test]
fn a_join_with_a_wrong_hmac_is_not_proven() {
    for which in [1, 2] {
        let (first, mut second) = two_subflows();
        second.records.clear();
        let mut options = right_joins();
        match &mut options[which] {
            MptcpOption::MpJoin(MpJoin::SynAck { hmac, .. }) => hmac[7] ^= 1,
            MptcpOption::MpJoin(MpJoin::Ack { hmac, .. }) => hmac[19] ^= 1,
            other => panic!("{other:?}"),
        }
        let [syn, syn_ack, ack] = options;
        second.restart();
        second
            .packet(Client, "S", &[syn], b"")
            .packet(Server, "SA", &[syn_ack], b"")
            .packet(Client, "A", &[ack], b"");
        let checks = connection(&[&first, &second]).join_checks();
        let proofs = [checks[0].syn_ack, checks[0].ack];
        assert_eq!(proofs[which - 1], Proof::Wrong);
        assert_eq!(proofs[2 - which], Proof::Verified);
        assert!(!checks[0].proven());
    }
}

#[test]
fn an_hmac_that_the_wire_changed_is_right_as_sent_and_wrong_as_received() {
    let (first, mut second) = two_subflows();
    second.records.clear();
    second.restart();
    let [syn, syn_ack, ack] = right_joins();
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"")
        .rewritten(|options, _| {
            mpws_codec::mptcp::edit::modify(
                options,
                mpws_codec::mptcp::Subtype::MpJoin,
                |option| option[5] ^= 1,
            );
        })
        .packet(Client, "A", &[ack], b"");
    let check = connection(&[&first, &second]).join_checks()[0];
    assert_eq!(check.syn_ack, Proof::Wrong);
    assert_eq!(check.syn_ack_sent, Proof::Verified);
}

#[test]
fn a_join_without_the_keys_is_neither_right_nor_wrong() {
    let (mut first, second) = two_subflows();
    // The first data and the third ACK carry the client's key; without them it is not known.
    first.records.remove(2);
    let checks = connection(&[&first, &second]).join_checks();
    assert_eq!(checks[0].syn_ack, Proof::Unknown);
    assert_eq!(checks[0].ack, Proof::Unknown);
}
