//! Rules of RFC 8684 and RFC 6455 that the packets of a connection can be held against.
//!
//! Judged is what an end sent, not what the network made of it; packets that the wire made up are
//! nobody's. Where a capture does not hold what a rule is about, nothing is said.

use std::fmt;

use mpws_codec::websocket::Violation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::packets::Direction;

/// A rule that was broken: by whom, when, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Offence {
    /// When the packet was at the wire, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// Index of the subflow.
    pub subflow: usize,
    /// The direction in which the offender sends.
    pub direction: Direction,
    /// Which rule.
    pub rule: Rule,
    /// Where the rule stands, such as `RFC 8684 section 3.2`.
    pub section: String,
    /// What was seen, in words.
    pub detail: String,
}

/// A rule. The words are stable.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// A TCP or MPTCP option has no form that the RFC describes.
    OptionMalformed,
    /// MP_CAPABLE answers with a version that was not asked for, or changes it.
    CapableVersion,
    /// MP_CAPABLE names no algorithm, or sets the extensibility bit.
    CapableFlags,
    /// MP_CAPABLE without the keys that belong there, or with others than before.
    CapableKeys,
    /// MP_CAPABLE in answer to a SYN without it.
    CapableUnasked,
    /// A in the third ACK is not what the SYNs agreed on.
    ChecksumBit,
    /// A mapping without checksum where agreed, or with one where not.
    ChecksumPresence,
    /// A checksum that does not fit its data.
    ChecksumWrong,
    /// An MPTCP option where MPTCP was not agreed on.
    OptionWithoutAgreement,
    /// The first byte does not follow on the initial data sequence number.
    InitialDataSequence,
    /// A mapping says otherwise than one before for the same bytes of the subflow.
    MappingChanged,
    /// A mapping is far from what it can be about.
    MappingOutside,
    /// DATA_ACK goes backwards.
    DataAckBackwards,
    /// New data after the DATA_FIN.
    DataAfterFin,
    /// A DATA_FIN at another place than before.
    DataFinMoved,
    /// A DATA_FIN without data that does not have subflow sequence number 0 and length 1.
    DataFinForm,
    /// A finite mapping after an infinite one.
    MappingAfterFallback,
    /// Data without mapping on a further subflow.
    UnmappedOnJoin,
    /// MP_JOIN with a wrong HMAC.
    JoinHmac,
    /// MP_JOIN with a wrong HMAC was accepted.
    JoinHmacAccepted,
    /// Data on a further subflow before its third ACK was acknowledged.
    JoinDataEarly,
    /// A join to the address and port that the other end ruled out.
    JoinToSource,
    /// An address id that stands for two addresses.
    AddressIdReused,
    /// ADD_ADDR with a wrong HMAC, without, or an echo with one.
    AddAddrHmac,
    /// MP_FASTCLOSE without the key of its receiver.
    FastcloseKey,
    /// MP_TCPRST on a packet that is no RST.
    ResetReasonOutsideRst,
    /// Reserved bits of an MPTCP option are set.
    ReservedBits,
    /// `Sec-WebSocket-Accept` is not the answer to the key.
    WrongAccept,
    /// 101 without `Upgrade: websocket` or `Connection: Upgrade`.
    UpgradeHeaders,
    /// A request to upgrade without something that it must have.
    RequestHeaders,
    /// An extension or subprotocol that was not offered.
    NotOffered,
    /// A reserved bit without a meaning.
    FrameReservedBits,
    /// A reserved opcode.
    FrameReservedOpcode,
    /// A client did not mask.
    FrameNotMasked,
    /// A server masked.
    FrameMasked,
    /// A length not written in the shortest way, or with its highest bit set.
    FrameLength,
    /// A fragmented control frame.
    ControlFragmented,
    /// A control frame above 125 bytes.
    ControlTooLong,
    /// A continuation of nothing, or a message within a message.
    Fragmentation,
    /// A Close that is malformed, or with a code that must not be sent.
    CloseCode,
    /// Text or a close reason that is not UTF-8.
    NotUtf8,
    /// Anything after a Close.
    AfterClose,
    /// An answer to permessage-deflate that is malformed, or does not fit what was offered.
    DeflateParameters,
    /// Compressed data that does not inflate.
    DeflateData,
}

impl Rule {
    /// Where it stands.
    pub fn section(self) -> &'static str {
        match self {
            Self::OptionMalformed => "RFC 8684 section 3",
            Self::CapableVersion
            | Self::CapableFlags
            | Self::CapableKeys
            | Self::CapableUnasked
            | Self::ChecksumBit
            | Self::JoinToSource
            | Self::InitialDataSequence => "RFC 8684 section 3.1",
            Self::JoinHmac | Self::JoinHmacAccepted | Self::JoinDataEarly => "RFC 8684 section 3.2",
            Self::ChecksumPresence | Self::OptionWithoutAgreement => "RFC 8684 section 3.3",
            Self::ChecksumWrong | Self::MappingChanged | Self::MappingOutside => {
                "RFC 8684 section 3.3.1"
            }
            Self::DataAckBackwards => "RFC 8684 section 3.3.2",
            Self::DataAfterFin | Self::DataFinMoved | Self::DataFinForm => "RFC 8684 section 3.3.3",
            Self::AddressIdReused | Self::AddAddrHmac => "RFC 8684 section 3.4.1",
            Self::FastcloseKey => "RFC 8684 section 3.5",
            Self::ResetReasonOutsideRst => "RFC 8684 section 3.6",
            Self::MappingAfterFallback | Self::UnmappedOnJoin => "RFC 8684 section 3.7",
            Self::ReservedBits => "RFC 8684 section 3",
            Self::WrongAccept | Self::UpgradeHeaders | Self::NotOffered => "RFC 6455 section 4.2.2",
            Self::RequestHeaders => "RFC 6455 section 4.1",
            Self::FrameNotMasked | Self::FrameMasked => "RFC 6455 section 5.1",
            Self::FrameReservedBits | Self::FrameReservedOpcode | Self::FrameLength => {
                "RFC 6455 section 5.2"
            }
            Self::Fragmentation => "RFC 6455 section 5.4",
            Self::ControlFragmented | Self::ControlTooLong => "RFC 6455 section 5.5",
            Self::AfterClose => "RFC 6455 section 5.5.1",
            Self::CloseCode => "RFC 6455 section 7.4",
            Self::NotUtf8 => "RFC 6455 section 8.1",
            Self::DeflateParameters => "RFC 7692 section 7.1",
            Self::DeflateData => "RFC 7692 section 7.2.2",
        }
    }
}

impl From<Violation> for Rule {
    fn from(violation: Violation) -> Self {
        match violation {
            Violation::ReservedBits(_) => Self::FrameReservedBits,
            Violation::ReservedOpcode(_) => Self::FrameReservedOpcode,
            Violation::NotMasked => Self::FrameNotMasked,
            Violation::Masked => Self::FrameMasked,
            Violation::LengthNotMinimal | Violation::LengthHighBit => Self::FrameLength,
            Violation::ControlFragmented => Self::ControlFragmented,
            Violation::ControlTooLong => Self::ControlTooLong,
            Violation::ContinuationOfNothing | Violation::MessageInterrupted => Self::Fragmentation,
            Violation::CloseOneByte | Violation::CloseCode(_) => Self::CloseCode,
            Violation::CloseReasonNotUtf8 | Violation::TextNotUtf8 => Self::NotUtf8,
            Violation::AfterClose => Self::AfterClose,
            _ => Self::FrameReservedBits,
        }
    }
}

/// The word that serde writes.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.section)
    }
}
