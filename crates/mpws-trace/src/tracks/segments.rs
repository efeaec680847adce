//! Data segments of one TCP connection, and which of them waited for an acknowledgement.

use super::{
    ranges::{Ranges, range},
    track::places,
};
use crate::packets::{Connection, Direction, View};

/// A segment with payload, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// When it was at the wire, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// Place of its first byte in the TCP stream of its direction, from 0.
    pub seq: u64,
    /// Payload, in bytes.
    pub len: u32,
    /// It is shorter than the largest segment that the other end takes, its own options counted.
    pub small: bool,
    /// Some of its bytes were sent before.
    pub retransmission: bool,
    /// Whether it arrived.
    pub delivered: bool,
    /// When the first acknowledgement of all its bytes that arrives was at the wire, in nanoseconds
    /// since the epoch.
    pub acked_at_ns: Option<u64>,
}

/// A small segment that left only when the small segment before it was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NagleDelay {
    /// The segment that waited.
    pub segment: Segment,
    /// The segment before it, which was still unacknowledged.
    pub behind: Segment,
    /// When the acknowledgement that released it was at the wire, in nanoseconds since the epoch.
    pub ack_ns: u64,
    /// How long that acknowledgement took, from `behind`, in nanoseconds.
    pub ack_delay_ns: u64,
    /// How soon after it the segment left, in nanoseconds.
    pub release_gap_ns: u64,
}

/// What counts as held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NagleLimits {
    /// Acknowledgements that took less time are not delayed ones, in nanoseconds.
    pub min_ack_delay_ns: u64,
    /// Segments that left later after the acknowledgement were not released by it, in nanoseconds.
    pub max_release_gap_ns: u64,
}

impl Default for NagleLimits {
    /// 20 ms and 10 ms: Linux delays acknowledgements by 40 ms, and releases within microseconds,
    /// though on a busy machine 4 ms have been seen.
    fn default() -> Self {
        Self {
            min_ack_delay_ns: 20_000_000,
            max_release_gap_ns: 10_000_000,
        }
    }
}

impl Connection {
    /// Segments with payload that were sent in one direction of this TCP connection (not of its
    /// joins), in the order in which they were at the wire.
    pub fn data_segments(&self, direction: Direction) -> Vec<Segment> {
        self.walk(direction, |_, _, _| {})
    }

    /// Segments of one direction that waited for an acknowledgement, with the default
    /// [`NagleLimits`].
    pub fn nagle_delays(&self, direction: Direction) -> Vec<NagleDelay> {
        self.nagle_delays_within(direction, NagleLimits::default())
    }

    /// Segments of one direction that waited for an acknowledgement: Nagle's algorithm (RFC 9293
    /// section 3.7.4) on one end met delayed acknowledgements (RFC 9293 section 3.8.6.3) on the
    /// other.
    ///
    /// A segment is reported if all of this holds:
    ///
    /// - it and the segment sent just before it are small and neither is a retransmission;
    /// - the one before was acknowledged, for the first time and with all that was sent, between
    ///   the two;
    /// - that acknowledgement was bare: an application cannot see it arrive, so the segment left
    ///   because of TCP, and not in answer to data;
    /// - it took at least `min_ack_delay_ns`, and the segment left within `max_release_gap_ns`
    ///   after it.
    ///
    /// The limits are about single steps and not about totals, so a slow machine moves no verdict.
    /// On paths with a round trip of its own `min_ack_delay_ns` must be longer than that.
    pub fn nagle_delays_within(
        &self,
        direction: Direction,
        limits: NagleLimits,
    ) -> Vec<NagleDelay> {
        let mut candidates = Vec::new();
        let segments = self.walk(direction, |index, before, release| {
            candidates.push((index, before, release));
        });
        let held = candidates
            .into_iter()
            .filter_map(|(index, before, ack_ns)| {
                let (segment, behind) = (*segments.get(index)?, *segments.get(before)?);
                let whole = segment.small && behind.small && !segment.retransmission;
                let ack_delay_ns = ack_ns.checked_sub(behind.time_ns)?;
                let release_gap_ns = segment.time_ns.checked_sub(ack_ns)?;
                let held = whole
                    && ack_delay_ns >= limits.min_ack_delay_ns
                    && release_gap_ns <= limits.max_release_gap_ns;
                held.then_some(NagleDelay {
                    segment,
                    behind,
                    ack_ns,
                    ack_delay_ns,
                    release_gap_ns,
                })
            });
        held.collect()
    }

    /// Goes through data and acknowledgements in the order in which they were at the wire.
    ///
    /// `released` hears of every segment that follows on a bare acknowledgement of everything sent
    /// before it: its index, that of the segment before it, and the time of the acknowledgement.
    fn walk(
        &self,
        direction: Direction,
        mut released: impl FnMut(usize, usize, u64),
    ) -> Vec<Segment> {
        let Some(mut places) = places(self, direction, View::Sent) else {
            return Vec::new();
        };
        let largest = self.largest_segment(direction);
        let mut segments: Vec<Segment> = Vec::new();
        let mut sent = Ranges::default();
        let mut unacked: Vec<usize> = Vec::new();
        // The last acknowledgement that was news, if nothing was sent since: its time, what it
        // covers, and whether it was bare.
        let mut last_ack: Option<(u64, i64, bool)> = None;
        // The last segment with new data, and whether it was sent again.
        let mut last_new: Option<(usize, bool)> = None;
        for packet in &self.packets {
            if packet.direction != direction {
                let Some(image) = packet.delivered.as_deref() else {
                    continue;
                };
                let Some(ack) = image.ack.filter(|_| !image.rst) else {
                    continue;
                };
                let covers = places.peek(ack);
                let waiting = unacked.len();
                unacked.retain(|&index| {
                    let Some(segment) = segments.get_mut(index) else {
                        return false;
                    };
                    let acked = covers >= end_of(segment);
                    if acked {
                        segment.acked_at_ns = Some(packet.time_ns);
                    }
                    !acked
                });
                if unacked.len() < waiting {
                    let bare = image.payload_length == 0 && !image.syn && !image.fin;
                    last_ack = Some((packet.time_ns, covers, bare));
                }
                continue;
            }
            let Some(image) = packet.sent.as_deref() else {
                continue;
            };
            if image.payload_length == 0 || image.rst {
                continue;
            }
            let place = places.place(image.payload_seq());
            let (start, end) = range(place, image.payload_length);
            let len = u32::try_from(image.payload_length).unwrap_or(u32::MAX);
            let retransmission = sent.insert(start, end) < u64::from(len);
            let index = segments.len();
            segments.push(Segment {
                time_ns: packet.time_ns,
                seq: start,
                len,
                small: image.payload_length + image.options_length < largest,
                retransmission,
                delivered: packet.delivered.is_some(),
                acked_at_ns: None,
            });
            unacked.push(index);
            if retransmission {
                last_new = last_new.map(|(before, _)| (before, true));
                continue;
            }
            if let (Some((ack_ns, covers, true)), Some((before, false))) = (last_ack, last_new)
                && covers == place
            {
                released(index, before, ack_ns);
            }
            last_ack = None;
            last_new = Some((index, false));
        }
        segments
    }

    /// Largest segment that the receiver of a direction takes, TCP options included, in bytes.
    fn largest_segment(&self, direction: Direction) -> usize {
        let announced = self
            .packets
            .iter()
            .filter(|packet| packet.direction != direction)
            .filter_map(|packet| packet.delivered.as_deref())
            .find_map(|image| image.mss.filter(|_| image.syn));
        // RFC 9293 section 3.7.1.
        let default = if self.initiator.is_ipv4() { 536 } else { 1220 };
        announced.map_or(default, usize::from)
    }
}

fn end_of(segment: &Segment) -> i64 {
    i64::try_from(segment.seq + u64::from(segment.len)).unwrap_or(i64::MAX)
}
