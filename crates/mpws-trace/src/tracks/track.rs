//! One direction of one subflow: its segments and mappings, by places in its TCP stream.

use mpws_codec::mptcp::{DataSeq, WireSeq};

use crate::{
    packets::{Connection, Direction, Image, Packet},
    tracks::Unwrap,
};

/// At which end a packet is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// As its sender sent it.
    Sent,
    /// As its receiver got it.
    Delivered,
}

impl View {
    pub(crate) fn of(self, packet: &Packet) -> Option<&Image> {
        match self {
            Self::Sent => packet.sent.as_deref(),
            Self::Delivered => packet.delivered.as_deref(),
        }
    }
}

/// Segments and mappings of one direction of one subflow, as seen at one end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    /// Segments with payload, in the order in which they were at the wire.
    pub(crate) pieces: Vec<Piece>,
    /// Finite mappings in the same order, repetitions included.
    pub(crate) mappings: Vec<Declared>,
    /// The first infinite mapping.
    pub(crate) infinite: Option<Declared>,
    /// Largest acknowledged place of this direction, counted with SYN and FIN; acknowledgements come from the other.
    pub(crate) acked: Option<i64>,
    /// Place of the TCP FIN.
    pub(crate) fin: Option<i64>,
}

/// A segment with payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// Index of its packet in the subflow.
    pub(crate) packet: u32,
    pub(crate) time_ns: u64,
    /// Place of its first byte in the TCP stream: 0 is the byte after the SYN, or the first byte seen.
    pub(crate) place: i64,
    pub(crate) length: u32,
}

/// A mapping as it was declared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    /// Place of its first byte in the TCP stream.
    pub(crate) place: i64,
    /// Without the DATA_FIN.
    pub(crate) length: u16,
    /// `None` stands for the first byte of the data stream (MP_CAPABLE with data).
    pub(crate) seq: Option<WireSeq>,
    /// A DATA_FIN stands after its last byte.
    pub(crate) data_fin: bool,
}

impl Track {
    pub(crate) fn of(subflow: &Connection, way: Direction, view: View) -> Self {
        let mut track = Self::default();
        let Some(mut places) = places(subflow, way, view) else {
            return track;
        };
        for (index, packet) in subflow.packets.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if packet.direction != way {
                // What the other end acknowledges is seen where the acknowledgement leaves or arrives.
                let other = match view {
                    View::Sent => View::Delivered,
                    View::Delivered => View::Sent,
                };
                let ack = other
                    .of(packet)
                    .filter(|image| !image.rst)
                    .and_then(|image| image.ack);
                if let Some(ack) = ack {
                    track.acked = track.acked.max(Some(places.peek(ack)));
                }
                continue;
            }
            let Some(image) = view.of(packet).filter(|image| !image.rst) else {
                continue;
            };
            let here = places.place(image.payload_seq());
            track.take(index, packet.time_ns, here, image);
        }
        track
    }

    fn take(&mut self, packet: u32, time_ns: u64, here: i64, image: &Image) {
        if image.payload_length > 0 {
            self.pieces.push(Piece {
                packet,
                time_ns,
                place: here,
                length: u32::try_from(image.payload_length).unwrap_or(u32::MAX),
            });
        }
        if image.fin {
            let end = here.saturating_add_unsigned(image.payload_length as u64);
            self.fin = Some(end);
        }
        if image.mptcp.is_empty() {
            return;
        }
        if let Some(length) = image.capable_length() {
            self.mappings.push(Declared {
                place: 0,
                length,
                seq: None,
                data_fin: false,
            });
        }
        let Some(dss) = image.dss() else { return };
        let Some(mapping) = dss.mapping else { return };
        let declared = Declared {
            place: mapping_place(here, mapping.subflow_seq.0),
            length: mapping.length.saturating_sub(u16::from(dss.data_fin)),
            seq: Some(mapping.data_seq),
            data_fin: dss.data_fin,
        };
        if !mapping.is_infinite() {
            self.mappings.push(declared);
        } else if self.infinite.is_none() {
            self.infinite = Some(declared);
        }
    }
}

/// Place of a mapping that a packet at `here` declares. The subflow sequence number 1 is that of the byte after the
/// SYN; it has 32 bits and wraps. A DATA_FIN without data has 0, and then the place means nothing.
pub(crate) fn mapping_place(here: i64, subflow_seq: u32) -> i64 {
    let relative = subflow_seq.wrapping_sub(1);
    here.saturating_add(i64::from(relative.wrapping_sub(here as u32).cast_signed()))
}

/// Places in the TCP stream of one direction, as seen at one end: a middlebox may number otherwise on its far side.
pub(crate) fn places(subflow: &Connection, way: Direction, view: View) -> Option<Unwrap> {
    let images = |view: View| {
        let packets = subflow
            .packets
            .iter()
            .filter(move |packet| packet.direction == way);
        packets.filter_map(move |packet| view.of(packet))
    };
    let other = match view {
        View::Sent => View::Delivered,
        View::Delivered => View::Sent,
    };
    let first = images(view)
        .take(LOOKED_AT)
        .find(|image| image.syn)
        .or_else(|| images(other).take(LOOKED_AT).find(|image| image.syn))
        .map(Image::payload_seq);
    first
        .or_else(|| first_by_mappings(images(view)))
        .or_else(|| {
            images(view)
                .find(|image| !image.rst)
                .map(Image::payload_seq)
        })
        .map(Unwrap::new)
}

/// Sequence number of the byte after a SYN that was not seen, by what mappings say. A mapping may begin before the
/// packet that carries it, so the lowest counts.
fn first_by_mappings<'a>(images: impl Iterator<Item = &'a Image>) -> Option<u32> {
    let claims = images.filter_map(|image| {
        let dss = image.dss()?;
        let mapping = dss.mapping?;
        let covers = mapping.length > u16::from(dss.data_fin) && image.payload_length > 0;
        let relative = mapping.subflow_seq.0.wrapping_sub(1);
        covers.then(|| image.payload_seq().wrapping_sub(relative))
    });
    claims.take(LOOKED_AT).reduce(|a, b| {
        if b.wrapping_sub(a).cast_signed() < 0 {
            b
        } else {
            a
        }
    })
}

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

    /// Splits a range of places into parts: length and, where mapped, place in the data stream. Parts that no mapping
    /// covers come with what precedes them: the end of that mapping, and the end of the data stream so far.
    ///
    /// `hint` is where the search begins; it is brought up to date, so that a walk in order costs no search.
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

/// How many packets of a direction may come before its SYN or SYN/ACK.
const LOOKED_AT: usize = 16;

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
