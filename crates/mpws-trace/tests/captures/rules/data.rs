//! Checksums, mappings, DATA_ACKs and DATA_FINs (RFC 8684 section 3.3).

use mpws_codec::mptcp::{CapableFlags, DataSeq, Dss, MptcpOption, SubflowSeq, WireSeq};
use mpws_trace::Rule;

use super::{after_opening, broken, changed_mapping, honest_handshake, opened, talk};
use crate::support::*;

/// A conversation with checksums agreed on; the first data of the client has the checksum that a
/// function makes of the right one.
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
    // The upper half of the client's numbers is such that a signed difference to 32 bits alone
    // would be negative.
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
