//! MPTCP options: TCP option kind 30 (RFC 8684).
//!
//! - [`options`]: the options of a TCP header as they lie there, of any kind.
//! - [`MptcpOption`]: one option of kind 30 as a value, from and to bytes.
//! - [`edit`]: takes options out in place, as a middlebox does.
//! - [`crypto`]: what the endpoints compute from their keys.

pub mod crypto;
pub mod edit;
mod fields;
mod option;
pub mod options;

use std::fmt;

pub use option::{
    AddAddr, CapableFlags, CapableForm, Dss, JoinForm, Mapping, MpCapable, MpFastclose, MpJoin,
    MpPrio, MpTcprst, MptcpOption, ParseOptionError, Problem, RemoveAddr, ResetReason, WireSeq,
};
pub use options::{OptionsError, RawOption, TcpOptions, subtypes};

/// Kind of every MPTCP option (RFC 8684 section 7.1).
pub const KIND_MPTCP: u8 = 30;

/// Subtype of an MPTCP option, 4 bits (RFC 8684 section 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subtype {
    /// 0: Multipath Capable.
    MpCapable,
    /// 1: Join Connection.
    MpJoin,
    /// 2: Data Sequence Signal.
    Dss,
    /// 3: Add Address.
    AddAddr,
    /// 4: Remove Address.
    RemoveAddr,
    /// 5: Change Subflow Priority.
    MpPrio,
    /// 6: Fallback.
    MpFail,
    /// 7: Fast Close.
    MpFastclose,
    /// 8: Subflow Reset.
    MpTcprst,
    /// 15: Reserved for Private Use.
    MpExperimental,
    /// 9 to 14: unassigned.
    Unassigned(u8),
}

impl Subtype {
    /// The subtype of this number; only the lower 4 bits count.
    pub fn from_number(number: u8) -> Self {
        match number & 0x0f {
            0 => Self::MpCapable,
            1 => Self::MpJoin,
            2 => Self::Dss,
            3 => Self::AddAddr,
            4 => Self::RemoveAddr,
            5 => Self::MpPrio,
            6 => Self::MpFail,
            7 => Self::MpFastclose,
            8 => Self::MpTcprst,
            15 => Self::MpExperimental,
            other => Self::Unassigned(other),
        }
    }

    /// Its number, 0 to 15.
    pub fn number(self) -> u8 {
        match self {
            Self::MpCapable => 0,
            Self::MpJoin => 1,
            Self::Dss => 2,
            Self::AddAddr => 3,
            Self::RemoveAddr => 4,
            Self::MpPrio => 5,
            Self::MpFail => 6,
            Self::MpFastclose => 7,
            Self::MpTcprst => 8,
            Self::MpExperimental => 15,
            Self::Unassigned(number) => number & 0x0f,
        }
    }

    /// Its symbol in RFC 8684.
    pub fn name(self) -> &'static str {
        match self {
            Self::MpCapable => "MP_CAPABLE",
            Self::MpJoin => "MP_JOIN",
            Self::Dss => "DSS",
            Self::AddAddr => "ADD_ADDR",
            Self::RemoveAddr => "REMOVE_ADDR",
            Self::MpPrio => "MP_PRIO",
            Self::MpFail => "MP_FAIL",
            Self::MpFastclose => "MP_FASTCLOSE",
            Self::MpTcprst => "MP_TCPRST",
            Self::MpExperimental => "MP_EXPERIMENTAL",
            Self::Unassigned(_) => "unassigned",
        }
    }
}

impl fmt::Display for Subtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Key of one end of a connection, 64 bits (RFC 8684 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

/// Token by which one end knows a connection, 32 bits (RFC 8684 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u32);

/// Random number of a join, 32 bits (RFC 8684 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub u32);

/// Number that one end gives to one of its addresses (RFC 8684 section 3.2); 0 is that of the first subflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressId(pub u8);

/// Sequence number in the data stream of a connection, 64 bits, wraps (RFC 8684 section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataSeq(pub u64);

/// Sequence number in a subflow, relative to its initial one, 32 bits, wraps (RFC 8684 section 3.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubflowSeq(pub u32);
