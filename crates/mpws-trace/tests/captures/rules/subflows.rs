//! Joins, addresses and resets (RFC 8684 sections 3.2 and 3.4 to 3.6).

use mpws_codec::mptcp::{
    AddAddr, AddressId, CapableFlags, MpFastclose, MpJoin, MpTcprst, MptcpOption, RemoveAddr,
    ResetReason, crypto::add_addr_hmac,
};
use mpws_trace::Rule;

use super::{after_opening, broken, honest_handshake, opened};
use crate::support::*;

/// A second subflow with these options in its handshake, and what is said on it then.
fn joined(options: [MptcpOption; 3], say: impl FnOnce(&mut Talk)) -> Vec<Rule> {
    let first = opened();
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    let [syn, syn_ack, ack] = options;
    second
        .packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"")
        .packet(Client, "A", &[ack], b"");
    say(&mut second);
    broken(&[&first, &second])
}

fn join_with(index: usize, change: impl FnOnce(&mut MpJoin)) -> [MptcpOption; 3] {
    let mut options = right_joins();
    match &mut options[index] {
        MptcpOption::MpJoin(join) => change(join),
        other => panic!("{other:?}"),
    }
    options
}

#[test]
fn a_wrong_hmac_is_an_offence_and_so_is_its_acceptance() {
    assert_eq!(
        joined(right_joins(), |talk| {
            talk.ack(Server).data(Client, b"more");
        }),
        []
    );
    let wrong_ack = || {
        join_with(2, |join| match join {
            MpJoin::Ack { hmac, .. } => hmac[0] ^= 1,
            other => panic!("{other:?}"),
        })
    };
    let refused = joined(wrong_ack(), |talk| {
        talk.packet(Server, "R", &[], b"");
    });
    assert_eq!(refused, [Rule::JoinHmac]);
    let accepted = joined(wrong_ack(), |talk| {
        talk.ack(Server);
    });
    assert_eq!(accepted, [Rule::JoinHmac, Rule::JoinHmacAccepted]);
    let wrong_answer = join_with(1, |join| match join {
        MpJoin::SynAck { hmac, .. } => hmac[0] ^= 1,
        other => panic!("{other:?}"),
    });
    assert_eq!(
        joined(wrong_answer, |_| {}),
        [Rule::JoinHmac, Rule::JoinHmacAccepted]
    );
}

#[test]
fn data_on_a_further_subflow_waits_for_the_acknowledgement_of_the_third_ack() {
    let rules = joined(right_joins(), |talk| {
        talk.data(Client, b"early").ack(Server);
    });
    assert_eq!(rules, [Rule::JoinDataEarly]);
}

#[test]
fn data_on_a_further_subflow_is_always_mapped() {
    let rules = joined(right_joins(), |talk| {
        talk.ack(Server).packet(Client, "A", &[], b"unmapped");
    });
    assert_eq!(rules, [Rule::UnmappedOnJoin]);
}

#[test]
fn bit_c_rules_out_joins_to_the_first_address() {
    let to = |server: &str| {
        let mut first = Talk::new();
        let mut options = honest_handshake();
        options[1].flags = CapableFlags(0x21);
        let [syn, syn_ack, ack] = options.map(MptcpOption::MpCapable);
        first
            .packet(Client, "S", &[syn], b"")
            .packet(Server, "SA", &[syn_ack], b"")
            .packet(Client, "A", &[ack], b"")
            .data(Client, b"request")
            .data(Server, b"answer");
        let mut second = first.joined("10.0.2.1:40001", server);
        second.join_handshake();
        broken(&[&first, &second])
    };
    assert_eq!(to("10.0.2.2:8080"), []);
    assert_eq!(to("10.0.1.2:8080"), [Rule::JoinToSource]);
}

fn announcement(id: u8, last: u8, change: impl FnOnce(&mut AddAddr)) -> MptcpOption {
    let address = std::net::IpAddr::from([10, 0, 3, last]);
    let id = AddressId(id);
    let mut add = AddAddr {
        id,
        echo: false,
        address,
        port: None,
        hmac: Some(add_addr_hmac(SERVER_KEY, CLIENT_KEY, id, address, None)),
        reserved: 0,
    };
    change(&mut add);
    MptcpOption::AddAddr(add)
}

#[test]
fn announcements_have_the_right_hmac_and_echoes_none() {
    let from_server = |option: MptcpOption| {
        after_opening(|talk| {
            talk.packet(Server, "A", &[option], b"");
        })
    };
    let wrong = |add: &mut AddAddr| add.hmac = Some([0; 8]);
    let none = |add: &mut AddAddr| add.hmac = None;
    let echo = |add: &mut AddAddr| {
        add.echo = true;
        add.hmac = None;
    };
    assert_eq!(from_server(announcement(1, 2, |_| {})), []);
    assert_eq!(from_server(announcement(1, 2, echo)), []);
    for change in [wrong, none, |add: &mut AddAddr| add.echo = true] {
        assert_eq!(from_server(announcement(1, 2, change)), [Rule::AddAddrHmac]);
    }
}

#[test]
fn an_address_id_stands_for_one_address_until_it_is_removed() {
    let say = |options: &[MptcpOption]| {
        after_opening(|talk| {
            for option in options {
                talk.packet(Server, "A", std::slice::from_ref(option), b"");
            }
        })
    };
    let (one, other) = (announcement(1, 2, |_| {}), announcement(1, 3, |_| {}));
    let remove = MptcpOption::RemoveAddr(RemoveAddr {
        ids: vec![AddressId(1)],
        reserved: 0,
    });
    assert_eq!(say(&[one.clone(), one.clone()]), []);
    assert_eq!(say(&[one.clone(), remove, other.clone()]), []);
    assert_eq!(say(&[one, other]), [Rule::AddressIdReused]);
}

#[test]
fn fastclose_bears_the_key_of_its_receiver() {
    let with = |receiver_key| {
        after_opening(|talk| {
            let close = MptcpOption::MpFastclose(MpFastclose {
                receiver_key,
                reserved: 0,
            });
            talk.packet(Client, "A", &[close], b"");
        })
    };
    assert_eq!(with(SERVER_KEY), []);
    assert_eq!(with(CLIENT_KEY), [Rule::FastcloseKey]);
}

#[test]
fn a_reset_reason_stands_on_a_reset() {
    let with = |flags| {
        after_opening(|talk| {
            let reason = MptcpOption::MpTcprst(MpTcprst {
                reason: ResetReason(1),
                transient: false,
                reserved: 0,
            });
            talk.packet(Client, flags, &[reason], b"");
        })
    };
    assert_eq!(with("RA"), []);
    assert_eq!(with("A"), [Rule::ResetReasonOutsideRst]);
}

#[test]
fn reserved_bits_are_0_and_options_have_a_known_form() {
    let rules = after_opening(|talk| {
        let option = announcement(1, 2, |add| add.reserved = 1);
        talk.packet(Server, "A", &[option], b"");
    });
    assert_eq!(rules, [Rule::ReservedBits]);
    let rules = after_opening(|talk| {
        // A private option that a middlebox turned into a DSS without a form.
        let option = MptcpOption::Other {
            subtype: mpws_codec::mptcp::Subtype::MpExperimental,
            low_bits: 0,
            data: vec![1, 9],
        };
        talk.packet(Server, "A", &[option], b"");
        let record = talk.records.last_mut().expect("a packet");
        let at = 14 + 20 + 20;
        assert_eq!(record.data[at..at + 3], [30, 5, 0xf0]);
        let mut data = record.data.to_vec();
        data[at + 2] = 0x20;
        record.data = data.into();
    });
    assert_eq!(rules, [Rule::OptionMalformed]);
}
