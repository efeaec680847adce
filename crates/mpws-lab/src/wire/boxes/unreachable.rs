//! A router that has lost its route: it drops, and tells the sender so by ICMP (RFC 792, RFC 4443
//! section 3.1).

use super::outlet::{OnSegments, Outlet};
use super::segment::Segment;
use crate::topology::End;
use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{Ethernet2Header, Icmpv4Type, Icmpv6Type, PacketBuilder, icmpv4};
use std::net::IpAddr;
use std::time::Instant;

/// Segments from the path's first host are unreachable; what comes from the second has no way back
/// either.
#[derive(Debug, Default)]
pub(crate) struct Unreachable;

impl OnSegments for Unreachable {
    fn segment(
        &mut self,
        from: End,
        segment: Segment,
        frame: Vec<u8>,
        _now: Instant,
        out: &mut Outlet<'_>,
    ) {
        if let Some(message) = message(&segment, &frame) {
            out.forged_frame(from, message);
        }
    }
}

/// Host unreachable for IPv4, no route for IPv6, quoting the packet.
fn message(segment: &Segment, frame: &[u8]) -> Option<Vec<u8>> {
    /// What both versions may quote without doubt: IP header and the first bytes of TCP (RFC 792).
    const QUOTE: usize = 128;
    let packet = frame.get(Ethernet2Header::LEN..)?;
    let quote = packet.get(..packet.len().min(QUOTE))?;
    let link = PacketBuilder::ethernet2(
        frame.get(0..6)?.try_into().ok()?,
        frame.get(6..12)?.try_into().ok()?,
    );
    let mut message = Vec::new();
    let written = match (segment.source().ip(), segment.destination().ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let code = icmpv4::DestUnreachableHeader::Host;
            link.ipv4(destination.octets(), source.octets(), 64)
                .icmpv4(Icmpv4Type::DestinationUnreachable(code))
                .write(&mut message, quote)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let code = DestUnreachableCode::NoRoute;
            link.ipv6(destination.octets(), source.octets(), 64)
                .icmpv6(Icmpv6Type::DestinationUnreachable(code))
                .write(&mut message, quote)
        }
        _ => return None,
    };
    written.ok().map(|()| message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{rig, segment};

    #[test]
    fn the_sender_is_told_and_the_packet_goes_nowhere() {
        for v6 in [false, true] {
            let mut rig = rig(Unreachable);
            let sent = segment(End::First, v6);
            let out = rig.send(End::First, &sent).frames();
            let [(End::First, message)] = &out[..] else {
                panic!("{out:?}");
            };
            let (kind, quoted) = if v6 { (54, 62) } else { (34, 42) };
            assert_eq!(message[kind], if v6 { 1 } else { 3 });
            assert!(sent.frame()[14..].starts_with(&message[quoted..]));
        }
    }
}
