//! Tests of [`MptcpOption`](super::MptcpOption).

use proptest::prelude::*;

use super::*;
use crate::mptcp::crypto;
use crate::mptcp::forms::{Mapping, WireSeq};
use crate::mptcp::numbers::{Nonce, Token};

/// Every form of every option, as RFC 8684 draws it.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let option = |subtype_and_rest: &[u8]| {
        let mut bytes = vec![30, subtype_and_rest.len() as u8 + 2];
        bytes.extend(subtype_and_rest);
        bytes
    };
    let long = |head: [u8; 2], n: usize| {
        let mut rest = head.to_vec();
        rest.extend((1..=n as u8).collect::<Vec<_>>());
        option(&rest)
    };
    vec![
        ("MP_CAPABLE on SYN", long([0x01, 0x81], 0)),
        ("MP_CAPABLE on SYN/ACK", long([0x01, 0x01], 8)),
        ("MP_CAPABLE on ACK", long([0x01, 0x01], 16)),
        ("MP_CAPABLE with data", long([0x01, 0x01], 18)),
        ("MP_CAPABLE with data and checksum", long([0x01, 0x81], 20)),
        ("MP_JOIN on SYN", long([0x11, 2], 8)),
        ("MP_JOIN on SYN/ACK", long([0x10, 2], 12)),
        ("MP_JOIN on ACK", long([0x10, 0], 20)),
        ("DSS with nothing", long([0x20, 0x00], 0)),
        ("DSS with short ACK", long([0x20, 0x01], 4)),
        ("DSS with long ACK", long([0x20, 0x03], 8)),
        ("DSS with short mapping", long([0x20, 0x04], 10)),
        ("DSS with long mapping and checksum", long([0x20, 0x0c], 16)),
        ("DSS with everything", long([0x20, 0x1f], 24)),
        ("DSS with meaningless a and m", long([0x20, 0x0a], 0)),
        ("ADD_ADDR v4", long([0x30, 3], 12)),
        ("ADD_ADDR v4 with port", long([0x30, 3], 14)),
        ("ADD_ADDR v4 echo", long([0x31, 3], 4)),
        ("ADD_ADDR v4 echo with port", long([0x31, 3], 6)),
        ("ADD_ADDR v6", long([0x30, 3], 24)),
        ("ADD_ADDR v6 with port", long([0x30, 3], 26)),
        ("ADD_ADDR v6 echo", long([0x31, 3], 16)),
        ("ADD_ADDR v6 echo with port", long([0x31, 3], 18)),
        ("REMOVE_ADDR", long([0x40, 5], 2)),
        ("MP_PRIO", option(&[0x51])),
        ("MP_FAIL", long([0x60, 0], 8)),
        ("MP_FASTCLOSE", long([0x70, 0], 8)),
        ("MP_TCPRST", option(&[0x81, 3])),
        ("unassigned", long([0xa5, 7], 3)),
        ("experimental", long([0xf5, 7], 0)),
    ]
}

#[test]
fn every_form_of_the_rfc_is_read_and_written_unchanged() {
    for (name, bytes) in forms() {
        let option = MptcpOption::parse(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(option.build(), bytes, "{name}");
    }
}

#[test]
fn one_byte_more_or_less_is_another_form_or_an_error() {
    for (name, bytes) in forms() {
        for length in [bytes.len() - 1, bytes.len() + 1] {
            let mut changed = bytes.clone();
            changed.resize(length, 0);
            changed[1] = length as u8;
            if let Ok(option) = MptcpOption::parse(&changed) {
                let lists = matches!(
                    option,
                    MptcpOption::RemoveAddr(_) | MptcpOption::Other { .. }
                );
                assert!(lists, "{name} with {length} bytes is {option:?}");
            }
        }
    }
}

#[test]
fn flags_and_fields_land_where_the_rfc_puts_them() {
    let bytes = [30, 4, 0x01, 0xe1];
    let Ok(MptcpOption::MpCapable(capable)) = MptcpOption::parse(&bytes) else {
        panic!("no MP_CAPABLE")
    };
    assert_eq!(capable.version, 1);
    for (letter, set) in "ABCDEFGH"
        .chars()
        .zip([true, true, true, false, false, false, false, true])
    {
        assert_eq!(capable.flags.letter(letter), set, "{letter}");
    }

    let reset = MptcpOption::parse(&[30, 4, 0x81, 6]).expect("MP_TCPRST");
    let expected = MpTcprst {
        reason: ResetReason(6),
        transient: true,
        reserved: 0,
    };
    assert_eq!(reset, MptcpOption::MpTcprst(expected));
    assert_eq!(ResetReason(6).name(), "middlebox interference");
}

#[test]
fn version_0_is_read_and_named() {
    let syn = [30, 12, 0x00, 0x01, 1, 2, 3, 4, 5, 6, 7, 8];
    let option = MptcpOption::parse(&syn).expect("MP_CAPABLE of RFC 6824");
    assert_eq!(option.name(), "MP_CAPABLE (version 0, RFC 6824)");
}

#[test]
fn a_mapping_of_length_0_is_infinite() {
    let bytes = [30, 14, 0x20, 0x04, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0];
    let Ok(MptcpOption::Dss(dss)) = MptcpOption::parse(&bytes) else {
        panic!("no DSS")
    };
    assert!(dss.mapping.is_some_and(Mapping::is_infinite));
}

#[test]
fn a_short_sequence_number_is_extended_to_the_nearest_long_one() {
    let near = DataSeq(0x1_0000_0005);
    assert_eq!(
        WireSeq::Short(0xffff_fff0).extend(near),
        DataSeq(0xffff_fff0)
    );
    assert_eq!(WireSeq::Short(0x10).extend(near), DataSeq(0x1_0000_0010));
    assert_eq!(WireSeq::Short(3).extend(DataSeq(u64::MAX)), DataSeq(3));
}

#[test]
fn token_and_initial_sequence_number_are_the_ends_of_the_hash_of_the_key() {
    // Computed with: printf '\x00\x01\x02\x03\x04\x05\x06\x07' | sha256sum
    let key = Key(0x0001_0203_0405_0607);
    assert_eq!(key.token(), Token(TOKEN));
    assert_eq!(key.idsn(), DataSeq(IDSN));
}

#[test]
fn a_join_hmac_depends_on_who_sends_it() {
    let (a, b) = (Key(1), Key(2));
    let (ra, rb) = (Nonce(3), Nonce(4));
    let from_a = crypto::join_hmac(a, b, ra, rb);
    // Computed with: openssl dgst -sha256 -mac HMAC -macopt hexkey:<A B> over <RA RB>
    assert_eq!(from_a[..8], HMAC_A);
    assert_ne!(from_a, crypto::join_hmac(b, a, rb, ra));
}

const TOKEN: u32 = 0x8a85_1ff8;
const IDSN: u64 = 0xe3db_22c6_785a_0d45;
const HMAC_A: [u8; 8] = [0xe5, 0xc5, 0x26, 0x5e, 0xf8, 0x77, 0xe5, 0x94];

proptest! {
    #[test]
    fn what_is_accepted_is_written_unchanged(
        subtype in 0_u8..16,
        body in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = vec![30, body.len() as u8 + 3, subtype << 4 | 0x01];
        bytes.extend(body);
        if let Ok(option) = MptcpOption::parse(&bytes) {
            prop_assert_eq!(option.build(), bytes);
            prop_assert_eq!(option.subtype().number(), subtype);
        }
    }

    #[test]
    fn any_dss_is_read_back(
        flags in any::<u8>(), high in 0_u8..16, body in proptest::collection::vec(any::<u8>(), 24),
        checksum in any::<bool>(),
    ) {
        let ack = if flags & 1 == 0 { 0 } else if flags & 2 == 0 { 4 } else { 8 };
        let seq = if flags & 8 == 0 { 4 } else { 8 };
        let map = if flags & 4 == 0 { 0 } else { seq + 6 + if checksum { 2 } else { 0 } };
        let mut bytes = vec![30, 4 + ack + map, 0x20 | high, flags];
        bytes.extend(&body[..usize::from(ack + map)]);
        let option = MptcpOption::parse(&bytes);
        prop_assert_eq!(option.map(|o| o.build()), Ok(bytes));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(option) = MptcpOption::parse(&bytes) {
            prop_assert_eq!(option.build(), bytes);
        }
    }
}
