//! Middleboxes: machines on a path that remember what they saw, as data.
//!
//! A rule judges one packet at a time; a middlebox keeps state between packets, holds them back,
//! and makes packets that nobody sent. Boxes stand on their path in the order in which they were
//! placed, the first nearest to the host that the path named first. A packet meets the rules of the
//! lab first, then the boxes.
//!
//! [`preset`](crate::preset) gives the usual ones names.

use crate::error::PathError;
use crate::rule::Rule;
use crate::topology::{End, Topology};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A machine on a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Middlebox {
    /// Lets everything by, as a bridge does.
    Bridge,
    /// Applies a rule. Unlike rules of the lab, of which the first decides, several can stand in a
    /// row.
    Rule(Rule),
    /// Network address and port translation (RFC 5382): to the second host, the first one has the
    /// addresses 10.`path`.0.100 and fd00:`path`::64, and other ports.
    Nat {
        /// A connection's mapping is lost when nothing came for so long; never where absent.
        idle: Option<Duration>,
        /// All mappings are lost once, after so many TCP packets; never where absent.
        flush_after: Option<u64>,
    },
    /// Gives connections other initial sequence numbers (ISN): rewrites sequence numbers both
    /// ways, SACK blocks too.
    Isn,
    /// An application gateway: searches and replaces in the payload of each packet, and mends
    /// sequence numbers. What would not fit into the packet is not replaced.
    Replace {
        /// Not empty.
        search: String,
        /// Of any length.
        with: String,
    },
    /// Cuts packets into smaller ones, each with the TCP options of the whole.
    Resegment {
        /// Most payload of a packet, in bytes, at least 1.
        size: u16,
    },
    /// Merges adjacent packets into one with the TCP options of the first.
    Coalesce {
        /// How long a packet waits for the next.
        wait: Duration,
    },
    /// Answers SYNs of the first host itself, without the options that it does not know, and asks
    /// the second host when the first has confirmed.
    SynProxy,
    /// Ends each TCP connection and begins another behind it, without MPTCP.
    SplitTcp,
    /// The second host seems to send unknown options of a SYN, MPTCP's, back in its SYN/ACK.
    EchoOptions,
    /// A load balancer between the first host and the second, which sends some connections to
    /// another host.
    Balance {
        /// A path that leads to that host. Where absent, the box speaks for it: it resets these
        /// connections, as a server does that does not know their token.
        to: Option<u8>,
        /// Which connections.
        by: BalanceBy,
    },
    /// Connection tracking: drops TCP packets that fit no connection which it saw begin, or not
    /// its window.
    Conntrack,
    /// Cuts each connection by resets to both ends.
    ResetAfter {
        /// After so many packets with payload.
        segments: u64,
    },
    /// Drops TCP packets, and tells their senders by ICMP that there is no way.
    Unreachable,
}

/// Which connections a load balancer sends elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BalanceBy {
    /// Joins.
    Joins,
    /// Those with an odd source port, whatever they are.
    Ports,
}

impl Middlebox {
    /// The name that stands in the capture beside every packet that it did something to.
    pub fn name(&self) -> &str {
        match self {
            Self::Bridge => "bridge",
            Self::Rule(rule) => &rule.name,
            Self::Nat { .. } => "nat",
            Self::Isn => "isn",
            Self::Replace { .. } => "replace",
            Self::Resegment { .. } => "resegment",
            Self::Coalesce { .. } => "coalesce",
            Self::SynProxy => "syn-proxy",
            Self::SplitTcp => "split-tcp",
            Self::EchoOptions => "echo-options",
            Self::Balance { .. } => "balance",
            Self::Conntrack => "conntrack",
            Self::ResetAfter { .. } => "reset-after",
            Self::Unreachable => "unreachable",
        }
    }

    /// Says what is wrong with it on this path, where something is.
    pub(crate) fn check(&self, topology: &Topology, path: u8) -> Result<(), PathError> {
        let senseless = |reason| Err(PathError::Senseless { reason });
        match self {
            Self::Rule(rule) => {
                let hosts = [End::First, End::Second].map(|end| topology.host_at(path, end));
                let from = rule.when.from.as_deref();
                if from.is_some_and(|host| !hosts.contains(&host)) {
                    return senseless("the rule names a host that is not at this path");
                }
                if rule.when.path.is_some_and(|named| named != path) {
                    return senseless("the rule names another path");
                }
                rule.check().or_else(senseless)
            }
            Self::Replace { search, .. } if search.is_empty() => {
                senseless("there is nothing to search for")
            }
            Self::Resegment { size: 0 } => senseless("a packet holds at least 1 byte"),
            Self::Coalesce { wait } if *wait > LONGEST => {
                senseless("a packet is held back for at most 1 second")
            }
            Self::Balance { to: Some(to), .. } => {
                if !topology.has_path(*to) {
                    return Err(PathError::NoSuchPath { path: *to });
                }
                let server = topology.host_at(path, End::Second);
                let ends = [End::First, End::Second].map(|end| topology.host_at(*to, end));
                if ends.contains(&server) {
                    return senseless("the load balancer's other path leads to the same server");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Longest time for which a box may hold a packet back.
const LONGEST: Duration = Duration::from_secs(1);
