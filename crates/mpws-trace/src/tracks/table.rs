//! Where the bytes of a subflow belong in the data stream.

use mpws_codec::mptcp::{DataSeq, WireSeq};

/// Mappings of a track by place in the TCP stream, with places in the data stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Sorted by place; the later declaration of the same place is the one that counts.
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    place: i64,
    length: u16,
    data: i64,
    /// Largest end in the data stream of this row and all before.
    data_end: i64,
}

impl Table {
    /// Rows come as place, length, and place in the data stream.
    pub(crate) fn new(rows: impl Iterator<Item = (i64, u16, i64)>) -> Self {
        let mut rows: Vec<Row> = rows
            .filter(|&(_, length, _)| length > 0)
            .map(|(place, length, data)| Row {
                place,
                length,
                data,
                data_end: 0,
            })
            .collect();
        // Stable: of two declarations of the same place the later stays last.
        rows.sort_by_key(|row| row.place);
        rows.dedup_by(|later, kept| {
            let same = later.place == kept.place;
            if same {
                *kept = *later;
            }
            same
        });
        let mut end = i64::MIN;
        for row in &mut rows {
            end = end.max(row.data.saturating_add(i64::from(row.length)));
            row.data_end = end;
        }
        Self { rows }
    }

    /// Splits a range of places into parts: length and, where mapped, place in the data stream.
    /// Parts that no mapping covers come with what precedes them: the end of that mapping, and the
    /// end of the data stream so far.
    ///
    /// `hint` is where the search begins; it is brought up to date, so that a walk in order costs
    /// no search.
    pub(crate) fn split(
        &self,
        place: i64,
        length: u32,
        hint: &mut usize,
        mut part: impl FnMut(i64, u32, Mapped),
    ) {
        let end = place.saturating_add(i64::from(length));
        let mut at = place;
        let mut index = self.last_at_or_before(place, *hint);
        *hint = index.unwrap_or(0);
        while at < end {
            let row = index.and_then(|index| self.rows.get(index));
            let next = index.map_or(0, |index| index + 1);
            let row_end = row.map(|row| row.place.saturating_add(i64::from(row.length)));
            let next_place = self.rows.get(next).map_or(i64::MAX, |row| row.place);
            let (to, mapped) = match (row, row_end) {
                (Some(row), Some(row_end)) if at < row_end => (
                    row_end.min(next_place),
                    Mapped::At(row.data.saturating_add(at - row.place)),
                ),
                (Some(row), Some(row_end)) => (
                    next_place,
                    Mapped::After {
                        distance: at - row_end,
                        data_end: row.data_end,
                    },
                ),
                _ => (next_place, Mapped::Before),
            };
            let to = to.min(end);
            if to > at {
                part(at - place, u32::try_from(to - at).unwrap_or(0), mapped);
            }
            at = to;
            if at >= next_place {
                index = Some(next);
            }
        }
    }

    fn last_at_or_before(&self, place: i64, hint: usize) -> Option<usize> {
        let fits = |index: usize| {
            self.rows.get(index).is_some_and(|row| row.place <= place)
                && self
                    .rows
                    .get(index + 1)
                    .is_none_or(|next| next.place > place)
        };
        if fits(hint) {
            return Some(hint);
        }
        if fits(hint + 1) {
            return Some(hint + 1);
        }
        self.rows
            .partition_point(|row| row.place <= place)
            .checked_sub(1)
    }
}

/// Where bytes of a subflow belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mapped {
    /// At this place of the data stream.
    At(i64),
    /// No mapping covers them; one ended so many bytes before, with the data stream at `data_end`.
    After { distance: i64, data_end: i64 },
    /// No mapping covers them, nor anything before them.
    Before,
}

/// Turns data sequence numbers of a direction into places in its stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataPlaces {
    /// Number of place 0.
    pub(crate) first: DataSeq,
    near: DataSeq,
}

impl DataPlaces {
    pub(crate) fn new(first: DataSeq) -> Self {
        Self { first, near: first }
    }

    /// The place of a number, taken nearest to the last one; negative before the stream.
    pub(crate) fn place(&mut self, seq: WireSeq) -> i64 {
        let full = seq.extend(self.near);
        // A number far off is no reason to look for the next one there.
        let distance = full.0.wrapping_sub(self.near.0).cast_signed();
        if distance.unsigned_abs() < 1 << 32 {
            self.near = full;
        }
        full.0.wrapping_sub(self.first.0).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(table: &Table, place: i64, length: u32, hint: usize) -> Vec<(i64, u32, Mapped)> {
        let mut parts = Vec::new();
        let mut hint = hint;
        table.split(place, length, &mut hint, |at, length, mapped| {
            parts.push((at, length, mapped));
        });
        parts
    }

    #[test]
    fn a_segment_is_split_where_mappings_begin_and_end() {
        let table = Table::new([(10, 10, 100), (30, 5, 110), (20, 5, 50)].into_iter());
        for hint in 0..4 {
            assert_eq!(
                split(&table, 5, 32, hint),
                [
                    (0, 5, Mapped::Before),
                    (5, 10, Mapped::At(100)),
                    (15, 5, Mapped::At(50)),
                    (
                        20,
                        5,
                        Mapped::After {
                            distance: 0,
                            data_end: 110
                        }
                    ),
                    (25, 5, Mapped::At(110)),
                    (
                        30,
                        2,
                        Mapped::After {
                            distance: 0,
                            data_end: 115
                        }
                    ),
                ]
            );
        }
    }

    #[test]
    fn mappings_that_overlap_give_way_to_the_one_that_begins_later() {
        let table = Table::new([(0, 10, 0), (5, 10, 100)].into_iter());
        assert_eq!(
            split(&table, 0, 15, 0),
            [(0, 5, Mapped::At(0)), (5, 10, Mapped::At(100))]
        );
    }

    #[test]
    fn short_data_sequence_numbers_are_taken_near_the_last_one() {
        let mut places = DataPlaces::new(DataSeq(0x1_ffff_fff0));
        assert_eq!(places.place(WireSeq::Short(0xffff_fff8)), 8);
        assert_eq!(places.place(WireSeq::Short(0x10)), 32);
        assert_eq!(places.place(WireSeq::Long(DataSeq(0x1_ffff_fff0))), 0);
    }
}
