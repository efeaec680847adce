//! Lab rules: what the wire does to packets, as data.
//!
//! Rules of a lab are asked in the order in which they were installed; the first that matches a
//! packet decides. A packet that no rule matches passes. Rules see TCP packets only; ARP, neighbour
//! discovery and other traffic always passes.

use mpws_packet::{InvalidName, Name};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the wire does to the packets that a match selects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// It stands in the capture beside every packet that the rule decided. 1 to 100 bytes without
    /// control character, `+` or `;`, and not the name of a property of links such as `loss`
    /// ([`mpws_packet::Name`]).
    pub name: String,
    /// Which packets it decides; [`Match::default`] is every TCP packet.
    pub when: Match,
    /// What happens to them.
    pub then: Action,
}

/// Selects packets. Every field that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Number of the path, from 1; all paths where absent.
    pub path: Option<u8>,
    /// Name of the host that the packet comes from; all hosts where absent.
    pub from: Option<String>,
    /// Whether SYN is set.
    pub syn: Option<bool>,
    /// Whether ACK is set.
    pub ack: Option<bool>,
    /// Whether FIN is set.
    pub fin: Option<bool>,
    /// Whether RST is set.
    pub rst: Option<bool>,
    /// Whether it carries TCP payload.
    pub payload: Option<bool>,
    /// MPTCP options that it carries.
    pub mptcp: Option<MptcpMatch>,
    /// Source or destination port.
    pub port: Option<u16>,
    /// Part of the byte stream of its direction that it carries some of. Needs a connection whose
    /// SYN crossed the wire.
    pub bytes: Option<Bytes>,
    /// Which of the packets that all the above selects.
    pub which: Which,
}

/// A part of a TCP byte stream, counted from 0 for the first byte after the SYN; in an MPTCP
/// connection, of the stream of that subflow. After 4 GiB numbers begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bytes {
    /// Its first byte.
    pub from: u32,
    /// The byte after its last one; above `from`.
    pub to: u32,
}

/// A condition on the MPTCP options (kind 30) of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MptcpMatch {
    /// At least one, of any subtype.
    Any,
    /// None.
    None,
    /// At least one of this subtype, 0 to 15 (RFC 8684 section 8.2).
    Subtype(u8),
}

/// Which of the selected packets, counted from 1 for each rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// All of them.
    #[default]
    All,
    /// The first so many.
    First(u64),
    /// Only the nth.
    Nth(u64),
    /// All after the nth.
    After(u64),
    /// Every nth.
    Every(u64),
}

/// What happens to a selected packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It passes, and later rules are not asked.
    Pass,
    /// It passes later, by at most 1 hour.
    Delay(Duration),
    /// It is lost.
    Drop,
    /// It is delivered twice.
    Duplicate,
    /// It is lost, and its sender gets a TCP reset that seems to come from its destination.
    Reset,
    /// It is changed, its checksums are mended, and it passes.
    Rewrite(Rewrite),
}

/// A change to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rewrite {
    /// Overwrites all MPTCP options with NOP (kind 1), as middleboxes do that keep the header
    /// length.
    StripMptcp,
    /// The same for one subtype, 0 to 15.
    StripSubtype(u8),
    /// The same for TCP options of one kind, not 0 or 1, for example 8 for timestamps (RFC 7323).
    StripKind(u8),
    /// Lowers the maximum segment size that a SYN announces (RFC 9293 section 3.7.1) to this, in
    /// bytes.
    ClampMss(u16),
    /// Exclusive-ors one byte of the TCP payload; packets that are shorter pass unchanged.
    CorruptPayload {
        /// Offset from the start of the payload, in bytes.
        offset: u16,
        /// Mask, not 0.
        mask: u8,
    },
    /// Exclusive-ors one byte of each MPTCP option of one subtype, such as the token of an MP_JOIN
    /// (RFC 8684 section 3.2); options that are shorter pass unchanged.
    FlipOptionByte {
        /// Subtype, 0 to 15.
        subtype: u8,
        /// Offset from the kind byte of the option; from 4 on, for what stands before tells options
        /// apart.
        offset: u8,
        /// Mask, not 0.
        mask: u8,
    },
    /// Exclusive-ors the flags byte of MP_CAPABLE (RFC 8684 section 3.1).
    FlipCapableFlags(u8),
    /// Sets the version of MP_CAPABLE, 0 to 15.
    SetCapableVersion(u8),
}

impl Rule {
    /// A rule that matches every TCP packet until it is narrowed.
    pub fn new(name: impl Into<String>, then: Action) -> Self {
        Self {
            name: name.into(),
            when: Match::default(),
            then,
        }
    }

    /// Only packets on this path, counted from 1.
    pub fn path(mut self, path: u8) -> Self {
        self.when.path = Some(path);
        self
    }

    /// Only packets that come from this host.
    pub fn from(mut self, host: impl Into<String>) -> Self {
        self.when.from = Some(host.into());
        self
    }

    /// Only connection requests: SYN without ACK.
    pub fn syn(mut self) -> Self {
        self.when.syn = Some(true);
        self.when.ack = Some(false);
        self
    }

    /// Only SYN with ACK.
    pub fn syn_ack(mut self) -> Self {
        self.when.syn = Some(true);
        self.when.ack = Some(true);
        self
    }

    /// Only packets without SYN.
    pub fn not_syn(mut self) -> Self {
        self.when.syn = Some(false);
        self
    }

    /// Only packets with (`true`) or without payload.
    pub fn payload(mut self, present: bool) -> Self {
        self.when.payload = Some(present);
        self
    }

    /// Only packets whose MPTCP options satisfy this.
    pub fn mptcp(mut self, options: MptcpMatch) -> Self {
        self.when.mptcp = Some(options);
        self
    }

    /// Only this source or destination port.
    pub fn port(mut self, port: u16) -> Self {
        self.when.port = Some(port);
        self
    }

    /// Only packets with payload from this part of the stream; a retransmission is such a packet
    /// too.
    pub fn bytes(mut self, from: u32, to: u32) -> Self {
        self.when.bytes = Some(Bytes { from, to });
        self
    }

    /// Only these of the packets selected so far.
    pub fn which(mut self, which: Which) -> Self {
        self.when.which = which;
        self
    }

    /// What is wrong with a rule that can never do what it says.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        const BITS: std::ops::RangeInclusive<u8> = 0..=15;
        Name::new(&self.name).map_err(InvalidName::word)?;
        if let Which::First(0) | Which::Nth(0) | Which::Every(0) = self.when.which {
            return Err("packets are counted from 1");
        }
        if self.when.bytes.is_some_and(|bytes| bytes.from >= bytes.to) {
            return Err("a part of the stream has at least one byte");
        }
        if matches!(self.when.mptcp, Some(MptcpMatch::Subtype(subtype)) if !BITS.contains(&subtype))
        {
            return Err("a subtype is 0 to 15");
        }
        match self.then {
            Action::Delay(time) if time > LONGEST_DELAY => Err("a delay is at most 1 hour"),
            Action::Rewrite(
                Rewrite::StripSubtype(subtype) | Rewrite::FlipOptionByte { subtype, .. },
            ) if !BITS.contains(&subtype) => Err("a subtype is 0 to 15"),
            Action::Rewrite(Rewrite::FlipOptionByte { offset: 0..4, .. }) => {
                Err("the first 4 bytes of an option stay as they are")
            }
            Action::Rewrite(Rewrite::SetCapableVersion(version)) if !BITS.contains(&version) => {
                Err("a version is 0 to 15")
            }
            Action::Rewrite(Rewrite::StripKind(0 | 1)) => Err("padding is not stripped"),
            Action::Rewrite(
                Rewrite::CorruptPayload { mask: 0, .. }
                | Rewrite::FlipOptionByte { mask: 0, .. }
                | Rewrite::FlipCapableFlags(0),
            ) => Err("a mask of 0 changes nothing"),
            _ => Ok(()),
        }
    }
}

const LONGEST_DELAY: Duration = Duration::from_secs(3600);
