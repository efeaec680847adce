//! MP_CAPABLE, from the SYN to the third ACK (RFC 8684 section 3.1).

use mpws_codec::mptcp::{CapableFlags, CapableForm, Key, MptcpOption};
use mpws_trace::Rule;

use super::{changed, honest_handshake, talk};
use crate::support::*;

#[test]
fn mp_capable_must_be_as_the_handshake_wants_it() {
    let both = |sender, receiver| CapableForm::BothKeys { sender, receiver };
    let stranger = Key(1);
    assert_eq!(
        changed(|all| all[0].form = CapableForm::OneKey(CLIENT_KEY)),
        [Rule::CapableKeys]
    );
    assert_eq!(
        changed(|all| all[2].form = CapableForm::Bare),
        [Rule::CapableKeys]
    );
    assert_eq!(
        changed(|all| all[2].form = both(CLIENT_KEY, stranger)),
        [Rule::CapableKeys]
    );
    assert_eq!(
        changed(|all| all[0].flags = CapableFlags(0x41)),
        [Rule::CapableFlags]
    );
    assert_eq!(
        changed(|all| all[1].flags = CapableFlags(0)),
        [Rule::CapableFlags]
    );
}

#[test]
fn an_end_that_changes_its_key_is_found_out() {
    let capable = |sender| {
        capable(CapableForm::BothKeys {
            sender,
            receiver: SERVER_KEY,
        })
    };
    let with_second = |second| {
        talk(|talk| {
            talk.mptcp_handshake()
                .packet(Client, "A", &[capable(second)], b"");
        })
    };
    assert_eq!(with_second(CLIENT_KEY), []);
    assert_eq!(with_second(Key(5)), [Rule::CapableKeys]);
}

#[test]
fn an_answer_may_not_ask_for_a_newer_version() {
    // What version 2 would mean is unknown; nothing but the version is judged.
    let rules = changed(|all| all[1].version = 2);
    assert_eq!(rules, [], "another version is another RFC");
    let rules = talk(|talk| {
        let mut options = honest_handshake();
        options[0].version = 0;
        options[0].form = CapableForm::OneKey(CLIENT_KEY);
        let [syn, syn_ack, ack] = options.map(MptcpOption::MpCapable);
        talk.packet(Client, "S", &[syn], b"")
            .packet(Server, "SA", &[syn_ack], b"")
            .packet(Client, "A", &[ack], b"");
    });
    assert!(rules.contains(&Rule::CapableVersion), "{rules:?}");
}

#[test]
fn mp_capable_may_only_answer_mp_capable() {
    let rules = talk(|talk| {
        talk.packet(Client, "S", &[], b"")
            .packet(Server, "SA", &[capable_syn_ack()], b"")
            .packet(Client, "A", &[], b"");
    });
    assert_eq!(rules, [Rule::CapableUnasked]);
}

#[test]
fn the_third_ack_repeats_what_was_agreed_on_checksums() {
    let with = |bits: [u8; 3]| {
        changed(|all| {
            for (option, bit) in all.iter_mut().zip(bits) {
                option.flags = CapableFlags(bit << 7 | 1);
            }
        })
    };
    assert_eq!(with([0, 1, 1]), []);
    assert_eq!(with([1, 0, 1]), []);
    assert_eq!(with([0, 1, 0]), [Rule::ChecksumBit]);
    assert_eq!(with([0, 0, 1]), [Rule::ChecksumBit]);
}

#[test]
fn options_of_mptcp_belong_to_connections_of_mptcp() {
    let with_tcp_server = |mapped: bool| {
        talk(|talk| {
            talk.packet(Client, "S", &[capable_syn()], b"")
                .packet(Server, "SA", &[], b"");
            if mapped {
                talk.data(Client, b"request");
            } else {
                talk.packet(Client, "A", &[], b"request");
            }
        })
    };
    assert_eq!(with_tcp_server(false), []);
    assert_eq!(with_tcp_server(true), [Rule::OptionWithoutAgreement]);
}

#[test]
fn the_responder_waits_for_the_third_ack() {
    let with_ack = |options: &[MptcpOption]| {
        talk(|talk| {
            talk.packet(Client, "S", &[capable_syn()], b"")
                .packet(Server, "SA", &[capable_syn_ack()], b"")
                .packet(Client, "A", options, b"")
                .data(Server, b"hello");
        })
    };
    assert_eq!(with_ack(&[capable_ack()]), []);
    assert_eq!(with_ack(&[]), [Rule::OptionWithoutAgreement]);
}
