//! What carried the bytes, for each way in which a network or an endpoint can spoil MPTCP.

use crate::support::*;
use mpws_codec::mptcp::{Dss, Mapping, MpJoin, MptcpOption, SubflowSeq, WireSeq};
use mpws_trace::{Cause, Direction, Role, TransportTruth, analyse};

fn fallback(cause: Cause) -> TransportTruth {
    TransportTruth::Fallback { cause }
}

fn no_connection(cause: Cause) -> TransportTruth {
    TransportTruth::NotEstablished { cause }
}

fn mptcp(subflows: u32) -> TransportTruth {
    TransportTruth::Mptcp { subflows }
}

#[test]
fn a_mapped_conversation_is_mptcp_on_one_subflow() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer")
        .ack(Client);
    let connection = talk.connection();
    assert_eq!(connection.transport(), mptcp(1));
    assert_eq!(connection.to_responder.delivered.payload_bytes, 7);
    assert_eq!(connection.to_initiator.delivered.payload_bytes, 6);
    assert_eq!(connection.responder_key, Some(SERVER_KEY));
    assert_eq!(connection.paths, ["path1"]);
}

#[test]
fn a_connection_without_data_is_mptcp_on_no_subflow() {
    let mut talk = Talk::new();
    talk.mptcp_handshake();
    assert_eq!(talk.connection().transport(), mptcp(0));
}

#[test]
fn the_first_data_may_be_mapped_by_mp_capable() {
    let mut talk = Talk::new();
    talk.mptcp_handshake();
    talk.data[0] += 7;
    talk.packet(Client, "A", &[capable_data(7)], b"request")
        .data(Server, b"answer");
    let connection = talk.connection();
    assert_eq!(connection.transport(), mptcp(1));
    assert_eq!(connection.to_responder.unmapped_bytes, 0);
}

#[test]
fn one_mapping_may_cover_several_segments() {
    let mut talk = Talk::new();
    talk.mptcp_handshake();
    let mapping = talk.mapping(Client, 8);
    talk.packet(Client, "A", &[mapping], b"requ")
        .packet(Client, "A", &[], b"est.")
        .ack(Server);
    assert_eq!(talk.connection().transport(), mptcp(1));
}

#[test]
fn a_lost_third_ack_does_not_end_mptcp() {
    let mut talk = Talk::new();
    talk.mptcp_handshake().dropped();
    talk.packet(Client, "A", &[capable_data(7)], b"request");
    talk.data[0] += 7;
    talk.data(Server, b"answer");
    assert_eq!(talk.connection().transport(), mptcp(1));
}

#[test]
fn a_syn_without_mp_capable_asks_for_tcp() {
    let mut talk = Talk::new();
    talk.tcp_handshake()
        .packet(Client, "A", &[], b"request")
        .packet(Server, "A", &[], b"answer");
    let truth = talk.connection().transport();
    assert_eq!(
        (truth, truth.cause()),
        (TransportTruth::Tcp, Some(Cause::NeverAsked))
    );
}

#[test]
fn a_plain_answer_to_mp_capable_means_that_the_remote_is_tcp() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"");
    talk.packet(Server, "SA", &[], b"")
        .packet(Client, "A", &[], b"");
    assert_eq!(talk.connection().transport(), fallback(Cause::RemoteIsTcp));
}

#[test]
fn a_plain_answer_to_a_changed_mp_capable_is_laid_at_the_networks_door() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"")
        .rewritten(|options, _| options[4 + 2] = 0x00);
    talk.packet(Server, "SA", &[], b"")
        .packet(Client, "A", &[], b"");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::OptionChanged)
    );
}

#[test]
fn mp_capable_taken_out_of_the_syn_is_seen_by_comparing_both_ends() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"").stripped();
    talk.packet(Server, "SA", &[], b"")
        .packet(Client, "A", &[], b"");
    let connection = talk.connection();
    assert_eq!(connection.transport(), fallback(Cause::OptionStrippedSyn));
    assert_eq!(connection.to_responder.sent.syn_mp_capable, 1);
    assert_eq!(connection.to_responder.delivered.syn_mp_capable, 0);
    assert_eq!(connection.to_responder.rules, ["rule"]);
}

#[test]
fn mp_capable_taken_out_of_the_syn_ack_is_told_apart() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"");
    talk.packet(Server, "SA", &[capable_syn_ack()], b"")
        .stripped();
    talk.packet(Client, "A", &[], b"")
        .packet(Client, "A", &[], b"request");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::OptionStrippedSynAck)
    );
}

#[test]
fn options_taken_out_of_the_clients_segments_are_told_apart() {
    let mut talk = Talk::new();
    talk.mptcp_handshake().stripped();
    talk.packet(Client, "A", &[capable_data(7)], b"request")
        .stripped();
    talk.packet(Server, "A", &[], b"answer");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::OptionStrippedClientData)
    );
}

#[test]
fn options_taken_out_of_the_servers_segments_are_told_apart() {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Client, b"request");
    talk.data(Server, b"answer").stripped();
    talk.packet(Client, "A", &[], b"more");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::OptionStrippedServerData)
    );
}

#[test]
fn options_taken_out_once_both_ends_used_them_is_a_fall_in_mid_stream() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer");
    talk.data(Client, b"more").stripped();
    talk.packet(Server, "A", &[], b"and more");
    let connection = talk.connection();
    assert_eq!(connection.transport(), fallback(Cause::FellBackMidStream));
    assert_eq!(connection.to_responder.unmapped_bytes, 4);
}

#[test]
fn data_that_leaves_without_dss_is_a_fall_in_mid_stream_too() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer");
    talk.packet(Client, "A", &[], b"more");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::FellBackMidStream)
    );
}

#[test]
fn an_endpoint_that_gives_up_by_itself_fell_back_early() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"")
        .packet(Server, "SA", &[capable_syn_ack()], b"");
    talk.packet(Client, "A", &[], b"")
        .packet(Client, "A", &[], b"request");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::FellBackEarly)
    );
}

#[test]
fn an_infinite_mapping_is_an_open_fallback() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer");
    let infinite = MptcpOption::Dss(Dss {
        data_ack: None,
        mapping: Some(Mapping {
            data_seq: WireSeq::Short(1),
            subflow_seq: SubflowSeq(8),
            length: 0,
            checksum: None,
        }),
        data_fin: false,
        reserved: 0,
    });
    talk.packet(Client, "A", &[infinite], b"more");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::InfiniteMapping)
    );
}

#[test]
fn dropped_syns_before_a_plain_one_are_the_cause_of_tcp() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
    talk.again(Client, "S", &[capable_syn()], b"").dropped();
    talk.again(Client, "S", &[], b"")
        .packet(Server, "SA", &[], b"")
        .packet(Client, "A", &[], b"");
    let connection = talk.connection();
    assert_eq!(connection.transport(), fallback(Cause::SynDropped));
    assert_eq!(
        (
            connection.to_responder.sent.syn,
            connection.to_responder.delivered.syn
        ),
        (3, 1)
    );
}

#[test]
fn a_syn_that_got_through_at_the_second_attempt_changes_nothing() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
    talk.again(Client, "S", &[capable_syn()], b"")
        .packet(Server, "SA", &[capable_syn_ack()], b"");
    talk.packet(Client, "A", &[capable_ack()], b"")
        .data(Client, b"request")
        .data(Server, b"answer");
    assert_eq!(talk.connection().transport(), mptcp(1));
}

#[test]
fn syns_that_never_arrive_make_no_connection() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
    assert_eq!(
        talk.connection().transport(),
        no_connection(Cause::SynDropped)
    );
}

#[test]
fn a_reset_for_a_syn_is_a_refusal_whoever_sent_it() {
    let mut by_server = Talk::new();
    by_server
        .packet(Client, "S", &[capable_syn()], b"")
        .packet(Server, "RA", &[], b"");
    let mut by_wire = Talk::new();
    by_wire
        .packet(Client, "S", &[capable_syn()], b"")
        .comment("reset by rule");
    by_wire
        .packet(Server, "RA", &[], b"")
        .comment("forged by rule");
    for (talk, forged) in [(by_server, 0), (by_wire, 1)] {
        let connection = talk.connection();
        assert!(connection.refused);
        assert_eq!(connection.transport(), no_connection(Cause::SynRefused));
        assert_eq!(connection.to_initiator.delivered.forged, forged);
        assert_eq!(connection.to_initiator.sent.rst, 1 - forged);
    }
}

#[test]
fn a_retry_from_the_same_port_is_a_connection_of_its_own() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"")
        .packet(Server, "RA", &[], b"");
    talk.next = [0xffff_fffa + 3, 9000];
    talk.tcp_handshake();
    let trace = analyse(&talk.records);
    let truths: Vec<_> = trace
        .connections
        .iter()
        .map(|one| one.transport())
        .collect();
    assert_eq!(
        truths,
        [no_connection(Cause::SynRefused), TransportTruth::Tcp]
    );
}

#[test]
fn lost_syn_acks_make_no_connection() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"");
    talk.packet(Server, "SA", &[capable_syn_ack()], b"")
        .dropped();
    talk.again(Client, "S", &[capable_syn()], b"");
    talk.again(Server, "SA", &[capable_syn_ack()], b"")
        .dropped();
    assert_eq!(
        talk.connection().transport(),
        no_connection(Cause::SynAckDropped)
    );
}

#[test]
fn an_unanswered_syn_that_arrived_means_a_silent_peer() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"");
    assert_eq!(
        talk.connection().transport(),
        no_connection(Cause::PeerSilent)
    );
}

#[test]
fn a_connection_whose_data_is_all_lost_is_none() {
    let mut talk = Talk::new();
    talk.mptcp_handshake();
    talk.packet(Client, "A", &[capable_data(7)], b"request")
        .dropped();
    talk.again(Client, "A", &[capable_data(7)], b"request")
        .dropped();
    talk.packet(Client, "FA", &[], b"");
    assert_eq!(
        talk.connection().transport(),
        no_connection(Cause::DataDropped)
    );
}

#[test]
fn data_that_came_through_at_last_is_no_loss() {
    let mut talk = Talk::new();
    talk.mptcp_handshake();
    talk.packet(Client, "A", &[capable_data(7)], b"request")
        .dropped();
    talk.again(Client, "A", &[capable_data(7)], b"request");
    assert_eq!(talk.connection().transport(), mptcp(1));
}

#[test]
fn a_connection_whose_beginning_is_missing_is_not_judged() {
    let mut talk = Talk::new();
    talk.packet(Client, "A", &[], b"request")
        .packet(Server, "A", &[], b"answer");
    let connection = talk.connection();
    assert_eq!(connection.role, Role::Unknown);
    assert_eq!(connection.transport(), no_connection(Cause::NotCaptured));
}

fn with_second_subflow() -> (Talk, Talk) {
    let mut first = Talk::new();
    first
        .mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer");
    let mut second = Talk::between("10.0.2.1:40001", "10.0.2.2:8080");
    second.path = "path2";
    second.now_ns = first.now_ns;
    second.data = first.data;
    let [syn, syn_ack, ack] = joins();
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"");
    second.packet(Client, "A", &[ack], b"").ack(Server);
    (first, second)
}

#[test]
fn a_join_is_found_by_its_token_and_counts_once_it_carries_data() {
    let (first, mut second) = with_second_subflow();
    second.data(Client, b"over path two");
    let trace = analyse(&[first.records.as_slice(), &second.records].concat());
    assert_eq!(trace.connections.len(), 1);
    let connection = &trace.connections[0];
    assert_eq!(connection.transport(), mptcp(2));
    assert_eq!(connection.joins[0].role, Role::Join(SERVER_KEY.token()));
    assert_eq!(connection.joins[0].paths, ["path2"]);
}

#[test]
fn a_join_that_nobody_knows_stands_alone() {
    let (_, second) = with_second_subflow();
    let trace = analyse(&second.records);
    assert_eq!(trace.connections[0].role, Role::Join(SERVER_KEY.token()));
}

#[test]
fn losing_one_of_two_subflows_to_stripping_is_no_fallback() {
    let (mut first, mut second) = with_second_subflow();
    first.now_ns = second.now_ns;
    first
        .data(Client, b"stripped")
        .stripped()
        .packet(Server, "R", &[], b"");
    second.data(Client, b"stripped");
    let trace = analyse(&[first.records.as_slice(), &second.records].concat());
    assert_eq!(trace.connections[0].transport(), mptcp(2));
}

#[test]
fn a_first_subflow_that_goes_on_without_options_is_a_fallback_even_with_two() {
    let (mut first, second) = with_second_subflow();
    first.now_ns = second.now_ns;
    first
        .data(Client, b"stripped")
        .stripped()
        .packet(Server, "A", &[], b"");
    let trace = analyse(&[first.records.as_slice(), &second.records].concat());
    assert_eq!(
        trace.connections[0].transport(),
        fallback(Cause::FellBackMidStream)
    );
}

#[test]
fn a_reset_after_the_fall_does_not_undo_it() {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer");
    talk.data(Client, b"more")
        .stripped()
        .packet(Server, "R", &[], b"");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::FellBackMidStream)
    );
}

#[test]
fn a_client_that_stops_asking_because_syn_acks_are_lost_says_so_by_its_syns() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[capable_syn()], b"");
    talk.packet(Server, "SA", &[capable_syn_ack()], b"")
        .dropped();
    talk.again(Client, "S", &[], b"")
        .again(Server, "SA", &[capable_syn_ack()], b"");
    talk.packet(Client, "A", &[], b"")
        .packet(Client, "A", &[], b"request");
    assert_eq!(
        talk.connection().transport(),
        fallback(Cause::SynAckDropped)
    );
}

#[test]
fn a_reset_that_the_client_ignored_is_no_refusal() {
    let mut talk = Talk::new();
    talk.packet(Client, "S", &[], b"")
        .packet(Server, "R", &[], b"")
        .comment("forged by rule");
    talk.packet(Server, "SA", &[], b"")
        .packet(Client, "A", &[], b"");
    let connection = talk.connection();
    assert!(connection.established && !connection.refused);
}

#[test]
fn the_data_fin_of_a_mapping_covers_no_byte() {
    let mut talk = Talk::new();
    talk.mptcp_handshake().data(Server, b"answer");
    let MptcpOption::Dss(mut last) = talk.mapping(Client, 8) else {
        panic!("no DSS")
    };
    last.data_fin = true;
    talk.packet(Client, "A", &[MptcpOption::Dss(last)], b"request")
        .packet(Client, "A", &[], b"!");
    assert_eq!(talk.connection().to_responder.unmapped_bytes, 1);
}

#[test]
fn data_on_a_join_that_the_server_opened_counts_for_the_servers_direction() {
    let mut first = Talk::new();
    first
        .mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer");
    let mut second = Talk::between("10.0.2.2:40001", "10.0.2.1:8080");
    let [mut syn, syn_ack, ack] = joins();
    if let MptcpOption::MpJoin(MpJoin::Syn { token, .. }) = &mut syn {
        *token = CLIENT_KEY.token();
    }
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"");
    second
        .packet(Client, "A", &[ack], b"")
        .data(Client, b"more");
    let trace = analyse(&[first.records.as_slice(), &second.records].concat());
    let connection = &trace.connections[0];
    assert!(connection.joins[0].opened_by_responder);
    assert_eq!(connection.delivered_bytes(Direction::ToInitiator), 10);
    assert_eq!(connection.delivered_bytes(Direction::ToResponder), 7);
}
