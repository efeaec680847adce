//! Sets of byte ranges, and sequence numbers as places in a stream.

use std::collections::BTreeMap;

/// A set of places, kept as ranges that neither touch nor overlap.
///
/// Streams mostly grow at their end, so the highest range is at hand, apart from the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges {
    /// Start to end, exclusive; all below `last`.
    map: BTreeMap<u64, u64>,
    last: Option<(u64, u64)>,
}

impl Ranges {
    /// Adds a range and says how many of its places are new.
    pub(crate) fn insert(&mut self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        match &mut self.last {
            None => {
                self.last = Some((start, end));
                end - start
            }
            Some((_, last_end)) if start > *last_end => {
                let before = self.last.replace((start, end));
                self.map.extend(before);
                end - start
            }
            Some((last_start, last_end)) if start >= *last_start => {
                let fresh = end.saturating_sub(*last_end);
                *last_end = (*last_end).max(end);
                fresh
            }
            Some(_) => self.insert_below(start, end),
        }
    }

    fn insert_below(&mut self, start: u64, end: u64) -> u64 {
        let fresh = self.missing(start, end);
        let (mut from, mut to) = (start, end);
        if let Some((last_start, last_end)) = self.last.filter(|&(last, _)| last <= to) {
            from = from.min(last_start);
            to = to.max(last_end);
            self.last = None;
        }
        while let Some((&other, &other_end)) = self
            .map
            .range(..=to)
            .next_back()
            .filter(|&(_, &other_end)| other_end >= from)
        {
            from = from.min(other);
            to = to.max(other_end);
            self.map.remove(&other);
        }
        if self.last.is_none() {
            self.last = Some((from, to));
        } else {
            self.map.insert(from, to);
        }
        fresh
    }

    /// How many places of a range are not in the set.
    pub(crate) fn missing(&self, start: u64, end: u64) -> u64 {
        let mut missing = 0;
        self.each_gap(start, end, |from, to| missing += to - from);
        missing
    }

    /// Calls a function with each part of a range that is not in the set, in order.
    pub(crate) fn each_gap(&self, start: u64, end: u64, mut gap: impl FnMut(u64, u64)) {
        let mut at = start;
        if let Some((last_start, _)) = self.last
            && start < last_start
        {
            let before = self.map.range(..start).next_back();
            for (&from, &to) in before
                .into_iter()
                .chain(self.map.range(start..end.max(start)))
            {
                if from > at {
                    gap(at, from);
                }
                at = at.max(to);
            }
        }
        if let Some((from, to)) = self.last.filter(|&(from, _)| from < end) {
            if from > at {
                gap(at, from);
            }
            at = at.max(to);
        }
        if at < end {
            gap(at, end);
        }
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.map
            .iter()
            .map(|(&start, &end)| (start, end))
            .chain(self.last)
    }
}

/// Turns the 32-bit sequence numbers of one direction into places in its stream, from 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unwrap {
    /// Sequence number of place 0.
    base: u32,
    /// Place near which the next number is expected.
    near: i64,
}

impl Unwrap {
    /// Place 0 has this sequence number.
    pub(crate) fn new(base: u32) -> Self {
        Self { base, near: 0 }
    }

    /// The place of a sequence number: the one nearest to the last; negative before the stream.
    pub(crate) fn place(&mut self, seq: u32) -> i64 {
        let place = self.peek(seq);
        self.near = self.near.max(place);
        place
    }

    /// The same, without remembering it.
    pub(crate) fn peek(&self, seq: u32) -> i64 {
        let near = self.base.wrapping_add(self.near as u32);
        self.near
            .saturating_add(i64::from(seq.wrapping_sub(near).cast_signed()))
    }
}

/// A range of bytes that begins at a place; what lies before the stream is cut off.
pub(crate) fn range(place: i64, length: usize) -> (u64, u64) {
    let end = place.saturating_add_unsigned(length as u64);
    (place.max(0).cast_unsigned(), end.max(0).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequence_numbers_go_on_past_their_wrap_and_back_again() {
        let mut places = Unwrap::new(0xffff_fff0);
        assert_eq!(places.place(0xffff_fff0), 0);
        assert_eq!(places.place(0x10), 32);
        assert_eq!(places.place(0xffff_fff8), 8);
        assert_eq!(places.peek(0xffff_ffef), -1);
    }

    #[test]
    fn a_stream_may_be_longer_than_its_sequence_numbers_tell() {
        let mut places = Unwrap::new(0);
        for step in 1..=20_u64 {
            let place = step * 0x4000_0000;
            assert_eq!(places.place(place as u32), place.cast_signed());
        }
    }

    proptest! {
        #[test]
        fn a_set_of_ranges_is_the_set_of_their_places(
            ranges in proptest::collection::vec((0_u64..100, 0_u64..20), 0..30),
            asked in (0_u64..100, 0_u64..50),
        ) {
            let mut set = Ranges::default();
            let mut places = std::collections::BTreeSet::new();
            for (start, length) in ranges {
                let before = places.len();
                places.extend(start..start + length);
                prop_assert_eq!(set.insert(start, start + length), (places.len() - before) as u64);
            }
            let (start, end) = (asked.0, asked.0 + asked.1);
            let missing = (start..end).filter(|place| !places.contains(place)).count();
            prop_assert_eq!(set.missing(start, end), missing as u64);
        }
    }
}
