//! Shaping: what a path does to all packets of a direction, as a link would.
//!
//! A frame that has rules and middleboxes behind it waits in the queue until the frames before it
//! are sent, is sent at the rate, and arrives after the delay. All times are absolute: they follow
//! from the time at which the kernel handed the frame to the wire, so a wire that is late does not
//! make the next frame late.
//!
//! Loss, duplicates, reordering, corruption and the MTU concern TCP and UDP packets; rate, queue
//! and delay concern every frame. Chance is drawn from a generator of the path and direction: which
//! packets are hit depends on the seed and on their number in that direction since the shape was
//! set, and on nothing else. Which *bytes* have that number depends on what the kernels send; to
//! hit exactly one packet use a [rule](crate::rule).

use crate::topology::MTU;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How one direction of a path behaves. The default is a path without limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shape {
    /// Bit a second, of Ethernet frames as they stand in the capture; 1 000 to 100 000 000 000.
    pub rate: Option<u64>,
    /// How long a frame travels after it was sent; at most 60 s.
    pub delay: Duration,
    /// So much the delay is shorter or longer, evenly distributed; at most the delay itself. Frames
    /// keep their order.
    pub jitter: Duration,
    /// Bytes that wait to be sent, the frame that is being sent included. A frame that would make
    /// it more is lost, unless none waits. Without it the queue has no bound.
    pub queue: Option<u32>,
    /// A packet is lost after it was sent.
    pub loss: Chance,
    /// A packet skips the delay, so that it overtakes those that are on their way.
    pub reorder: Chance,
    /// A packet arrives twice; the second takes no time to send.
    pub duplicate: Chance,
    /// One bit of the TCP payload is changed and the checksum mended. Packets without payload stay
    /// as they are.
    pub corrupt: Chance,
    /// The largest IP packet that the path carries; without it what the hosts' interfaces send.
    pub mtu: Option<Mtu>,
    /// Seed of all that is left to chance.
    pub seed: u64,
}

/// A bound on the length of IP packets. Larger ones are lost: the hosts of a lab set Don't
/// Fragment, and nothing is fragmented on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mtu {
    /// Bytes of the IP packet, header included; 576 to 1500. IPv6 needs 1280 (RFC 8200 section 5):
    /// hosts cannot make their packets smaller.
    pub bytes: u16,
    /// Whether the sender is told, by ICMP Fragmentation Needed (RFC 1191) or Packet Too Big (RFC
    /// 4443). Without it the path is a black hole for large packets.
    pub icmp: bool,
}

/// A probability in parts per million.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u32", into = "u32")]
pub struct Chance(u32);

impl Shape {
    /// Sends at this rate, in bit a second.
    pub fn rate(mut self, rate: u64) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Delays every frame.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Varies the delay by at most this much either way.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Bounds the queue, in bytes.
    pub fn queue(mut self, bytes: u32) -> Self {
        self.queue = Some(bytes);
        self
    }

    /// Loses packets.
    pub fn loss(mut self, chance: Chance) -> Self {
        self.loss = chance;
        self
    }

    /// Lets packets overtake.
    pub fn reorder(mut self, chance: Chance) -> Self {
        self.reorder = chance;
        self
    }

    /// Doubles packets.
    pub fn duplicate(mut self, chance: Chance) -> Self {
        self.duplicate = chance;
        self
    }

    /// Changes payload.
    pub fn corrupt(mut self, chance: Chance) -> Self {
        self.corrupt = chance;
        self
    }

    /// Loses packets larger than so many bytes, and tells the sender by ICMP or does not.
    pub fn mtu(mut self, bytes: u16, icmp: bool) -> Self {
        self.mtu = Some(Mtu { bytes, icmp });
        self
    }

    /// Sets the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Says why the shape cannot be, if it cannot.
    ///
    /// # Errors
    /// The reason, in words, where a number is out of its range or one field needs another.
    pub fn check(&self) -> Result<(), &'static str> {
        const RATES: std::ops::RangeInclusive<u64> = 1_000..=100_000_000_000;
        const MTUS: std::ops::RangeInclusive<u16> = 576..=MTU;
        if self.rate.is_some_and(|rate| !RATES.contains(&rate)) {
            return Err("a rate is 1 kbit/s to 100 Gbit/s");
        }
        if self.delay > Duration::from_secs(60) {
            return Err("a delay is at most 60 s");
        }
        if self.jitter > self.delay {
            return Err("jitter is at most the delay");
        }
        if self.queue.is_some() && self.rate.is_none() {
            return Err("a queue needs a rate: without one nothing waits");
        }
        if self.queue == Some(0) {
            return Err("a queue is at least 1 byte");
        }
        if self.reorder != Chance::NEVER && self.delay.is_zero() {
            return Err(
                "reordering needs a delay: without one nothing is on its way to be overtaken",
            );
        }
        if self.mtu.is_some_and(|mtu| !MTUS.contains(&mtu.bytes)) {
            return Err("an MTU is 576 to 1500 bytes");
        }
        Ok(())
    }
}

impl Chance {
    /// 0 %.
    pub const NEVER: Self = Self(0);
    /// 100 %.
    pub const ALWAYS: Self = Self(WHOLE);

    /// So many parts per million; `None` above a million.
    pub fn from_ppm(ppm: u32) -> Option<Self> {
        (ppm <= WHOLE).then_some(Self(ppm))
    }

    /// So many percent, rounded to the millionth; `None` outside of 0 to 100.
    pub fn from_percent(percent: f64) -> Option<Self> {
        let fits = (0.0..=100.0).contains(&percent);
        fits.then(|| Self((percent * 10_000.0).round() as u32))
    }

    /// Parts per million.
    pub fn ppm(self) -> u32 {
        self.0
    }

    /// Whether an evenly distributed number hits.
    pub(crate) fn hits(self, drawn: u32) -> bool {
        (u64::from(drawn) * u64::from(WHOLE)) >> 32 < u64::from(self.0)
    }
}

impl fmt::Display for Chance {
    /// In percent, exactly: `0.25%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let digits = format!("{rest:04}");
        write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
    }
}

impl TryFrom<u32> for Chance {
    type Error = &'static str;

    fn try_from(ppm: u32) -> Result<Self, Self::Error> {
        Self::from_ppm(ppm).ok_or("a chance is at most 1000000 parts per million")
    }
}

impl From<Chance> for u32 {
    fn from(chance: Chance) -> Self {
        chance.0
    }
}

const WHOLE: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_reads_as_it_was_meant() {
        for (percent, text) in [(0.0, "0%"), (0.25, "0.25%"), (12.0, "12%"), (100.0, "100%")] {
            let chance = Chance::from_percent(percent).expect("in range");
            assert_eq!(chance.to_string(), text);
        }
        assert_eq!(
            Chance::from_ppm(1).expect("in range").to_string(),
            "0.0001%"
        );
        for percent in [-0.1, 100.1, f64::NAN] {
            assert_eq!(Chance::from_percent(percent), None);
        }
        assert_eq!(Chance::from_ppm(1_000_001), None);
    }

    #[test]
    fn never_hits_nothing_and_always_everything() {
        for drawn in [0, 1, u32::MAX / 2, u32::MAX] {
            assert!(!Chance::NEVER.hits(drawn));
            assert!(Chance::ALWAYS.hits(drawn));
        }
        let half = Chance::from_ppm(500_000).expect("in range");
        assert!(half.hits(u32::MAX / 2) && !half.hits(u32::MAX / 2 + 1));
    }

    #[test]
    fn what_no_link_can_be_is_refused_with_a_reason() {
        let shape = Shape::default;
        let ms = Duration::from_millis;
        let wrong = [
            shape().rate(0),
            shape().rate(u64::MAX),
            shape().delay(ms(60_001)),
            shape().delay(ms(1)).jitter(ms(2)),
            shape().queue(1500),
            shape().rate(1_000_000).queue(0),
            shape().reorder(Chance::ALWAYS),
            shape().mtu(575, true),
            shape().mtu(1501, false),
        ];
        for shape in wrong {
            assert!(shape.check().is_err(), "{shape:?}");
        }
        assert_eq!(shape().check(), Ok(()));
        let right = shape()
            .rate(1_000)
            .queue(1)
            .delay(ms(60_000))
            .jitter(ms(60_000));
        assert_eq!(right.reorder(Chance::ALWAYS).mtu(576, true).check(), Ok(()));
    }

    #[test]
    fn a_shape_survives_json_and_an_unknown_key_does_not() {
        let shape = Shape::default()
            .rate(5_000_000)
            .mtu(1400, true)
            .loss(Chance(250));
        let text = serde_json::to_string(&shape).expect("json");
        assert_eq!(serde_json::from_str::<Shape>(&text).expect("json"), shape);
        assert_eq!(
            serde_json::from_str::<Shape>("{}").expect("json"),
            Shape::default()
        );
        serde_json::from_str::<Shape>(r#"{"los":1}"#).expect_err("unknown key");
        serde_json::from_str::<Shape>(r#"{"loss":1000001}"#).expect_err("too large");
    }
}
