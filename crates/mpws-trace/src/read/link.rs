//! What packets of a capture begin with, and the way from there to the IP header.

use std::fmt;

/// Link type of a capture (draft-ietf-opsawg-pcaplinktype).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: the address family in the byte order of the host that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// IP, its version to be seen from its first byte.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: the address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4.
    pub const IPV4: Self = Self(228);
    /// IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why there is no IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoIp {
    /// The link type is not one of those above.
    UnknownLink,
    /// It carries another protocol.
    OtherProtocol,
    /// It ends before that.
    TooShort,
}

/// What follows the headers of the link, VLAN tags included: a packet that says to be IP.
pub(crate) fn ip_of(link: LinkType, frame: &[u8]) -> Result<&[u8], NoIp> {
    let (protocol, rest) = match link {
        LinkType::ETHERNET => split(frame, ETHERNET_TYPE_AT, ETHERNET_HEADER)?,
        LinkType::LINUX_SLL => split(frame, SLL_PROTOCOL_AT, SLL_HEADER)?,
        LinkType::LINUX_SLL2 => split(frame, 0, SLL2_HEADER)?,
        // 12 and 14 are what DLT_RAW is on some systems.
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType(12 | 14) => return Ok(frame),
        LinkType::NULL | LinkType::LOOP => return after_family(frame),
        _ => return Err(NoIp::UnknownLink),
    };
    after_tags(protocol, rest)
}

fn after_tags(mut protocol: u16, mut rest: &[u8]) -> Result<&[u8], NoIp> {
    while matches!(protocol, VLAN | VLAN_SERVICE | VLAN_OLD_SERVICE) {
        (protocol, rest) = split(rest, VLAN_TYPE_AT, VLAN_TAG)?;
    }
    match protocol {
        ETHER_IPV4 | ETHER_IPV6 => Ok(rest),
        _ => Err(NoIp::OtherProtocol),
    }
}

/// The number of AF_INET is the same everywhere, that of AF_INET6 is not. The byte order is that of
/// the host, but no family needs more than its lowest byte.
fn after_family(frame: &[u8]) -> Result<&[u8], NoIp> {
    let (family, rest) = frame.split_first_chunk().ok_or(NoIp::TooShort)?;
    match family {
        [family, 0, 0, 0] | [0, 0, 0, family] if [2, 10, 24, 28, 30].contains(family) => Ok(rest),
        _ => Err(NoIp::OtherProtocol),
    }
}

/// A protocol number at a place in a header, and what follows the header.
fn split(bytes: &[u8], at: usize, header: usize) -> Result<(u16, &[u8]), NoIp> {
    let protocol = bytes.get(at..).and_then(<[u8]>::first_chunk);
    match (protocol, bytes.get(header..)) {
        (Some(protocol), Some(rest)) => Ok((u16::from_be_bytes(*protocol), rest)),
        _ => Err(NoIp::TooShort),
    }
}

const ETHERNET_HEADER: usize = 14;
const ETHERNET_TYPE_AT: usize = 12;
const VLAN_TAG: usize = 4;
const VLAN_TYPE_AT: usize = 2;
const SLL_HEADER: usize = 16;
const SLL_PROTOCOL_AT: usize = 14;
const SLL2_HEADER: usize = 20;
const ETHER_IPV4: u16 = 0x0800;
const ETHER_IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const VLAN_SERVICE: u16 = 0x88a8;
const VLAN_OLD_SERVICE: u16 = 0x9100;
