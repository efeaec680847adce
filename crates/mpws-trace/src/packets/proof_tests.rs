//! HMACs and keys of joins and announcements, each right, wrong and unknown.

use std::slice::from_ref;

use mpws_codec::mptcp::{
    AddAddr, AddressId, CapableForm, MpJoin, MptcpOption, crypto::add_addr_hmac,
};
use mpws_trace::{Connection, Direction, JoinCheck, Proof, analyse};

use crate::support::*;

/// A connection, and a second subflow that `join` opens.
fn joined(join: impl FnOnce(&mut Talk)) -> Connection {
    let mut first = Talk::new();
    first.mptcp_handshake().data(Client, b"request").ack(Server);
    with_join(first, join)
}

fn with_join(first: Talk, join: impl FnOnce(&mut Talk)) -> Connection {
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    join(&mut second);
    let records = [first.records, second.records].concat();
    let mut trace = analyse(&records);
    assert_eq!(trace.connections.len(), 1);
    trace.connections.remove(0)
}

fn only(connection: &Connection) -> JoinCheck {
    let checks = connection.join_checks();
    assert_eq!(checks.len(), 1);
    checks[0]
}

/// SYN/ACK as received and as sent, third ACK as received and as sent.
fn proofs(check: JoinCheck) -> [Proof; 4] {
    [check.syn_ack, check.syn_ack_sent, check.ack, check.ack_sent]
}

/// Sends the three packets of a join, of which the wire changes the one with this index: a byte of
/// its MP_JOIN.
fn with_change(which: usize, byte: usize) -> JoinCheck {
    let connection = joined(|talk| {
        let packets = [(Client, "S"), (Server, "SA"), (Client, "A")];
        for (index, ((from, flags), option)) in packets.into_iter().zip(right_joins()).enumerate() {
            talk.packet(from, flags, &[option], b"");
            if index == which {
                talk.rewritten(|options, _| {
                    mpws_codec::mptcp::edit::modify(
                        options,
                        mpws_codec::mptcp::Subtype::MpJoin,
                        |option| option[byte] ^= 1,
                    );
                });
            }
        }
    });
    only(&connection)
}

#[test]
fn each_hmac_is_held_against_what_its_sender_knew_and_against_what_its_receiver_knew() {
    let (right, wrong) = (Proof::Verified, Proof::Wrong);
    let whole = only(&joined(|talk| {
        talk.join_handshake();
    }));
    assert_eq!(proofs(whole), [right; 4]);
    // The nonce of the SYN, the HMAC and the nonce of the SYN/ACK, the HMAC of the third ACK. What
    // the ends send after the change is what they would have sent without.
    for (which, byte, expected) in [
        (0, 8, [right, wrong, wrong, right]),
        (1, 4, [wrong, right, right, right]),
        (1, 12, [wrong, right, right, wrong]),
        (2, 4, [right, right, wrong, right]),
    ] {
        let found = proofs(with_change(which, byte));
        assert_eq!(found, expected, "packet {which}, byte {byte}");
    }
}

#[test]
fn without_a_packet_of_the_join_nothing_is_known_of_what_it_would_prove() {
    let (right, unknown) = (Proof::Verified, Proof::Unknown);
    for (left_out, expected) in [(1, [unknown; 4]), (2, [right, right, unknown, unknown])] {
        let connection = joined(|talk| {
            talk.join_handshake();
            talk.records.truncate(3);
            talk.records.remove(left_out);
        });
        assert_eq!(proofs(only(&connection)), expected, "without {left_out}");
    }
    // Nor without the keys: the third ACK has that of the client.
    let mut first = Talk::new();
    first.mptcp_handshake();
    first.records.remove(2);
    let connection = with_join(first, |talk| {
        talk.join_handshake();
    });
    assert_eq!(proofs(only(&connection)), [unknown; 4]);
}

#[test]
fn a_join_is_proven_if_it_is_established_and_both_hmacs_are_right() {
    let check = only(&joined(|talk| {
        talk.join_handshake();
    }));
    assert!(check.proven());
    for wrong in [Proof::Wrong, Proof::Unknown] {
        assert!(
            !JoinCheck {
                syn_ack: wrong,
                ..check
            }
            .proven()
        );
        assert!(
            !JoinCheck {
                ack: wrong,
                ..check
            }
            .proven()
        );
    }
    let open = JoinCheck {
        established: false,
        ..check
    };
    assert!(!open.proven());
}

#[test]
fn a_join_is_established_if_all_three_packets_arrive_with_mp_join() {
    assert!(
        only(&joined(|talk| {
            talk.join_handshake();
        }))
        .established
    );
    let [syn, syn_ack, _] = right_joins();
    let plain = only(&joined(|talk| {
        talk.packet(Client, "S", from_ref(&syn), b"")
            .packet(Server, "SA", from_ref(&syn_ack), b"")
            .packet(Client, "A", &[], b"");
    }));
    assert!(!plain.established);
    let lost = only(&joined(|talk| {
        talk.packet(Client, "S", &[syn], b"")
            .packet(Server, "SA", &[syn_ack], b"")
            .dropped();
        talk.packet(Client, "A", &[], b"");
    }));
    assert!(!lost.established);
}

#[test]
fn ids_and_backup_bits_are_those_that_each_end_sent() {
    let [mut syn, mut syn_ack, ack] = right_joins();
    if let MptcpOption::MpJoin(MpJoin::Syn { common, .. }) = &mut syn {
        common.address = AddressId(3);
        common.backup = true;
    }
    if let MptcpOption::MpJoin(MpJoin::SynAck { common, .. }) = &mut syn_ack {
        common.address = AddressId(4);
    }
    let ids = |check: JoinCheck| {
        [check.initiator_id, check.responder_id].map(|id| id.map(|AddressId(id)| id))
    };
    let check = only(&joined(|talk| {
        talk.packet(Client, "S", from_ref(&syn), b"")
            .packet(Server, "SA", from_ref(&syn_ack), b"")
            .packet(Client, "A", &[ack], b"");
    }));
    assert_eq!(ids(check), [Some(3), Some(4)]);
    assert_eq!(
        [check.initiator_backup, check.responder_backup],
        [true, false]
    );
    assert_eq!(check.token, SERVER_KEY.token());
    if let MptcpOption::MpJoin(MpJoin::SynAck { common, .. }) = &mut syn_ack {
        common.backup = true;
    }
    if let MptcpOption::MpJoin(MpJoin::Syn { common, .. }) = &mut syn {
        common.backup = false;
    }
    let check = only(&joined(|talk| {
        talk.packet(Client, "S", from_ref(&syn), b"")
            .packet(Server, "SA", &[syn_ack], b"");
    }));
    assert_eq!(
        [check.initiator_backup, check.responder_backup],
        [false, true]
    );
    let check = only(&joined(|talk| {
        talk.packet(Client, "S", &[syn], b"");
    }));
    assert_eq!(ids(check), [Some(3), None]);
}

#[test]
fn a_join_option_in_the_wrong_packet_is_not_taken_for_the_right_one() {
    let [syn, syn_ack, ack] = right_joins();
    // The forms of MP_JOIN tell SYN from SYN/ACK by length, and neither counts outside of a SYN.
    let check = only(&joined(|talk| {
        talk.packet(Client, "S", from_ref(&syn), b"")
            .packet(Server, "A", from_ref(&syn_ack), b"")
            .again(Client, "S", from_ref(&ack), b"");
    }));
    assert_eq!(proofs(check), [Proof::Unknown; 4]);
    assert_eq!(check.responder_id, None);
}

#[test]
fn a_join_that_the_responder_opens_is_proven_by_the_keys_the_other_way_round() {
    let mut first = Talk::new();
    first.mptcp_handshake().data(Client, b"request").ack(Server);
    let mut second = Talk::between("10.0.2.2:40001", "10.0.2.1:8080");
    let nonce = mpws_codec::mptcp::Nonce(7);
    let hmac = |own, other| mpws_codec::mptcp::crypto::join_hmac(own, other, nonce, nonce);
    let [mut syn, mut syn_ack, mut ack] = right_joins();
    if let MptcpOption::MpJoin(MpJoin::Syn { token, .. }) = &mut syn {
        *token = CLIENT_KEY.token();
    }
    if let MptcpOption::MpJoin(MpJoin::SynAck { hmac: own, .. }) = &mut syn_ack {
        own.copy_from_slice(&hmac(CLIENT_KEY, SERVER_KEY)[..8]);
    }
    if let MptcpOption::MpJoin(MpJoin::Ack { hmac: own, .. }) = &mut ack {
        own.copy_from_slice(&hmac(SERVER_KEY, CLIENT_KEY)[..20]);
    }
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"")
        .packet(Client, "A", &[ack], b"");
    let records = [first.records, second.records].concat();
    let trace = analyse(&records);
    assert_eq!(proofs(only(&trace.connections[0])), [Proof::Verified; 4]);
}

#[test]
fn what_an_announcement_proves_depends_on_who_sends_it() {
    let mut talk = Talk::new();
    talk.mptcp_handshake();
    let connection = talk.connection();
    let address = "10.0.3.2".parse().expect("an address");
    let add = AddAddr {
        id: AddressId(2),
        echo: false,
        address,
        port: None,
        hmac: Some(add_addr_hmac(
            SERVER_KEY,
            CLIENT_KEY,
            AddressId(2),
            address,
            None,
        )),
        reserved: 0,
    };
    let proof = |direction, add: &AddAddr| connection.add_addr_proof(direction, add);
    assert_eq!(proof(Direction::ToInitiator, &add), Proof::Verified);
    assert_eq!(proof(Direction::ToResponder, &add), Proof::Wrong);
    let bare = AddAddr { hmac: None, ..add };
    assert_eq!(proof(Direction::ToInitiator, &bare), Proof::Unknown);
    let keys = connection.keys(Direction::ToResponder);
    assert_eq!(keys, Some((CLIENT_KEY, SERVER_KEY)));
    let keys = connection.keys(Direction::ToInitiator);
    assert_eq!(keys, Some((SERVER_KEY, CLIENT_KEY)));
}

#[test]
fn the_keys_of_version_0_prove_nothing() {
    let version_0 = |form| {
        let MptcpOption::MpCapable(mut capable) = capable(form) else {
            panic!("no MP_CAPABLE")
        };
        capable.version = 0;
        MptcpOption::MpCapable(capable)
    };
    let mut talk = Talk::new();
    talk.packet(
        Client,
        "S",
        &[version_0(CapableForm::OneKey(CLIENT_KEY))],
        b"",
    )
    .packet(
        Server,
        "SA",
        &[version_0(CapableForm::OneKey(SERVER_KEY))],
        b"",
    );
    let both = CapableForm::BothKeys {
        sender: CLIENT_KEY,
        receiver: SERVER_KEY,
    };
    talk.packet(Client, "A", &[version_0(both)], b"");
    let connection = talk.connection();
    assert_eq!(connection.responder_key, Some(SERVER_KEY));
    assert_eq!(connection.mptcp_version(), Some(0));
    assert_eq!(connection.keys(Direction::ToResponder), None);
}

#[test]
fn every_word_is_the_one_that_serde_writes() {
    for proof in [Proof::Verified, Proof::Wrong, Proof::Unknown] {
        let json = serde_json::to_string(&proof).expect("a unit variant");
        assert_eq!(json, format!("\"{}\"", proof.word()));
    }
}
