//! Conditions in a row, and on a path.

use super::error::SpecError;
use super::item::Item;
use super::models::Preset;
use crate::MAX_PATHS;
use crate::middlebox::Middlebox;
use crate::shape::Shape;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What stands on a path and how its link is: conditions in the order in which they were named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathSpec {
    items: Vec<Item>,
}

/// A [`PathSpec`] and the path that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OnPath {
    /// Number of the path, from 1.
    pub path: u8,
    /// What stands on that path and how its link is.
    pub spec: PathSpec,
}

impl PathSpec {
    /// The boxes that it means, on a path whose hosts have these names, in their order.
    pub fn boxes(&self, first: &str, second: &str) -> Vec<Middlebox> {
        let hosts = [first, second];
        let boxes = self.items.iter().filter_map(|item| match item {
            Item::Box(item) => Some(item.boxes(hosts)),
            Item::Link(_) => None,
        });
        boxes.flatten().collect()
    }

    /// How the link is in both directions; `None` where the condition says nothing of it.
    pub fn shape(&self) -> Option<Shape> {
        let qualities = self.items.iter().filter_map(|item| match item {
            Item::Link(item) => Some(item),
            Item::Box(_) => None,
        });
        qualities.fold(None, |shape: Option<Shape>, item| {
            Some(item.shape(shape.unwrap_or_default()))
        })
    }

    /// Whether it leads to a host that is not at the path, as `balance=3` does.
    pub fn leads_elsewhere(&self) -> bool {
        self.items.iter().any(Item::leads_elsewhere)
    }

    /// Refuses what is given twice or says nothing.
    fn check(&self) -> Result<(), SpecError> {
        for (at, item) in self.items.iter().enumerate() {
            let name = item.name();
            let earlier = self.items.get(..at).unwrap_or_default();
            if matches!(item, Item::Link(_)) && earlier.iter().any(|other| other.name() == name) {
                return Err(SpecError::Twice { key: name });
            }
        }
        if self.has("icmp") && !self.has("mtu") {
            let (key, beside) = ("icmp", "mtu");
            return Err(SpecError::Alone { key, beside });
        }
        let shape = self.shape().unwrap_or_default();
        shape.check().map_err(|reason| SpecError::Link { reason })?;
        Ok(())
    }

    fn has(&self, key: &str) -> bool {
        self.items.iter().any(|item| item.name() == key)
    }
}

impl FromStr for PathSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut items = Vec::new();
        for part in text.split(',') {
            match Preset::named(part) {
                Some(preset) => {
                    for part in preset.spec.split(',') {
                        items.push(Item::parse(part)?);
                    }
                }
                None => items.push(Item::parse(part)?),
            }
        }
        let spec = Self { items };
        spec.check()?;
        Ok(spec)
    }
}

impl fmt::Display for PathSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.items.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{item}")?;
        }
        Ok(())
    }
}

impl FromStr for OnPath {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let no_path = || SpecError::NoPath {
            given: text.chars().take(40).collect(),
        };
        let (path, spec) = text.split_once(':').ok_or_else(no_path)?;
        let path: u8 = path.parse().map_err(|_| no_path())?;
        if !(1..=MAX_PATHS).contains(&path) {
            return Err(no_path());
        }
        let spec = spec.parse()?;
        Ok(Self { path, spec })
    }
}

impl fmt::Display for OnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.spec)
    }
}

impl From<PathSpec> for String {
    fn from(spec: PathSpec) -> Self {
        spec.to_string()
    }
}

impl TryFrom<String> for PathSpec {
    type Error = SpecError;

    fn try_from(text: String) -> Result<Self, SpecError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.parse()
    }
}

impl From<OnPath> for String {
    fn from(on_path: OnPath) -> Self {
        on_path.to_string()
    }
}

impl TryFrom<String> for OnPath {
    type Error = SpecError;

    fn try_from(text: String) -> Result<Self, SpecError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::value::{Blackhole, Drop, Reset, Strip, Value};
    use proptest::prelude::*;

    fn refused(text: &str) -> String {
        match text.parse::<OnPath>() {
            Ok(read) => panic!("{text} was read as {read}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        assert_eq!(
            refused("1:srtip"),
            "unknown key `srtip`; did you mean `strip`?"
        );
        assert_eq!(
            refused("1:nonsense"),
            "unknown key `nonsense`; `mpws presets` shows what there is"
        );
        assert_eq!(
            refused("1:delay=30"),
            "`delay=30`: the unit is missing; a whole number and us, ms or s"
        );
        assert_eq!(
            refused("1:mtu=100"),
            "`mtu=100`: it is out of range; a whole number of bytes, 576 to 1500"
        );
        assert!(refused("1:rate").starts_with("`rate` needs a value: "));
        assert_eq!(refused("1:nat=1"), "`nat` takes no value");
        assert_eq!(refused("1:rate=1mbit,rate=2mbit"), "`rate` is given twice");
        assert_eq!(
            refused("1:delay=5ms,jitter=6ms"),
            "jitter is at most the delay"
        );
        assert_eq!(
            refused("1:mss=90,icmp=off"),
            "`icmp` says something only beside `mtu`"
        );
        assert!(refused("1:strip,").starts_with("a condition is missing"));
        assert!(refused("1:").starts_with("a condition is missing"));
        for text in ["strip", "0:strip", "9:strip", "x:strip", ":strip"] {
            assert!(refused(text).contains("the number of a path"), "{text}");
        }
    }

    #[test]
    fn a_preset_stands_for_its_condition_among_others() {
        let spec: PathSpec = "delay=5ms,normaliser".parse().expect("spec");
        assert_eq!(spec.to_string(), "delay=5ms,strip=tcp-options,mss=1000");
    }

    /// One condition that can be read, in its shortest form.
    fn condition() -> impl Strategy<Value = String> {
        fn words<W: Value + Copy + std::fmt::Debug>(
            key: &'static str,
            words: &'static [W],
        ) -> impl Strategy<Value = String> {
            proptest::sample::select(words).prop_map(move |word| match W::ALONE {
                Some(alone) if alone == word => key.to_owned(),
                _ => format!("{key}={word}"),
            })
        }
        let plain = proptest::sample::select(&[
            "syn-proxy",
            "split-tcp",
            "nat",
            "isn",
            "unreachable",
            "conntrack",
            "echo-options",
            "balance",
        ]);
        prop_oneof![
            words("strip", Strip::ALL),
            words("drop", Drop::ALL),
            words("reset", Reset::ALL),
            words("blackhole", Blackhole::ALL),
            plain.prop_map(ToOwned::to_owned),
            (0..=1_000_000_u32).prop_map(|count| format!("strip-after={count}")),
            (0..=1_000_000_u32).prop_map(|count| format!("reset-after={count}")),
            (1..=1460_u16).prop_map(|size| format!("resegment={size}")),
            (1..=8_u8).prop_map(|path| format!("balance={path}")),
            (1..=999_u32).prop_map(|time| format!("coalesce={time}us")),
            (1..=999_u32).prop_map(|time| format!("nat-idle={time}ms")),
            ("[a-z =:%]{1,20}", "[a-z =:%]{0,20}").prop_map(|(a, b)| format!("replace={a}/{b}")),
        ]
    }

    /// Qualities of a link, each once, in their shortest form.
    fn link() -> impl Strategy<Value = Vec<String>> {
        (
            1..=999_u32,
            1..=999_u32,
            1..=999_u32,
            1..=9_999_u32,
            576..=1500_u16,
            any::<u64>(),
        )
            .prop_map(|(rate, delay, queue, loss, mtu, seed)| {
                vec![
                    format!("rate={rate}mbit"),
                    format!("delay={delay}ms"),
                    format!("queue={queue}kb"),
                    format!("loss={}%", f64::from(loss) / 10_000.0),
                    format!("mtu={mtu}"),
                    "icmp=off".to_owned(),
                    format!("seed={seed}"),
                ]
            })
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_was(
            path in 1..=8_u8,
            mut conditions in proptest::collection::vec(condition(), 1..6),
            link in link(),
        ) {
            conditions.extend(link);
            let text = format!("{path}:{}", conditions.join(","));
            let read: OnPath = text.parse().expect("it can be read");
            prop_assert_eq!(read.to_string(), text);
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_survives_writing(text in "[ -~]{0,40}") {
            if let Ok(read) = text.parse::<OnPath>() {
                prop_assert_eq!(read.to_string().parse::<OnPath>(), Ok(read));
            }
        }
    }
}
