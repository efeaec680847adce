//! A TCP segment as a value: taken apart, changed, and put together again with good checksums.

use crate::topology::{End, MTU};
use etherparse::{
    Ethernet2Header, IpHeaders, NetHeaders, PacketHeaders, TcpHeader, TransportHeader,
};
use mpws_codec::mptcp::options::{self, KIND_MSS, KIND_SACK};
use std::net::{IpAddr, SocketAddr};

/// A TCP segment with its headers, in a frame of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    link: Ethernet2Header,
    ip: IpHeaders,
    /// Its checksum is 0; [`Segment::frame`] computes it.
    pub(crate) tcp: TcpHeader,
    pub(crate) payload: Vec<u8>,
}

/// A TCP connection on a path, by the addresses that its two ends have there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flow {
    pub(crate) first: SocketAddr,
    pub(crate) second: SocketAddr,
}

impl Segment {
    /// `None` for what is no whole TCP segment in a plain Ethernet frame.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        let headers = PacketHeaders::from_ethernet_slice(frame).ok()?;
        if !headers.link_exts.is_empty() {
            return None;
        }
        let mut ip = match headers.net? {
            NetHeaders::Ipv4(mut header, extensions) => {
                header.header_checksum = 0;
                IpHeaders::Ipv4(header, extensions)
            }
            NetHeaders::Ipv6(header, extensions) => IpHeaders::Ipv6(header, extensions),
            NetHeaders::Arp(_) => return None,
        };
        let Some(TransportHeader::Tcp(mut tcp)) = headers.transport else {
            return None;
        };
        // Lengths and checksums are made anew; without them segments that are alike are equal.
        ip.set_payload_len(0).ok()?;
        tcp.checksum = 0;
        Some(Self {
            link: headers.link?.ethernet2()?,
            ip,
            tcp,
            payload: headers.payload.slice().to_vec(),
        })
    }

    /// The frame; empty for a payload that no packet can hold.
    pub(crate) fn frame(&self) -> Vec<u8> {
        self.write().unwrap_or_default()
    }

    fn write(&self) -> Option<Vec<u8>> {
        let mut ip = self.ip.clone();
        let length = self.tcp.header_len() + self.payload.len();
        ip.set_payload_len(length).ok()?;
        let mut tcp = self.tcp.clone();
        tcp.checksum = match &ip {
            IpHeaders::Ipv4(header, _) => tcp.calc_checksum_ipv4(header, &self.payload).ok()?,
            IpHeaders::Ipv6(header, _) => tcp.calc_checksum_ipv6(header, &self.payload).ok()?,
        };
        let mut frame = Vec::with_capacity(Ethernet2Header::LEN + ip.header_len() + length);
        self.link.write(&mut frame).ok()?;
        ip.write(&mut frame).ok()?;
        tcp.write(&mut frame).ok()?;
        frame.extend_from_slice(&self.payload);
        Some(frame)
    }

    pub(crate) fn source(&self) -> SocketAddr {
        SocketAddr::new(self.addresses().0, self.tcp.source_port)
    }

    pub(crate) fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.addresses().1, self.tcp.destination_port)
    }

    /// The connection that it belongs to.
    pub(crate) fn flow(&self, from: End) -> Flow {
        match from {
            End::First => Flow {
                first: self.source(),
                second: self.destination(),
            },
            End::Second => Flow {
                first: self.destination(),
                second: self.source(),
            },
        }
    }

    /// Changes where it comes from. An address of the other version of IP changes nothing.
    pub(crate) fn set_source(&mut self, source: SocketAddr) {
        match (&mut self.ip, source.ip()) {
            (IpHeaders::Ipv4(header, _), IpAddr::V4(ip)) => header.source = ip.octets(),
            (IpHeaders::Ipv6(header, _), IpAddr::V6(ip)) => header.source = ip.octets(),
            _ => return,
        }
        self.tcp.source_port = source.port();
    }

    /// Changes where it goes. An address of the other version of IP changes nothing.
    pub(crate) fn set_destination(&mut self, destination: SocketAddr) {
        match (&mut self.ip, destination.ip()) {
            (IpHeaders::Ipv4(header, _), IpAddr::V4(ip)) => header.destination = ip.octets(),
            (IpHeaders::Ipv6(header, _), IpAddr::V6(ip)) => header.destination = ip.octets(),
            _ => return,
        }
        self.tcp.destination_port = destination.port();
    }

    /// Changes the Ethernet addresses.
    pub(crate) fn set_link(&mut self, source: [u8; 6], destination: [u8; 6]) {
        self.link.source = source;
        self.link.destination = destination;
    }

    /// The sequence number after it: SYN and FIN count as a byte each (RFC 9293 section 3.4).
    pub(crate) fn end(&self) -> u32 {
        let flags = u32::from(self.tcp.syn) + u32::from(self.tcp.fin);
        self.start_of_next(flags)
    }

    fn start_of_next(&self, flags: u32) -> u32 {
        self.tcp
            .sequence_number
            .wrapping_add(self.payload.len() as u32)
            .wrapping_add(flags)
    }

    /// SYN without ACK.
    pub(crate) fn opens(&self) -> bool {
        self.tcp.syn && !self.tcp.ack
    }

    /// SYN with ACK.
    pub(crate) fn accepts(&self) -> bool {
        self.tcp.syn && self.tcp.ack
    }

    /// The bytes of the TCP options.
    pub(crate) fn options(&self) -> &[u8] {
        self.tcp.options.as_slice()
    }

    /// Sets the TCP options, padded with end-of-list to a multiple of 4; says whether they had room
    /// (40 bytes).
    pub(crate) fn set_options(&mut self, options: &[u8]) -> bool {
        self.tcp.set_options_raw(options).is_ok()
    }

    /// Lets a function change the options in place.
    pub(crate) fn edit_options<R>(&mut self, change: impl FnOnce(&mut [u8]) -> R) -> R {
        change(self.tcp.options.as_mut_slice())
    }

    /// Maps both edges of every SACK block (RFC 2018 section 3).
    pub(crate) fn map_sack(&mut self, map: impl Fn(u32) -> u32) {
        let blocks: Vec<_> = options::iter(self.options())
            .map_while(Result::ok)
            .filter(|option| option.kind() == KIND_SACK)
            .map(|option| option.offset + 2..option.offset + option.bytes.len())
            .collect();
        self.edit_options(|bytes| {
            for range in blocks {
                let edges = bytes.get_mut(range).unwrap_or_default();
                for edge in edges.chunks_exact_mut(4) {
                    if let Ok(number) = <[u8; 4]>::try_from(&*edge) {
                        let mapped = map(u32::from_be_bytes(number));
                        edge.copy_from_slice(&mapped.to_be_bytes());
                    }
                }
            }
        });
    }

    /// The maximum segment size that a SYN announces (RFC 9293 section 3.7.1).
    pub(crate) fn mss(&self) -> Option<u16> {
        options::iter(self.options())
            .map_while(Result::ok)
            .find(|option| option.kind() == KIND_MSS)
            .and_then(|option| option.bytes.get(2..4)?.try_into().ok())
            .map(u16::from_be_bytes)
    }

    /// The largest payload that fits with these headers into a packet of the path's usual 1500
    /// bytes.
    pub(crate) fn room(&self) -> usize {
        usize::from(MTU).saturating_sub(self.ip.header_len() + self.tcp.header_len())
    }

    /// A bare segment in the same direction: no flags, options, payload; numbers of 0.
    pub(crate) fn bare(&self) -> Self {
        let (from, to) = (self.tcp.source_port, self.tcp.destination_port);
        Self {
            link: self.link.clone(),
            ip: self.ip.clone(),
            tcp: TcpHeader::new(from, to, 0, 0),
            payload: Vec::new(),
        }
    }

    /// A bare segment in the other direction.
    pub(crate) fn back(&self) -> Self {
        let mut back = self.bare();
        back.link.source = self.link.destination;
        back.link.destination = self.link.source;
        back.set_source(self.destination());
        back.set_destination(self.source());
        back
    }

    /// The reset that its receiver would send in answer (RFC 9293 section 3.10.7.1).
    pub(crate) fn refusal(&self) -> Self {
        let mut reset = self.back();
        reset.tcp.rst = true;
        if self.tcp.ack {
            reset.tcp.sequence_number = self.tcp.acknowledgment_number;
        } else {
            reset.tcp.ack = true;
            reset.tcp.acknowledgment_number = self.end();
        }
        reset
    }

    fn addresses(&self) -> (IpAddr, IpAddr) {
        match &self.ip {
            IpHeaders::Ipv4(header, _) => (header.source.into(), header.destination.into()),
            IpHeaders::Ipv6(header, _) => (header.source.into(), header.destination.into()),
        }
    }
}

/// Whether `a` comes before `b` in the circle of sequence numbers (RFC 9293 section 3.4).
pub(crate) fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b)).cast_signed() < 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::segment;

    #[test]
    fn what_is_taken_apart_and_put_together_is_the_same_frame() {
        for v6 in [false, true] {
            let mut sent = segment(End::First, v6);
            sent.payload = b"payload".to_vec();
            assert!(sent.set_options(&[2, 4, 5, 180]));
            let frame = sent.frame();
            let again = Segment::parse(&frame).expect("segment");
            assert_eq!(again.frame(), frame);
            assert_eq!(again.payload, b"payload");
            assert_eq!(again.mss(), Some(1460));
        }
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_no_segment_and_no_panic() {
        let mut whole = segment(End::First, false);
        whole.payload = vec![7; 20];
        let frame = whole.frame();
        for length in 0..frame.len() {
            assert_eq!(Segment::parse(&frame[..length]), None, "{length}");
        }
    }

    #[test]
    fn both_edges_of_every_sack_block_are_mapped_and_nothing_else() {
        let mut ack = segment(End::First, false);
        let mut options = vec![1, 1, 5, 18];
        for edge in [10_u32, 20, 30, u32::MAX] {
            options.extend(edge.to_be_bytes());
        }
        assert!(ack.set_options(&options));
        ack.map_sack(|edge| edge.wrapping_add(1));
        let mut mapped = vec![1, 1, 5, 18];
        for edge in [11_u32, 21, 31, 0] {
            mapped.extend(edge.to_be_bytes());
        }
        assert_eq!(ack.options(), mapped);
    }

    #[test]
    fn order_in_the_circle_survives_the_wrap() {
        assert!(before(u32::MAX, 3));
        assert!(!before(3, u32::MAX));
        assert!(!before(5, 5));
    }
}
