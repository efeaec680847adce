//! One condition: a key, with or without a value.

use super::error::SpecError;
use super::models::PRESETS;
use super::units::{self, BYTES, DURATION, RATE, SHARE};
use crate::middlebox::{BalanceBy, Middlebox};
use crate::rule::{Action, MptcpMatch, Rewrite, Rule, Which};
use crate::shape::{Chance, Shape};
use std::fmt;
use std::time::Duration;

/// A key of a [`PathSpec`](super::PathSpec).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is; empty where it has none.
    pub value: &'static str,
    /// What it does.
    pub what: &'static str,
}

/// All keys: boxes, then link qualities.
pub const KEYS: &[Key] = &[
    key("strip", STRIP, "overwrites options with padding"),
    key(
        "strip-after",
        COUNT,
        "overwrites MPTCP options from then on, after so many packets",
    ),
    key("drop", DROP, "loses some packets of MPTCP connections"),
    key(
        "reset",
        RESET,
        "answers some packets of MPTCP connections with a reset, and loses them",
    ),
    key(
        "reset-after",
        COUNT,
        "cuts each connection by resets after so many packets with payload",
    ),
    key(
        "replace",
        REPLACE,
        "replaces text in the payload of each packet and mends the sequence numbers",
    ),
    key(
        "syn-proxy",
        "",
        "answers SYNs itself, and asks the server when the client has confirmed",
    ),
    key(
        "split-tcp",
        "",
        "ends each TCP connection and begins another behind it",
    ),
    key(
        "blackhole",
        BLACKHOLE,
        "loses every TCP packet of a direction",
    ),
    key(
        "blackhole-after",
        COUNT,
        "loses every TCP packet after so many",
    ),
    key("nat", "", "translates the client's address and ports"),
    key(
        "nat-idle",
        DURATION,
        "the same, and a connection is forgotten when nothing came for so long",
    ),
    key(
        "nat-flush-after",
        COUNT,
        "the same, and all connections are forgotten once, after so many packets",
    ),
    key(
        "isn",
        "",
        "rewrites the sequence numbers of both directions",
    ),
    key(
        "resegment",
        SIZE,
        "cuts packets into smaller ones that each have all options",
    ),
    key(
        "coalesce",
        DURATION,
        "holds packets back for so long and merges those that follow each other",
    ),
    key("balance", BALANCE, "sends joins to another server"),
    key(
        "unreachable",
        "",
        "loses every TCP packet and says so by ICMP",
    ),
    key(
        "mss",
        MSS,
        "lowers the maximum segment size that SYNs announce",
    ),
    key(
        "conntrack",
        "",
        "drops packets that fit no connection which it saw begin, or not its window",
    ),
    key(
        "echo-options",
        "",
        "sends MPTCP options of the SYN back in the SYN/ACK, as a broken server does",
    ),
    key("rate", RATE, "bits a second"),
    key("delay", DURATION, "time that a packet is under way"),
    key("jitter", DURATION, "by how much the delay varies"),
    key(
        "queue",
        BYTES,
        "bytes that wait at the rate's bottleneck; more is lost",
    ),
    key("loss", SHARE, "packets that are lost"),
    key("reorder", SHARE, "packets that overtake others"),
    key("duplicate", SHARE, "packets that arrive twice"),
    key(
        "corrupt",
        SHARE,
        "packets whose payload is changed, with a good TCP checksum",
    ),
    key(
        "mtu",
        MTU,
        "largest IP packet, in bytes; larger ones are lost",
    ),
    key(
        "icmp",
        ICMP,
        "whether the sender of too large a packet is told; on by default",
    ),
    key(
        "seed",
        SEED,
        "of the random decisions; the same seed, the same decisions",
    ),
];

const fn key(name: &'static str, value: &'static str, what: &'static str) -> Key {
    Key { name, value, what }
}

const COUNT: &str = "a whole number, 0 to 1000000";
const STRIP: &str = "all (also without value), syn, syn-ack, data-up, data-down, mp_capable, mp_join, dss, add_addr, \
                     remove_addr, mp_prio, mp_fail, mp_fastclose, mp_tcprst, timestamps, sack, window-scale or tcp-options";
const DROP: &str = "syn, syn-ack, data, mp_join, add_addr or remove_addr";
const RESET: &str = "syn, data or mp_join";
const REPLACE: &str = "TEXT/OTHER, both without comma and slash, 1 to 100 and 0 to 100 bytes";
const BLACKHOLE: &str = "both (also without value), up (from the client) or down";
const BALANCE: &str = "nothing, or the number of a path that leads to another host";
const SIZE: &str = "a whole number of bytes, 1 to 1460";
const MSS: &str = "a whole number of bytes, 88 to 1460";
const MTU: &str = "a whole number of bytes, 576 to 1500";
const ICMP: &str = "on or off";
const SEED: &str = "a whole number";

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Strip(&'static str),
    StripAfter(u64),
    Drop(&'static str),
    Reset(&'static str),
    ResetAfter(u64),
    Replace { search: String, with: String },
    SynProxy,
    SplitTcp,
    Blackhole(&'static str),
    BlackholeAfter(u64),
    Nat,
    NatIdle(Duration),
    NatFlushAfter(u64),
    Isn,
    Resegment(u16),
    Coalesce(Duration),
    Balance(Option<u8>),
    Unreachable,
    Mss(u16),
    Conntrack,
    EchoOptions,
    Rate(u64),
    Delay(Duration),
    Jitter(Duration),
    Queue(u64),
    Loss(u32),
    Reorder(u32),
    Duplicate(u32),
    Corrupt(u32),
    Mtu(u16),
    Icmp(bool),
    Seed(u64),
}

impl Item {
    /// Reads a key and its value.
    pub(super) fn parse(text: &str) -> Result<Self, SpecError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(match name {
                "" => SpecError::Empty,
                _ => SpecError::UnknownKey {
                    key: name.to_owned(),
                    nearest: nearest(name),
                },
            });
        };
        match (key.value, value) {
            ("", Some(_)) => Err(SpecError::UnwantedValue {
                key: name.to_owned(),
            }),
            ("", None) => Ok(Self::plain(name)),
            (_, None) if matches!(name, "strip" | "blackhole" | "balance") => Ok(Self::plain(name)),
            (wants, None) => Err(SpecError::NoValue {
                key: name.to_owned(),
                wants,
            }),
            (wants, Some(value)) => Self::valued(name, value).map_err(|why| SpecError::BadValue {
                key: name.to_owned(),
                value: value.to_owned(),
                why,
                wants,
            }),
        }
    }

    /// A key of the table that stands without value.
    fn plain(name: &str) -> Self {
        match name {
            "strip" => Self::Strip("all"),
            "blackhole" => Self::Blackhole("both"),
            "balance" => Self::Balance(None),
            "syn-proxy" => Self::SynProxy,
            "split-tcp" => Self::SplitTcp,
            "nat" => Self::Nat,
            "isn" => Self::Isn,
            "unreachable" => Self::Unreachable,
            "conntrack" => Self::Conntrack,
            _ => Self::EchoOptions,
        }
    }

    fn valued(name: &str, value: &str) -> Result<Self, units::Wrong> {
        let small = |from, to| {
            let number = units::count(value, from, to)?;
            u16::try_from(number).map_err(|_| "it is out of range")
        };
        Ok(match name {
            "strip" => Self::Strip(word(value, STRIPS)?),
            "strip-after" => Self::StripAfter(many(value)?),
            "drop" => Self::Drop(word(value, DROPS)?),
            "reset" => Self::Reset(word(value, RESETS)?),
            "reset-after" => Self::ResetAfter(many(value)?),
            "replace" => replace(value)?,
            "blackhole" => Self::Blackhole(word(value, DIRECTIONS)?),
            "blackhole-after" => Self::BlackholeAfter(many(value)?),
            "nat-idle" => Self::NatIdle(units::duration(value)?),
            "nat-flush-after" => Self::NatFlushAfter(many(value)?.max(1)),
            "resegment" => Self::Resegment(small(1, 1460)?),
            "coalesce" => match units::duration(value)? {
                wait if wait > Duration::from_secs(1) => return Err("it is longer than 1s"),
                wait => Self::Coalesce(wait),
            },
            "balance" => {
                let path = units::count(value, 1, u64::from(crate::MAX_PATHS))?;
                Self::Balance(u8::try_from(path).ok())
            }
            "mss" => Self::Mss(small(88, 1460)?),
            "rate" => Self::Rate(units::rate(value)?),
            "delay" => Self::Delay(units::duration(value)?),
            "jitter" => Self::Jitter(units::duration(value)?),
            "queue" => Self::Queue(units::bytes(value)?),
            "loss" => Self::Loss(units::share(value)?),
            "reorder" => Self::Reorder(units::share(value)?),
            "duplicate" => Self::Duplicate(units::share(value)?),
            "corrupt" => Self::Corrupt(units::share(value)?),
            "mtu" => Self::Mtu(small(576, 1500)?),
            "icmp" => Self::Icmp(word(value, &["on", "off"])? == "on"),
            _ => Self::Seed(units::count(value, 0, u64::MAX)?),
        })
    }

    /// Name of its key.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Strip(_) => "strip",
            Self::StripAfter(_) => "strip-after",
            Self::Drop(_) => "drop",
            Self::Reset(_) => "reset",
            Self::ResetAfter(_) => "reset-after",
            Self::Replace { .. } => "replace",
            Self::SynProxy => "syn-proxy",
            Self::SplitTcp => "split-tcp",
            Self::Blackhole(_) => "blackhole",
            Self::BlackholeAfter(_) => "blackhole-after",
            Self::Nat => "nat",
            Self::NatIdle(_) => "nat-idle",
            Self::NatFlushAfter(_) => "nat-flush-after",
            Self::Isn => "isn",
            Self::Resegment(_) => "resegment",
            Self::Coalesce(_) => "coalesce",
            Self::Balance(_) => "balance",
            Self::Unreachable => "unreachable",
            Self::Mss(_) => "mss",
            Self::Conntrack => "conntrack",
            Self::EchoOptions => "echo-options",
            Self::Rate(_) => "rate",
            Self::Delay(_) => "delay",
            Self::Jitter(_) => "jitter",
            Self::Queue(_) => "queue",
            Self::Loss(_) => "loss",
            Self::Reorder(_) => "reorder",
            Self::Duplicate(_) => "duplicate",
            Self::Corrupt(_) => "corrupt",
            Self::Mtu(_) => "mtu",
            Self::Icmp(_) => "icmp",
            Self::Seed(_) => "seed",
        }
    }

    /// Whether it is a quality of the link, not a box.
    pub(super) fn is_of_link(&self) -> bool {
        matches!(
            self,
            Self::Rate(_)
                | Self::Delay(_)
                | Self::Jitter(_)
                | Self::Queue(_)
                | Self::Loss(_)
                | Self::Reorder(_)
                | Self::Duplicate(_)
                | Self::Corrupt(_)
                | Self::Mtu(_)
                | Self::Icmp(_)
                | Self::Seed(_)
        )
    }

    pub(super) fn leads_elsewhere(&self) -> bool {
        matches!(self, Self::Balance(Some(_)))
    }

    /// The boxes that it means, on a path from the host `first` to `second`; none for a link quality.
    pub(super) fn boxes(&self, [first, second]: [&str; 2]) -> Vec<Middlebox> {
        let name = self.to_string();
        let rule = |then| Rule::new(name.clone(), then);
        let strip = |what| rule(Action::Rewrite(what));
        let rules: Vec<Rule> = match self {
            Self::Strip(what) => match *what {
                "all" => vec![strip(Rewrite::StripMptcp)],
                "syn" => vec![strip(Rewrite::StripMptcp).syn()],
                "syn-ack" => vec![strip(Rewrite::StripMptcp).syn_ack()],
                "data-up" => vec![strip(Rewrite::StripMptcp).not_syn().from(first)],
                "data-down" => vec![strip(Rewrite::StripMptcp).not_syn().from(second)],
                "timestamps" => vec![strip(Rewrite::StripKind(8))],
                "sack" => vec![strip(Rewrite::StripKind(4)), strip(Rewrite::StripKind(5))],
                "window-scale" => vec![strip(Rewrite::StripKind(3))],
                "tcp-options" => {
                    let parts = ["window-scale", "sack", "timestamps"];
                    let boxes = parts.map(|part| Self::Strip(part).boxes([first, second]));
                    return boxes.into_iter().flatten().collect();
                }
                subtype => vec![strip(Rewrite::StripSubtype(number(subtype)))],
            },
            Self::StripAfter(count) => {
                vec![strip(Rewrite::StripMptcp).which(Which::After(*count))]
            }
            Self::Drop(what) => vec![narrow(rule(Action::Drop), what)],
            Self::Reset(what) => vec![narrow(rule(Action::Reset), what)],
            Self::Blackhole("up") => vec![rule(Action::Drop).from(first)],
            Self::Blackhole("down") => vec![rule(Action::Drop).from(second)],
            Self::Blackhole(_) => vec![rule(Action::Drop)],
            Self::BlackholeAfter(count) => vec![rule(Action::Drop).which(Which::After(*count))],
            Self::Mss(limit) => vec![strip(Rewrite::ClampMss(*limit))],
            _ => return self.machine().into_iter().collect(),
        };
        rules.into_iter().map(Middlebox::Rule).collect()
    }

    /// The link with this quality; a box changes nothing.
    pub(super) fn shape(&self, shape: Shape) -> Shape {
        let chance = |parts| Chance::from_ppm(parts).unwrap_or(Chance::ALWAYS);
        match *self {
            Self::Rate(rate) => shape.rate(rate),
            Self::Delay(time) => shape.delay(time),
            Self::Jitter(time) => shape.jitter(time),
            Self::Queue(bytes) => shape.queue(u32::try_from(bytes).unwrap_or(u32::MAX)),
            Self::Loss(parts) => shape.loss(chance(parts)),
            Self::Reorder(parts) => shape.reorder(chance(parts)),
            Self::Duplicate(parts) => shape.duplicate(chance(parts)),
            Self::Corrupt(parts) => shape.corrupt(chance(parts)),
            Self::Mtu(bytes) => {
                let icmp = shape.mtu.is_none_or(|mtu| mtu.icmp);
                shape.mtu(bytes, icmp)
            }
            Self::Icmp(icmp) => {
                let bytes = shape.mtu.map_or(1500, |mtu| mtu.bytes);
                shape.mtu(bytes, icmp)
            }
            Self::Seed(seed) => shape.seed(seed),
            _ => shape,
        }
    }

    fn machine(&self) -> Option<Middlebox> {
        let (idle, flush_after) = (None, None);
        Some(match self {
            Self::ResetAfter(count) => Middlebox::ResetAfter { segments: *count },
            Self::Replace { search, with } => Middlebox::Replace {
                search: search.clone(),
                with: with.clone(),
            },
            Self::SynProxy => Middlebox::SynProxy,
            Self::SplitTcp => Middlebox::SplitTcp,
            Self::Nat => Middlebox::Nat { idle, flush_after },
            Self::NatIdle(idle) => Middlebox::Nat {
                idle: Some(*idle),
                flush_after,
            },
            Self::NatFlushAfter(count) => Middlebox::Nat {
                idle,
                flush_after: Some(*count),
            },
            Self::Isn => Middlebox::Isn,
            Self::Resegment(size) => Middlebox::Resegment { size: *size },
            Self::Coalesce(wait) => Middlebox::Coalesce { wait: *wait },
            Self::Balance(to) => Middlebox::Balance {
                to: *to,
                by: BalanceBy::Joins,
            },
            Self::Unreachable => Middlebox::Unreachable,
            Self::Conntrack => Middlebox::Conntrack,
            Self::EchoOptions => Middlebox::EchoOptions,
            _ => return None,
        })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        f.write_str(name)?;
        if matches!(
            self,
            Self::Strip("all") | Self::Blackhole("both") | Self::Balance(None)
        ) || KEYS
            .iter()
            .any(|key| key.name == name && key.value.is_empty())
        {
            return Ok(());
        }
        f.write_str("=")?;
        match self {
            Self::Strip(word) | Self::Drop(word) | Self::Reset(word) | Self::Blackhole(word) => {
                f.write_str(word)
            }
            Self::Replace { search, with } => write!(f, "{search}/{with}"),
            Self::StripAfter(count)
            | Self::ResetAfter(count)
            | Self::BlackholeAfter(count)
            | Self::NatFlushAfter(count)
            | Self::Seed(count) => write!(f, "{count}"),
            Self::Resegment(size) | Self::Mss(size) | Self::Mtu(size) => write!(f, "{size}"),
            Self::NatIdle(time) | Self::Coalesce(time) | Self::Delay(time) | Self::Jitter(time) => {
                units::write_duration(f, *time)
            }
            Self::Balance(path) => write!(f, "{}", path.unwrap_or(0)),
            Self::Rate(rate) => units::write_rate(f, *rate),
            Self::Queue(bytes) => units::write_bytes(f, *bytes),
            Self::Loss(parts)
            | Self::Reorder(parts)
            | Self::Duplicate(parts)
            | Self::Corrupt(parts) => units::write_share(f, *parts),
            Self::Icmp(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::SynProxy
            | Self::SplitTcp
            | Self::Nat
            | Self::Isn
            | Self::Unreachable
            | Self::Conntrack
            | Self::EchoOptions => Ok(()),
        }
    }
}

/// Narrows a rule to the packets that a word of `drop` or `reset` means.
fn narrow(rule: Rule, what: &str) -> Rule {
    let subtype = |rule: Rule, name| rule.mptcp(MptcpMatch::Subtype(number(name)));
    match what {
        "syn" => rule.syn().mptcp(MptcpMatch::Any),
        "syn-ack" => rule.syn_ack().mptcp(MptcpMatch::Any),
        "data" => rule.not_syn().payload(true).mptcp(MptcpMatch::Any),
        "mp_join" => subtype(rule.syn(), "mp_join"),
        other => subtype(rule, other),
    }
}

/// Number of an MPTCP option's subtype (RFC 8684 section 7.2).
fn number(subtype: &str) -> u8 {
    let place = SUBTYPES.iter().position(|name| *name == subtype);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(0)
}

fn replace(value: &str) -> Result<Item, units::Wrong> {
    let (search, with) = value.split_once('/').ok_or("the slash is missing")?;
    if search.is_empty() || search.len() > 100 || with.len() > 100 || with.contains('/') {
        return Err("it is too short, too long, or has a second slash");
    }
    if value.chars().any(char::is_control) {
        return Err("it has a control character");
    }
    Ok(Item::Replace {
        search: search.to_owned(),
        with: with.to_owned(),
    })
}

fn many(value: &str) -> Result<u64, units::Wrong> {
    units::count(value, 0, 1_000_000)
}

fn word(value: &str, words: &[&'static str]) -> Result<&'static str, units::Wrong> {
    let found = words.iter().find(|word| **word == value);
    found.copied().ok_or("the word is unknown")
}

/// The key or preset whose name is the nearest, if one is near.
fn nearest(name: &str) -> Option<&'static str> {
    let keys = KEYS.iter().map(|key| key.name);
    keys.chain(PRESETS.iter().map(|preset| preset.name))
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= 3 && *distance < known.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// In the order of their numbers.
const SUBTYPES: &[&str] = &[
    "mp_capable",
    "mp_join",
    "dss",
    "add_addr",
    "remove_addr",
    "mp_prio",
    "mp_fail",
    "mp_fastclose",
    "mp_tcprst",
];
pub(super) const STRIPS: &[&str] = &[
    "all",
    "syn",
    "syn-ack",
    "data-up",
    "data-down",
    "mp_capable",
    "mp_join",
    "dss",
    "add_addr",
    "remove_addr",
    "mp_prio",
    "mp_fail",
    "mp_fastclose",
    "mp_tcprst",
    "timestamps",
    "sack",
    "window-scale",
    "tcp-options",
];
pub(super) const DROPS: &[&str] = &[
    "syn",
    "syn-ack",
    "data",
    "mp_join",
    "add_addr",
    "remove_addr",
];
pub(super) const RESETS: &[&str] = &["syn", "data", "mp_join"];
pub(super) const DIRECTIONS: &[&str] = &["both", "up", "down"];
