//! `struct mptcp_info`.

use std::fmt;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::fields::Fields;
use crate::types::Token;

/// What the kernel knows of an MPTCP connection (`include/uapi/linux/mptcp.h`).
///
/// `None` means that the running kernel does not have the field, which is not the same as zero.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct MptcpInfo {
    /// Bytes that the kernel returned.
    pub length: usize,
    /// Subflows besides the first; those whose handshake is not done count too, so it does not
    /// prove a join.
    pub subflows: u8,
    /// Addresses announced to the peer.
    pub add_addr_signal: u8,
    /// Announced addresses of the peer that were accepted.
    pub add_addr_accepted: u8,
    /// Limit of `subflows`.
    pub subflows_max: u8,
    /// Limit of `add_addr_signal`.
    pub add_addr_signal_max: u8,
    /// Limit of `add_addr_accepted`.
    pub add_addr_accepted_max: u8,
    /// Fallback and remote key.
    pub flags: InfoFlags,
    /// Local token.
    pub token: Token,
    /// Data sequence number of the next byte that the program writes.
    pub write_seq: u64,
    /// First data sequence number that the peer has not acknowledged.
    pub snd_una: u64,
    /// Next data sequence number expected from the peer.
    pub rcv_nxt: u64,
    /// Local addresses in use besides the first.
    pub local_addr_used: Option<u8>,
    /// Limit of `local_addr_used`.
    pub local_addr_max: Option<u8>,
    /// Whether DSS checksums were negotiated.
    pub csum_enabled: Option<bool>,
    /// Retransmissions at the level of the connection.
    pub retransmits: Option<u32>,
    /// Bytes of those retransmissions.
    pub bytes_retrans: Option<u64>,
    /// Bytes sent at the level of the connection.
    pub bytes_sent: Option<u64>,
    /// Bytes received at the level of the connection.
    pub bytes_received: Option<u64>,
    /// Bytes acknowledged by the peer at the level of the connection.
    pub bytes_acked: Option<u64>,
    /// Subflows, the first included.
    pub subflows_total: Option<u8>,
    /// Number of `laminar` endpoints. It lies in what was padding before kernel 7.3, which reads as
    /// zero.
    pub endp_laminar_max: Option<u8>,
    /// Number of `fullmesh` endpoints. It lies in what was padding before kernel 7.3, which reads
    /// as zero.
    pub endp_fullmesh_max: Option<u8>,
    /// Milliseconds since data was last sent.
    pub last_data_sent: Option<u32>,
    /// Milliseconds since data last came.
    pub last_data_recv: Option<u32>,
    /// Milliseconds since an acknowledgement last came.
    pub last_ack_recv: Option<u32>,
}

impl MptcpInfo {
    /// Reads the bytes that the kernel returned; `None` if they are fewer than the 40 that every
    /// kernel gives.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let fields = Fields(bytes);
        Some(Self {
            length: bytes.len(),
            subflows: fields.u8(0)?,
            add_addr_signal: fields.u8(1)?,
            add_addr_accepted: fields.u8(2)?,
            subflows_max: fields.u8(3)?,
            add_addr_signal_max: fields.u8(4)?,
            add_addr_accepted_max: fields.u8(5)?,
            flags: InfoFlags(fields.u32(8)?),
            token: Token(fields.u32(12)?),
            write_seq: fields.u64(16)?,
            snd_una: fields.u64(24)?,
            rcv_nxt: fields.u64(32)?,
            local_addr_used: fields.u8(40),
            local_addr_max: fields.u8(41),
            csum_enabled: fields.u8(42).map(|flag| flag != 0),
            retransmits: fields.u32(44),
            bytes_retrans: fields.u64(48),
            bytes_sent: fields.u64(56),
            bytes_received: fields.u64(64),
            bytes_acked: fields.u64(72),
            subflows_total: fields.u8(80),
            endp_laminar_max: fields.u8(81),
            endp_fullmesh_max: fields.u8(82),
            last_data_sent: fields.u32(84),
            last_data_recv: fields.u32(88),
            last_ack_recv: fields.u32(92),
        })
    }
}

/// `mptcpi_flags`, unknown bits kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(transparent))]
pub struct InfoFlags(pub u32);

impl InfoFlags {
    /// Bit of [`InfoFlags::fallback`].
    pub const FALLBACK: u32 = 1;
    /// Bit of [`InfoFlags::remote_key_received`].
    pub const REMOTE_KEY_RECEIVED: u32 = 2;

    /// The connection fell back to TCP. Only seen through [`crate::diag`]: `getsockopt()` fails on
    /// such a socket.
    #[must_use]
    pub const fn fallback(self) -> bool {
        self.0 & Self::FALLBACK != 0
    }

    /// The peer's key has come: the connection is MPTCP.
    #[must_use]
    pub const fn remote_key_received(self) -> bool {
        self.0 & Self::REMOTE_KEY_RECEIVED != 0
    }
}

impl fmt::Display for InfoFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 96 bytes whose every field has a value of its own.
    fn sample() -> Vec<u8> {
        let mut bytes = vec![0; 96];
        bytes[..6].copy_from_slice(&[1, 2, 3, 4, 5, 6]);
        bytes[8..12].copy_from_slice(&2u32.to_ne_bytes());
        bytes[12..16].copy_from_slice(&0xdead_beefu32.to_ne_bytes());
        for (index, at) in [16, 24, 32, 48, 56, 64, 72].into_iter().enumerate() {
            bytes[at..at + 8].copy_from_slice(&(100 + index as u64).to_ne_bytes());
        }
        bytes[40..43].copy_from_slice(&[7, 8, 1]);
        bytes[44..48].copy_from_slice(&9u32.to_ne_bytes());
        bytes[80..83].copy_from_slice(&[10, 11, 12]);
        for (index, at) in [84, 88, 92].into_iter().enumerate() {
            bytes[at..at + 4].copy_from_slice(&(200 + index as u32).to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn every_field_of_the_longest_structure_is_read_from_its_offset() {
        let info = MptcpInfo::parse(&sample()).expect("long enough");
        assert_eq!(
            info,
            MptcpInfo {
                length: 96,
                subflows: 1,
                add_addr_signal: 2,
                add_addr_accepted: 3,
                subflows_max: 4,
                add_addr_signal_max: 5,
                add_addr_accepted_max: 6,
                flags: InfoFlags(InfoFlags::REMOTE_KEY_RECEIVED),
                token: Token(0xdead_beef),
                write_seq: 100,
                snd_una: 101,
                rcv_nxt: 102,
                local_addr_used: Some(7),
                local_addr_max: Some(8),
                csum_enabled: Some(true),
                retransmits: Some(9),
                bytes_retrans: Some(103),
                bytes_sent: Some(104),
                bytes_received: Some(105),
                bytes_acked: Some(106),
                subflows_total: Some(10),
                endp_laminar_max: Some(11),
                endp_fullmesh_max: Some(12),
                last_data_sent: Some(200),
                last_data_recv: Some(201),
                last_ack_recv: Some(202),
            }
        );
    }

    #[test]
    fn a_field_that_ends_past_the_returned_length_is_absent_and_not_zero() {
        let bytes = sample();
        // Kernel 6.1 returns 48 bytes.
        let info = MptcpInfo::parse(&bytes[..48]).expect("long enough");
        assert_eq!(info.retransmits, Some(9));
        assert_eq!(info.bytes_retrans, None);
        assert_eq!(info.subflows_total, None);
        // One byte short of a field is as absent as all of it.
        let info = MptcpInfo::parse(&bytes[..79]).expect("long enough");
        assert_eq!(info.bytes_received, Some(105));
        assert_eq!(info.bytes_acked, None);
        let info = MptcpInfo::parse(&bytes[..80]).expect("long enough");
        assert_eq!(info.bytes_acked, Some(106));
    }

    #[test]
    fn fewer_bytes_than_any_kernel_returns_are_refused() {
        let bytes = sample();
        assert!(MptcpInfo::parse(&bytes[..39]).is_none());
        assert!(MptcpInfo::parse(&bytes[..40]).is_some());
        assert!(MptcpInfo::parse(&[]).is_none());
    }
}
