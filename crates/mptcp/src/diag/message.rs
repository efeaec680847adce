//! Requests and answers of `inet_diag` (`include/uapi/linux/inet_diag.h`).

use std::net::{IpAddr, SocketAddr};

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::fields::Fields;
use crate::netlink::NetlinkError;
use crate::netlink::attr::{self, Attributes};
use crate::sockopt::{MptcpInfo, TcpInfo};
use crate::types::{AddressId, Token};

/// An MPTCP socket, a row of `ss -M`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct MptcpSocket {
    /// State of the connection.
    pub state: State,
    /// Own address.
    pub local: SocketAddr,
    /// The peer's address; unspecified and port 0 for a listener.
    pub remote: SocketAddr,
    /// Owner.
    pub uid: u32,
    /// Inode number, as in `/proc/PID/fd`; 0 once the program closed it.
    pub inode: u32,
    /// The kernel's name of the socket.
    pub cookie: u64,
    /// Memory in the receive queue, in bytes; for a listener connections that wait to be accepted.
    pub receive_queue: u32,
    /// Memory in the send queue, in bytes; for a listener the backlog.
    pub send_queue: u32,
    /// `struct mptcp_info`, where the kernel gave it.
    pub info: Option<MptcpInfo>,
}

impl MptcpSocket {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, NetlinkError> {
        let row = Row::parse(payload)?;
        let info = match row.attributes.value(INFO) {
            None => None,
            // A shorter one would be a fault, and must not look like a kernel that gives none.
            Some(bytes) => Some(MptcpInfo::parse(bytes).ok_or(NetlinkError::Malformed {
                what: "an mptcp_info",
            })?),
        };
        Ok(Self {
            state: row.state,
            local: row.local,
            remote: row.remote,
            uid: row.uid,
            inode: row.inode,
            cookie: row.cookie,
            receive_queue: row.receive_queue,
            send_queue: row.send_queue,
            info,
        })
    }

    /// Local token.
    #[must_use]
    pub fn token(&self) -> Option<Token> {
        self.info.as_ref().map(|info| info.token)
    }

    /// Whether the connection fell back to TCP.
    #[must_use]
    pub fn fallback(&self) -> Option<bool> {
        self.info.as_ref().map(|info| info.flags.fallback())
    }

    /// Whether the peer's key has come.
    #[must_use]
    pub fn remote_key_received(&self) -> Option<bool> {
        self.info
            .as_ref()
            .map(|info| info.flags.remote_key_received())
    }

    /// Subflows besides the first, those whose handshake is not done included.
    #[must_use]
    pub fn subflows(&self) -> Option<u8> {
        self.info.as_ref().map(|info| info.subflows)
    }
}

/// A TCP socket that is a subflow, a row of `ss -t`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct TcpSubflow {
    /// State of the subflow.
    pub state: State,
    /// Own address.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// Owner.
    pub uid: u32,
    /// Inode number; 0, since the program holds the MPTCP socket only.
    pub inode: u32,
    /// The kernel's name of the socket.
    pub cookie: u64,
    /// Its MPTCP side; `None` for a listener, and on older kernels without `CAP_NET_ADMIN`.
    pub subflow: Option<SubflowInfo>,
    /// Its TCP side.
    pub tcp: Option<TcpInfo>,
    /// `SO_MARK`; only told with `CAP_NET_ADMIN`.
    pub mark: Option<u32>,
}

impl TcpSubflow {
    /// `None` if it is a TCP socket like any other.
    pub(crate) fn parse(payload: &[u8]) -> Result<Option<Self>, NetlinkError> {
        let row = Row::parse(payload)?;
        let Some(ulp) = row.attributes.nested(ULP_INFO)? else {
            return Ok(None);
        };
        if ulp.string(ULP_NAME).as_deref() != Some("mptcp") {
            return Ok(None);
        }
        let subflow = match ulp.nested(ULP_MPTCP)? {
            None => None,
            Some(nest) => SubflowInfo::parse(&nest),
        };
        Ok(Some(Self {
            state: row.state,
            local: row.local,
            remote: row.remote,
            uid: row.uid,
            inode: row.inode,
            cookie: row.cookie,
            subflow,
            tcp: row.attributes.value(INFO).and_then(TcpInfo::parse),
            mark: row.attributes.u32(MARK),
        }))
    }
}

/// The MPTCP side of a subflow (`INET_ULP_INFO_MPTCP`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct SubflowInfo {
    /// Token of the peer; only told of a joined subflow, 0 on the first one.
    pub remote_token: Token,
    /// Own token.
    pub local_token: Token,
    /// The peer's address id.
    pub remote_id: AddressId,
    /// Own address id.
    pub local_id: AddressId,
    /// How far it got.
    pub flags: SubflowFlags,
    /// Subflow sequence number written so far, relative.
    pub relative_write_seq: Option<u32>,
    /// Data sequence number of the mapping that is being received.
    pub map_seq: Option<u64>,
    /// Subflow sequence number of that mapping.
    pub map_subflow_seq: Option<u32>,
    /// Its length, in bytes.
    pub map_data_len: Option<u16>,
    /// Initial sequence number of the peer on the subflow.
    pub ssn_offset: Option<u32>,
}

impl SubflowInfo {
    fn parse(nest: &Attributes<'_>) -> Option<Self> {
        Some(Self {
            remote_token: Token(nest.u32(SUBFLOW_TOKEN_REM)?),
            local_token: Token(nest.u32(SUBFLOW_TOKEN_LOC)?),
            remote_id: AddressId(nest.u8(SUBFLOW_ID_REM)?),
            local_id: AddressId(nest.u8(SUBFLOW_ID_LOC)?),
            flags: SubflowFlags(nest.u32(SUBFLOW_FLAGS)?),
            relative_write_seq: nest.u32(SUBFLOW_RELWRITE_SEQ),
            map_seq: nest.u64(SUBFLOW_MAP_SEQ),
            map_subflow_seq: nest.u32(SUBFLOW_MAP_SFSEQ),
            map_data_len: nest.u16(SUBFLOW_MAP_DATALEN),
            ssn_offset: nest.u32(SUBFLOW_SSN_OFFSET),
        })
    }
}

/// `MPTCP_SUBFLOW_FLAG_*`, unknown bits kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(transparent))]
pub struct SubflowFlags(pub u32);

impl SubflowFlags {
    /// The peer sent MP_CAPABLE.
    pub const MP_CAPABLE_REMOTE: Self = Self(1);
    /// This end sent MP_CAPABLE.
    pub const MP_CAPABLE_LOCAL: Self = Self(1 << 1);
    /// The peer sent MP_JOIN.
    pub const JOIN_REMOTE: Self = Self(1 << 2);
    /// This end sent MP_JOIN.
    pub const JOIN_LOCAL: Self = Self(1 << 3);
    /// The peer wants it for backup.
    pub const BACKUP_REMOTE: Self = Self(1 << 4);
    /// This end wants it for backup.
    pub const BACKUP_LOCAL: Self = Self(1 << 5);
    /// The handshake is done, and the peer knows it.
    pub const FULLY_ESTABLISHED: Self = Self(1 << 6);
    /// The handshake is done.
    pub const CONNECTED: Self = Self(1 << 7);
    /// A mapping is being received.
    pub const MAP_VALID: Self = Self(1 << 8);

    /// Whether all of these flags are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// State of a TCP or MPTCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case")
)]
#[expect(
    missing_docs,
    reason = "the names are those of RFC 9293 and the kernel"
)]
pub enum State {
    Established,
    SynSent,
    SynRecv,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
    NewSynRecv,
    /// A number that this crate does not know.
    Other(u8),
}

impl State {
    const fn of(number: u8) -> Self {
        match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            12 => Self::NewSynRecv,
            other => Self::Other(other),
        }
    }
}

/// `struct inet_diag_req_v2` and the protocol.
pub(super) fn request(family: i32, protocol: i32, states: u32) -> Vec<u8> {
    let mut bytes = vec![0; REQUEST];
    bytes[0] = family as u8;
    // The byte for the protocol stays 0: a kernel that ignores the attribute then finds no handler
    // and says so, where the low byte of 262 would make it tell of TCP.
    bytes[2] = 1 << (INFO - 1);
    bytes[4..8].copy_from_slice(&states.to_ne_bytes());
    // No cookie: any socket.
    bytes[48..56].fill(0xff);
    bytes.extend(attr::emit(&[attr::u32(REQ_PROTOCOL, protocol as u32)]));
    bytes
}

/// What a program would send that knows only the byte for the protocol.
#[cfg(test)]
pub(super) fn request_without_attribute(family: i32, protocol: u8) -> Vec<u8> {
    let mut bytes = request(family, 0, ALL_STATES);
    bytes.truncate(REQUEST);
    bytes[1] = protocol;
    bytes
}

/// Both addresses of any row.
#[cfg(test)]
pub(super) fn addresses(payload: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    Row::parse(payload).ok().map(|row| (row.local, row.remote))
}

/// `struct inet_diag_msg` and the attributes behind it.
struct Row<'a> {
    state: State,
    local: SocketAddr,
    remote: SocketAddr,
    uid: u32,
    inode: u32,
    cookie: u64,
    receive_queue: u32,
    send_queue: u32,
    attributes: Attributes<'a>,
}

impl<'a> Row<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, NetlinkError> {
        let malformed = || NetlinkError::Malformed {
            what: "an inet_diag_msg",
        };
        let attributes = Attributes::parse(payload.get(MESSAGE..).ok_or_else(malformed)?)?;
        Self::fixed(Fields(payload), attributes).ok_or_else(malformed)
    }

    fn fixed(fields: Fields<'_>, attributes: Attributes<'a>) -> Option<Self> {
        let family = i32::from(fields.u8(0)?);
        let address = |port: usize, address: usize| {
            let ip = match family {
                libc::AF_INET => IpAddr::from(fields.array::<4>(address)?),
                libc::AF_INET6 => IpAddr::from(fields.array::<16>(address)?),
                _ => return None,
            };
            Some(SocketAddr::new(ip, fields.be16(port)?))
        };
        Some(Self {
            state: State::of(fields.u8(1)?),
            local: address(4, 8)?,
            remote: address(6, 24)?,
            cookie: u64::from(fields.u32(44)?) | u64::from(fields.u32(48)?) << 32,
            receive_queue: fields.u32(56)?,
            send_queue: fields.u32(60)?,
            uid: fields.u32(64)?,
            inode: fields.u32(68)?,
            attributes,
        })
    }
}

/// Message type of requests and answers.
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Bytes of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// Bytes of `struct inet_diag_msg`.
const MESSAGE: usize = 72;
/// Sockets in any state; a request has a bit for each, at its number.
pub(super) const ALL_STATES: u32 = u32::MAX;
/// Sockets that do not listen (`TCP_LISTEN` is 10).
pub(super) const NO_LISTENERS: u32 = ALL_STATES & !(1 << 10);

const REQ_PROTOCOL: u16 = 3;
const INFO: u16 = 2;
const MARK: u16 = 15;
const ULP_INFO: u16 = 19;
const ULP_NAME: u16 = 1;
const ULP_MPTCP: u16 = 3;

const SUBFLOW_TOKEN_REM: u16 = 1;
const SUBFLOW_TOKEN_LOC: u16 = 2;
const SUBFLOW_RELWRITE_SEQ: u16 = 3;
const SUBFLOW_MAP_SEQ: u16 = 4;
const SUBFLOW_MAP_SFSEQ: u16 = 5;
const SUBFLOW_SSN_OFFSET: u16 = 6;
const SUBFLOW_MAP_DATALEN: u16 = 7;
const SUBFLOW_FLAGS: u16 = 8;
const SUBFLOW_ID_REM: u16 = 9;
const SUBFLOW_ID_LOC: u16 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn a_request_for_mptcp_names_its_protocol_in_the_attribute_and_not_in_the_byte() {
        let bytes = request(libc::AF_INET, libc::IPPROTO_MPTCP, ALL_STATES);
        assert_eq!(bytes.len(), 64);
        assert_eq!(bytes[..4], [2, 0, 2, 0]);
        assert_eq!(
            bytes[56..],
            [0x08, 0x00, 0x03, 0x00, 0x06, 0x01, 0x00, 0x00]
        );
    }

    /// A row with addresses, a state and attributes.
    fn row(family: i32, attributes: &[netlink_packet_core::DefaultNla]) -> Vec<u8> {
        let mut bytes = vec![0; MESSAGE];
        bytes[0] = family as u8;
        bytes[1] = 1;
        bytes[4..6].copy_from_slice(&4000u16.to_be_bytes());
        bytes[6..8].copy_from_slice(&5000u16.to_be_bytes());
        bytes[8..12].copy_from_slice(&[192, 0, 2, 1]);
        bytes[24..28].copy_from_slice(&[192, 0, 2, 2]);
        bytes[44..52].copy_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0]);
        bytes[64..68].copy_from_slice(&1000u32.to_ne_bytes());
        bytes[68..72].copy_from_slice(&77u32.to_ne_bytes());
        bytes.extend(attr::emit(attributes));
        bytes
    }

    #[test]
    fn an_mptcp_socket_is_read_with_its_info() {
        let mut info = vec![0; 48];
        info[0] = 2;
        info[8] = 3;
        info[12..16].copy_from_slice(&99u32.to_ne_bytes());
        let bytes = row(libc::AF_INET, &[attr::bytes(INFO, &info)]);
        let socket = MptcpSocket::parse(&bytes).expect("a socket");
        assert_eq!(socket.state, State::Established);
        assert_eq!(socket.local, "192.0.2.1:4000".parse().expect("an address"));
        assert_eq!(socket.remote, "192.0.2.2:5000".parse().expect("an address"));
        assert_eq!((socket.uid, socket.inode), (1000, 77));
        assert_eq!(socket.token(), Some(Token(99)));
        assert_eq!(socket.subflows(), Some(2));
        assert_eq!(socket.fallback(), Some(true));
        assert_eq!(socket.remote_key_received(), Some(true));
    }

    #[test]
    fn a_socket_without_info_has_no_flags_rather_than_clear_ones() {
        let socket = MptcpSocket::parse(&row(libc::AF_INET6, &[])).expect("a socket");
        assert!(socket.local.is_ipv6());
        assert_eq!(socket.fallback(), None);
        assert_eq!(socket.token(), None);
    }

    #[test]
    fn a_tcp_socket_is_a_subflow_only_with_the_mptcp_protocol_on_top() {
        let ulp = |name: &[u8]| attr::nested(ULP_INFO, &[attr::bytes(ULP_NAME, name)]);
        let parse =
            |attributes: &[_]| TcpSubflow::parse(&row(libc::AF_INET, attributes)).expect("a row");
        assert!(parse(&[]).is_none());
        assert!(parse(&[ulp(b"tls\0")]).is_none());
        let subflow = parse(&[ulp(b"mptcp\0")]).expect("a subflow");
        assert_eq!(subflow.subflow, None);
    }

    #[test]
    fn tokens_ids_and_flags_of_a_subflow_are_read() {
        let nest = attr::nested(
            ULP_MPTCP,
            &[
                attr::u32(SUBFLOW_TOKEN_REM, 1),
                attr::u32(SUBFLOW_TOKEN_LOC, 2),
                attr::u32(SUBFLOW_FLAGS, 0xc8),
                attr::u8(SUBFLOW_ID_REM, 3),
                attr::u8(SUBFLOW_ID_LOC, 4),
            ],
        );
        let ulp = attr::nested(ULP_INFO, &[attr::bytes(ULP_NAME, b"mptcp\0"), nest]);
        let row = row(libc::AF_INET, &[ulp]);
        let subflow = TcpSubflow::parse(&row).expect("a row").expect("a subflow");
        let info = subflow.subflow.expect("the MPTCP side");
        assert_eq!((info.remote_token, info.local_token), (Token(1), Token(2)));
        assert_eq!(
            (info.remote_id, info.local_id),
            (AddressId(3), AddressId(4))
        );
        assert!(info.flags.contains(SubflowFlags::JOIN_LOCAL));
        assert!(info.flags.contains(SubflowFlags::FULLY_ESTABLISHED));
        assert!(!info.flags.contains(SubflowFlags::MP_CAPABLE_LOCAL));
        assert_eq!(info.map_seq, None);
    }

    #[test]
    fn a_row_that_is_cut_off_or_of_another_family_is_malformed() {
        let whole = row(libc::AF_INET, &[]);
        assert!(MptcpSocket::parse(&whole[..71]).is_err());
        assert!(MptcpSocket::parse(&row(libc::AF_UNIX, &[])).is_err());
        assert!(MptcpSocket::parse(&row(libc::AF_INET, &[attr::bytes(INFO, &[0; 8])])).is_err());
    }
}
