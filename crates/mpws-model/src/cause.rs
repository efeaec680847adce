//! Why a connection is not MPTCP.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a connection is not MPTCP, or is no connection at all.
///
/// The words are stable; [`Display`](fmt::Display) and serde write them in kebab-case.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The SYN left without MP_CAPABLE.
    NeverAsked,
    /// The SYN arrived with MP_CAPABLE and the SYN/ACK left without.
    RemoteIsTcp,
    /// MP_CAPABLE was taken out of the SYN on the way.
    OptionStrippedSyn,
    /// MP_CAPABLE was taken out of the SYN/ACK on the way.
    OptionStrippedSynAck,
    /// MP_CAPABLE was taken out of a SYN and out of a SYN/ACK on the way.
    OptionStrippedBoth,
    /// MPTCP options were taken out of what the initiator sent after its SYN.
    OptionStrippedClientData,
    /// MPTCP options were taken out of what the responder sent after its SYN/ACK.
    OptionStrippedServerData,
    /// The wire changed an MPTCP option without taking it out.
    OptionChanged,
    /// The wire changed payload, and the checksum showed it.
    PayloadChanged,
    /// DSS had arrived in both directions before data came without.
    FellBackMidStream,
    /// Data left without DSS before DSS had arrived in both directions, and no option was taken
    /// out.
    FellBackEarly,
    /// An end announced the fallback: MP_FAIL or an infinite mapping.
    InfiniteMapping,
    /// A machine on the way answered the SYN in the server's place, and asked the server itself
    /// without MP_CAPABLE. Only a capture of both its sides shows that; to one side it looks like a
    /// server that speaks TCP.
    Proxied,
    /// Every SYN with MP_CAPABLE was lost.
    SynDropped,
    /// A SYN was answered with a reset.
    SynRefused,
    /// SYN/ACKs were lost.
    SynAckDropped,
    /// The handshake succeeded and then no data came through, because it was lost.
    DataDropped,
    /// A SYN arrived, or a SYN/ACK, and no answer was sent.
    PeerSilent,
    /// The beginning of the connection is not in the capture.
    NotCaptured,
    /// The kernel remembers that MPTCP did not come through and leaves it out.
    BlackholeMemory,
    /// The kernel was built without MPTCP.
    NotInKernel,
    /// MPTCP is switched off by sysctl.
    SwitchedOff,
    /// A policy, such as seccomp, refuses MPTCP sockets.
    RefusedByPolicy,
    /// No packet was seen at all.
    NoPacket,
}

/// A word that is no [`Cause`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown cause `{0}`")]
pub struct UnknownCause(pub String);

impl Cause {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::NeverAsked,
        Self::RemoteIsTcp,
        Self::OptionStrippedSyn,
        Self::OptionStrippedSynAck,
        Self::OptionStrippedBoth,
        Self::OptionStrippedClientData,
        Self::OptionStrippedServerData,
        Self::OptionChanged,
        Self::PayloadChanged,
        Self::FellBackMidStream,
        Self::FellBackEarly,
        Self::InfiniteMapping,
        Self::Proxied,
        Self::SynDropped,
        Self::SynRefused,
        Self::SynAckDropped,
        Self::DataDropped,
        Self::PeerSilent,
        Self::NotCaptured,
        Self::BlackholeMemory,
        Self::NotInKernel,
        Self::SwitchedOff,
        Self::RefusedByPolicy,
        Self::NoPacket,
    ];

    /// The word: the same that serde writes.
    pub fn word(self) -> &'static str {
        match self {
            Self::NeverAsked => "never-asked",
            Self::RemoteIsTcp => "remote-is-tcp",
            Self::OptionStrippedSyn => "option-stripped-syn",
            Self::OptionStrippedSynAck => "option-stripped-syn-ack",
            Self::OptionStrippedBoth => "option-stripped-both",
            Self::OptionStrippedClientData => "option-stripped-client-data",
            Self::OptionStrippedServerData => "option-stripped-server-data",
            Self::OptionChanged => "option-changed",
            Self::PayloadChanged => "payload-changed",
            Self::FellBackMidStream => "fell-back-mid-stream",
            Self::FellBackEarly => "fell-back-early",
            Self::InfiniteMapping => "infinite-mapping",
            Self::Proxied => "proxied",
            Self::SynDropped => "syn-dropped",
            Self::SynRefused => "syn-refused",
            Self::SynAckDropped => "syn-ack-dropped",
            Self::DataDropped => "data-dropped",
            Self::PeerSilent => "peer-silent",
            Self::NotCaptured => "not-captured",
            Self::BlackholeMemory => "blackhole-memory",
            Self::NotInKernel => "not-in-kernel",
            Self::SwitchedOff => "switched-off",
            Self::RefusedByPolicy => "refused-by-policy",
            Self::NoPacket => "no-packet",
        }
    }

    /// One sentence for a person.
    pub fn explain(self) -> &'static str {
        match self {
            Self::NeverAsked => "The client's SYN carried no MP_CAPABLE: it asked for plain TCP.",
            Self::RemoteIsTcp => {
                "The SYN arrived with MP_CAPABLE, and the server answered without it: it speaks plain TCP."
            }
            Self::OptionStrippedSyn => {
                "The network took MP_CAPABLE out of the SYN, so the server never saw that MPTCP was asked for."
            }
            Self::OptionStrippedSynAck => {
                "The network took MP_CAPABLE out of the SYN/ACK, so the client never saw that MPTCP was granted."
            }
            Self::OptionStrippedBoth => "The network took MP_CAPABLE out of both SYN and SYN/ACK.",
            Self::OptionStrippedClientData => {
                "The network took the MPTCP options out of what the client sent after its SYN."
            }
            Self::OptionStrippedServerData => {
                "The network took the MPTCP options out of what the server sent after its SYN/ACK."
            }
            Self::OptionChanged => {
                "The network changed an MPTCP option, and an endpoint would not go on with it."
            }
            Self::PayloadChanged => {
                "The network changed payload, and the endpoints fell back because the checksum did not match."
            }
            Self::FellBackMidStream => {
                "MPTCP was in use in both directions, and then data arrived without DSS: the connection went on as TCP."
            }
            Self::FellBackEarly => {
                "MPTCP was agreed on, but an endpoint sent data without DSS before it was in use in both directions."
            }
            Self::InfiniteMapping => {
                "An endpoint gave MPTCP up openly, by MP_FAIL or an infinite mapping, and went on as TCP."
            }
            Self::Proxied => {
                "A machine on the way answered the client in the server's place and asked the server for plain TCP: a SYN proxy, or one that splits connections."
            }
            Self::SynDropped => {
                "The network lost every SYN with MP_CAPABLE; what came through, if anything, was plain TCP."
            }
            Self::SynRefused => "The SYN was answered with a reset.",
            Self::SynAckDropped => "The network lost the SYN/ACK.",
            Self::DataDropped => {
                "The handshake succeeded, and then the network lost all data of one direction at least."
            }
            Self::PeerSilent => {
                "The handshake stopped because an endpoint did not answer what it got."
            }
            Self::NotCaptured => "The capture does not hold the beginning of the connection.",
            Self::BlackholeMemory => {
                "The kernel remembered that MPTCP did not come through before and asked for plain TCP."
            }
            Self::NotInKernel => "The kernel was built without MPTCP.",
            Self::SwitchedOff => "MPTCP is switched off by the sysctl net.mptcp.enabled.",
            Self::RefusedByPolicy => {
                "A policy, such as a seccomp filter, refused the MPTCP socket."
            }
            Self::NoPacket => "No packet of the connection was seen.",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Cause {
    type Err = UnknownCause;

    fn from_str(word: &str) -> Result<Self, UnknownCause> {
        Self::ALL
            .into_iter()
            .find(|cause| cause.word() == word)
            .ok_or_else(|| UnknownCause(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_the_one_that_serde_writes_and_leads_back_to_its_cause() {
        for cause in Cause::ALL {
            let json = serde_json::to_string(&cause).expect("a unit variant");
            assert_eq!(json, format!("\"{cause}\""));
            assert_eq!(cause.word().parse(), Ok(cause));
        }
    }
}
