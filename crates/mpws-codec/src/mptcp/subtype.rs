//! The kind that all MPTCP options share, and the subtype that tells them apart.

use std::fmt;

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
