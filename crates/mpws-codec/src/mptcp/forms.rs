//! What each MPTCP option says, behind kind, length and subtype.

use std::net::IpAddr;

use super::numbers::{AddressId, DataSeq, Key, Nonce, SubflowSeq, Token};

/// MP_CAPABLE: opens a connection (RFC 8684 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpCapable {
    /// Version, 4 bits: 1 for RFC 8684, 0 for RFC 6824.
    pub version: u8,
    /// Flags A to H.
    pub flags: CapableFlags,
    /// The keys and what follows them.
    pub form: CapableForm,
}

/// Flags of MP_CAPABLE; A is the highest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapableFlags(pub u8);

/// The four lengths of MP_CAPABLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapableForm {
    /// 4 bytes: SYN of version 1.
    Bare,
    /// 12 bytes: SYN/ACK; SYN of version 0.
    OneKey(Key),
    /// 20 bytes: third ACK.
    BothKeys {
        /// Key of the end that sends the option.
        sender: Key,
        /// Key of the other end.
        receiver: Key,
    },
    /// 22 bytes, or 24 with checksum: first data of the initiator.
    Data {
        /// Key of the end that sends the option.
        sender: Key,
        /// Key of the other end.
        receiver: Key,
        /// Bytes of data that the mapping covers.
        length: u16,
        /// Checksum of the mapping, where negotiated.
        checksum: Option<u16>,
    },
}

/// MP_JOIN: adds a subflow (RFC 8684 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MpJoin {
    /// 12 bytes: SYN.
    Syn {
        /// Token of the receiver.
        token: Token,
        /// Random number of the sender.
        nonce: Nonce,
        /// What SYN and SYN/ACK have in common.
        common: JoinForm,
    },
    /// 16 bytes: SYN/ACK.
    SynAck {
        /// First 8 bytes of the sender's HMAC.
        hmac: [u8; 8],
        /// Random number of the sender.
        nonce: Nonce,
        /// What SYN and SYN/ACK have in common.
        common: JoinForm,
    },
    /// 24 bytes: third ACK.
    Ack {
        /// First 20 bytes of the sender's HMAC.
        hmac: [u8; 20],
        /// 12 bits.
        reserved: u16,
    },
}

/// What MP_JOIN says on SYN and on SYN/ACK alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinForm {
    /// Address that the packet comes from.
    pub address: AddressId,
    /// B: the subflow is for use only where no other is left.
    pub backup: bool,
    /// 3 bits.
    pub reserved: u8,
}

/// DSS: maps subflow bytes to connection bytes and acknowledges the latter (RFC 8684 section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dss {
    /// Data ACK.
    pub data_ack: Option<WireSeq>,
    /// Mapping.
    pub mapping: Option<Mapping>,
    /// F: the mapping ends the data stream.
    pub data_fin: bool,
    /// 12 bits, of which only those count that nothing above stands for: the 7 reserved ones, and
    /// `a` and `m` where `A` and `M` are not set.
    pub reserved: u16,
}

/// A data sequence number or acknowledgement as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireSeq {
    /// The lower 32 bits.
    Short(u32),
    /// All 64 bits.
    Long(DataSeq),
}

/// Data sequence mapping (RFC 8684 section 3.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Data sequence number of the first byte.
    pub data_seq: WireSeq,
    /// The same byte in the subflow, relative to its initial sequence number.
    pub subflow_seq: SubflowSeq,
    /// Bytes that it covers, DATA_FIN included; 0 means for ever (RFC 8684 section 3.7).
    pub length: u16,
    /// Checksum, where negotiated.
    pub checksum: Option<u16>,
}

/// ADD_ADDR: announces an address, or confirms that the announcement came (RFC 8684 section 3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddAddr {
    /// Number of the address.
    pub id: AddressId,
    /// E: this confirms an announcement of the other end.
    pub echo: bool,
    /// The address.
    pub address: IpAddr,
    /// Its port, if it is not that of the subflow.
    pub port: Option<u16>,
    /// Last 8 bytes of the HMAC; announcements carry it and echoes do not.
    pub hmac: Option<[u8; 8]>,
    /// 3 bits.
    pub reserved: u8,
}

/// REMOVE_ADDR: withdraws addresses (RFC 8684 section 3.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveAddr {
    /// The addresses, 1 to 252.
    pub ids: Vec<AddressId>,
    /// 4 bits.
    pub reserved: u8,
}

/// MP_PRIO: changes the priority of the subflow that carries it (RFC 8684 section 3.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpPrio {
    /// B: for use only where no other subflow is left.
    pub backup: bool,
    /// 3 bits.
    pub reserved: u8,
}

/// MP_FASTCLOSE: ends a connection at once, as a reset ends a TCP connection (RFC 8684 section
/// 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpFastclose {
    /// Key of the end that receives it.
    pub receiver_key: Key,
    /// 12 bits.
    pub reserved: u16,
}

/// MP_TCPRST: says why a subflow is reset (RFC 8684 section 3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpTcprst {
    /// Why.
    pub reason: ResetReason,
    /// T: a new subflow over the same path may do better.
    pub transient: bool,
    /// 3 bits: U, V and W.
    pub reserved: u8,
}

/// Reason of a reset, any value (RFC 8684 section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResetReason(pub u8);

impl CapableFlags {
    /// H alone: HMAC-SHA256 without checksums, what RFC 8684 connections use by default.
    pub const DEFAULT: Self = Self(0x01);

    /// A: checksums are required.
    pub fn checksum_required(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// B: extensibility; must be 0, or the option must be ignored.
    pub fn extensibility(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// C: the sender takes no further subflows to its source address and port.
    pub fn no_join_to_source(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// H: HMAC-SHA256.
    pub fn hmac_sha256(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// One of A to H by its letter; `false` for other letters.
    pub fn letter(self, letter: char) -> bool {
        let position = "ABCDEFGH".find(letter);
        position.is_some_and(|position| self.0 & (0x80 >> position) != 0)
    }
}

impl CapableForm {
    /// Key of the end that sends the option, where the form has it.
    pub fn sender_key(self) -> Option<Key> {
        match self {
            Self::Bare => None,
            Self::OneKey(sender) | Self::BothKeys { sender, .. } | Self::Data { sender, .. } => {
                Some(sender)
            }
        }
    }

    /// Key of the other end, where the form has it.
    pub fn receiver_key(self) -> Option<Key> {
        match self {
            Self::Bare | Self::OneKey(_) => None,
            Self::BothKeys { receiver, .. } | Self::Data { receiver, .. } => Some(receiver),
        }
    }
}

impl WireSeq {
    /// Its lower 32 bits.
    pub fn low(self) -> u32 {
        match self {
            Self::Short(low) => low,
            Self::Long(DataSeq(full)) => full as u32,
        }
    }

    /// The 64-bit number nearest to `near` that agrees with the bits sent.
    pub fn extend(self, near: DataSeq) -> DataSeq {
        match self {
            Self::Short(low) => {
                let distance = low.wrapping_sub(near.0 as u32) as i32;
                DataSeq(near.0.wrapping_add_signed(i64::from(distance)))
            }
            Self::Long(full) => full,
        }
    }
}

impl Mapping {
    /// Whether it holds for all further data: the connection has fallen back (RFC 8684 section
    /// 3.7).
    pub fn is_infinite(self) -> bool {
        self.length == 0
    }
}

impl ResetReason {
    /// Its meaning in RFC 8684 section 7.4.
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "unspecified error",
            1 => "MPTCP-specific error",
            2 => "lack of resources",
            3 => "administratively prohibited",
            4 => "too much outstanding data",
            5 => "unacceptable performance",
            6 => "middlebox interference",
            _ => "unassigned",
        }
    }
}
