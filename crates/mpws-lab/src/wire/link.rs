//! One direction of a path as a link: when a frame arrives, if it does.

use crate::shape::Shape;
use crate::topology::End;
use mpws_packet::Quality;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use std::time::{Duration, Instant};

/// The state of the link.
#[derive(Debug)]
pub(super) struct Link {
    shape: Shape,
    chance: Pcg32,
    /// When the frames that wait are sent.
    free_at: Instant,
    /// What the division of bits by rate left over since the link was last idle, in nanoseconds
    /// times rate.
    carry: u64,
    /// When the last frame that keeps its order arrives.
    last: Instant,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is lost by this.
    Lost(Quality),
    /// It is larger than the path carries; where the sender is told, the MTU.
    TooBig(Option<u16>),
    Arrives(Arrival),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) due: Instant,
    pub(super) twice: bool,
    pub(super) overtakes: bool,
    /// A random number that says which bit is changed.
    pub(super) corrupt: Option<u32>,
}

/// What is asked about a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// When the frame came to the wire.
    pub(super) now: Instant,
    /// Bytes of the frame.
    pub(super) length: usize,
    /// Bytes of its IP packet, if it is TCP or UDP.
    pub(super) packet: Option<usize>,
}

impl Outcome {
    /// That of a frame that nothing stops.
    pub(super) fn at_once(now: Instant) -> Self {
        Self::Arrives(Arrival {
            due: now,
            twice: false,
            overtakes: false,
            corrupt: None,
        })
    }
}

impl Link {
    /// A link that carries what comes from this end of a path.
    pub(super) fn new(path: u8, from: End, shape: Shape, now: Instant) -> Self {
        let stream = u64::from(path) << 8 | u64::from(from.number());
        Self {
            shape,
            chance: Pcg32::new(spread(shape.seed), spread(stream)),
            free_at: now,
            carry: 0,
            last: now,
        }
    }

    /// The link with another shape; what it sends now does not overtake what it sent before.
    pub(super) fn reshaped(&self, path: u8, from: End, shape: Shape, now: Instant) -> Self {
        Self {
            free_at: self.free_at,
            last: self.last,
            ..Self::new(path, from, shape, now)
        }
    }

    /// Forgets what waits and what is on its way.
    pub(super) fn clear(&mut self, now: Instant) {
        self.free_at = now;
        self.last = now;
    }

    /// Takes the next frame.
    pub(super) fn take(&mut self, question: Question) -> Outcome {
        let Question {
            now,
            length,
            packet,
        } = question;
        let shape = self.shape;
        // As many for every packet, so that one property does not change what hits another.
        let drawn: [u32; 6] = match packet {
            Some(_) => std::array::from_fn(|_| self.chance.next_u32()),
            None => [u32::MAX; 6],
        };
        let [loss, duplicate, reorder, corrupt, place, delay] = drawn;
        let hits = |chance: crate::shape::Chance, drawn| packet.is_some() && chance.hits(drawn);
        if let Some(mtu) = shape.mtu
            && packet.is_some_and(|bytes| bytes > usize::from(mtu.bytes))
        {
            return Outcome::TooBig(mtu.icmp.then_some(mtu.bytes));
        }
        let Some(sent) = self.send(now, length) else {
            return Outcome::Lost(Quality::Queue);
        };
        if hits(shape.loss, loss) {
            return Outcome::Lost(Quality::Loss);
        }
        let overtakes = hits(shape.reorder, reorder);
        let due = if overtakes {
            sent
        } else {
            // From a jitter less to a jitter more.
            let spread = shape.jitter.as_nanos() * 2 * u128::from(delay) / u128::from(u32::MAX);
            let spread = Duration::from_nanos(u64::try_from(spread).unwrap_or(u64::MAX));
            let due = sent + shape.delay.saturating_sub(shape.jitter);
            self.last = self.last.max(if packet.is_some() {
                due + spread
            } else {
                due + shape.jitter
            });
            self.last
        };
        Outcome::Arrives(Arrival {
            due,
            twice: hits(shape.duplicate, duplicate),
            overtakes,
            corrupt: hits(shape.corrupt, corrupt).then_some(place),
        })
    }

    /// Sends a frame as soon as those before it are sent; `None` if the queue has no room for it.
    fn send(&mut self, now: Instant, length: usize) -> Option<Instant> {
        let start = self.free_at.max(now);
        let Some(rate) = self.shape.rate else {
            self.free_at = start;
            return Some(start);
        };
        let waits = start.duration_since(now);
        if waits.is_zero() {
            self.carry = 0;
        } else if let Some(queue) = self.shape.queue {
            let waiting = waits.as_nanos() * u128::from(rate) / (8 * NANOSECONDS);
            if waiting + length as u128 > u128::from(queue) {
                return None;
            }
        }
        let whole = length as u128 * 8 * NANOSECONDS + u128::from(self.carry);
        let (time, carry) = (whole / u128::from(rate), whole % u128::from(rate));
        self.carry = u64::try_from(carry).unwrap_or(0);
        let time = Duration::from_nanos(u64::try_from(time).unwrap_or(u64::MAX));
        self.free_at = start + time;
        Some(self.free_at)
    }
}

/// Spreads a small number over all bits (the finaliser of SplitMix64): generators whose seeds are
/// alike begin alike.
fn spread(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ seed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ seed >> 31
}

const NANOSECONDS: u128 = 1_000_000_000;

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
