//! One TCP packet: as it left and as it arrived.

use std::{net::SocketAddr, sync::Arc};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use mpws_codec::mptcp::{
    CapableForm, Dss, MpCapable, MpJoin, MptcpOption, TcpOptions, options::KIND_END,
};

use crate::{connection::Direction, pcapng::PacketRecord};

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

/// What TCP sees of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) seq: u32,
    /// Acknowledgement number, where ACK is set.
    pub(crate) ack: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    /// Length of all TCP options, in bytes.
    pub(crate) options_length: usize,
    /// Maximum segment size option.
    pub(crate) mss: Option<u16>,
    pub(crate) mptcp: Vec<MptcpOption>,
    /// Some TCP or MPTCP option could not be read.
    pub(crate) malformed: bool,
    pub(crate) payload: Vec<u8>,
}

/// What the wire did to a packet, by its comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Nothing that changes what arrives.
    Passed,
    /// It arrived, late or twice.
    Touched(String),
    /// It did not arrive.
    Lost(String),
    /// The next record holds what arrived instead.
    Rewritten(String),
    /// It is what arrived instead of the record before.
    Replacement(String),
    /// Nobody sent it.
    Forged(String),
}

impl Act {
    pub(crate) fn of(record: &PacketRecord) -> Self {
        let found = record.comments.iter().find_map(|comment| {
            let (word, rule) = comment.split_once(" by ")?;
            let rule = rule.to_owned();
            match word {
                "drop" | "reset" => Some(Self::Lost(rule)),
                "delay" | "duplicate" => Some(Self::Touched(rule)),
                "rewrite" => Some(Self::Rewritten(rule)),
                "rewritten" => Some(Self::Replacement(rule)),
                "forged" => Some(Self::Forged(rule)),
                _ => None,
            }
        });
        found.unwrap_or(Self::Passed)
    }
}

impl Image {
    /// The TCP packet in an Ethernet frame; `None` if there is none, or only a fragment of it.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let Some(TransportSlice::Tcp(tcp)) = &packet.transport else {
            return None;
        };
        let (source, destination) = match packet.net? {
            NetSlice::Ipv4(ip) => (
                ip.header().source_addr().into(),
                ip.header().destination_addr().into(),
            ),
            NetSlice::Ipv6(ip) => (
                ip.header().source_addr().into(),
                ip.header().destination_addr().into(),
            ),
            NetSlice::Arp(_) => return None,
        };
        let mut image = Self {
            source: SocketAddr::new(source, tcp.source_port()),
            destination: SocketAddr::new(destination, tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.ack().then(|| tcp.acknowledgment_number()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            options_length: tcp.options().len(),
            mss: None,
            mptcp: Vec::new(),
            malformed: false,
            payload: tcp.payload().to_vec(),
        };
        image.read_options(TcpOptions::new(tcp.options()));
        Some(image)
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

const KIND_MSS: u8 = 2;
