//! What a case and its steps demand of the evidence.

use mpws_model::{Expect, Side};
use mpws_trace::Rule;
use serde::{Deserialize, Serialize};

use crate::wire::Deed;

/// What must be seen, once the steps of a cell are over.
///
/// The default demands that MPTCP carried every connection, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demands {
    /// Whether the cell is a control: it asks for plain TCP, and what is about MPTCP alone is not
    /// demanded of it.
    pub control: bool,
    /// What must carry every connection.
    pub transport: Expect,
    /// What must carry each connection, in the order of their first packets, instead of
    /// `transport`; empty where one word serves for all.
    pub each: Vec<Expect>,
    /// Sides whose segments must not have waited for an ACK.
    pub no_holding: Vec<NoHolding>,
    /// No packet with RST may have arrived.
    pub no_reset: bool,
    /// Every data message, either way, must be compressed (RFC 7692 section 6).
    pub compressed: bool,
    /// RFC rules that the case makes an end break.
    pub illegal: Vec<Illegal>,
    /// Lab rules and middleboxes that the case put on the wire: each must have done something to a
    /// packet.
    pub placed: Vec<Placed>,
    /// Subflows that must have joined the one connection of the cell, the first not counted.
    pub joins: Option<Count>,
    /// Paths that must have carried payload, or must not have.
    pub carried: Vec<Carried>,
    /// Paths, from 1, on which packets must have been lost.
    pub dropped: Vec<u8>,
    /// Every message to the server came back once, in order.
    pub echoed: bool,
    /// At least one message arrived in parts on different paths.
    pub split: bool,
}

/// Segments of a side must not have waited for an ACK, as Nagle's algorithm makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoHolding {
    /// Who sends them.
    pub side: Side,
    /// In how many rounds they would have waited. Half of them show it: one alone may be a program
    /// that was not scheduled for as long as a delayed ACK takes.
    pub rounds: u32,
}

/// A path and whether payload must have crossed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// The path, from 1.
    pub path: u8,
    /// Whether it must have carried payload, or must not have.
    pub payload: bool,
}

/// An RFC rule that the case makes an end break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Illegal {
    /// It is broken in every run, and the wire must show that.
    Sure(Rule),
    /// It may be broken; that depends on chance or on the peer.
    Possible(Rule),
}

/// A lab rule or middlebox that the case put on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// The name that the wire notes beside each packet that it did something to.
    pub name: String,
    /// The path that it is for, from 1; all paths where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<u8>,
    /// What it is, and so what it does.
    pub kind: PlacedKind,
    /// There may be no packet for it.
    pub may_idle: bool,
}

/// What was put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlacedKind {
    /// A lab rule that does this to packets.
    Rule(Deed),
    /// A middlebox, which may do anything to a packet but let it pass.
    Box,
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// So many.
    Exactly(u32),
    /// So many or more.
    AtLeast(u32),
}

impl Default for Demands {
    fn default() -> Self {
        Self {
            control: false,
            transport: Expect::Mptcp,
            each: Vec::new(),
            no_holding: Vec::new(),
            no_reset: false,
            compressed: false,
            illegal: Vec::new(),
            placed: Vec::new(),
            joins: None,
            carried: Vec::new(),
            dropped: Vec::new(),
            echoed: false,
            split: false,
        }
    }
}

impl Illegal {
    /// The rule.
    pub fn rule(self) -> Rule {
        match self {
            Self::Sure(rule) | Self::Possible(rule) => rule,
        }
    }
}

impl Placed {
    /// `rule NAME` or `box NAME`.
    pub fn describe(&self) -> String {
        let kind = match self.kind {
            PlacedKind::Rule(_) => "rule",
            PlacedKind::Box => "box",
        };
        format!("{kind} {}", self.name)
    }
}

impl Count {
    /// Whether this is such a number.
    pub fn holds(self, number: i64) -> bool {
        match self {
            Self::Exactly(count) => number == i64::from(count),
            Self::AtLeast(count) => number >= i64::from(count),
        }
    }

    /// In words, for checks.
    pub fn describe(self) -> String {
        match self {
            Self::Exactly(count) => count.to_string(),
            Self::AtLeast(count) => format!("at least {count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_exact_or_a_least_number() {
        assert!(Count::Exactly(1).holds(1));
        assert!(!Count::Exactly(1).holds(2) && !Count::Exactly(1).holds(0));
        assert!(Count::AtLeast(1).holds(1) && Count::AtLeast(1).holds(2));
        assert!(!Count::AtLeast(1).holds(0));
        assert_eq!(Count::Exactly(2).describe(), "2");
        assert_eq!(Count::AtLeast(2).describe(), "at least 2");
    }
}
