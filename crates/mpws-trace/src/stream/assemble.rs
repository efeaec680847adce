//! Puts a data stream together.

use mpws_codec::mptcp::{DataSeq, Key, WireSeq};

use super::data::{Chunk, DataStream, Hole, Level, Retransmission, Share};
use crate::{
    packets::{Connection, Direction, Packet, Role, View},
    tracks::{DataPlaces, Declared, Mapped, Piece, Ranges, Table, Track},
};

impl Connection {
    /// The data stream of one direction.
    pub fn data(&self, direction: Direction) -> DataStream {
        assemble(self, direction)
    }
}

/// The data stream of one direction of a connection, over all its subflows.
fn assemble(connection: &Connection, direction: Direction) -> DataStream {
    let subflows: Vec<&Connection> = connection.subflows().collect();
    let arrived = Lanes::of(connection, &subflows, direction, View::Delivered, None);
    let mut stream = DataStream {
        from_start: arrived.first_known,
        ..DataStream::default()
    };
    let seen = arrived.deliver(&mut stream);
    let touched = subflows.iter().any(|subflow| touched(subflow));
    if touched {
        // Both ends must count from the same place.
        let sent = Lanes::of(connection, &subflows, direction, View::Sent, arrived.first);
        let transmitted = sent.transmit(&mut stream);
        stream.data_fin = stream.data_fin.max(sent.data_fin);
        stream.acked = sent.acked.min(arrived.acked);
        let mut end = 0;
        for (from, to) in transmitted.iter() {
            end = to;
            stream.lost += seen.missing(from, to);
        }
        stream.holes = holes(&seen, end, stream.acked);
    } else {
        arrived.transmit(&mut stream);
        stream.acked = arrived.acked;
        stream.holes = holes(&seen, 0, stream.acked);
    }
    stream
}

/// The subflows of one direction, as seen at one end.
struct Lanes {
    lanes: Vec<Lane>,
    /// Data sequence number of place 0, where mappings were seen.
    first: Option<DataSeq>,
    first_known: bool,
    data_fin: Option<u64>,
    acked: u64,
}

struct Lane {
    track: Track,
    table: Table,
    /// Unmapped bytes count as data.
    goes_on: bool,
}

/// A part of a segment, with its place in the data stream where it has one.
struct Part {
    skip: u32,
    length: u32,
    data: Option<u64>,
    mapped: bool,
}

impl Lanes {
    fn of(
        connection: &Connection,
        subflows: &[&Connection],
        direction: Direction,
        view: View,
        agreed_first: Option<DataSeq>,
    ) -> Self {
        let tracks: Vec<Track> = subflows
            .iter()
            .map(|subflow| Track::of(subflow, subflow.way(direction), view))
            .collect();
        let from_key = key_of(connection, direction)
            // The SYN takes the initial data sequence number (RFC 8684 section 3.1).
            .map(|key| DataSeq(key.idsn().0.wrapping_add(1)));
        let first = from_key
            .or(agreed_first)
            .or_else(|| lowest(tracks.iter().flat_map(|track| &track.mappings)));
        let mut data_fin = None;
        let is_first = |index: usize| index == 0;
        let lanes: Vec<Lane> = tracks
            .into_iter()
            .enumerate()
            .map(|(index, track)| {
                let mut places = DataPlaces::new(first.unwrap_or(DataSeq(0)));
                let mut rows = Vec::with_capacity(track.mappings.len());
                for mapping in &track.mappings {
                    let data = mapping.seq.map_or(0, |seq| places.place(seq));
                    if mapping.data_fin {
                        let end = data.saturating_add(i64::from(mapping.length));
                        data_fin = data_fin.max(u64::try_from(end).ok());
                    }
                    rows.push((mapping.place, mapping.length, data));
                }
                Lane {
                    goes_on: is_first(index) || track.infinite.is_some(),
                    table: Table::new(rows.into_iter()),
                    track,
                }
            })
            .collect();
        let mapped = lanes.iter().any(|lane| !lane.track.mappings.is_empty());
        let mut found = Self {
            first_known: from_key.is_some() || !mapped && !matches!(connection.role, Role::Unknown),
            first,
            data_fin,
            acked: 0,
            lanes,
        };
        found.acked = found.acknowledged(subflows, direction, view);
        found
    }

    /// How much of the stream was acknowledged, at this end.
    fn acknowledged(&self, subflows: &[&Connection], direction: Direction, view: View) -> u64 {
        let mut acked = 0;
        if let Some(first) = self.first {
            for subflow in subflows {
                let mut places = DataPlaces::new(first);
                let back = subflow.way(direction).reverse();
                for packet in &subflow.packets {
                    if packet.direction != back {
                        continue;
                    }
                    let image = match view {
                        View::Delivered => packet.sent.as_deref(),
                        View::Sent => packet.delivered.as_deref(),
                    };
                    let ack = image
                        .filter(|image| !image.mptcp.is_empty())
                        .and_then(|image| image.dss()?.data_ack);
                    if let Some(ack) = ack {
                        acked = acked.max(u64::try_from(places.place(ack)).unwrap_or(0));
                    }
                }
            }
        }
        // TCP's own acknowledgements count where its bytes are the data: on the first subflow, past
        // the last mapping.
        if let Some(lane) = self.lanes.first() {
            let unmapped_from = self.plain_from(lane);
            if let (Some(tcp_acked), Some((place, data))) = (lane.track.acked, unmapped_from) {
                let end = lane.track.fin.map_or(tcp_acked, |fin| fin.min(tcp_acked));
                if end > place {
                    let sum = data.saturating_add(end - place);
                    acked = acked.max(u64::try_from(sum).unwrap_or(0));
                }
            }
        }
        self.data_fin.map_or(acked, |fin| acked.min(fin))
    }

    /// Where the plain stream of the first subflow begins: places in its TCP stream and in the data
    /// stream.
    fn plain_from(&self, lane: &Lane) -> Option<(i64, i64)> {
        if lane.track.mappings.is_empty() {
            return Some((0, 0));
        }
        let last = lane.track.pieces.last()?;
        let mut plain = None;
        lane.table
            .split(last.place, last.length, &mut 0, |at, _, mapped| {
                if let Mapped::After { distance, data_end } = mapped {
                    plain.get_or_insert((last.place + at, data_end.saturating_add(distance)));
                }
            });
        plain
    }

    /// Segments of all subflows in the order of time.
    fn pieces(&self) -> Vec<(usize, Piece)> {
        let lanes = self.lanes.iter().enumerate();
        let mut pieces: Vec<_> = lanes
            .flat_map(|(index, lane)| lane.track.pieces.iter().map(move |piece| (index, *piece)))
            .collect();
        if self.lanes.len() > 1 {
            pieces.sort_by_key(|(_, piece)| piece.time_ns);
        }
        pieces
    }

    /// Goes through the parts of all segments in the order of time. `fresh` of a part: TCP has not
    /// had it yet.
    fn walk(&self, mut visit: impl FnMut(usize, &Piece, &Part, bool)) {
        let mut hints = vec![0; self.lanes.len()];
        let mut had = vec![Ranges::default(); self.lanes.len()];
        for (index, piece) in self.pieces() {
            let (Some(lane), Some(hint), Some(had)) = (
                self.lanes.get(index),
                hints.get_mut(index),
                had.get_mut(index),
            ) else {
                continue;
            };
            // Bytes before the first packet count as well, which is why places start at a distance
            // from 0.
            let start = piece.place.saturating_add(SHIFT).max(0).cast_unsigned();
            let end = start.saturating_add(u64::from(piece.length));
            let mut offer = |from: u64, to: u64, fresh: bool| {
                let skip = (from - start) as u32;
                let place = piece.place.saturating_add_unsigned(from - start);
                let length = (to - from) as u32;
                lane.table.split(place, length, hint, |at, length, mapped| {
                    let part = lane.part(skip + at as u32, length, mapped, place + at);
                    visit(index, &piece, &part, fresh);
                });
            };
            let mut at = start;
            had.each_gap(start, end, |from, to| {
                if from > at {
                    offer(at, from, false);
                }
                offer(from, to, true);
                at = to;
            });
            if at < end {
                offer(at, end, false);
            }
            had.insert(start, end);
        }
    }

    /// Fills in what arrived, and returns the places of it.
    fn deliver(&self, stream: &mut DataStream) -> Ranges {
        stream.shares = vec![Share::default(); self.lanes.len()];
        stream.data_fin = self.data_fin;
        let mut seen = Ranges::default();
        let mut in_order = true;
        self.walk(|index, piece, part, fresh| {
            if !fresh {
                return;
            }
            let Some(share) = stream.shares.get_mut(index) else {
                return;
            };
            if !part.mapped {
                share.unmapped += u64::from(part.length);
            }
            let Some(start) = part.data else { return };
            if !part.mapped && self.first.is_some() {
                let from = stream.unmapped_from.get_or_insert(start);
                *from = start.min(*from);
            }
            let end = start.saturating_add(u64::from(part.length));
            let mut new = 0;
            seen.each_gap(start, end, |from, to| {
                in_order &= stream.chunks.last().is_none_or(|last| last.start <= from);
                new += to - from;
                stream.chunks.push(Chunk {
                    start: from,
                    length: (to - from) as u32,
                    subflow: u16::try_from(index).unwrap_or(u16::MAX),
                    packet: piece.packet,
                    skip: part.skip + (from - start) as u32,
                    time_ns: piece.time_ns,
                });
            });
            seen.insert(start, end);
            share.bytes += new;
            share.doubled += u64::from(part.length) - new;
        });
        if !in_order {
            stream.chunks.sort_by_key(|chunk| chunk.start);
        }
        stream.bytes = stream.shares.iter().map(|share| share.bytes).sum();
        stream.doubled = stream.shares.iter().map(|share| share.doubled).sum();
        seen
    }

    /// Fills in what was sent more than once, and returns the places of all that was sent.
    fn transmit(&self, stream: &mut DataStream) -> Ranges {
        let mut sent = Ranges::default();
        self.walk(|index, piece, part, fresh| {
            let Some(start) = part.data else { return };
            let length = u64::from(part.length);
            let again = |level, start, length| Retransmission {
                time_ns: piece.time_ns,
                subflow: index,
                level,
                start,
                length,
            };
            let Some(share) = stream.shares.get_mut(index) else {
                return;
            };
            if !fresh {
                share.tcp_retransmitted += length;
                stream
                    .retransmissions
                    .push(again(Level::Tcp, start, length));
                return;
            }
            let new = sent.insert(start, start.saturating_add(length));
            if new < length {
                share.data_retransmitted += length - new;
                stream
                    .retransmissions
                    .push(again(Level::Data, start, length));
            }
        });
        sent
    }
}

impl Lane {
    fn part(&self, skip: u32, length: u32, mapped: Mapped, place: i64) -> Part {
        let data = match mapped {
            Mapped::At(data) => u64::try_from(data).ok(),
            Mapped::After { distance, data_end } if self.goes_on => {
                u64::try_from(data_end.saturating_add(distance)).ok()
            }
            // The first subflow begins with the first byte of the connection.
            Mapped::Before if self.goes_on => u64::try_from(place).ok(),
            Mapped::After { .. } | Mapped::Before => None,
        };
        Part {
            skip,
            length,
            data,
            mapped: matches!(mapped, Mapped::At(_)),
        }
    }
}

/// The parts of the stream that did not arrive, up to `sent_end` or the last acknowledged byte.
fn holes(seen: &Ranges, sent_end: u64, acked: u64) -> Vec<Hole> {
    let end = seen.iter().last().map_or(0, |(_, end)| end);
    let mut holes = Vec::new();
    seen.each_gap(0, end.max(sent_end).max(acked), |start, stop| {
        let mut push = |start: u64, stop: u64, acknowledged| {
            if stop > start {
                holes.push(Hole {
                    start,
                    length: stop - start,
                    acknowledged,
                });
            }
        };
        push(start, stop.min(acked), true);
        push(start.max(acked), stop, false);
    });
    holes
}

/// The lowest of the data sequence numbers, near the first.
fn lowest<'a>(mappings: impl Iterator<Item = &'a Declared>) -> Option<DataSeq> {
    let mut first = None;
    let mut lowest = 0_i64;
    let mut places = None;
    for seq in mappings.filter_map(|mapping| mapping.seq) {
        let places = places.get_or_insert_with(|| {
            let full = match seq {
                WireSeq::Long(full) => full,
                WireSeq::Short(low) => DataSeq(u64::from(low)),
            };
            first = Some(full);
            DataPlaces::new(full)
        });
        let place = places.place(seq);
        if place > -NEARBY {
            lowest = lowest.min(place);
        }
    }
    first.map(|first| DataSeq(first.0.wrapping_add_signed(lowest)))
}

/// The key of the end that sends in a direction. Version 0 makes its initial data sequence numbers
/// otherwise.
fn key_of(connection: &Connection, direction: Direction) -> Option<Key> {
    if connection.mptcp_version() == Some(0) {
        return None;
    }
    match direction {
        Direction::ToResponder => connection.initiator_key,
        Direction::ToInitiator => connection.responder_key,
    }
}

/// Whether the wire lost or changed something.
fn touched(subflow: &Connection) -> bool {
    let same = |packet: &Packet| match (&packet.sent, &packet.delivered) {
        (Some(sent), Some(delivered)) => std::sync::Arc::ptr_eq(sent, delivered),
        _ => false,
    };
    !subflow.packets.iter().all(same)
}

/// What places are raised by, so that those before the stream are no negative numbers.
const SHIFT: i64 = 1 << 40;

/// How far before the first data sequence number seen the lowest may be.
const NEARBY: i64 = 1 << 30;
