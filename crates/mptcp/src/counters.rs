//! The kernel's counters: `/proc/net/netstat`, one set for each network namespace.
//!
//! Which counters there are differs from kernel to kernel, so one that is absent is never zero
//! here.

use std::fs::File;
use std::io::{self, Read, Seek};

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(transparent))]
pub struct Counters {
    #[cfg_attr(feature = "serde", serde(with = "ordered"))]
    entries: Vec<(String, u64)>,
}

impl Counters {
    /// Reads the counters of the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// If `/proc` cannot be read, or holds something else than expected.
    pub fn of_current_namespace() -> Result<Self, CountersError> {
        Self::read_from(&mut File::open(PATH)?)
    }

    /// Reads from the start of an open file. A file opened in one network namespace goes on to show
    /// that one's counters, wherever it is read.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is larger than a mebibyte, or holds something else than expected.
    pub fn read_from(file: &mut (impl Read + Seek)) -> Result<Self, CountersError> {
        file.rewind()?;
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text)?;
        if text.len() as u64 == LONGEST {
            return Err(CountersError::TooLong);
        }
        Self::parse(&text)
    }

    /// Parses the text of `/proc/net/netstat`. Counters of the group `MPTcpExt` get their bare
    /// names, those of all other groups keep the prefix, as in `TcpExt:TCPOFOQueue`.
    ///
    /// # Errors
    ///
    /// If names and values do not pair up, or a value is no number.
    pub fn parse(text: &str) -> Result<Self, CountersError> {
        let mut entries = Vec::new();
        let mut lines = text.lines();
        while let Some(names) = lines.next() {
            let (group, names) = names.split_once(':').ok_or(CountersError::NoGroup)?;
            let group = group.trim();
            let values = lines
                .next()
                .and_then(|values| values.split_once(':'))
                .filter(|(other, _)| other.trim() == group)
                .ok_or_else(|| CountersError::Unpaired {
                    group: group.to_owned(),
                })?
                .1;
            let mut values = values.split_ascii_whitespace();
            for name in names.split_ascii_whitespace() {
                let value = values.next().ok_or_else(|| CountersError::Unpaired {
                    group: group.to_owned(),
                })?;
                let value = number(value).ok_or_else(|| CountersError::NotANumber {
                    name: name.to_owned(),
                })?;
                let name = match group {
                    MPTCP_GROUP => name.to_owned(),
                    _ => format!("{group}:{name}"),
                };
                entries.push((name, value));
            }
            if values.next().is_some() {
                return Err(CountersError::Unpaired {
                    group: group.to_owned(),
                });
            }
        }
        Ok(Self { entries })
    }

    /// The value of a counter; `None` if this kernel does not have it.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<u64> {
        self.entries
            .iter()
            .find(|(known, _)| known == name)
            .map(|&(_, value)| value)
    }

    /// All counters, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.entries
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
    }

    /// The names of the MPTCP counters that this kernel has, in its order; none if it has no MPTCP.
    pub fn mptcp_names(&self) -> impl Iterator<Item = &str> {
        self.iter()
            .map(|(name, _)| name)
            .filter(|name| !name.contains(':'))
    }

    /// What moved from an earlier reading to this one.
    #[must_use]
    pub fn delta(&self, before: &Self) -> CounterDelta {
        let entries = self
            .entries
            .iter()
            .filter_map(|(name, after)| {
                // Counters wrap around; a gauge may also fall. The difference as a signed number
                // serves both.
                let moved = after.wrapping_sub(before.value(name)?).cast_signed();
                Some((name.clone(), moved))
            })
            .collect();
        CounterDelta { entries }
    }
}

/// What moved between two readings of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(transparent))]
pub struct CounterDelta {
    #[cfg_attr(feature = "serde", serde(with = "ordered"))]
    entries: Vec<(String, i64)>,
}

impl CounterDelta {
    /// By how much a counter moved; `None` if either reading lacks it.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<i64> {
        self.entries
            .iter()
            .find(|(known, _)| known == name)
            .map(|&(_, moved)| moved)
    }

    /// Those that moved, in the kernel's order, gauges included.
    pub fn moved(&self) -> impl Iterator<Item = (&str, i64)> {
        self.iter().filter(|&(_, moved)| moved != 0)
    }

    /// All that both readings have, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.entries
            .iter()
            .map(|(name, moved)| (name.as_str(), *moved))
    }

    /// Only the MPTCP counters that moved: what a report wants to show.
    #[must_use]
    pub fn mptcp_moved(&self) -> Self {
        let entries = self
            .moved()
            .filter(|(name, _)| !name.contains(':'))
            .map(|(name, moved)| (name.to_owned(), moved))
            .collect();
        Self { entries }
    }
}

/// Whether a name belongs to a gauge: a level that falls as well, so that a delta of zero does not
/// say that nothing happened.
#[must_use]
pub fn is_gauge(name: &str) -> bool {
    GAUGES.contains(&name)
}

/// The counters could not be read.
#[derive(Debug, Error)]
pub enum CountersError {
    /// The file could not be read.
    #[error("counters cannot be read")]
    Io(#[from] io::Error),
    /// The file is larger than it can be.
    #[error("counters are longer than {LONGEST} bytes")]
    TooLong,
    /// A line has no group.
    #[error("a line of counters does not begin with its group")]
    NoGroup,
    /// Names and values differ in number or group.
    #[error("names and values of counter group {group:?} do not pair up")]
    Unpaired {
        /// The group.
        group: String,
    },
    /// A value is no number.
    #[error("counter {name:?} has no number")]
    NotANumber {
        /// The counter.
        name: String,
    },
}

/// Reads a counter; some kernels print a gauge that fell below zero with its sign.
fn number(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned))
}

/// A list of pairs as a map that keeps its order.
#[cfg(feature = "serde")]
mod ordered {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
    use serde::ser::{Serialize, Serializer};

    pub(super) fn serialize<S: Serializer, T: Serialize>(
        entries: &[(String, T)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(entries.iter().map(|(name, value)| (name, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, T)>, D::Error> {
        deserializer.deserialize_map(Pairs(PhantomData))
    }

    struct Pairs<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
        type Value = Vec<(String, T)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of counters")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
}

/// By thread: threads of one process may be in different network namespaces.
const PATH: &str = "/proc/thread-self/net/netstat";
const MPTCP_GROUP: &str = "MPTcpExt";
/// Established connections; it counts MPTCP sockets that fell back as well.
const GAUGES: &[&str] = &["MPCurrEstab"];
/// About a hundred times what a kernel prints today.
const LONGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "TcpExt: SyncookiesSent TCPOFOQueue\nTcpExt: 0 3\n\
        MPTcpExt: MPCapableSYNRX MPJoinSynRx MPCurrEstab\nMPTcpExt: 1 0 2\n";
    const AFTER: &str = "TcpExt: SyncookiesSent TCPOFOQueue\nTcpExt: 0 4\n\
        MPTcpExt: MPCapableSYNRX MPJoinSynRx MPCurrEstab MPRstTx\nMPTcpExt: 3 0 1 5\n";

    fn counters(text: &str) -> Counters {
        Counters::parse(text).expect("well-formed counters")
    }

    #[test]
    fn mptcp_counters_have_bare_names_and_others_their_group() {
        let counters = counters(BEFORE);
        assert_eq!(counters.value("MPCapableSYNRX"), Some(1));
        assert_eq!(counters.value("TcpExt:TCPOFOQueue"), Some(3));
        assert_eq!(counters.value("TCPOFOQueue"), None);
        let names: Vec<_> = counters.mptcp_names().collect();
        assert_eq!(names, ["MPCapableSYNRX", "MPJoinSynRx", "MPCurrEstab"]);
    }

    #[test]
    fn a_counter_that_either_reading_lacks_has_no_delta() {
        let delta = counters(AFTER).delta(&counters(BEFORE));
        assert_eq!(delta.of("MPRstTx"), None);
        assert_eq!(delta.of("MPJoinSynRx"), Some(0));
        assert_eq!(delta.of("Blackhole"), None);
    }

    #[test]
    fn what_moved_comes_in_the_kernel_s_order_and_a_gauge_may_fall() {
        let delta = counters(AFTER).delta(&counters(BEFORE));
        let moved: Vec<_> = delta.moved().collect();
        assert_eq!(
            moved,
            [
                ("TcpExt:TCPOFOQueue", 1),
                ("MPCapableSYNRX", 2),
                ("MPCurrEstab", -1)
            ]
        );
        assert!(is_gauge("MPCurrEstab"));
        assert!(!is_gauge("MPCapableSYNRX"));
    }

    #[test]
    fn mptcp_moved_leaves_out_the_other_groups() {
        let delta = counters(AFTER).delta(&counters(BEFORE)).mptcp_moved();
        assert_eq!(
            delta.iter().collect::<Vec<_>>(),
            [("MPCapableSYNRX", 2), ("MPCurrEstab", -1)]
        );
    }

    #[test]
    fn a_counter_that_wraps_around_moves_forward() {
        let before = counters("MPTcpExt: A\nMPTcpExt: 18446744073709551615\n");
        let after = counters("MPTcpExt: A\nMPTcpExt: 1\n");
        assert_eq!(after.delta(&before).of("A"), Some(2));
    }

    #[test]
    fn text_without_the_mptcp_group_has_no_mptcp_counters() {
        assert_eq!(counters("TcpExt: A\nTcpExt: 1\n").mptcp_names().count(), 0);
        assert_eq!(counters("").iter().count(), 0);
    }

    #[test]
    fn malformed_text_is_an_error_and_not_a_guess() {
        for text in [
            "TcpExt: A B\nTcpExt: 1\n",
            "TcpExt: A\nTcpExt: 1 2\n",
            "TcpExt: A\nIpExt: 1\n",
            "TcpExt: A\n",
            "TcpExt: A\nTcpExt: one\n",
            "no group\nTcpExt: 1\n",
        ] {
            assert!(Counters::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_open_file_is_read_from_its_start_each_time() {
        let mut file = io::Cursor::new(BEFORE);
        let first = Counters::read_from(&mut file).expect("counters");
        let second = Counters::read_from(&mut file).expect("counters");
        assert_eq!(first, second);
    }

    #[test]
    fn the_running_kernel_s_counters_can_be_read() {
        let counters = Counters::of_current_namespace().expect("counters");
        assert!(counters.value("TcpExt:TCPOFOQueue").is_some());
    }

    #[cfg(feature = "serde")]
    #[test]
    fn counters_survive_json_in_their_order() {
        let delta = counters(AFTER).delta(&counters(BEFORE)).mptcp_moved();
        let json = serde_json::to_string(&delta).expect("JSON");
        assert_eq!(json, r#"{"MPCapableSYNRX":2,"MPCurrEstab":-1}"#);
        assert_eq!(
            serde_json::from_str::<CounterDelta>(&json).expect("a delta"),
            delta
        );
    }
}
