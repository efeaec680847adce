//! What happened on a connection, as values.

use std::{fmt, net::IpAddr};

use mpws_codec::mptcp::ResetReason;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    packets::{Direction, Proof},
    stream::Level,
    transport::Cause,
};

/// One line of the history of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// When it was at the wire, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// Index of the subflow; 0 is the one that opened the connection.
    pub subflow: usize,
    /// Interface of the capture on which it was seen; empty where the file names none.
    pub path: String,
    /// Which way, as seen from the connection: also on a subflow that the responder opened.
    pub direction: Direction,
    /// What became of the packet.
    #[serde(rename = "fate")]
    pub delivery: Delivery,
    /// Name of the rule that did something to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What it was.
    #[serde(flatten)]
    pub event: Event,
}

/// What became of a packet on the way, as far as the capture tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It arrived as it was sent, or there is nothing to the contrary.
    Arrived,
    /// The wire lost it.
    Lost,
    /// The wire changed it.
    Changed,
    /// The wire made it up.
    Forged,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A SYN.
    Syn {
        /// What it asks for.
        opening: Opening,
        /// It was sent before.
        repeated: bool,
    },
    /// A SYN/ACK.
    SynAck {
        /// What it grants.
        opening: Opening,
        /// It was sent before.
        repeated: bool,
    },
    /// The ACK that ends the handshake, or the data that does.
    ThirdAck {
        /// What it confirms.
        opening: Opening,
        /// It was sent before.
        repeated: bool,
    },
    /// ADD_ADDR (RFC 8684 section 3.4.1).
    AddAddr {
        /// Address id.
        id: u8,
        /// The address.
        address: IpAddr,
        /// Port, where announced.
        port: Option<u16>,
        /// Whether the HMAC is right.
        hmac: Proof,
        /// It was sent before.
        repeated: bool,
    },
    /// ADD_ADDR that confirms one (RFC 8684 section 3.4.1).
    AddAddrEcho {
        /// Address id.
        id: u8,
        /// The address.
        address: IpAddr,
        /// Port, where announced.
        port: Option<u16>,
    },
    /// REMOVE_ADDR (RFC 8684 section 3.4.2).
    RemoveAddr {
        /// Address ids.
        ids: Vec<u8>,
    },
    /// MP_PRIO (RFC 8684 section 3.3.8).
    Priority {
        /// The subflow becomes a backup, or stops being one.
        backup: bool,
    },
    /// MP_FAIL (RFC 8684 section 3.7).
    Fail {
        /// First data sequence number that cannot be trusted.
        data_seq: u64,
    },
    /// MP_FASTCLOSE (RFC 8684 section 3.5).
    FastClose {
        /// Whether it bears the key of its receiver.
        key: Proof,
    },
    /// A mapping for all further data (RFC 8684 section 3.7).
    InfiniteMapping,
    /// The connection is TCP from here on.
    Fallback {
        /// Why.
        cause: Cause,
    },
    /// The first DATA_FIN of this direction on this subflow (RFC 8684 section 3.3.3).
    DataFin,
    /// The first FIN of this direction of the subflow.
    Fin,
    /// RST of the subflow, with MP_TCPRST where a reason is given (RFC 8684 section 3.6).
    Rst {
        /// Reason code.
        reason: Option<u8>,
        /// T: the condition is transient.
        transient: bool,
    },
    /// Data that the wire lost.
    Lost {
        /// Packets in a row.
        packets: u32,
        /// Bytes in them.
        bytes: u64,
        /// When the last of them was at the wire, in nanoseconds since the epoch.
        until_ns: u64,
    },
    /// Data that was sent again.
    SentAgain {
        /// By TCP or by MPTCP.
        level: Level,
        /// Segments in a row.
        packets: u32,
        /// Bytes in them.
        bytes: u64,
        /// When the last of them was at the wire, in nanoseconds since the epoch.
        until_ns: u64,
    },
    /// Request of the opening handshake.
    Request {
        /// Method and target, with control characters escaped.
        line: String,
    },
    /// Response of the opening handshake.
    Response {
        /// Status code.
        status: Option<u16>,
    },
    /// The first byte of a message: its number in the list of messages, and what it is.
    Message {
        /// Index in the list of messages.
        message: usize,
        /// In words.
        text: String,
    },
    /// A rule that was broken.
    Violation {
        /// Index in the list of violations.
        violation: usize,
        /// In words.
        text: String,
    },
}

/// What a handshake packet asks for, grants or confirms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "as", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Opening {
    /// Plain TCP.
    Tcp,
    /// MP_CAPABLE (RFC 8684 section 3.1).
    MpCapable {
        /// Version: 1 for RFC 8684, 0 for RFC 6824.
        version: u8,
        /// A: checksums are required.
        checksum: bool,
        /// C: no joins to this address and port.
        no_join_to_source: bool,
    },
    /// MP_JOIN (RFC 8684 section 3.2).
    MpJoin {
        /// Id of the sender's address; the third ACK has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        address_id: Option<u8>,
        /// B: for use only where no other subflow is left.
        backup: bool,
        /// Whether the HMAC is right, as it arrived; a SYN has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        hmac: Option<Proof>,
    },
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => Ok(()),
            Self::MpCapable {
                version,
                checksum,
                no_join_to_source,
            } => {
                f.write_str(" MP_CAPABLE")?;
                if *version != 1 {
                    write!(f, " version {version}")?;
                }
                if *checksum {
                    f.write_str(", checksums")?;
                }
                if *no_join_to_source {
                    f.write_str(", no joins to this address")?;
                }
                Ok(())
            }
            Self::MpJoin {
                address_id,
                backup,
                hmac,
            } => {
                f.write_str(" MP_JOIN")?;
                if let Some(id) = address_id {
                    write!(f, " address {id}")?;
                }
                if *backup {
                    f.write_str(", backup")?;
                }
                match hmac {
                    Some(hmac) => write!(f, ", HMAC {}", hmac.word()),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = |repeated: bool| if repeated { " (again)" } else { "" };
        let port =
            |port: &Option<u16>| port.map(|port| format!(" port {port}")).unwrap_or_default();
        match self {
            Self::Syn { opening, repeated } => write!(f, "SYN{opening}{}", again(*repeated)),
            Self::SynAck { opening, repeated } => write!(f, "SYN/ACK{opening}{}", again(*repeated)),
            Self::ThirdAck { opening, repeated } => write!(f, "ACK{opening}{}", again(*repeated)),
            Self::AddAddr {
                id,
                address,
                port: announced,
                hmac,
                repeated,
            } => write!(
                f,
                "ADD_ADDR {id} = {address}{}, HMAC {}{}",
                port(announced),
                hmac.word(),
                again(*repeated)
            ),
            Self::AddAddrEcho {
                id,
                address,
                port: announced,
            } => write!(f, "ADD_ADDR echo {id} = {address}{}", port(announced)),
            Self::RemoveAddr { ids } => {
                let ids: Vec<_> = ids.iter().map(u8::to_string).collect();
                write!(f, "REMOVE_ADDR {}", ids.join(", "))
            }
            Self::Priority { backup: true } => f.write_str("MP_PRIO: backup"),
            Self::Priority { backup: false } => f.write_str("MP_PRIO: normal"),
            Self::Fail { data_seq } => write!(f, "MP_FAIL from data sequence number {data_seq}"),
            Self::FastClose { key } => write!(f, "MP_FASTCLOSE, key {}", key.word()),
            Self::InfiniteMapping => f.write_str("infinite mapping"),
            Self::Fallback { cause } => write!(f, "fallback to TCP: {cause}"),
            Self::DataFin => f.write_str("DATA_FIN"),
            Self::Fin => f.write_str("FIN"),
            Self::Rst { reason, transient } => {
                f.write_str("RST")?;
                if let Some(reason) = reason {
                    write!(f, ": {} (reason {reason})", ResetReason(*reason).name())?;
                }
                f.write_str(if *transient { ", transient" } else { "" })
            }
            Self::Lost { packets, bytes, .. } => {
                write!(f, "lost: {packets} packets with {bytes} bytes")
            }
            Self::SentAgain {
                level,
                packets,
                bytes,
                ..
            } => {
                let level = match level {
                    Level::Tcp => "TCP",
                    Level::Data => "MPTCP",
                };
                write!(
                    f,
                    "sent again by {level}: {packets} segments with {bytes} bytes"
                )
            }
            Self::Request { line } => write!(f, "request: {line}"),
            Self::Response {
                status: Some(status),
            } => write!(f, "response: {status}"),
            Self::Response { status: None } => f.write_str("response without status"),
            Self::Message { text, .. } => f.write_str(text),
            Self::Violation { text, .. } => write!(f, "VIOLATION: {text}"),
        }
    }
}
