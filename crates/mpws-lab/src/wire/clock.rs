//! The two clocks of the wire: the kernel stamps packets by the time of day, and nobody waits by a
//! clock that may be set.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    instant: Instant,
    /// Nanoseconds since the epoch.
    epoch: u64,
}

/// The clocks are asked one after the other, and the thread may lose the processor between; the
/// best of so many.
const SAMPLES: usize = 16;

/// A clock that differs from what it was by more than this was set, or the thread lost the
/// processor.
const SET: Duration = Duration::from_millis(1);

impl Clock {
    pub(super) fn new() -> Self {
        let sample = || {
            let (before, epoch, after) =
                (Instant::now(), nanoseconds_since_epoch(), Instant::now());
            let instant = before;
            (after - before, Self { instant, epoch })
        };
        let mut best = sample();
        for _ in 1..SAMPLES {
            let next = sample();
            if next.0 < best.0 {
                best = next;
            }
        }
        best.1
    }

    /// When the kernel took a packet that has this time stamp.
    pub(super) fn moment(&mut self, stamp: u64) -> Instant {
        let now = Instant::now();
        if distance(now, self.instant(nanoseconds_since_epoch())) > SET {
            // Where it was only the processor, the old moment stays: another differs by
            // nanoseconds.
            let new = Self::new();
            if distance(new.instant, self.instant(new.epoch)) > SET {
                *self = new;
            }
        }
        let moment = self.instant(stamp);
        // A stamp from before the clock was set back.
        if moment > now + SET { now } else { moment }
    }

    fn instant(&self, epoch: u64) -> Instant {
        let found = if epoch >= self.epoch {
            let since = Duration::from_nanos(epoch - self.epoch);
            self.instant.checked_add(since)
        } else {
            let before = Duration::from_nanos(self.epoch - epoch);
            self.instant.checked_sub(before)
        };
        found.unwrap_or(self.instant)
    }
}

fn distance(one: Instant, other: Instant) -> Duration {
    one.max(other) - one.min(other)
}

/// The clock by which the kernel stamps packets.
pub(super) fn nanoseconds_since_epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_keep_their_distance() {
        let mut clock = Clock::new();
        let stamp = nanoseconds_since_epoch();
        let late = clock.moment(stamp);
        let early = clock.moment(stamp - 1_234_567);
        assert_eq!(late - early, Duration::from_nanos(1_234_567));
    }

    #[test]
    fn a_clock_that_was_set_is_noticed() {
        let right = Clock::new();
        for wrong in [
            right.epoch - 3_600_000_000_000,
            right.epoch + 3_600_000_000_000,
        ] {
            let mut clock = Clock {
                epoch: wrong,
                ..right
            };
            let before = Instant::now();
            let moment = clock.moment(nanoseconds_since_epoch());
            let off = distance(moment, before);
            assert!(off < Duration::from_secs(60), "{off:?}");
        }
    }

    #[test]
    fn a_stamp_of_the_future_means_now() {
        let mut clock = Clock::new();
        let moment = clock.moment(nanoseconds_since_epoch() + 3_600_000_000_000);
        assert!(moment <= Instant::now() + SET);
    }
}
