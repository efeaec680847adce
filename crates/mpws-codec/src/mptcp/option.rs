//! One MPTCP option as a value.

use std::net::IpAddr;

use super::{
    AddressId, DataSeq, KIND_MPTCP, Key, Nonce, SubflowSeq, Subtype, Token,
    fields::{
        build_add_addr, build_capable, build_dss, build_join, build_long, parse_add_addr,
        parse_capable, parse_dss, parse_join, parse_long, parse_remove_addr,
    },
};

/// An MPTCP option (RFC 8684 section 3).
///
/// Fields named `reserved` hold the flag bits of the option that no other field stands for, in their place and
/// already shifted to the lowest bit of their field; senders must leave them 0, and parsing keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MptcpOption {
    /// MP_CAPABLE (RFC 8684 section 3.1).
    MpCapable(MpCapable),
    /// MP_JOIN (RFC 8684 section 3.2).
    MpJoin(MpJoin),
    /// DSS (RFC 8684 section 3.3).
    Dss(Dss),
    /// ADD_ADDR (RFC 8684 section 3.4.1).
    AddAddr(AddAddr),
    /// REMOVE_ADDR (RFC 8684 section 3.4.2).
    RemoveAddr(RemoveAddr),
    /// MP_PRIO (RFC 8684 section 3.3.8).
    MpPrio(MpPrio),
    /// MP_FAIL (RFC 8684 section 3.7).
    MpFail {
        /// First byte that cannot be trusted.
        data_seq: DataSeq,
        /// 12 bits.
        reserved: u16,
    },
    /// MP_FASTCLOSE (RFC 8684 section 3.5).
    MpFastclose(MpFastclose),
    /// MP_TCPRST (RFC 8684 section 3.6).
    MpTcprst(MpTcprst),
    /// Any other subtype, kept as it is.
    Other {
        /// Its subtype; neither of the above.
        subtype: Subtype,
        /// The 4 bits beside the subtype.
        low_bits: u8,
        /// What follows, at most 252 bytes.
        data: Vec<u8>,
    },
}

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
    /// 12 bits, of which only those count that nothing above stands for: the 7 reserved ones, and `a` and `m` where
    /// `A` and `M` are not set.
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

/// MP_FASTCLOSE: ends a connection at once, as a reset ends a TCP connection (RFC 8684 section 3.5).
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

/// Bytes are not an MPTCP option that RFC 8684 describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem} at offset {offset}", subtype.map(|s| format!("{s}: ")).unwrap_or_default())]
pub struct ParseOptionError {
    /// Where in the option, counted from its kind.
    pub offset: usize,
    /// Its subtype, if it has one.
    pub subtype: Option<Subtype>,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is shorter than kind, length and subtype.
    #[error("only {0} bytes")]
    Short(usize),
    /// It is not of kind 30.
    #[error("kind {0}")]
    Kind(u8),
    /// The length byte and the number of bytes do not agree.
    #[error("length {said} but {actual} bytes")]
    LengthByte {
        /// What the length byte says.
        said: u8,
        /// How many bytes there are.
        actual: usize,
    },
    /// No form of this subtype, with these flags, has this length.
    #[error("no form has {0} bytes")]
    Form(usize),
}

impl MptcpOption {
    /// Reads one whole option, kind and length included, and nothing after it.
    ///
    /// # Errors
    ///
    /// Where the bytes have no form of RFC 8684; unknown subtypes are [`MptcpOption::Other`], not errors.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseOptionError> {
        let error = |offset, subtype, problem| {
            Err(ParseOptionError {
                offset,
                subtype,
                problem,
            })
        };
        let &[kind, said, first, ref rest @ ..] = bytes else {
            return error(0, None, Problem::Short(bytes.len()));
        };
        if kind != KIND_MPTCP {
            return error(0, None, Problem::Kind(kind));
        }
        if usize::from(said) != bytes.len() {
            return error(
                1,
                None,
                Problem::LengthByte {
                    said,
                    actual: bytes.len(),
                },
            );
        }
        let subtype = Subtype::from_number(first >> 4);
        let low = first & 0x0f;
        let parsed = match subtype {
            Subtype::MpCapable => parse_capable(low, rest).map(Self::MpCapable),
            Subtype::MpJoin => parse_join(low, rest).map(Self::MpJoin),
            Subtype::Dss => parse_dss(low, rest).map(Self::Dss),
            Subtype::AddAddr => parse_add_addr(low, rest).map(Self::AddAddr),
            Subtype::RemoveAddr => parse_remove_addr(low, rest).map(Self::RemoveAddr),
            Subtype::MpPrio => rest.is_empty().then_some(Self::MpPrio(MpPrio {
                backup: low & 1 != 0,
                reserved: low >> 1,
            })),
            Subtype::MpFail => parse_long(low, rest).map(|(reserved, seq)| Self::MpFail {
                data_seq: DataSeq(seq),
                reserved,
            }),
            Subtype::MpFastclose => parse_long(low, rest).map(|(reserved, key)| {
                Self::MpFastclose(MpFastclose {
                    receiver_key: Key(key),
                    reserved,
                })
            }),
            Subtype::MpTcprst => <[u8; 1]>::try_from(rest).ok().map(|[reason]| {
                Self::MpTcprst(MpTcprst {
                    reason: ResetReason(reason),
                    transient: low & 1 != 0,
                    reserved: low >> 1,
                })
            }),
            Subtype::MpExperimental | Subtype::Unassigned(_) => Some(Self::Other {
                subtype,
                low_bits: low,
                data: rest.to_vec(),
            }),
        };
        parsed.map_or_else(|| error(2, Some(subtype), Problem::Form(bytes.len())), Ok)
    }

    /// The option as bytes, kind and length included; what [`parse`](Self::parse) turns back into the same value.
    ///
    /// Values out of the range of their field are cut to it: `reserved` to its bits, lists to 255 bytes in all.
    /// Many options that can be built this way do not fit into the 40 bytes that a TCP header has for all of them.
    pub fn build(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(28);
        match self {
            Self::MpCapable(capable) => build_capable(capable, &mut body),
            Self::MpJoin(join) => build_join(join, &mut body),
            Self::Dss(dss) => build_dss(dss, &mut body),
            Self::AddAddr(add) => build_add_addr(add, &mut body),
            Self::RemoveAddr(remove) => {
                body.push(remove.reserved);
                body.extend(remove.ids.iter().map(|id| id.0));
            }
            Self::MpPrio(prio) => body.push(prio.reserved << 1 | u8::from(prio.backup)),
            Self::MpFail { data_seq, reserved } => build_long(*reserved, data_seq.0, &mut body),
            Self::MpFastclose(close) => build_long(close.reserved, close.receiver_key.0, &mut body),
            Self::MpTcprst(reset) => {
                body.extend([
                    reset.reserved << 1 | u8::from(reset.transient),
                    reset.reason.0,
                ]);
            }
            Self::Other { low_bits, data, .. } => {
                body.push(*low_bits);
                body.extend(data);
            }
        }
        body.truncate(usize::from(u8::MAX) - 2);
        if let Some(first) = body.first_mut() {
            *first = self.subtype().number() << 4 | (*first & 0x0f);
        }
        let length = u8::try_from(body.len() + 2).unwrap_or(u8::MAX);
        let mut bytes = vec![KIND_MPTCP, length];
        bytes.append(&mut body);
        bytes
    }

    /// Its subtype.
    pub fn subtype(&self) -> Subtype {
        match self {
            Self::MpCapable(_) => Subtype::MpCapable,
            Self::MpJoin(_) => Subtype::MpJoin,
            Self::Dss(_) => Subtype::Dss,
            Self::AddAddr(_) => Subtype::AddAddr,
            Self::RemoveAddr(_) => Subtype::RemoveAddr,
            Self::MpPrio(_) => Subtype::MpPrio,
            Self::MpFail { .. } => Subtype::MpFail,
            Self::MpFastclose(_) => Subtype::MpFastclose,
            Self::MpTcprst(_) => Subtype::MpTcprst,
            Self::Other { subtype, .. } => *subtype,
        }
    }

    /// Its symbol, and which version or echo it is where that changes the meaning.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MpCapable(capable) if capable.version == 0 => "MP_CAPABLE (version 0, RFC 6824)",
            Self::AddAddr(add) if add.echo => "ADD_ADDR (echo)",
            other => other.subtype().name(),
        }
    }
}

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
    /// Whether it holds for all further data: the connection has fallen back (RFC 8684 section 3.7).
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

#[cfg(test)]
#[path = "option_tests.rs"]
mod tests;
