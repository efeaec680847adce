//! One condition: a key, with or without a value. The two tables are all there is to say of a key
//! but what it does.

use super::error::SpecError;
use super::models::PRESETS;
use super::value::{
    Bare, Blackhole, Bytes, Count, CountFromOne, Drop, Mss, Mtu, Rate, Replacing, Reset, Seed,
    Server, Share, Size, Strip, Switch, Time, Value, Wait,
};
use crate::middlebox::{BalanceBy, Middlebox};
use crate::rule::{Action, MptcpMatch, Rewrite, Rule, Which};
use crate::shape::{Chance, Shape};
use crate::topology;
use mpws_codec::mptcp::Subtype;
use mpws_codec::mptcp::options::{
    KIND_SACK, KIND_SACK_PERMITTED, KIND_TIMESTAMPS, KIND_WINDOW_SCALE,
};
use std::fmt;

/// A key of a [`PathSpec`](super::PathSpec).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name, as users type it.
    pub name: &'static str,
    /// What its value is, with unit and bounds; empty where it has none.
    pub value: &'static str,
    /// What it does.
    pub what: &'static str,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Box(BoxItem),
    Link(LinkItem),
}

/// Declares keys: for each its variant, the kind of its value, its name, and what it does. All that
/// depends on the set of keys follows from here.
macro_rules! keys {
    (
        $(#[$doc:meta])*
        $set:ident, $keys:ident:
        $($variant:ident($value:ty) = $name:literal, $what:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) enum $set { $($variant($value),)* }

        const $keys: &[Key] = &[$(Key {
            name: $name,
            value: <$value as Value>::WANTS,
            what: $what,
        },)*];

        impl $set {
            /// Reads a key and its value; `None` where the key is none of these.
            fn read(name: &str, value: Option<&str>) -> Option<Result<Self, SpecError>> {
                match name {
                    $($name => Some(read(name, value).map(Self::$variant)),)*
                    _ => None,
                }
            }

            fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }
        }

        impl fmt::Display for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$variant(value) => write(f, $name, value),)* }
            }
        }
    };
}

keys! {
    /// A condition that puts boxes on the path.
    BoxItem, BOX_KEYS:
    Strip(Strip) = "strip", "overwrites options with padding";
    StripAfter(Count) = "strip-after",
        "overwrites MPTCP options from then on, after so many packets";
    Drop(Drop) = "drop", "loses some packets of MPTCP connections";
    Reset(Reset) = "reset",
        "answers some packets of MPTCP connections with a reset, and loses them";
    ResetAfter(Count) = "reset-after",
        "cuts each connection by resets after so many packets with payload";
    Replace(Replacing) = "replace",
        "replaces text in the payload of each packet and mends the sequence numbers";
    SynProxy(Bare) = "syn-proxy",
        "answers SYNs itself, and asks the server when the client has confirmed";
    SplitTcp(Bare) = "split-tcp", "ends each TCP connection and begins another behind it";
    Blackhole(Blackhole) = "blackhole", "loses every TCP packet of a direction";
    BlackholeAfter(Count) = "blackhole-after", "loses every TCP packet after so many";
    Nat(Bare) = "nat", "translates the client's address and ports";
    NatIdle(Time) = "nat-idle",
        "the same, and a connection is forgotten when nothing came for so long";
    NatFlushAfter(CountFromOne) = "nat-flush-after",
        "the same, and all connections are forgotten once, after so many packets";
    Isn(Bare) = "isn", "rewrites the sequence numbers of both directions";
    Resegment(Size) = "resegment", "cuts packets into smaller ones that each have all options";
    Coalesce(Wait) = "coalesce",
        "holds packets back for so long and merges those that follow each other";
    Balance(Server) = "balance", "sends joins to another server";
    Unreachable(Bare) = "unreachable", "loses every TCP packet and says so by ICMP";
    Mss(Mss) = "mss", "lowers the maximum segment size that SYNs announce";
    Conntrack(Bare) = "conntrack",
        "drops packets that fit no connection which it saw begin, or not its window";
    EchoOptions(Bare) = "echo-options",
        "sends MPTCP options of the SYN back in the SYN/ACK, as a broken server does";
}

keys! {
    /// A condition that is a quality of the link.
    LinkItem, LINK_KEYS:
    Rate(Rate) = "rate", "bits a second";
    Delay(Time) = "delay", "time that a packet is under way";
    Jitter(Time) = "jitter", "by how much the delay varies";
    Queue(Bytes) = "queue", "bytes that wait at the rate's bottleneck; more is lost";
    Loss(Share) = "loss", "packets that are lost";
    Reorder(Share) = "reorder", "packets that overtake others";
    Duplicate(Share) = "duplicate", "packets that arrive twice";
    Corrupt(Share) = "corrupt", "packets whose payload is changed, with a good TCP checksum";
    Mtu(Mtu) = "mtu", "largest IP packet, in bytes; larger ones are lost";
    Icmp(Switch) = "icmp", "whether the sender of too large a packet is told; on by default";
    Seed(Seed) = "seed", "of the random decisions; the same seed, the same decisions";
}

/// All keys: boxes, then link qualities.
pub const KEYS: &[Key] = &{
    let mut all = [BOX_KEYS[0]; BOX_KEYS.len() + LINK_KEYS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = match at.checked_sub(BOX_KEYS.len()) {
            None => BOX_KEYS[at],
            Some(at) => LINK_KEYS[at],
        };
        at += 1;
    }
    all
};

impl Item {
    /// Reads a key and its value.
    pub(super) fn parse(text: &str) -> Result<Self, SpecError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if let Some(found) = BoxItem::read(name, value) {
            return found.map(Self::Box);
        }
        if let Some(found) = LinkItem::read(name, value) {
            return found.map(Self::Link);
        }
        Err(match name {
            "" => SpecError::Empty,
            _ => SpecError::UnknownKey {
                key: name.to_owned(),
                nearest: nearest(name),
            },
        })
    }

    /// Name of its key.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Box(item) => item.name(),
            Self::Link(item) => item.name(),
        }
    }

    /// Whether it leads to a host that is not at the path.
    pub(super) fn leads_elsewhere(&self) -> bool {
        matches!(self, Self::Box(BoxItem::Balance(Server(Some(_)))))
    }
}

impl BoxItem {
    /// The boxes that it means, on a path from the host `first` to `second`.
    pub(super) fn boxes(&self, [first, second]: [&str; 2]) -> Vec<Middlebox> {
        let name = self.to_string();
        let rule = |then| Rule::new(name.clone(), then);
        let rewrite = |what| rule(Action::Rewrite(what));
        let (idle, flush_after) = (None, None);
        vec![match self {
            Self::Strip(what) => return strip(*what, [first, second]),
            Self::StripAfter(Count(count)) => {
                Middlebox::Rule(rewrite(Rewrite::StripMptcp).which(Which::After(*count)))
            }
            Self::Drop(what) => Middlebox::Rule(dropped(rule(Action::Drop), *what)),
            Self::Reset(what) => Middlebox::Rule(reset(rule(Action::Reset), *what)),
            Self::Blackhole(what) => Middlebox::Rule(match what {
                Blackhole::Both => rule(Action::Drop),
                Blackhole::Up => rule(Action::Drop).from(first),
                Blackhole::Down => rule(Action::Drop).from(second),
            }),
            Self::BlackholeAfter(Count(count)) => {
                Middlebox::Rule(rule(Action::Drop).which(Which::After(*count)))
            }
            Self::Mss(Mss(limit)) => Middlebox::Rule(rewrite(Rewrite::ClampMss(*limit))),
            Self::ResetAfter(Count(segments)) => Middlebox::ResetAfter {
                segments: *segments,
            },
            Self::Replace(Replacing { search, with }) => Middlebox::Replace {
                search: search.clone(),
                with: with.clone(),
            },
            Self::SynProxy(Bare) => Middlebox::SynProxy,
            Self::SplitTcp(Bare) => Middlebox::SplitTcp,
            Self::Nat(Bare) => Middlebox::Nat { idle, flush_after },
            Self::NatIdle(Time(idle)) => Middlebox::Nat {
                idle: Some(*idle),
                flush_after,
            },
            Self::NatFlushAfter(CountFromOne(count)) => Middlebox::Nat {
                idle,
                flush_after: Some(*count),
            },
            Self::Isn(Bare) => Middlebox::Isn,
            Self::Resegment(Size(size)) => Middlebox::Resegment { size: *size },
            Self::Coalesce(Wait(wait)) => Middlebox::Coalesce { wait: *wait },
            Self::Balance(Server(to)) => Middlebox::Balance {
                to: *to,
                by: BalanceBy::Joins,
            },
            Self::Unreachable(Bare) => Middlebox::Unreachable,
            Self::Conntrack(Bare) => Middlebox::Conntrack,
            Self::EchoOptions(Bare) => Middlebox::EchoOptions,
        }]
    }
}

impl LinkItem {
    /// The link with this quality.
    pub(super) fn shape(&self, shape: Shape) -> Shape {
        let chance = |parts| Chance::from_ppm(parts).unwrap_or(Chance::ALWAYS);
        match *self {
            Self::Rate(Rate(rate)) => shape.rate(rate),
            Self::Delay(Time(time)) => shape.delay(time),
            Self::Jitter(Time(time)) => shape.jitter(time),
            Self::Queue(Bytes(bytes)) => shape.queue(bytes),
            Self::Loss(Share(parts)) => shape.loss(chance(parts)),
            Self::Reorder(Share(parts)) => shape.reorder(chance(parts)),
            Self::Duplicate(Share(parts)) => shape.duplicate(chance(parts)),
            Self::Corrupt(Share(parts)) => shape.corrupt(chance(parts)),
            Self::Mtu(Mtu(bytes)) => {
                let icmp = shape.mtu.is_none_or(|mtu| mtu.icmp);
                shape.mtu(bytes, icmp)
            }
            Self::Icmp(icmp) => {
                let bytes = shape.mtu.map_or(topology::MTU, |mtu| mtu.bytes);
                shape.mtu(bytes, icmp == Switch::On)
            }
            Self::Seed(Seed(seed)) => shape.seed(seed),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Box(item) => item.fmt(f),
            Self::Link(item) => item.fmt(f),
        }
    }
}

/// Reads the value of a key.
fn read<V: Value>(name: &str, value: Option<&str>) -> Result<V, SpecError> {
    let key = name.to_owned();
    let Some(value) = value else {
        let wants = V::WANTS;
        return V::ALONE.ok_or(SpecError::NoValue { key, wants });
    };
    if V::WANTS.is_empty() {
        return Err(SpecError::UnwantedValue { key });
    }
    V::parse(value).map_err(|why| SpecError::BadValue {
        key,
        value: value.to_owned(),
        why,
        wants: V::WANTS,
    })
}

/// Writes a key and its value, which is left out where the key means it by itself.
fn write<V: Value>(f: &mut fmt::Formatter<'_>, name: &str, value: &V) -> fmt::Result {
    match V::ALONE {
        Some(alone) if alone == *value => f.write_str(name),
        _ => write!(f, "{name}={value}"),
    }
}

/// The rules that overwrite options, in the order in which a packet meets them.
fn strip(what: Strip, [first, second]: [&str; 2]) -> Vec<Middlebox> {
    let rule = |rewrite| {
        let name = BoxItem::Strip(what).to_string();
        Rule::new(name, Action::Rewrite(rewrite))
    };
    let all = || rule(Rewrite::StripMptcp);
    let subtype = |subtype: Subtype| rule(Rewrite::StripSubtype(subtype.number()));
    let rules = match what {
        Strip::All => vec![all()],
        Strip::Syn => vec![all().syn()],
        Strip::SynAck => vec![all().syn_ack()],
        Strip::DataUp => vec![all().not_syn().from(first)],
        Strip::DataDown => vec![all().not_syn().from(second)],
        Strip::MpCapable => vec![subtype(Subtype::MpCapable)],
        Strip::MpJoin => vec![subtype(Subtype::MpJoin)],
        Strip::Dss => vec![subtype(Subtype::Dss)],
        Strip::AddAddr => vec![subtype(Subtype::AddAddr)],
        Strip::RemoveAddr => vec![subtype(Subtype::RemoveAddr)],
        Strip::MpPrio => vec![subtype(Subtype::MpPrio)],
        Strip::MpFail => vec![subtype(Subtype::MpFail)],
        Strip::MpFastclose => vec![subtype(Subtype::MpFastclose)],
        Strip::MpTcprst => vec![subtype(Subtype::MpTcprst)],
        Strip::Timestamps => vec![rule(Rewrite::StripKind(KIND_TIMESTAMPS))],
        Strip::Sack => [KIND_SACK_PERMITTED, KIND_SACK]
            .map(|kind| rule(Rewrite::StripKind(kind)))
            .to_vec(),
        Strip::WindowScale => vec![rule(Rewrite::StripKind(KIND_WINDOW_SCALE))],
        Strip::TcpOptions => {
            let parts = [Strip::WindowScale, Strip::Sack, Strip::Timestamps];
            let boxes = parts.map(|part| strip(part, [first, second]));
            return boxes.into_iter().flatten().collect();
        }
    };
    rules.into_iter().map(Middlebox::Rule).collect()
}

fn dropped(rule: Rule, what: Drop) -> Rule {
    match what {
        Drop::Syn => mptcp_syn(rule),
        Drop::SynAck => rule.syn_ack().mptcp(MptcpMatch::Any),
        Drop::Data => mptcp_data(rule),
        Drop::MpJoin => join_syn(rule),
        Drop::AddAddr => with(rule, Subtype::AddAddr),
        Drop::RemoveAddr => with(rule, Subtype::RemoveAddr),
    }
}

fn reset(rule: Rule, what: Reset) -> Rule {
    match what {
        Reset::Syn => mptcp_syn(rule),
        Reset::Data => mptcp_data(rule),
        Reset::MpJoin => join_syn(rule),
    }
}

fn mptcp_syn(rule: Rule) -> Rule {
    rule.syn().mptcp(MptcpMatch::Any)
}

fn mptcp_data(rule: Rule) -> Rule {
    rule.not_syn().payload(true).mptcp(MptcpMatch::Any)
}

fn join_syn(rule: Rule) -> Rule {
    with(rule.syn(), Subtype::MpJoin)
}

fn with(rule: Rule, subtype: Subtype) -> Rule {
    rule.mptcp(MptcpMatch::Subtype(subtype.number()))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that the key takes, where it needs one.
    fn example(key: &Key) -> String {
        let value = match key.name {
            "strip" | "blackhole" | "balance" => None,
            "replace" => Some("cat/tiger"),
            "drop" | "reset" => Some("syn"),
            "nat-idle" | "coalesce" => Some("5ms"),
            _ if key.value.is_empty() => None,
            _ => Some("100"),
        };
        value.map_or(key.name.to_owned(), |value| format!("{}={value}", key.name))
    }

    #[test]
    fn what_users_type_stands_in_the_capture() {
        for key in BOX_KEYS {
            let text = example(key);
            let Ok(Item::Box(item)) = Item::parse(&text) else {
                panic!("{text} is no box");
            };
            for one in item.boxes(["client", "server"]) {
                let expected = match (&one, key.name) {
                    (Middlebox::Rule(_), _) => text.as_str(),
                    // Three ways to set up one machine.
                    (_, "nat-idle" | "nat-flush-after") => "nat",
                    (_, name) => name,
                };
                assert_eq!(one.name(), expected, "{text}");
                assert!(mpws_packet::Name::new(one.name()).is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn no_two_keys_have_the_same_name() {
        for (at, key) in KEYS.iter().enumerate() {
            let first = KEYS.iter().position(|other| other.name == key.name);
            assert_eq!(first, Some(at), "{}", key.name);
        }
    }
}
