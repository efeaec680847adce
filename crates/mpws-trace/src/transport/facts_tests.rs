//! What packets add up to: every count, and what must not be counted.

use mpws_codec::mptcp::{
    AddAddr, AddressId, CapableForm, DataSeq, Dss, MpFastclose, MpPrio, MpTcprst, MptcpOption,
    RemoveAddr, ResetReason, WireSeq,
};
use mpws_trace::{Connection, Flow, Role, Seen, analyse};

use crate::support::*;

fn made(make: impl FnOnce(&mut Talk)) -> Connection {
    let mut talk = Talk::new();
    make(&mut talk);
    talk.connection()
}

fn ends(talk: &mut Talk, from: Side, payload: &[u8]) -> MptcpOption {
    let MptcpOption::Dss(mut last) = talk.mapping(from, payload.len() as u16 + 1) else {
        panic!("no DSS")
    };
    last.data_fin = true;
    MptcpOption::Dss(last)
}

fn announcement(echo: bool) -> MptcpOption {
    MptcpOption::AddAddr(AddAddr {
        id: AddressId(2),
        echo,
        address: "10.0.3.2".parse().expect("an address"),
        port: None,
        hmac: (!echo).then_some([0; 8]),
        reserved: 0,
    })
}

fn infinite() -> MptcpOption {
    MptcpOption::Dss(Dss {
        data_ack: None,
        mapping: Some(mpws_codec::mptcp::Mapping {
            data_seq: WireSeq::Short(1),
            subflow_seq: mpws_codec::mptcp::SubflowSeq(1),
            length: 0,
            checksum: None,
        }),
        data_fin: false,
        reserved: 0,
    })
}

#[test]
fn every_option_and_flag_has_its_count() {
    let connection = made(|talk| {
        talk.mptcp_handshake()
            .packet(Client, "A", &[capable_data(7)], b"request");
        talk.data[0] += 7;
        talk.data(Client, b"more");
        talk.packet(Client, "A", &[announcement(false)], b"");
        talk.packet(Client, "A", &[announcement(false)], b"");
        talk.packet(Client, "A", &[announcement(true)], b"");
        for option in [
            MptcpOption::RemoveAddr(RemoveAddr {
                ids: vec![AddressId(2)],
                reserved: 0,
            }),
            MptcpOption::MpPrio(MpPrio {
                backup: true,
                reserved: 0,
            }),
            MptcpOption::MpFail {
                data_seq: DataSeq(1),
                reserved: 0,
            },
            MptcpOption::MpFastclose(MpFastclose {
                receiver_key: SERVER_KEY,
                reserved: 0,
            }),
            infinite(),
        ] {
            talk.packet(Client, "A", &[option], b"");
        }
        talk.packet(Client, "A", &[], b"plain");
        let last = ends(talk, Client, b"");
        talk.packet(Client, "FA", &[last], b"");
        let reset = MptcpOption::MpTcprst(MpTcprst {
            reason: ResetReason(4),
            transient: false,
            reserved: 0,
        });
        talk.packet(Client, "R", &[reset], b"");
    });
    let expected = Seen {
        packets: 15,
        syn: 1,
        syn_mp_capable: 1,
        syn_mp_join: 0,
        ack_mp_capable: 2,
        ack_mp_join: 0,
        dss: 3,
        data: 3,
        data_mptcp: 2,
        payload_bytes: 16,
        infinite_mapping: 1,
        data_fin: 1,
        mp_fail: 1,
        mp_fastclose: 1,
        add_addr: 2,
        add_addr_echo: 1,
        remove_addr: 1,
        mp_prio: 1,
        fin: 1,
        rst: 1,
        rst_reasons: vec![4],
        forged: 0,
        malformed: 0,
    };
    assert_eq!(connection.to_responder.sent, expected);
    assert_eq!(connection.to_responder.delivered, expected);
    let answer = Seen {
        packets: 1,
        syn: 1,
        syn_mp_capable: 1,
        ..Seen::default()
    };
    assert_eq!(connection.to_initiator.sent, answer);
}

#[test]
fn the_options_of_a_join_have_counts_of_their_own() {
    let mut first = Talk::new();
    first.mptcp_handshake();
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    second.join_handshake().data(Client, b"more");
    let records = [first.records, second.records].concat();
    let trace = analyse(&records);
    let join = &trace.connections[0].joins[0];
    let asked = &join.to_responder.sent;
    assert_eq!(
        (asked.syn, asked.syn_mp_capable, asked.syn_mp_join),
        (1, 0, 1)
    );
    assert_eq!((asked.ack_mp_capable, asked.ack_mp_join), (0, 1));
    assert_eq!((asked.data, asked.data_mptcp), (1, 1));
    assert!(join.agreed && join.established);
}

#[test]
fn an_option_that_cannot_be_read_is_counted_and_so_is_the_payload_of_its_packet() {
    let connection = made(|talk| {
        talk.mptcp_handshake();
        // The length of the DSS goes past the end of the options.
        talk.data(Client, b"request")
            .rewritten(|options, _| options[1] = 60);
    });
    let flow = &connection.to_responder;
    assert_eq!((flow.sent.malformed, flow.delivered.malformed), (0, 1));
    assert_eq!((flow.stripped, flow.unmapped_bytes), (1, 7));
}

#[test]
fn what_the_wire_did_is_told_by_its_counts_and_its_rules() {
    let connection = made(|talk| {
        talk.mptcp_handshake().data(Client, b"request");
        talk.data(Client, b"lost").dropped();
        talk.ack(Client).comment("drop by other");
        talk.data(Client, b"changed")
            .rewritten(|_, payload| payload[0] ^= 1);
        talk.data(Client, b"bare").stripped();
        talk.packet(Client, "A", &[], b"").comment("forged by rule");
    });
    let flow = &connection.to_responder;
    let expected = Flow {
        dropped: 2,
        dropped_data: 1,
        stripped: 1,
        payload_changed: 1,
        unmapped_bytes: 4,
        rules: vec!["rule".to_owned(), "other".to_owned()],
        sent: flow.sent.clone(),
        delivered: flow.delivered.clone(),
    };
    assert_eq!(*flow, expected);
    assert_eq!((flow.sent.forged, flow.delivered.forged), (0, 1));
    assert_eq!((flow.sent.packets, flow.delivered.packets), (7, 6));
    assert_eq!(
        (flow.sent.payload_bytes, flow.delivered.payload_bytes),
        (22, 18)
    );
}

#[test]
fn options_are_stripped_from_whatever_is_no_syn() {
    let stripped = |make: fn(&mut Talk)| made(make).to_responder.stripped;
    // MP_CAPABLE of the third ACK, DSS, and not that of the SYN.
    assert_eq!(
        stripped(|talk| {
            talk.mptcp_handshake().stripped();
        }),
        1
    );
    assert_eq!(
        stripped(|talk| {
            talk.mptcp_handshake().ack(Client).stripped();
        }),
        1
    );
    assert_eq!(
        stripped(|talk| {
            talk.packet(Client, "S", &[capable_syn()], b"").stripped();
        }),
        0
    );
    let mut first = Talk::new();
    first.mptcp_handshake();
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    let [syn, syn_ack, ack] = right_joins();
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"")
        .packet(Client, "A", &[ack], b"")
        .stripped();
    let records = [first.records, second.records].concat();
    let join = &analyse(&records).connections[0].joins[0];
    assert_eq!(join.to_responder.stripped, 1);
    assert!(!join.agreed && join.established);
}

#[test]
fn bytes_that_come_twice_count_once_and_those_of_a_reset_never() {
    let connection = made(|talk| {
        talk.tcp_handshake().packet(Client, "A", &[], b"request");
        talk.again(Client, "A", &[], b"request");
        talk.packet(Client, "R", &[], b"reason in words");
    });
    let flow = &connection.to_responder;
    assert_eq!((flow.sent.data, flow.sent.data_mptcp), (2, 0));
    assert_eq!(flow.sent.payload_bytes, 7);
    assert_eq!(flow.unmapped_bytes, 7);
    // Data that comes before what the first packet seen has counts as well.
    let connection = made(|talk| {
        talk.packet(Client, "A", &[], b"later");
        talk.next[0] = talk.next[0].wrapping_sub(10);
        talk.packet(Client, "A", &[], b"early");
    });
    assert_eq!(connection.to_responder.sent.payload_bytes, 10);
}

#[test]
fn both_ends_have_agreed_only_if_each_heard_of_the_other() {
    let agreed = |make: fn(&mut Talk)| made(make).agreed;
    assert!(agreed(|talk| {
        talk.mptcp_handshake();
    }));
    // A DSS in place of the third ACK confirms as well.
    assert!(agreed(|talk| {
        talk.mptcp_handshake().dropped();
        talk.ack(Client);
    }));
    for (what, make) in [
        (
            "the SYN lost MP_CAPABLE",
            (|talk: &mut Talk| {
                talk.packet(Client, "S", &[capable_syn()], b"").stripped();
                talk.packet(Server, "SA", &[capable_syn_ack()], b"").packet(
                    Client,
                    "A",
                    &[capable_ack()],
                    b"",
                );
            }) as fn(&mut Talk),
        ),
        ("the SYN/ACK lost MP_CAPABLE", |talk| {
            talk.packet(Client, "S", &[capable_syn()], b"");
            talk.packet(Server, "SA", &[capable_syn_ack()], b"")
                .stripped();
            talk.packet(Client, "A", &[capable_ack()], b"");
        }),
        ("the third ACK lost MP_CAPABLE", |talk| {
            talk.mptcp_handshake().stripped();
        }),
        ("no SYN, and DSS of the client alone", |talk| {
            talk.ack(Client).packet(Server, "A", &[], b"");
        }),
        ("no SYN, and DSS of the server alone", |talk| {
            talk.packet(Client, "A", &[], b"").ack(Server);
        }),
    ] {
        assert!(!agreed(make), "{what}");
    }
    assert!(agreed(|talk| {
        talk.ack(Client).ack(Server);
    }));
}

#[test]
fn a_join_has_agreed_only_if_each_heard_of_the_other() {
    let agreed = |which: Option<usize>| {
        let mut first = Talk::new();
        first.mptcp_handshake();
        let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
        let packets = [(Client, "S"), (Server, "SA"), (Client, "A")];
        for (index, ((from, flags), option)) in packets.into_iter().zip(right_joins()).enumerate() {
            second.packet(from, flags, &[option], b"");
            if which == Some(index) {
                second.stripped();
            }
        }
        let records = [first.records, second.records].concat();
        analyse(&records).connections[0].joins[0].agreed
    };
    assert!(agreed(None));
    for which in 0..3 {
        assert!(!agreed(Some(which)), "{which}");
    }
    // Here, too, a DSS confirms where the third ACK is lost.
    let mut first = Talk::new();
    first.mptcp_handshake();
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    let [syn, syn_ack, _] = right_joins();
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"")
        .data(Client, b"more");
    let records = [first.records, second.records].concat();
    assert!(analyse(&records).connections[0].joins[0].agreed);
}

#[test]
fn a_connection_without_its_syn_is_never_established_nor_refused() {
    let connection = made(|talk| {
        talk.packet(Server, "SA", &[], b"")
            .packet(Client, "A", &[], b"");
    });
    assert_eq!(connection.role, Role::Unknown);
    assert!(!connection.established);
    let refused = made(|talk| {
        talk.packet(Client, "S", &[], b"")
            .packet(Server, "RA", &[], b"");
    });
    assert!(refused.refused && !refused.established);
    // A reset that comes later ends a connection, and refuses none.
    let reset = made(|talk| {
        talk.tcp_handshake().packet(Server, "R", &[], b"");
    });
    assert!(reset.established && !reset.refused);
}

#[test]
fn keys_are_those_that_each_end_sent_first_and_checksums_are_asked_for_in_a_syn() {
    let connection = made(|talk| {
        talk.mptcp_handshake();
    });
    assert_eq!(connection.initiator_key, Some(CLIENT_KEY));
    assert_eq!(connection.responder_key, Some(SERVER_KEY));
    assert!(!connection.checksum);
    let asking = |form| {
        let MptcpOption::MpCapable(mut capable) = capable(form) else {
            panic!("no MP_CAPABLE")
        };
        capable.flags.0 |= 0x80;
        MptcpOption::MpCapable(capable)
    };
    let both = CapableForm::BothKeys {
        sender: CLIENT_KEY,
        receiver: SERVER_KEY,
    };
    let forms = [CapableForm::Bare, CapableForm::OneKey(SERVER_KEY), both];
    for (which, expected) in [(0, true), (1, true), (2, false)] {
        let connection = made(|talk| {
            let packets = [(Client, "S"), (Server, "SA"), (Client, "A")];
            for (index, (from, flags)) in packets.into_iter().enumerate() {
                let form = forms[index];
                let option = if index == which {
                    asking(form)
                } else {
                    capable(form)
                };
                talk.packet(from, flags, &[option], b"");
            }
        });
        assert_eq!(connection.checksum, expected, "{which}");
    }
    // The network's own keys are nobody's.
    let connection = made(|talk| {
        talk.packet(Client, "S", &[capable_syn()], b"");
        talk.packet(Server, "SA", &[capable_syn_ack()], b"")
            .comment("forged by rule");
    });
    assert_eq!(connection.responder_key, None);
}
