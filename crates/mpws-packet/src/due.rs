//! When a packet arrives.

use crate::error::UnreadableAct;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When a packet arrives, counted from the time stamp of its record.
///
/// Below 1000 seconds it is exact to the nanosecond, above to the second, and at most 10^12 - 1
/// seconds: its text, `due +0.010240000 s`, always has 17 to 20 bytes. So the wire can overwrite
/// it in place when the packet is lost on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Due(Duration);

impl Due {
    /// As exact as it can be said.
    pub fn after(time: Duration) -> Self {
        Self(match time.as_secs() {
            0..EXACT => time,
            seconds => Duration::from_secs(seconds.min(MOST)),
        })
    }

    /// The time from the record's time stamp to the arrival.
    pub const fn time(self) -> Duration {
        self.0
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.0.as_secs(), self.0.subsec_nanos());
        if seconds < EXACT {
            write!(f, "{BEFORE}{seconds}.{nanoseconds:09}{BEHIND}")
        } else {
            write!(f, "{BEFORE}{seconds:<12}{BEHIND}")
        }
    }
}

impl FromStr for Due {
    type Err = UnreadableAct;

    fn from_str(text: &str) -> Result<Self, UnreadableAct> {
        let read = || {
            let number = text.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?.trim_end();
            let (seconds, nanoseconds) = number.split_once('.').unwrap_or((number, "0"));
            let (seconds, nanoseconds) = (seconds.parse().ok()?, nanoseconds.parse().ok()?);
            (nanoseconds < NANOSECONDS).then(|| Self::after(Duration::new(seconds, nanoseconds)))
        };
        // Only what would be written like that was written by a wire.
        read()
            .filter(|due| due.to_string() == text)
            .ok_or_else(|| UnreadableAct::Time(text.to_owned()))
    }
}

/// What every text of a due time begins with.
pub(crate) const BEFORE: &str = "due +";
const BEHIND: &str = " s";

/// Seconds below which nanoseconds are told.
const EXACT: u64 = 1000;
/// Most seconds that fit into the text.
const MOST: u64 = 999_999_999_999;
const NANOSECONDS: u32 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn its_text_has_a_length_that_does_not_change_the_room_it_takes() {
        for seconds in [0, 1, 59, 600, 999, 1000, 86_400, MOST, u64::MAX] {
            let text = Due::after(Duration::from_secs(seconds)).to_string();
            assert!((17..=20).contains(&text.len()), "{text:?}");
        }
        let due = Due::after(Duration::from_micros(10_240));
        assert_eq!(due.to_string(), "due +0.010240000 s");
    }

    #[test]
    fn from_1000_seconds_on_it_is_exact_to_the_second() {
        let half = Duration::from_millis(500);
        for (seconds, told) in [(999, half), (1000, Duration::ZERO)] {
            let seconds = Duration::from_secs(seconds);
            assert_eq!(Due::after(seconds + half).time(), seconds + told);
        }
    }

    #[test]
    fn what_no_wire_writes_is_no_time() {
        for text in [
            "",
            "due +",
            "due + s",
            "due +1 s",
            "due +1.5 s",
            "due +0.0102400000 s",
            "due +01.000000000 s",
            "due +1000 s",
            "due +1000.000000000 s",
            "due +18446744073709551615.4294967295 s",
            "due -0.010240000 s",
            "due ++0.10240000 s",
            "due +0.+10240000 s",
            " due +0.010240000 s",
        ] {
            let wrong = Err(UnreadableAct::Time(text.to_owned()));
            assert_eq!(text.parse::<Due>(), wrong, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_read_as_it_is_written(seconds in any::<u64>(), small in 0..2000_u64, ns in 0..NANOSECONDS) {
            for seconds in [seconds, small] {
                let due = Due::after(Duration::new(seconds, ns));
                prop_assert_eq!(due.to_string().parse(), Ok(due));
            }
        }
    }
}
