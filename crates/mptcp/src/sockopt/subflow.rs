//! What the kernel tells of each subflow of a connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use super::info::MptcpInfo;
use super::structure::{ROOM, short};
use crate::fields::Fields;
use crate::sys::{self, FullInfoArray};
use crate::types::SubflowId;
use crate::uapi;

/// The TCP side of a subflow: `struct tcp_info`, as far as it says something about a path.
///
/// `None` means that the running kernel does not have the field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct TcpInfo {
    /// Bytes that the kernel returned.
    pub length: usize,
    /// State of the subflow, `TCP_ESTABLISHED` (1) and so on.
    pub state: u8,
    /// Unanswered retransmissions of the segment at the head of the queue.
    pub retransmits: u8,
    /// Retransmission timeout, in microseconds.
    pub rto: u32,
    /// Largest segment sent, in bytes.
    pub snd_mss: u32,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Segments held lost.
    pub lost: u32,
    /// Smoothed round-trip time, in microseconds.
    pub rtt: u32,
    /// Its variation, in microseconds.
    pub rttvar: u32,
    /// Congestion window, in segments.
    pub snd_cwnd: u32,
    /// Segments retransmitted so far.
    pub total_retrans: u32,
    /// Bytes acknowledged by the peer.
    pub bytes_acked: Option<u64>,
    /// Bytes received.
    pub bytes_received: Option<u64>,
    /// Segments sent.
    pub segs_out: Option<u32>,
    /// Segments received.
    pub segs_in: Option<u32>,
    /// Smallest round-trip time seen, in microseconds.
    pub min_rtt: Option<u32>,
    /// Segments received that held data.
    pub data_segs_in: Option<u32>,
    /// Segments sent that held data.
    pub data_segs_out: Option<u32>,
    /// Bytes sent, retransmissions included.
    pub bytes_sent: Option<u64>,
    /// Bytes retransmitted.
    pub bytes_retrans: Option<u64>,
    /// Segments that came out of order.
    pub rcv_ooopack: Option<u32>,
}

impl TcpInfo {
    /// Reads the bytes that the kernel returned; `None` if they are fewer than the 104 of the
    /// oldest structure.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let fields = Fields(bytes);
        Some(Self {
            length: bytes.len(),
            state: fields.u8(0)?,
            retransmits: fields.u8(2)?,
            rto: fields.u32(8)?,
            snd_mss: fields.u32(16)?,
            unacked: fields.u32(24)?,
            lost: fields.u32(32)?,
            rtt: fields.u32(68)?,
            rttvar: fields.u32(72)?,
            snd_cwnd: fields.u32(80)?,
            total_retrans: fields.u32(100)?,
            bytes_acked: fields.u64(120),
            bytes_received: fields.u64(128),
            segs_out: fields.u32(136),
            segs_in: fields.u32(140),
            min_rtt: fields.u32(148),
            data_segs_in: fields.u32(152),
            data_segs_out: fields.u32(156),
            bytes_sent: fields.u64(200),
            bytes_retrans: fields.u64(208),
            rcv_ooopack: fields.u32(224),
        })
    }
}

/// Both ends of a subflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct SubflowAddrs {
    /// On this host.
    pub local: SocketAddr,
    /// On the peer's.
    pub remote: SocketAddr,
}

impl SubflowAddrs {
    /// Reads `struct mptcp_subflow_addrs`: two `sockaddr_storage`. `None` if too short or of
    /// another family.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            local: sockaddr(bytes.get(..STORAGE)?)?,
            remote: sockaddr(bytes.get(STORAGE..ADDRS)?)?,
        })
    }
}

/// `MPTCP_FULL_INFO`: the connection and each of its subflows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct FullInfo {
    /// The connection.
    pub info: MptcpInfo,
    /// Its subflows, in the kernel's order.
    pub subflows: Vec<FullSubflow>,
}

/// One subflow in [`FullInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct FullSubflow {
    /// Its number.
    pub id: SubflowId,
    /// Its addresses.
    pub addrs: SubflowAddrs,
    /// Its TCP side.
    pub tcp: TcpInfo,
}

/// Reads an option that is `struct mptcp_subflow_data` and an array of elements of at most
/// `element` bytes.
pub(super) fn array<T>(
    fd: BorrowedFd<'_>,
    option: i32,
    element: usize,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> io::Result<Vec<T>> {
    let mut room = USUAL_SUBFLOWS;
    loop {
        let mut buffer = vec![0; DATA_HEAD + room * element];
        buffer[..4].copy_from_slice(&(DATA_HEAD as u32).to_ne_bytes());
        buffer[12..16].copy_from_slice(&(element as u32).to_ne_bytes());
        let length = sys::getsockopt(fd, uapi::SOL_MPTCP, option, &mut buffer)?;
        let data = &buffer[..length];
        let count = Fields(data).u32(4).ok_or_else(|| short(ARRAY, length))? as usize;
        if count > room && count <= MOST_SUBFLOWS {
            // Subflows may come while we look; ask again with room for what there was.
            room = count;
            continue;
        }
        let size = Fields(data).u32(12).ok_or_else(|| short(ARRAY, length))? as usize;
        return elements(&data[DATA_HEAD..], size, count)
            .map(|bytes| parse(bytes).ok_or_else(|| short(ARRAY, size)))
            .collect();
    }
}

pub(super) fn full_info(fd: BorrowedFd<'_>) -> io::Result<FullInfo> {
    let mut room = USUAL_SUBFLOWS;
    loop {
        let mut head = [0; sys::FULL_INFO_HEAD + ROOM];
        let mut subflows = vec![0; room * SUBFLOW_INFO];
        let mut tcp = vec![0; room * ROOM];
        let length = sys::full_info(
            fd,
            &mut head,
            FullInfoArray {
                bytes: &mut subflows,
                element: SUBFLOW_INFO as u32,
            },
            FullInfoArray {
                bytes: &mut tcp,
                element: ROOM as u32,
            },
            room as u32,
        )?;
        let data = &head[..length];
        let field = |at| Fields(data).u32(at).ok_or_else(|| short(FULL, length));
        let (tcp_size, subflow_size) = (field(4)? as usize, field(12)? as usize);
        let count = field(16)? as usize;
        if count > room && count <= MOST_SUBFLOWS {
            room = count;
            continue;
        }
        let info = data
            .get(sys::FULL_INFO_HEAD..)
            .and_then(MptcpInfo::parse)
            .ok_or_else(|| short(FULL, length))?;
        let subflows = elements(&subflows, subflow_size, count)
            .zip(elements(&tcp, tcp_size, count))
            .map(|(subflow, tcp)| {
                full_subflow(subflow, tcp).ok_or_else(|| short(FULL, subflow_size.min(tcp_size)))
            })
            .collect::<io::Result<Vec<_>>>()?;
        return Ok(FullInfo { info, subflows });
    }
}

/// Reads `struct mptcp_subflow_info` and the `struct tcp_info` that goes with it.
fn full_subflow(subflow: &[u8], tcp: &[u8]) -> Option<FullSubflow> {
    Some(FullSubflow {
        id: SubflowId(Fields(subflow).u32(0)?),
        addrs: SubflowAddrs::parse(subflow.get(SUBFLOW_INFO - ADDRS..)?)?,
        tcp: TcpInfo::parse(tcp)?,
    })
}

/// The first `count` elements of `size` bytes each, as far as there are bytes.
fn elements(bytes: &[u8], size: usize, count: usize) -> impl Iterator<Item = &[u8]> {
    // A size of zero would be a kernel fault; the largest chunk then makes one short element, which
    // parsing refuses.
    bytes.chunks_exact(size.max(1)).take(count)
}

/// Reads a `sockaddr_in` or `sockaddr_in6`.
fn sockaddr(bytes: &[u8]) -> Option<SocketAddr> {
    let fields = Fields(bytes);
    let address = match i32::from(fields.u16(0)?) {
        libc::AF_INET => IpAddr::from(fields.array::<4>(4)?),
        libc::AF_INET6 => IpAddr::from(fields.array::<16>(8)?),
        _ => return None,
    };
    let mut address = SocketAddr::new(address, fields.be16(2)?);
    if let SocketAddr::V6(v6) = &mut address {
        v6.set_scope_id(fields.u32(24)?);
    }
    Some(address)
}

/// Bytes of `struct sockaddr_storage`.
const STORAGE: usize = 128;
/// Bytes of `struct mptcp_subflow_addrs`.
pub(super) const ADDRS: usize = 2 * STORAGE;
/// Bytes of `struct mptcp_subflow_info`: a number, padding to eight bytes, addresses.
const SUBFLOW_INFO: usize = 8 + ADDRS;
/// Bytes of `struct mptcp_subflow_data`.
const DATA_HEAD: usize = 16;
/// The kernel's first limit of subflows is 8.
const USUAL_SUBFLOWS: usize = 9;
/// More than this is a fault: address ids have one byte.
const MOST_SUBFLOWS: usize = 4096;
const ARRAY: &str = "an array of subflows";
const FULL: &str = "MPTCP_FULL_INFO";

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(address: SocketAddr) -> Vec<u8> {
        let mut bytes = vec![0; STORAGE];
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address {
            SocketAddr::V4(v4) => {
                bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
                bytes[4..8].copy_from_slice(&v4.ip().octets());
            }
            SocketAddr::V6(v6) => {
                bytes[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
                bytes[8..24].copy_from_slice(&v6.ip().octets());
                bytes[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
            }
        }
        bytes
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        let local: SocketAddr = "192.0.2.1:4000".parse().expect("an address");
        let remote: SocketAddr = "[2001:db8::2]:5000".parse().expect("an address");
        let bytes = [storage(local), storage(remote)].concat();
        assert_eq!(
            SubflowAddrs::parse(&bytes),
            Some(SubflowAddrs { local, remote })
        );
    }

    #[test]
    fn addresses_that_are_cut_off_or_of_another_family_are_refused() {
        let address: SocketAddr = "192.0.2.1:4000".parse().expect("an address");
        let mut bytes = [storage(address), storage(address)].concat();
        assert_eq!(SubflowAddrs::parse(&bytes[..ADDRS - 1]), None);
        bytes[..2].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
        assert_eq!(SubflowAddrs::parse(&bytes), None);
    }

    #[test]
    fn tcp_info_of_an_older_kernel_lacks_the_later_fields() {
        let bytes = [7; 232];
        assert!(
            TcpInfo::parse(&bytes)
                .expect("long enough")
                .rcv_ooopack
                .is_some()
        );
        let old = TcpInfo::parse(&bytes[..104]).expect("long enough");
        assert_eq!(old.bytes_acked, None);
        assert!(TcpInfo::parse(&bytes[..103]).is_none());
    }

    #[test]
    fn the_stride_of_an_array_is_the_kernel_s_and_not_ours() {
        let bytes: Vec<u8> = (0..12).collect();
        let read: Vec<&[u8]> = elements(&bytes, 4, 2).collect();
        assert_eq!(read, [&[0, 1, 2, 3][..], &[4, 5, 6, 7][..]]);
        assert_eq!(
            elements(&bytes, 5, 9).count(),
            2,
            "a last element that is cut off is left out"
        );
    }
}
