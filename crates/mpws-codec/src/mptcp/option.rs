//! One MPTCP option as a value.

use super::fields::{
    build_add_addr, build_capable, build_dss, build_join, build_long, parse_add_addr,
    parse_capable, parse_dss, parse_join, parse_long, parse_remove_addr,
};
use super::forms::{
    AddAddr, Dss, MpCapable, MpFastclose, MpJoin, MpPrio, MpTcprst, RemoveAddr, ResetReason,
};
use super::numbers::{DataSeq, Key};
use super::subtype::{KIND_MPTCP, Subtype};

/// An MPTCP option (RFC 8684 section 3).
///
/// Fields named `reserved` hold the flag bits of the option that no other field stands for, in
/// their place and already shifted to the lowest bit of their field; senders must leave them 0, and
/// parsing keeps them.
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
    /// Where the bytes have no form of RFC 8684; unknown subtypes are [`MptcpOption::Other`], not
    /// errors.
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

    /// The option as bytes, kind and length included; what [`parse`](Self::parse) turns back into
    /// the same value.
    ///
    /// Values out of the range of their field are cut to it: `reserved` to its bits, lists to 255
    /// bytes in all. Many options that can be built this way do not fit into the 40 bytes that a
    /// TCP header has for all of them.
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

#[cfg(test)]
#[path = "option_tests.rs"]
mod tests;
