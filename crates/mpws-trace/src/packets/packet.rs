//! One TCP packet: as it left and as it arrived.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use etherparse::{LaxIpSlice, TcpSlice, err, ip_number};
use mpws_codec::mptcp::{
    CapableForm, Dss, MpCapable, MpJoin, MptcpOption, TcpOptions,
    options::{KIND_END, KIND_MSS},
};

use super::direction::Direction;
use crate::read::{LinkType, NoIp, PacketRecord, link};

/// A TCP packet of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) time_ns: u64,
    pub(crate) path: Arc<str>,
    pub(crate) direction: Direction,
    /// As its sender sent it; `None` if the wire made it up.
    pub(crate) sent: Option<Arc<Image>>,
    /// As its receiver got it; `None` if it was lost.
    pub(crate) delivered: Option<Arc<Image>>,
    /// The rule that did something to it.
    pub(crate) rule: Option<String>,
}

/// At which end a packet is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// As its sender sent it.
    Sent,
    /// As its receiver got it.
    Delivered,
}

impl View {
    pub(crate) fn of(self, packet: &Packet) -> Option<&Image> {
        match self {
            Self::Sent => packet.sent.as_deref(),
            Self::Delivered => packet.delivered.as_deref(),
        }
    }
}

/// What TCP sees of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number, where ACK is set.
    pub ack: Option<u32>,
    /// SYN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// Length of all TCP options, in bytes.
    pub options_length: usize,
    /// Maximum segment size option.
    pub mss: Option<u16>,
    /// MPTCP options, in order, as far as they can be read.
    pub mptcp: Vec<MptcpOption>,
    /// Some TCP or MPTCP option could not be read.
    pub malformed: bool,
    /// What was captured of the payload.
    pub payload: Bytes,
    /// Bytes of payload that the packet had, by the length in its IP header; more than `payload`
    /// has where the packet was cut.
    pub payload_length: usize,
}

/// Why there is no [`Image`] of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    LinkType(LinkType),
    NotTcp,
    Fragment,
    /// It was cut before the end of its TCP options.
    CutInHeaders,
    Malformed,
    /// What the wire did to it cannot be read.
    Act,
}

impl PacketRecord {
    /// The TCP packet in it; `None` if there is none, only a fragment of one, or too little was
    /// captured.
    pub fn tcp(&self) -> Option<Image> {
        Image::parse(self).ok()
    }
}

impl Image {
    /// The TCP packet in a record.
    pub(crate) fn parse(record: &PacketRecord) -> Result<Self, Unread> {
        let packet = link::ip_of(record.link_type, &record.data).map_err(|none| match none {
            NoIp::UnknownLink => Unread::LinkType(record.link_type),
            NoIp::OtherProtocol => Unread::NotTcp,
            NoIp::TooShort => too_short(record),
        })?;
        let link_length = record.data.len() - packet.len();
        let (ip, _) = LaxIpSlice::from_slice(packet).map_err(|error| match error {
            err::ip::LaxHeaderSliceError::Len(_) => too_short(record),
            err::ip::LaxHeaderSliceError::Content(_) => Unread::Malformed,
        })?;
        if ip.payload_ip_number() != ip_number::TCP {
            return Err(Unread::NotTcp);
        }
        if ip.is_fragmenting_payload() {
            return Err(Unread::Fragment);
        }
        let tcp = TcpSlice::from_slice(ip.payload().payload).map_err(|error| match error {
            err::tcp::HeaderSliceError::Len(_) => too_short(record),
            err::tcp::HeaderSliceError::Content(_) => Unread::Malformed,
        })?;
        // Packets of more than 64 KiB, which never cross a wire in one piece, have a length of 0
        // here.
        let (ip_headers, said) = match &ip {
            LaxIpSlice::Ipv4(ip) => {
                let header = ip.header().slice().len();
                let extensions = ip.extensions().auth.map_or(0, |auth| auth.slice().len());
                (header + extensions, usize::from(ip.header().total_len()))
            }
            LaxIpSlice::Ipv6(ip) => {
                let header = ip.header();
                let said = usize::from(header.payload_length());
                let extensions = ip.extensions().slice().len();
                let whole = if said == 0 {
                    0
                } else {
                    said + header.slice().len()
                };
                (header.slice().len() + extensions, whole)
            }
        };
        let headers = ip_headers + tcp.header_len();
        let whole = match said {
            0 => (record.length as usize).saturating_sub(link_length),
            said => said,
        };
        let start = link_length + headers;
        let mut image = Self {
            source: SocketAddr::new(ip.source_addr(), tcp.source_port()),
            destination: SocketAddr::new(ip.destination_addr(), tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.ack().then(|| tcp.acknowledgment_number()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            options_length: tcp.options().len(),
            mss: None,
            mptcp: Vec::new(),
            malformed: false,
            payload: record.data.slice(start..start + tcp.payload().len()),
            payload_length: whole.saturating_sub(headers).max(tcp.payload().len()),
        };
        image.read_options(TcpOptions::new(tcp.options()));
        Ok(image)
    }

    fn read_options(&mut self, options: TcpOptions<'_>) {
        for option in options {
            let Ok(option) = option else {
                self.malformed = true;
                return;
            };
            match option.bytes {
                [KIND_END] => return,
                &[KIND_MSS, 4, high, low] => self.mss = Some(u16::from_be_bytes([high, low])),
                bytes if option.kind() == mpws_codec::mptcp::KIND_MPTCP => {
                    match MptcpOption::parse(bytes) {
                        Ok(parsed) => self.mptcp.push(parsed),
                        Err(_) => self.malformed = true,
                    }
                }
                _ => {}
            }
        }
    }

    pub(crate) fn mp_capable(&self) -> Option<&MpCapable> {
        self.mptcp.iter().find_map(|option| match option {
            MptcpOption::MpCapable(capable) => Some(capable),
            _ => None,
        })
    }

    pub(crate) fn mp_join(&self) -> Option<&MpJoin> {
        self.mptcp.iter().find_map(|option| match option {
            MptcpOption::MpJoin(join) => Some(join),
            _ => None,
        })
    }

    pub(crate) fn dss(&self) -> Option<&Dss> {
        self.mptcp.iter().find_map(|option| match option {
            MptcpOption::Dss(dss) => Some(dss),
            _ => None,
        })
    }

    /// Sequence number of the first payload byte; SYN takes one.
    pub(crate) fn payload_seq(&self) -> u32 {
        self.seq.wrapping_add(u32::from(self.syn))
    }

    /// Mapping of the initiator's first data, which MP_CAPABLE carries in place of a DSS.
    pub(crate) fn capable_length(&self) -> Option<u16> {
        match self.mp_capable()?.form {
            CapableForm::Data { length, .. } => Some(length),
            _ => None,
        }
    }
}

/// What ends before its headers do was cut by the capture, or is broken itself.
fn too_short(record: &PacketRecord) -> Unread {
    if record.is_cut() {
        Unread::CutInHeaders
    } else {
        Unread::Malformed
    }
}
