//! What a router says to the sender of a packet that is larger than the next link carries.

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{Ethernet2Header, Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket};

/// Fragmentation Needed (RFC 1191 section 4) or Packet Too Big (RFC 4443 section 3.2) in answer to
/// a frame, as if from the packet's destination; `None` for what is no IP packet.
pub(super) fn too_big(frame: &[u8], mtu: u16) -> Option<Vec<u8>> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let (to, from) = (frame.get(0..6)?, frame.get(6..12)?);
    let link = PacketBuilder::ethernet2(to.try_into().ok()?, from.try_into().ok()?);
    let packet = frame.get(ETHERNET..)?;
    let mut answer = Vec::new();
    match sliced.net? {
        NetSlice::Ipv4(ip) => {
            let next_hop_mtu = mtu;
            let needed = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu };
            link.ipv4(ip.header().destination(), ip.header().source(), HOPS)
                .icmpv4(Icmpv4Type::DestinationUnreachable(needed))
                .write(&mut answer, &packet[..packet.len().min(QUOTED_V4)])
        }
        NetSlice::Ipv6(ip) => {
            let mtu = u32::from(mtu);
            link.ipv6(ip.header().destination(), ip.header().source(), HOPS)
                .icmpv6(Icmpv6Type::PacketTooBig { mtu })
                .write(&mut answer, &packet[..packet.len().min(QUOTED_V6)])
        }
        NetSlice::Arp(_) => return None,
    }
    .ok()?;
    Some(answer)
}

const ETHERNET: usize = Ethernet2Header::LEN;

/// TTL and hop limit.
const HOPS: u8 = 64;

/// As much as keeps the answer below 576 bytes (RFC 1812 section 4.3.2.3).
const QUOTED_V4: usize = 576 - 20 - 8;

/// As much as keeps it below 1280 bytes (RFC 4443 section 2.4).
const QUOTED_V6: usize = 1280 - 40 - 8;

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::TransportSlice;

    #[test]
    fn the_answer_goes_back_and_quotes_the_packet() {
        let mut large = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp(1000, 2000, 7, 100)
            .write(&mut large, &[0; 1460])
            .expect("frame");
        let answer = too_big(&large, 1400).expect("answer");
        assert_eq!(answer[..6], large[6..12]);
        let sliced = SlicedPacket::from_ethernet(&answer).expect("frame");
        let Some(TransportSlice::Icmpv4(icmp)) = sliced.transport else {
            panic!("{sliced:?}");
        };
        let needed = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1400 };
        let expected = Icmpv4Type::DestinationUnreachable(needed);
        assert_eq!(icmp.icmp_type(), expected);
        assert!(large[ETHERNET..].starts_with(icmp.payload()));
        assert!(answer.len() <= ETHERNET + 576);
    }

    #[test]
    fn what_is_cut_or_no_ip_has_no_answer() {
        for length in 0..20 {
            assert_eq!(too_big(&vec![0; length], 1400), None);
        }
    }
}
