//! One TCP packet in its Ethernet frame: what rules ask of it, and what they do to it.

use crate::rule::Rewrite;
use etherparse::{
    EtherType, Ethernet2Header, IpNumber, Ipv6Header, NetSlice, PacketBuilder, SlicedPacket,
    TcpHeader, TcpSlice, TransportSlice,
};
use mpws_codec::mptcp::options::{self, KIND_MSS};
use mpws_codec::mptcp::{Subtype, edit};
use std::net::IpAddr;
use std::ops::Range;

/// Where the parts of a TCP packet lie in its frame, and its addresses.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    source: IpAddr,
    destination: IpAddr,
    segment: Range<usize>,
    header: usize,
}

/// Length of the IP packet in a frame if it carries TCP or UDP, in bytes.
pub(crate) fn length(frame: &[u8]) -> Option<usize> {
    let protocol = match ether_type(frame)? {
        EtherType::IPV4 => frame.get(ETHERNET + 9)?,
        EtherType::IPV6 => frame.get(ETHERNET + 6)?,
        _ => return None,
    };
    let shaped = matches!(IpNumber(*protocol), IpNumber::TCP | IpNumber::UDP);
    shaped.then(|| frame.len() - ETHERNET)
}

/// Whether a frame carries a TCP SYN, as far as can be told at a glance; IPv6 extension headers are
/// not looked behind.
pub(crate) fn is_syn(frame: &[u8]) -> bool {
    /// Place of the flags in the TCP header, and SYN among them (RFC 9293 section 3.1).
    const FLAGS: usize = 13;
    const SYN: u8 = 1 << 1;
    let flags = || {
        let (protocol, length) = match ether_type(frame)? {
            // The lower half of the first byte counts words of 4 bytes.
            EtherType::IPV4 => {
                let words = usize::from(frame.get(ETHERNET)? & 0x0f);
                (frame.get(ETHERNET + 9)?, words * 4)
            }
            EtherType::IPV6 => (frame.get(ETHERNET + 6)?, Ipv6Header::LEN),
            _ => return None,
        };
        let tcp = IpNumber(*protocol) == IpNumber::TCP;
        frame.get(ETHERNET + length + FLAGS).filter(|_| tcp)
    };
    flags().is_some_and(|flags| flags & SYN != 0)
}

fn ether_type(frame: &[u8]) -> Option<EtherType> {
    let bytes = frame.get(12..ETHERNET)?.try_into().ok()?;
    Some(EtherType(u16::from_be_bytes(bytes)))
}

/// Bytes of an Ethernet header.
const ETHERNET: usize = Ethernet2Header::LEN;

/// Fixed part of the TCP header, in bytes.
const FIXED: usize = TcpHeader::MIN_LEN;

impl Packet {
    /// `None` for what is no whole TCP packet; rules do not see it.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        let sliced = SlicedPacket::from_ethernet(frame).ok()?;
        let (source, destination) = match sliced.net? {
            NetSlice::Ipv4(ip) => (
                IpAddr::from(ip.header().source_addr()),
                IpAddr::from(ip.header().destination_addr()),
            ),
            NetSlice::Ipv6(ip) => (
                IpAddr::from(ip.header().source_addr()),
                IpAddr::from(ip.header().destination_addr()),
            ),
            NetSlice::Arp(_) => return None,
        };
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
            return None;
        };
        let start = tcp.slice().as_ptr().addr() - frame.as_ptr().addr();
        Some(Self {
            source,
            destination,
            segment: start..start + tcp.slice().len(),
            header: tcp.header_slice().len(),
        })
    }

    /// Source and destination.
    pub(crate) fn addresses(&self) -> (IpAddr, IpAddr) {
        (self.source, self.destination)
    }

    /// The TCP header and payload.
    pub(crate) fn tcp<'a>(&self, frame: &'a [u8]) -> Option<TcpSlice<'a>> {
        TcpSlice::from_slice(frame.get(self.segment.clone())?).ok()
    }

    /// The bytes of the TCP options.
    pub(crate) fn options<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.options_range()).unwrap_or_default()
    }

    /// Applies a change and mends the checksum; says whether anything changed.
    pub(crate) fn rewrite(&self, frame: &mut [u8], rewrite: Rewrite) -> bool {
        let Some(options) = frame.get_mut(self.options_range()) else {
            return false;
        };
        let changed = match rewrite {
            Rewrite::StripMptcp => edit::strip_mptcp(options) > 0,
            Rewrite::StripSubtype(subtype) => {
                edit::strip_subtype(options, Subtype::from_number(subtype)) > 0
            }
            Rewrite::StripKind(kind) => edit::strip(options, |option| option.kind() == kind) > 0,
            Rewrite::ClampMss(limit) => clamp_mss(options, limit),
            Rewrite::FlipOptionByte {
                subtype,
                offset,
                mask,
            } => {
                let mut changed = false;
                edit::modify(options, Subtype::from_number(subtype), |option| {
                    if let Some(byte) = option.get_mut(usize::from(offset)) {
                        *byte ^= mask;
                        changed = true;
                    }
                });
                changed
            }
            // RFC 8684 section 3.1: subtype and version share the third byte, flags are the fourth.
            Rewrite::FlipCapableFlags(mask) => capable(options, |option| {
                option.get_mut(3).map(|flags| *flags ^= mask)
            }),
            Rewrite::SetCapableVersion(version) => capable(options, |option| {
                let byte = option.get_mut(2)?;
                let new = *byte & 0xf0 | version & 0x0f;
                (*byte != new).then(|| *byte = new)
            }),
            Rewrite::CorruptPayload { offset, mask } => {
                let payload = self.segment.start + self.header..self.segment.end;
                frame
                    .get_mut(payload)
                    .and_then(|payload| payload.get_mut(usize::from(offset)))
                    .map(|byte| *byte ^= mask)
                    .is_some()
            }
        };
        if changed {
            self.mend(frame);
        }
        changed
    }

    /// Changes the bit of the payload that a random number means, and mends the checksum; says
    /// whether there is one.
    pub(crate) fn corrupt(&self, frame: &mut [u8], random: u32) -> bool {
        let payload = self.segment.start + self.header..self.segment.end;
        let Some(payload) = frame.get_mut(payload) else {
            return false;
        };
        let bit = (u64::from(random) * (payload.len() as u64 * 8)) >> 32;
        let Some(byte) = payload.get_mut((bit / 8) as usize) else {
            return false;
        };
        *byte ^= 1 << (bit % 8);
        self.mend(frame);
        true
    }

    /// The reset that the destination would send in answer (RFC 9293 section 3.10.7.1); none for a
    /// reset.
    pub(crate) fn reset(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let tcp = self.tcp(frame)?;
        if tcp.rst() {
            return None;
        }
        let (to, from) = (frame.get(0..6)?.try_into().ok()?, frame.get(6..12)?);
        let link = PacketBuilder::ethernet2(to, from.try_into().ok()?);
        let network = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                link.ipv4(destination.octets(), source.octets(), 64)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                link.ipv6(destination.octets(), source.octets(), 64)
            }
            _ => return None,
        };
        let (from, to) = (tcp.destination_port(), tcp.source_port());
        let answer = if tcp.ack() {
            network.tcp(from, to, tcp.acknowledgment_number(), 0).rst()
        } else {
            let length = tcp.payload().len() + usize::from(tcp.syn()) + usize::from(tcp.fin());
            let next = tcp.sequence_number().wrapping_add(length as u32);
            network.tcp(from, to, 0, 0).rst().ack(next)
        };
        let mut reset = Vec::with_capacity(answer.size(0));
        answer.write(&mut reset, &[]).ok()?;
        Some(reset)
    }

    fn options_range(&self) -> Range<usize> {
        self.segment.start + FIXED..self.segment.start + self.header
    }

    fn mend(&self, frame: &mut [u8]) {
        let sum = self
            .tcp(frame)
            .and_then(|tcp| match (self.source, self.destination) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => tcp
                    .calc_checksum_ipv4(source.octets(), destination.octets())
                    .ok(),
                (IpAddr::V6(source), IpAddr::V6(destination)) => tcp
                    .calc_checksum_ipv6(source.octets(), destination.octets())
                    .ok(),
                _ => None,
            });
        let at = self.segment.start + 16;
        if let (Some(sum), Some(field)) = (sum, frame.get_mut(at..at + 2)) {
            field.copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// Only SYNs have the option (RFC 9293 section 3.7.1).
fn clamp_mss(bytes: &mut [u8], limit: u16) -> bool {
    let found = options::iter(bytes)
        .map_while(Result::ok)
        .find(|option| option.kind() == KIND_MSS && option.bytes.len() == 4)
        .map(|option| option.offset + 2..option.offset + 4);
    let Some(value) = found.and_then(|range| bytes.get_mut(range)) else {
        return false;
    };
    let announced = <[u8; 2]>::try_from(&*value).map_or(0, u16::from_be_bytes);
    let lowers = announced > limit;
    if lowers {
        value.copy_from_slice(&limit.to_be_bytes());
    }
    lowers
}

fn capable(options: &mut [u8], mut change: impl FnMut(&mut [u8]) -> Option<()>) -> bool {
    let mut changed = false;
    edit::modify(options, Subtype::MpCapable, |option| {
        changed |= change(option).is_some();
    });
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment from port 1000 to 2000 with sequence number 7.
    fn frame(payload: &[u8], change: fn(&mut etherparse::TcpHeader)) -> Vec<u8> {
        let mut header = etherparse::TcpHeader::new(1000, 2000, 7, 100);
        change(&mut header);
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp_header(header)
            .write(&mut frame, payload)
            .expect("frame");
        frame
    }

    fn reset(frame: &[u8]) -> Option<(u32, Option<u32>)> {
        let reset = Packet::parse(frame)?.reset(frame)?;
        assert_eq!(reset[..6], frame[6..12], "it goes back to the sender");
        let parsed = Packet::parse(&reset)?;
        let tcp = parsed.tcp(&reset)?;
        assert!(tcp.rst() && tcp.source_port() == 2000 && tcp.destination_port() == 1000);
        let acknowledged = tcp.ack().then_some(tcp.acknowledgment_number());
        Some((tcp.sequence_number(), acknowledged))
    }

    #[test]
    fn a_reset_acknowledges_all_of_a_segment_without_ack() {
        let syn = frame(b"early", |tcp| tcp.syn = true);
        assert_eq!(reset(&syn), Some((0, Some(7 + 1 + 5))));
    }

    #[test]
    fn a_reset_of_a_segment_with_ack_has_the_sequence_number_that_is_expected() {
        let data = frame(b"data", |tcp| {
            tcp.ack = true;
            tcp.acknowledgment_number = 99;
        });
        assert_eq!(reset(&data), Some((99, None)));
    }

    #[test]
    fn a_reset_is_not_answered_by_a_reset() {
        let rst = frame(b"", |tcp| tcp.rst = true);
        assert_eq!(reset(&rst), None);
    }

    #[test]
    fn one_byte_of_an_option_is_flipped_and_shorter_options_stay() {
        let mut join = frame(b"", |tcp| {
            tcp.syn = true;
            // MP_JOIN of a SYN: kind, length, subtype, address id, token, nonce.
            let option = [30, 12, 0x10, 1, 9, 9, 9, 9, 5, 5, 5, 5];
            tcp.set_options_raw(&option).expect("12 bytes of options");
        });
        let packet = Packet::parse(&join).expect("packet");
        let flip = |offset| Rewrite::FlipOptionByte {
            subtype: 1,
            offset,
            mask: 0xff,
        };
        assert!(packet.rewrite(&mut join, flip(4)));
        assert_eq!(packet.options(&join)[..8], [30, 12, 0x10, 1, 0xf6, 9, 9, 9]);
        assert!(!packet.rewrite(&mut join, flip(12)));
    }

    #[test]
    fn a_payload_shorter_than_the_offset_stays_as_it_is() {
        let mut short = frame(b"ab", |tcp| tcp.ack = true);
        let before = short.clone();
        let packet = Packet::parse(&short).expect("packet");
        let (offset, mask) = (2, 1);
        assert!(!packet.rewrite(&mut short, Rewrite::CorruptPayload { offset, mask }));
        assert_eq!(short, before);
    }

    #[test]
    fn a_segment_size_is_lowered_and_never_raised() {
        let mut syn = frame(b"", |tcp| {
            tcp.syn = true;
            tcp.set_options_raw(&[1, 1, 2, 4, 5, 180, 0, 0])
                .expect("options");
        });
        let packet = Packet::parse(&syn).expect("packet");
        assert!(!packet.rewrite(&mut syn, Rewrite::ClampMss(1460)));
        assert!(packet.rewrite(&mut syn, Rewrite::ClampMss(1000)));
        assert_eq!(packet.options(&syn)[2..6], [2, 4, 3, 232]);
    }

    #[test]
    fn a_syn_is_known_at_a_glance() {
        let syn = frame(b"", |tcp| tcp.syn = true);
        assert!(is_syn(&syn));
        assert!(!is_syn(&frame(b"data", |tcp| tcp.ack = true)));
        for length in 0..14 + 20 + 13 {
            assert!(!is_syn(&syn[..length]), "{length}");
        }
        let mut six = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6([1; 16], [2; 16], 64);
        let written = builder.tcp(1000, 2000, 7, 100).syn().write(&mut six, &[]);
        written.expect("frame");
        assert!(is_syn(&six));
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_no_packet_and_no_panic() {
        let whole = frame(b"payload", |tcp| tcp.ack = true);
        assert!(Packet::parse(&whole).is_some());
        for length in 0..whole.len() {
            assert!(Packet::parse(&whole[..length]).is_none(), "{length}");
        }
    }
}
