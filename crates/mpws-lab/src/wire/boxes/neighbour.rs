//! Answers for addresses that a box has on a path: ARP (RFC 826) and neighbour discovery (RFC
//! 4861).

use etherparse::IpNumber;
use etherparse::icmpv6::{TYPE_NEIGHBOR_ADVERTISEMENT, TYPE_NEIGHBOR_SOLICITATION};
use std::net::{IpAddr, Ipv6Addr};

/// The answer to a frame that asks for one of these addresses; `None` for any other frame.
pub(crate) fn answer(frame: &[u8], own: &[IpAddr], hardware: [u8; 6]) -> Option<Vec<u8>> {
    match frame.get(12..14)? {
        [0x08, 0x06] => arp(frame, own, hardware),
        [0x86, 0xdd] => solicitation(frame, own, hardware),
        _ => None,
    }
}

fn arp(frame: &[u8], own: &[IpAddr], hardware: [u8; 6]) -> Option<Vec<u8>> {
    // Ethernet, IPv4, lengths 6 and 4, request.
    const REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
    let question: [u8; 28] = frame.get(14..42)?.try_into().ok()?;
    let wanted: [u8; 4] = question.get(24..28)?.try_into().ok()?;
    if question[..8] != REQUEST || !own.contains(&IpAddr::from(wanted)) {
        return None;
    }
    let asker = &question[8..18];
    let mut answer = Vec::with_capacity(42);
    answer.extend_from_slice(&asker[..6]);
    answer.extend_from_slice(&hardware);
    answer.extend_from_slice(&[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2]);
    answer.extend_from_slice(&hardware);
    answer.extend_from_slice(&wanted);
    answer.extend_from_slice(asker);
    Some(answer)
}

fn solicitation(frame: &[u8], own: &[IpAddr], hardware: [u8; 6]) -> Option<Vec<u8>> {
    let address = |range: std::ops::Range<usize>| {
        let octets: [u8; 16] = frame.get(range)?.try_into().ok()?;
        Some(Ipv6Addr::from(octets))
    };
    let asker = address(22..38)?;
    let wanted = address(62..78)?;
    let asks =
        *frame.get(20)? == IpNumber::IPV6_ICMP.0 && *frame.get(54)? == TYPE_NEIGHBOR_SOLICITATION;
    if !asks || asker.is_unspecified() || !own.contains(&wanted.into()) {
        return None;
    }
    // The address, and the hardware address as option 2.
    let mut body = wanted.octets().to_vec();
    body.extend_from_slice(&[2, 1]);
    body.extend_from_slice(&hardware);
    let to: [u8; 6] = frame.get(6..12)?.try_into().ok()?;
    // RFC 4861 section 7.1.2: a hop limit below 255 is not believed. Flags: solicited, override.
    let packet = etherparse::PacketBuilder::ethernet2(hardware, to)
        .ipv6(wanted.octets(), asker.octets(), 255)
        .icmpv6_raw(TYPE_NEIGHBOR_ADVERTISEMENT, 0, [0x60, 0, 0, 0]);
    let mut answer = Vec::new();
    packet.write(&mut answer, &body).ok()?;
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [u8; 4] = [10, 1, 0, 100];
    const HARDWARE: [u8; 6] = [2, 0, 0, 0, 1, 1];

    fn question(wanted: [u8; 4]) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 1, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        frame.extend([2, 0, 0, 0, 1, 2, 10, 1, 0, 2, 0, 0, 0, 0, 0, 0]);
        frame.extend(wanted);
        frame
    }

    #[test]
    fn only_its_own_address_is_answered_for() {
        let own = [IpAddr::from(OWN)];
        let answer = answer(&question(OWN), &own, HARDWARE).expect("answer");
        assert_eq!(answer[..6], [2, 0, 0, 0, 1, 2]);
        assert_eq!(answer[20..28], [0, 2, 2, 0, 0, 0, 1, 1]);
        assert_eq!(answer[28..32], OWN);
        assert_eq!(
            super::answer(&question([10, 1, 0, 9]), &own, HARDWARE),
            None
        );
    }

    #[test]
    fn a_question_that_is_cut_anywhere_has_no_answer() {
        let whole = question(OWN);
        for length in 0..whole.len() {
            assert_eq!(
                answer(&whole[..length], &[IpAddr::from(OWN)], HARDWARE),
                None
            );
        }
    }
}
