//! What the path manager tells of connections, subflows and announcements.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Instant;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use super::family::{FAMILY, GENERIC};
use crate::netlink::attr::Attributes;
use crate::netlink::generic::{self, Family};
use crate::netlink::{Channel, NetlinkError};
use crate::types::{AddressId, Token};

/// Hears the events of one network namespace. Needs `CAP_NET_ADMIN` over it.
#[derive(Debug)]
pub struct EventSocket {
    channel: Channel,
    family: Family,
}

impl EventSocket {
    /// Listens in the calling thread's network namespace, from now on.
    ///
    /// # Errors
    ///
    /// [`NetlinkError::NoFamily`] without MPTCP, [`NetlinkError::NoGroup`] on kernels before 5.12,
    /// `EPERM` without the right.
    pub fn new() -> Result<Self, NetlinkError> {
        Self::over(Channel::new(GENERIC)?)
    }

    /// Listens through a socket `AF_NETLINK`/`NETLINK_GENERIC` made in the namespace to be heard.
    ///
    /// # Errors
    ///
    /// As [`EventSocket::new`]; also if the descriptor is no such socket.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, NetlinkError> {
        Self::over(Channel::from_fd(fd))
    }

    fn over(mut channel: Channel) -> Result<Self, NetlinkError> {
        let family = Family::find(&mut channel, FAMILY)?;
        channel.join(family.group(GROUP)?)?;
        Ok(Self { channel, family })
    }

    /// Waits for the next event until the deadline, then gives `None`.
    ///
    /// # Errors
    ///
    /// [`NetlinkError::Overrun`] if events were lost; later ones still come.
    pub fn next(&mut self, deadline: Instant) -> Result<Option<Event>, NetlinkError> {
        loop {
            match self.channel.news(Some(deadline))? {
                None => return Ok(None),
                Some(message) if message.kind == self.family.id => {
                    return Event::parse(&message.payload).map(Some);
                }
                Some(_) => {}
            }
        }
    }
}

impl std::os::fd::AsFd for EventSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// Something that happened. Which fields are there depends on the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Local token of the connection; listeners have none.
    pub token: Option<Token>,
    /// Own address.
    pub local_address: Option<IpAddr>,
    /// Own port.
    pub local_port: Option<u16>,
    /// Own address id.
    pub local_id: Option<AddressId>,
    /// The peer's address.
    pub remote_address: Option<IpAddr>,
    /// The peer's port.
    pub remote_port: Option<u16>,
    /// The peer's address id.
    pub remote_id: Option<AddressId>,
    /// Whether the subflow is for backup.
    pub backup: Option<bool>,
    /// Error number with which the subflow ended; `None` if none.
    pub error: Option<i32>,
    /// Flags of the connection.
    pub flags: Option<EventFlags>,
    /// Index of the network interface.
    pub ifindex: Option<u32>,
    /// Reason of a reset (RFC 8684 section 3.6).
    pub reset_reason: Option<ResetReason>,
    /// Flags of a reset; bit 0 says that the trouble is transient.
    pub reset_flags: Option<u32>,
    /// Whether this end accepted the connection; `None` where the kernel does not say.
    pub server_side: Option<bool>,
}

impl Event {
    /// Reads the payload of a message of the family.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, NetlinkError> {
        let (command, attributes) = generic::header(payload)?;
        let attributes = Attributes::parse(attributes)?;
        let flags = attributes.u16(FLAGS).map(EventFlags);
        Ok(Self {
            kind: EventKind::of(command),
            token: attributes.u32(TOKEN).map(Token),
            local_address: attributes.ip(SADDR4, SADDR6),
            local_port: attributes.be16(SPORT),
            local_id: attributes.u8(LOC_ID).map(AddressId),
            remote_address: attributes.ip(DADDR4, DADDR6),
            remote_port: attributes.be16(DPORT),
            remote_id: attributes.u8(REM_ID).map(AddressId),
            backup: attributes.u8(BACKUP).map(|backup| backup != 0),
            error: attributes
                .u8(ERROR)
                .map(i32::from)
                .filter(|error| *error != 0),
            flags,
            ifindex: attributes.u32(IF_IDX),
            reset_reason: attributes.u32(RESET_REASON).map(ResetReason),
            reset_flags: attributes.u32(RESET_FLAGS),
            server_side: attributes
                .u8(SERVER_SIDE)
                .map(|side| side != 0)
                .or_else(|| flags.filter(|flags| flags.server_side()).map(|_| true)),
        })
    }

    /// Own address and port.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.local_address?, self.local_port?))
    }

    /// The peer's address and port.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.remote_address?, self.remote_port?))
    }
}

/// What happened (`enum mptcp_event_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum EventKind {
    /// A connection began.
    Created,
    /// A connection can have more subflows now.
    Established,
    /// A connection is gone.
    Closed,
    /// The peer announced an address.
    Announced,
    /// The peer took an address back.
    Removed,
    /// A subflow was added.
    SubflowEstablished,
    /// A subflow is gone.
    SubflowClosed,
    /// A subflow became backup, or ceased to be.
    SubflowPriority,
    /// An MPTCP listener began, a program's or the kernel's own for an endpoint with a port.
    ListenerCreated,
    /// An MPTCP listener ended.
    ListenerClosed,
    /// A kind that this crate does not know.
    Other(u8),
}

impl EventKind {
    const fn of(command: u8) -> Self {
        match command {
            1 => Self::Created,
            2 => Self::Established,
            3 => Self::Closed,
            6 => Self::Announced,
            7 => Self::Removed,
            10 => Self::SubflowEstablished,
            11 => Self::SubflowClosed,
            13 => Self::SubflowPriority,
            15 => Self::ListenerCreated,
            16 => Self::ListenerClosed,
            other => Self::Other(other),
        }
    }
}

/// Flags of a connection in an event; unknown bits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(transparent))]
pub struct EventFlags(pub u16);

impl EventFlags {
    /// The peer wants no subflows to its first address (RFC 8684 section 3.1, flag C).
    #[must_use]
    pub const fn deny_join_id0(self) -> bool {
        self.0 & 1 != 0
    }

    /// This end accepted the connection; older kernels say it in an attribute of its own.
    #[must_use]
    pub const fn server_side(self) -> bool {
        self.0 & 2 != 0
    }
}

/// Reason code of MP_TCPRST (RFC 8684 section 3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(transparent))]
pub struct ResetReason(pub u32);

impl fmt::Display for ResetReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "unspecified",
            1 => "MPTCP-specific error",
            2 => "lack of resources",
            3 => "administratively prohibited",
            4 => "too much outstanding data",
            5 => "unacceptable performance",
            6 => "middlebox interference",
            other => return write!(f, "reason {other}"),
        })
    }
}

/// The multicast group.
const GROUP: &str = "mptcp_pm_events";

const TOKEN: u16 = 1;
const LOC_ID: u16 = 3;
const REM_ID: u16 = 4;
const SADDR4: u16 = 5;
const SADDR6: u16 = 6;
const DADDR4: u16 = 7;
const DADDR6: u16 = 8;
const SPORT: u16 = 9;
const DPORT: u16 = 10;
const BACKUP: u16 = 11;
const ERROR: u16 = 12;
const FLAGS: u16 = 13;
const IF_IDX: u16 = 15;
const RESET_REASON: u16 = 16;
const RESET_FLAGS: u16 = 17;
const SERVER_SIDE: u16 = 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attr;

    fn event(command: u8, attributes: &[netlink_packet_core::DefaultNla]) -> Event {
        Event::parse(&generic::payload(command, 1, &attr::emit(attributes))).expect("an event")
    }

    #[test]
    fn the_end_of_a_subflow_is_read_with_its_error_and_reason() {
        let event = event(
            11,
            &[
                attr::u32(TOKEN, 0x1234_5678),
                attr::u16(2, libc::AF_INET as u16),
                attr::u8(LOC_ID, 1),
                attr::u8(REM_ID, 2),
                attr::bytes(SADDR4, &[192, 0, 2, 1]),
                attr::bytes(DADDR4, &[192, 0, 2, 2]),
                attr::bytes(SPORT, &4000u16.to_be_bytes()),
                attr::bytes(DPORT, &5000u16.to_be_bytes()),
                attr::u8(BACKUP, 0),
                attr::u8(ERROR, libc::ECONNRESET as u8),
                attr::u32(RESET_REASON, 3),
                attr::u32(RESET_FLAGS, 1),
            ],
        );
        assert_eq!(event.kind, EventKind::SubflowClosed);
        assert_eq!(event.token, Some(Token(0x1234_5678)));
        assert_eq!(event.local(), "192.0.2.1:4000".parse().ok());
        assert_eq!(event.remote(), "192.0.2.2:5000".parse().ok());
        assert_eq!(
            (event.local_id, event.remote_id),
            (Some(AddressId(1)), Some(AddressId(2)))
        );
        assert_eq!(event.backup, Some(false));
        assert_eq!(event.error, Some(libc::ECONNRESET));
        let reason = event.reset_reason.map(|reason| reason.to_string());
        assert_eq!(reason.as_deref(), Some("administratively prohibited"));
        assert_eq!(event.server_side, None);
    }

    #[test]
    fn the_server_s_side_is_read_from_the_attribute_and_from_the_flag() {
        assert_eq!(
            event(1, &[attr::u8(SERVER_SIDE, 1)]).server_side,
            Some(true)
        );
        assert_eq!(
            event(1, &[attr::u8(SERVER_SIDE, 0)]).server_side,
            Some(false)
        );
        assert_eq!(event(1, &[attr::u16(FLAGS, 2)]).server_side, Some(true));
        assert_eq!(event(1, &[]).server_side, None);
    }

    #[test]
    fn an_event_of_ipv6_and_one_of_an_unknown_kind_are_read() {
        let address = "2001:db8::1"
            .parse::<std::net::Ipv6Addr>()
            .expect("an address");
        let known = event(15, &[attr::bytes(SADDR6, &address.octets())]);
        assert_eq!(known.kind, EventKind::ListenerCreated);
        assert_eq!(known.local_address, Some(address.into()));
        assert_eq!(event(200, &[]).kind, EventKind::Other(200));
    }

    #[test]
    fn an_event_that_is_cut_off_is_malformed() {
        assert!(Event::parse(&[1, 1]).is_err());
        assert!(Event::parse(&[1, 1, 0, 0, 9, 0, 1, 0]).is_err());
    }
}
