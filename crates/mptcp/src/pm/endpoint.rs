//! Endpoints and limits, and how they look in netlink.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::BitOr;

use netlink_packet_core::DefaultNla;
#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::netlink::NetlinkError;
use crate::netlink::attr::{self, Attributes};
use crate::types::AddressId;

/// An address that the path manager may use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Endpoint {
    /// Its id, 1 to 255; `None` lets the kernel choose.
    pub id: Option<AddressId>,
    /// The address.
    pub address: IpAddr,
    /// A port to announce and listen on, where it is not the connection's own.
    pub port: Option<u16>,
    /// What it is for.
    pub flags: EndpointFlags,
    /// Index of the network interface that it is bound to.
    pub ifindex: Option<u32>,
}

impl Endpoint {
    /// An endpoint that is for nothing yet.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self {
            id: None,
            address,
            port: None,
            flags: EndpointFlags::NONE,
            ifindex: None,
        }
    }

    /// The same with an id.
    #[must_use]
    pub const fn id(mut self, id: u8) -> Self {
        self.id = Some(AddressId(id));
        self
    }

    /// The same with a port.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The same with flags.
    #[must_use]
    pub const fn flags(mut self, flags: EndpointFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The same, bound to a network interface.
    #[must_use]
    pub const fn ifindex(mut self, ifindex: u32) -> Self {
        self.ifindex = Some(ifindex);
        self
    }

    /// One end of a subflow.
    pub(super) fn of(address: SocketAddr) -> Self {
        Self {
            port: Some(address.port()),
            ..Self::new(address.ip())
        }
    }

    /// The nest that the kernel expects.
    pub(crate) fn attribute(&self, kind: u16) -> DefaultNla {
        let mut nest = match self.address {
            IpAddr::V4(v4) => vec![
                attr::u16(ADDR_FAMILY, libc::AF_INET as u16),
                attr::bytes(ADDR_ADDR4, &v4.octets()),
            ],
            IpAddr::V6(v6) => vec![
                attr::u16(ADDR_FAMILY, libc::AF_INET6 as u16),
                attr::bytes(ADDR_ADDR6, &v6.octets()),
            ],
        };
        if let Some(id) = self.id {
            nest.push(attr::u8(ADDR_ID, id.0));
        }
        if let Some(port) = self.port {
            // In host byte order, whatever the specification of the family says:
            // `net/mptcp/pm_netlink.c` swaps it.
            nest.push(attr::u16(ADDR_PORT, port));
        }
        if self.flags != EndpointFlags::NONE {
            nest.push(attr::u32(ADDR_FLAGS, self.flags.0));
        }
        if let Some(ifindex) = self.ifindex {
            nest.push(attr::u32(ADDR_IF_IDX, ifindex));
        }
        attr::nested(kind, &nest)
    }

    /// Reads the attributes of a message that holds one endpoint.
    pub(crate) fn parse(bytes: &[u8], kind: u16) -> Result<Self, NetlinkError> {
        let malformed = NetlinkError::Malformed {
            what: "an endpoint",
        };
        let Some(nest) = Attributes::parse(bytes)?.nested(kind)? else {
            return Err(malformed);
        };
        let Some(address) = nest.ip(ADDR_ADDR4, ADDR_ADDR6) else {
            return Err(malformed);
        };
        Ok(Self {
            id: nest.u8(ADDR_ID).map(AddressId),
            address,
            port: nest.u16(ADDR_PORT).filter(|port| *port != 0),
            flags: EndpointFlags(nest.u32(ADDR_FLAGS).unwrap_or_default()),
            ifindex: nest.u32(ADDR_IF_IDX).filter(|index| *index != 0),
        })
    }
}

/// The nest that names an endpoint by its id alone.
pub(super) fn id_attribute(kind: u16, id: AddressId) -> DefaultNla {
    attr::nested(kind, &[attr::u8(ADDR_ID, id.0)])
}

/// The nest that names an endpoint by its id and gives it flags, none included.
pub(super) fn flags_attribute(kind: u16, id: AddressId, flags: EndpointFlags) -> DefaultNla {
    attr::nested(
        kind,
        &[attr::u8(ADDR_ID, id.0), attr::u32(ADDR_FLAGS, flags.0)],
    )
}

/// What an endpoint is for; unknown bits are kept.
///
/// That the kernel echoes a flag does not prove that it knows it: 6.16 and 6.17 echo any bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(transparent))]
pub struct EndpointFlags(pub u32);

impl EndpointFlags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Announce it to peers (ADD_ADDR).
    pub const SIGNAL: Self = Self(1);
    /// Open subflows from it (MP_JOIN).
    pub const SUBFLOW: Self = Self(1 << 1);
    /// Use its subflows only if there are no others.
    pub const BACKUP: Self = Self(1 << 2);
    /// Open subflows from it to each known address of the peer.
    pub const FULLMESH: Self = Self(1 << 3);
    /// Made by the kernel itself; refused from user space.
    pub const IMPLICIT: Self = Self(1 << 4);
    /// Open a subflow from it to an address that the peer announced (since 6.18).
    pub const LAMINAR: Self = Self(1 << 5);

    /// Whether all of these flags are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for EndpointFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for EndpointFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = [
            (Self::SIGNAL, "signal"),
            (Self::SUBFLOW, "subflow"),
            (Self::BACKUP, "backup"),
            (Self::FULLMESH, "fullmesh"),
            (Self::IMPLICIT, "implicit"),
            (Self::LAMINAR, "laminar"),
        ];
        let mut rest = self.0;
        let mut names = Vec::new();
        for (flag, name) in known {
            if self.contains(flag) {
                names.push(name.to_owned());
                rest &= !flag.0;
            }
        }
        if rest != 0 {
            names.push(format!("{rest:#x}"));
        }
        if names.is_empty() {
            f.write_str("none")
        } else {
            f.write_str(&names.join(" "))
        }
    }
}

/// Limits of each connection in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Limits {
    /// Subflows besides the first.
    pub subflows: u32,
    /// Announced addresses of the peer that are accepted.
    pub add_addr_accepted: u32,
}

impl Limits {
    pub(crate) fn attributes(self) -> [DefaultNla; 2] {
        [
            attr::u32(RCV_ADD_ADDRS, self.add_addr_accepted),
            attr::u32(SUBFLOWS, self.subflows),
        ]
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, NetlinkError> {
        let attributes = Attributes::parse(bytes)?;
        match (attributes.u32(SUBFLOWS), attributes.u32(RCV_ADD_ADDRS)) {
            (Some(subflows), Some(add_addr_accepted)) => Ok(Self {
                subflows,
                add_addr_accepted,
            }),
            _ => Err(NetlinkError::Malformed { what: "limits" }),
        }
    }
}

const ADDR_FAMILY: u16 = 1;
const ADDR_ID: u16 = 2;
const ADDR_ADDR4: u16 = 3;
const ADDR_ADDR6: u16 = 4;
const ADDR_PORT: u16 = 5;
const ADDR_FLAGS: u16 = 6;
const ADDR_IF_IDX: u16 = 7;

const RCV_ADD_ADDRS: u16 = 2;
const SUBFLOWS: u16 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// The attribute of `ip mptcp endpoint add 192.0.2.9 id 7 port 8443 signal backup` on a
    /// little-endian machine.
    #[cfg(target_endian = "little")]
    const SAMPLE: &[u8] = &[
        0x2c, 0x00, 0x01, 0x80, // nest of 44 bytes
        0x06, 0x00, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, // family: AF_INET
        0x08, 0x00, 0x03, 0x00, 192, 0, 2, 9, // address
        0x05, 0x00, 0x02, 0x00, 0x07, 0x00, 0x00, 0x00, // id
        0x06, 0x00, 0x05, 0x00, 0xfb, 0x20, 0x00, 0x00, // port, host byte order
        0x08, 0x00, 0x06, 0x00, 0x05, 0x00, 0x00, 0x00, // flags
    ];

    fn sample() -> Endpoint {
        Endpoint::new("192.0.2.9".parse().expect("an address"))
            .id(7)
            .port(8443)
            .flags(EndpointFlags::SIGNAL | EndpointFlags::BACKUP)
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_endpoint_is_written_byte_for_byte_as_the_kernel_expects() {
        assert_eq!(attr::emit(&[sample().attribute(1)]), SAMPLE);
    }

    #[test]
    fn endpoints_of_both_families_survive_the_way_there_and_back() {
        let v6 = Endpoint::new("2001:db8::9".parse().expect("an address"))
            .flags(EndpointFlags::SUBFLOW)
            .ifindex(3);
        for endpoint in [sample(), v6] {
            let bytes = attr::emit(&[endpoint.attribute(1)]);
            assert_eq!(Endpoint::parse(&bytes, 1).expect("an endpoint"), endpoint);
        }
    }

    #[test]
    fn an_endpoint_without_an_address_is_malformed() {
        let bytes = attr::emit(&[id_attribute(1, AddressId(3))]);
        assert!(Endpoint::parse(&bytes, 1).is_err());
        assert!(Endpoint::parse(&[], 1).is_err());
    }

    #[test]
    fn limits_survive_the_way_there_and_back() {
        let limits = Limits {
            subflows: 4,
            add_addr_accepted: 2,
        };
        assert_eq!(
            Limits::parse(&attr::emit(&limits.attributes())).expect("limits"),
            limits
        );
        assert!(Limits::parse(&attr::emit(&[attr::u32(SUBFLOWS, 1)])).is_err());
    }

    #[test]
    fn flags_are_named_and_unknown_bits_are_shown() {
        let flags = EndpointFlags::SIGNAL | EndpointFlags(1 << 9);
        assert_eq!(flags.to_string(), "signal 0x200");
        assert_eq!(EndpointFlags::NONE.to_string(), "none");
    }
}
