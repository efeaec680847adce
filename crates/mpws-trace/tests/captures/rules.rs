//! Each rule: a conversation that breaks it, beside one that does not.

use mpws_codec::{
    mptcp::{
        AddAddr, AddressId, CapableFlags, CapableForm, DataSeq, Dss, Key, Mapping, MpCapable,
        MpFastclose, MpJoin, MpTcprst, MptcpOption, RemoveAddr, ResetReason, SubflowSeq, WireSeq,
        crypto::add_addr_hmac,
    },
    websocket::{FrameSpec, LengthForm, accept_key, opcode},
};
use mpws_trace::{Dissection, Offence, Options, Rule, analyse, read_pcapng};

use crate::support::*;

const MASK: [u8; 4] = [1, 2, 3, 4];

fn offences(talks: &[&Talk]) -> Vec<Offence> {
    let mut records: Vec<_> = talks.iter().flat_map(|talk| talk.records.clone()).collect();
    records.sort_by_key(|record| record.time_ns);
    let trace = analyse(&records);
    assert_eq!(trace.connections.len(), 1, "{:?}", trace.connections);
    Dissection::of(&trace.connections[0], &Options::default()).offences
}

/// The rules that a conversation breaks, each once.
fn broken(talks: &[&Talk]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = offences(talks).iter().map(|offence| offence.rule).collect();
    rules.sort();
    rules.dedup();
    rules
}

fn talk(say: impl FnOnce(&mut Talk)) -> Vec<Rule> {
    let mut talk = Talk::new();
    say(&mut talk);
    broken(&[&talk])
}

/// An established connection on which both have spoken.
fn opened() -> Talk {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer")
        .ack(Client);
    talk
}

fn after_opening(say: impl FnOnce(&mut Talk)) -> Vec<Rule> {
    let mut talk = opened();
    say(&mut talk);
    broken(&[&talk])
}

/// The handshake with flags and forms of one's own for SYN, SYN/ACK and third ACK.
fn handshake(options: [MpCapable; 3]) -> Vec<Rule> {
    let [syn, syn_ack, ack] = options.map(MptcpOption::MpCapable);
    talk(|talk| {
        talk.packet(Client, "S", &[syn], b"")
            .packet(Server, "SA", &[syn_ack], b"")
            .packet(Client, "A", &[ack], b"")
            .ack(Server);
    })
}

fn honest_handshake() -> [MpCapable; 3] {
    [capable_syn(), capable_syn_ack(), capable_ack()].map(|option| match option {
        MptcpOption::MpCapable(capable) => capable,
        other => panic!("{other:?}"),
    })
}

/// The honest handshake with one change.
fn changed(change: impl FnOnce(&mut [MpCapable; 3])) -> Vec<Rule> {
    let mut options = honest_handshake();
    change(&mut options);
    handshake(options)
}

#[test]
fn an_honest_conversation_breaks_no_rule() {
    assert_eq!(handshake(honest_handshake()), []);
    assert_eq!(after_opening(|_| {}), []);
}

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

/// A conversation with checksums agreed on; the first data of the client has the checksum that a function makes of
/// the right one.
fn with_checksum(change: impl FnOnce(u16) -> Option<u16>) -> Vec<Rule> {
    let mut talk = Talk::new();
    let mut options = honest_handshake();
    for option in &mut options {
        option.flags = CapableFlags(0x81);
    }
    let [syn, syn_ack, ack] = options.map(MptcpOption::MpCapable);
    talk.packet(Client, "S", &[syn], b"")
        .packet(Server, "SA", &[syn_ack], b"")
        .packet(Client, "A", &[ack], b"");
    let payload = b"odd bytes";
    let mut header = talk.data[0].to_be_bytes().to_vec();
    header.extend(1_u32.to_be_bytes());
    header.extend((payload.len() as u16).to_be_bytes());
    header.extend([0, 0]);
    header.extend(payload);
    let MptcpOption::Dss(mut dss) = talk.mapping(Client, payload.len() as u16) else {
        panic!("no DSS")
    };
    if let Some(mapping) = &mut dss.mapping {
        mapping.checksum = change(internet_checksum(&header));
    }
    talk.packet(Client, "A", &[MptcpOption::Dss(dss)], &payload[..3])
        .packet(Client, "A", &[], &payload[3..]);
    broken(&[&talk])
}

/// RFC 1071, word by word.
fn internet_checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[test]
fn a_checksum_must_fit_its_data_and_be_there() {
    assert_eq!(with_checksum(Some), []);
    assert_eq!(with_checksum(|sum| Some(sum ^ 1)), [Rule::ChecksumWrong]);
    assert_eq!(with_checksum(|_| None), [Rule::ChecksumPresence]);
    let unwanted = after_opening(|talk| {
        let mapping = changed_mapping(talk, |mapping| mapping.checksum = Some(0));
        talk.packet(Client, "A", &[mapping], b"more");
    });
    assert_eq!(unwanted, [Rule::ChecksumPresence]);
}

/// A mapping of the next four bytes of the client, changed.
fn changed_mapping(talk: &Talk, change: impl FnOnce(&mut Mapping)) -> MptcpOption {
    let MptcpOption::Dss(mut dss) = talk.mapping(Client, 4) else {
        panic!("no DSS")
    };
    change(dss.mapping.as_mut().expect("a mapping"));
    MptcpOption::Dss(dss)
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

#[test]
fn the_first_byte_follows_on_the_initial_data_sequence_number() {
    let starting = |skip: u64| {
        talk(|talk| {
            talk.data[0] += skip;
            talk.mptcp_handshake()
                .data(Client, b"request")
                .data(Server, b"answer");
        })
    };
    assert_eq!(starting(0), []);
    assert_eq!(starting(3), [Rule::InitialDataSequence]);
}

#[test]
fn a_mapping_stays_as_it_was_declared_and_near_its_data() {
    let twice = |shift: u64| {
        after_opening(|talk| {
            let first = changed_mapping(talk, |_| {});
            let second = changed_mapping(talk, |mapping| {
                let WireSeq::Long(DataSeq(seq)) = mapping.data_seq else {
                    panic!("short")
                };
                mapping.data_seq = WireSeq::Long(DataSeq(seq + shift));
            });
            talk.packet(Client, "A", &[first], b"more")
                .again(Client, "A", &[second], b"more");
        })
    };
    assert_eq!(twice(0), []);
    assert_eq!(twice(2), [Rule::MappingChanged]);
    assert_eq!(twice(1 << 40), [Rule::MappingOutside]);
    let before_the_syn = after_opening(|talk| {
        let mapping = changed_mapping(talk, |mapping| {
            mapping.subflow_seq = SubflowSeq(0_u32.wrapping_sub(100));
        });
        talk.packet(Client, "A", &[mapping], b"more");
    });
    assert_eq!(before_the_syn, [Rule::MappingOutside]);
}

#[test]
fn a_data_ack_never_goes_back() {
    let second_ack = |back: u64| {
        after_opening(|talk| {
            talk.data(Client, b"one").ack(Server);
            talk.data(Client, b"two");
            talk.data[0] -= back;
            talk.ack(Server);
        })
    };
    assert_eq!(second_ack(0), []);
    assert_eq!(second_ack(3), []);
    assert_eq!(second_ack(4), [Rule::DataAckBackwards]);
}

#[test]
fn data_acks_of_32_and_of_64_bits_go_together() {
    // The upper half of the client's numbers is such that a signed difference to 32 bits alone would be negative.
    let rules = after_opening(|talk| {
        let long = Dss {
            data_ack: Some(WireSeq::Long(DataSeq(
                1 << 63 | u64::from(talk.data[0] as u32),
            ))),
            mapping: None,
            data_fin: false,
            reserved: 0,
        };
        talk.ack(Server)
            .packet(Server, "A", &[MptcpOption::Dss(long)], b"");
    });
    assert_eq!(rules, []);
}

#[test]
fn an_older_packet_that_comes_late_may_acknowledge_less() {
    let mut talk = opened();
    talk.data(Client, b"one").ack(Server);
    let late = talk.records.pop().expect("an acknowledgement");
    talk.data(Client, b"two").ack(Server);
    talk.records.push(mpws_trace::PacketRecord {
        time_ns: talk.now_ns + 1,
        ..late
    });
    assert_eq!(broken(&[&talk]), []);
}

fn data_fin(talk: &Talk, change: impl FnOnce(&mut Dss)) -> MptcpOption {
    let MptcpOption::Dss(mut dss) = talk.mapping(Client, 1) else {
        panic!("no DSS")
    };
    dss.data_fin = true;
    if let Some(mapping) = &mut dss.mapping {
        mapping.subflow_seq = SubflowSeq(0);
    }
    change(&mut dss);
    MptcpOption::Dss(dss)
}

#[test]
fn nothing_comes_after_the_data_fin() {
    let honest = after_opening(|talk| {
        let fin = data_fin(talk, |_| {});
        talk.packet(Client, "A", std::slice::from_ref(&fin), b"")
            .packet(Client, "A", &[fin], b"");
    });
    assert_eq!(honest, []);
    let more = after_opening(|talk| {
        let fin = data_fin(talk, |_| {});
        talk.packet(Client, "A", &[fin], b"").data(Client, b"more");
    });
    assert_eq!(more, [Rule::DataAfterFin]);
    let moved = after_opening(|talk| {
        talk.data(Client, b"more");
        let fin = data_fin(talk, |_| {});
        talk.packet(Client, "A", &[fin], b"");
        talk.data[0] -= 2;
        let fin = data_fin(talk, |_| {});
        talk.packet(Client, "A", &[fin], b"");
    });
    assert_eq!(moved, [Rule::DataFinMoved]);
}

#[test]
fn a_data_fin_without_data_has_subflow_sequence_number_0() {
    let rules = after_opening(|talk| {
        let fin = data_fin(talk, |dss| {
            dss.mapping.as_mut().expect("a mapping").subflow_seq = SubflowSeq(8);
        });
        talk.packet(Client, "A", &[fin], b"");
    });
    assert_eq!(rules, [Rule::DataFinForm]);
}

#[test]
fn after_an_infinite_mapping_there_is_no_finite_one() {
    let after = |finite: bool| {
        after_opening(|talk| {
            let infinite = changed_mapping(talk, |mapping| mapping.length = 0);
            talk.packet(Client, "A", &[infinite], b"more");
            talk.data[0] += 4;
            if finite {
                talk.data(Client, b"finite");
            } else {
                talk.packet(Client, "A", &[], b"plain");
            }
        })
    };
    assert_eq!(after(false), []);
    assert_eq!(after(true), [Rule::MappingAfterFallback]);
}

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

/// A WebSocket conversation with these heads and frames.
fn websocket(request: &str, response: &str, frames: &[(Side, Vec<u8>)]) -> Vec<Rule> {
    talk(|talk| {
        talk.mptcp_handshake()
            .data(Client, request.as_bytes())
            .data(Server, response.as_bytes());
        for (from, frame) in frames {
            talk.data(*from, frame);
        }
    })
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn response() -> String {
    let accept = accept_key("dGhlIHNhbXBsZSBub25jZQ==");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

#[test]
fn the_opening_handshake_must_be_whole_and_right() {
    let response = response();
    assert_eq!(websocket(REQUEST, &response, &[]), []);
    let cases = [
        (
            REQUEST.to_owned(),
            response.replace("s3pP", "S3pP"),
            Rule::WrongAccept,
        ),
        (
            REQUEST.to_owned(),
            response.replace("Connection: Upgrade\r\n", ""),
            Rule::UpgradeHeaders,
        ),
        (
            REQUEST.replace("Version: 13", "Version: 8"),
            response.clone(),
            Rule::RequestHeaders,
        ),
        (
            REQUEST.to_owned(),
            response.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
            Rule::NotOffered,
        ),
        (
            REQUEST.to_owned(),
            response.replace(
                "\r\n\r\n",
                "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            ),
            Rule::NotOffered,
        ),
    ];
    for (request, response, rule) in cases {
        assert_eq!(websocket(&request, &response, &[]), [rule], "{response}");
    }
    let offering = REQUEST.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: talk, chat\r\n\r\n");
    let choosing = response.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
    assert_eq!(websocket(&offering, &choosing, &[]), []);
}

#[test]
fn each_broken_rule_of_frames_is_named() {
    let server = |change: fn(&mut FrameSpec)| {
        let mut frame = FrameSpec::new(opcode::BINARY, [1]);
        change(&mut frame);
        (Server, frame.encode())
    };
    let spec = |fin, opcode, payload: &[u8]| {
        let frame = FrameSpec {
            fin,
            ..FrameSpec::new(opcode, payload)
        };
        (Server, frame.encode())
    };
    let close = |code, reason: &[u8]| {
        let frame = FrameSpec::new(opcode::CLOSE, [&u16::to_be_bytes(code), reason].concat());
        (Server, frame.encode())
    };
    let plain = FrameSpec::new(opcode::BINARY, [1]);
    let cases = [
        (vec![(Client, plain.encode())], Rule::FrameNotMasked),
        (vec![server(|f| f.mask = Some(MASK))], Rule::FrameMasked),
        (vec![server(|f| f.rsv = 4)], Rule::FrameReservedBits),
        (vec![server(|f| f.opcode = 3)], Rule::FrameReservedOpcode),
        (
            vec![server(|f| f.form = Some(LengthForm::Bits16))],
            Rule::FrameLength,
        ),
        (
            vec![spec(true, opcode::PING, &[0; 126])],
            Rule::ControlTooLong,
        ),
        (
            vec![spec(false, opcode::PING, b"")],
            Rule::ControlFragmented,
        ),
        (
            vec![spec(true, opcode::CONTINUATION, b"")],
            Rule::Fragmentation,
        ),
        (vec![close(1005, b"")], Rule::CloseCode),
        (vec![close(1000, &[0xff])], Rule::NotUtf8),
        (vec![spec(true, opcode::TEXT, &[0xff])], Rule::NotUtf8),
        (
            vec![close(1000, b""), spec(true, opcode::PING, b"")],
            Rule::AfterClose,
        ),
    ];
    for (frames, rule) in cases {
        assert_eq!(
            websocket(REQUEST, &response(), &frames),
            [rule],
            "{frames:?}"
        );
    }
    let honest = [
        (Client, plain.clone().masked(MASK).encode()),
        (Server, plain.encode()),
        spec(false, opcode::TEXT, b"a"),
        spec(true, opcode::PING, b"between"),
        spec(true, opcode::CONTINUATION, b"b"),
        close(1000, b"done"),
    ];
    assert_eq!(websocket(REQUEST, &response(), &honest), []);
}

/// The heads of a conversation that agreed on permessage-deflate as answered.
fn compressed(answer: &str) -> (String, String) {
    let request = REQUEST.replace(
        "\r\n\r\n",
        "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    let extensions = format!("\r\nSec-WebSocket-Extensions: {answer}\r\n\r\n");
    (request, response().replace("\r\n\r\n", &extensions))
}

#[test]
fn permessage_deflate_is_answered_as_it_was_offered() {
    let with = |answer: &str| {
        let (request, response) = compressed(answer);
        websocket(&request, &response, &[])
    };
    assert_eq!(with("permessage-deflate; server_no_context_takeover"), []);
    for answer in [
        "permessage-deflate; client_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; unheard_of",
    ] {
        assert_eq!(with(answer), [Rule::DeflateParameters], "{answer}");
    }
}

#[test]
fn compressed_messages_must_inflate_to_what_they_claim_to_be() {
    let (request, response) = compressed("permessage-deflate");
    let frame = |payload: &[u8]| {
        let frame = FrameSpec {
            rsv: 4,
            ..FrameSpec::new(opcode::TEXT, payload)
        };
        (Server, frame.encode())
    };
    // RFC 7692 section 7.2.3.1.
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    // A stored block (RFC 1951 section 3.2.4) with the byte 0xff, and the empty block that follows, without its tail.
    let not_text = [0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00];
    assert_eq!(websocket(&request, &response, &[frame(&hello)]), []);
    assert_eq!(
        websocket(&request, &response, &[frame(&[0xff; 20])]),
        [Rule::DeflateData]
    );
    assert_eq!(
        websocket(&request, &response, &[frame(&not_text)]),
        [Rule::NotUtf8]
    );
}

#[test]
fn what_the_wire_made_of_a_packet_is_no_offence_of_its_sender() {
    let rules = after_opening(|talk| {
        talk.data(Client, b"more").rewritten(|options, _| {
            // The reserved bits of the DSS.
            let at = options.iter().position(|byte| *byte == 30).expect("DSS");
            options[at + 2] |= 0x0f;
        });
    });
    assert_eq!(rules, []);
}

#[test]
fn an_offence_says_who_when_and_where_the_rule_stands() {
    let mut talk = opened();
    let close = MptcpOption::MpFastclose(MpFastclose {
        receiver_key: Key(1),
        reserved: 0,
    });
    talk.packet(Server, "A", &[close], b"");
    let offences = offences(&[&talk]);
    assert_eq!(offences.len(), 1);
    assert_eq!(offences[0].time_ns, talk.now_ns);
    assert_eq!(offences[0].direction, mpws_trace::Direction::ToInitiator);
    assert_eq!(
        offences[0].to_string(),
        "MP_FASTCLOSE without the key of its receiver (RFC 8684 section 3.5)"
    );
}

#[test]
fn what_linux_sends_breaks_no_rule() {
    let folder = format!("{}/tests/captures/data", env!("CARGO_MANIFEST_DIR"));
    let mut looked_at = 0;
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("an entry").path();
        let records = read_pcapng(std::fs::File::open(&path).expect("a file")).expect("readable");
        for connection in &analyse(&records).connections {
            let found = Dissection::of(connection, &Options::default()).offences;
            assert_eq!(found, [], "{}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at >= 27, "{looked_at}");
}
