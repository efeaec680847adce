//! The bytes that arrived, in order.

use std::{collections::BTreeMap, sync::Arc};

use mpws_codec::mptcp::{DataSeq, Key};

use crate::{
    connection::{Connection, Direction},
    facts::{mappings, pieces},
    packet::Image,
};

/// The bytes that arrived in one direction, from the first one up to the first gap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    chunks: Vec<Chunk>,
}

/// Bytes that arrived together.
#[derive(Clone, Debug)]
struct Chunk {
    start: usize,
    time_ns: u64,
    path: Arc<str>,
}

/// A part of the payload of a segment, by its place in the stream of the application.
struct Part<'a> {
    place: u64,
    bytes: &'a [u8],
    time_ns: u64,
    path: Arc<str>,
}

impl Stream {
    /// Puts the stream of one direction together: by data sequence numbers over all subflows while everything is mapped
    /// (the kernel may send mapped data again under new TCP sequence numbers, on the same subflow too), else by TCP
    /// sequence numbers of the first subflow.
    pub(crate) fn of(connection: &Connection, direction: Direction) -> Self {
        let flow = connection.flow_of_owner(direction);
        let mapped = connection.agreed
            && flow.delivered.payload_bytes > 0
            && flow.unmapped_bytes == 0
            && key_of(connection, direction).is_some();
        let joined = connection
            .joins
            .iter()
            .any(|join| join.flow_of_owner(direction).delivered.payload_bytes > 0);
        Self::assemble(if joined || mapped {
            parts_by_data_seq(connection, direction)
        } else {
            parts_by_seq(connection, direction)
        })
    }

    fn assemble(mut parts: Vec<Part<'_>>) -> Self {
        parts.sort_by_key(|part| part.place);
        let mut stream = Self::default();
        for part in parts {
            let Ok(place) = usize::try_from(part.place) else {
                break;
            };
            let length = stream.bytes.len();
            let Some(known) = length.checked_sub(place) else {
                break;
            };
            let Some(fresh @ [_, ..]) = part.bytes.get(known..) else {
                continue;
            };
            stream.chunks.push(Chunk {
                start: length,
                time_ns: part.time_ns,
                path: part.path,
            });
            stream.bytes.extend_from_slice(fresh);
        }
        stream
    }

    /// When a byte arrived, in nanoseconds since the epoch.
    pub(crate) fn time_of(&self, at: usize) -> u64 {
        self.chunks_of(at, at + 1)
            .first()
            .map_or(0, |chunk| chunk.time_ns)
    }

    /// When all of a range had arrived, in nanoseconds since the epoch.
    pub(crate) fn complete_at(&self, start: usize, end: usize) -> u64 {
        self.chunks_of(start, end)
            .iter()
            .map(|chunk| chunk.time_ns)
            .max()
            .unwrap_or(0)
    }

    /// Interfaces that carried a range, each once, in order.
    pub(crate) fn paths_of(&self, start: usize, end: usize) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for chunk in self.chunks_of(start, end) {
            if !paths.iter().any(|path| **path == *chunk.path) {
                paths.push(chunk.path.to_string());
            }
        }
        paths
    }

    fn chunks_of(&self, start: usize, end: usize) -> &[Chunk] {
        let first = self
            .chunks
            .partition_point(|chunk| chunk.start <= start)
            .saturating_sub(1);
        let last = self.chunks.partition_point(|chunk| chunk.start < end);
        self.chunks.get(first..last).unwrap_or(&[])
    }
}

fn parts_by_seq(connection: &Connection, direction: Direction) -> Vec<Part<'_>> {
    let parts = pieces(connection, direction)
        .into_iter()
        .filter_map(|piece| {
            Some(Part {
                place: u64::try_from(piece.place).ok()?,
                bytes: &piece.image.payload,
                time_ns: piece.packet.time_ns,
                path: piece.packet.path.clone(),
            })
        });
    parts.collect()
}

fn parts_by_data_seq(connection: &Connection, direction: Direction) -> Vec<Part<'_>> {
    let key = key_of(connection, direction);
    // The SYN takes the initial data sequence number (RFC 8684 section 3.1).
    let Some(first) = key.map(|key| DataSeq(key.idsn().0.wrapping_add(1))) else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    for subflow in connection.subflows() {
        let way = subflow.way(direction);
        let mut near = first;
        let mut table = BTreeMap::new();
        for mapping in mappings(subflow, way) {
            if let Some(seq) = mapping.data_seq {
                near = seq.extend(near);
            }
            let data_seq = if mapping.data_seq.is_some() {
                near
            } else {
                first
            };
            table.insert(mapping.place, (mapping.length, data_seq));
        }
        for piece in pieces(subflow, way) {
            let mapped = mapped_parts(piece.image, piece.place, &table, first);
            parts.extend(mapped.into_iter().map(|(place, bytes)| Part {
                place,
                bytes,
                time_ns: piece.packet.time_ns,
                path: piece.packet.path.clone(),
            }));
        }
    }
    parts
}

/// The key of the end that sends in a direction.
fn key_of(connection: &Connection, direction: Direction) -> Option<Key> {
    match direction {
        Direction::ToResponder => connection.initiator_key,
        Direction::ToInitiator => connection.responder_key,
    }
}

/// The parts of a payload that mappings cover, with their places in the data stream.
fn mapped_parts<'a>(
    image: &'a Image,
    place: i64,
    table: &BTreeMap<i64, (u16, DataSeq)>,
    first: DataSeq,
) -> Vec<(u64, &'a [u8])> {
    let end = place.saturating_add_unsigned(image.payload.len() as u64);
    let before = table.range(..=place).next_back();
    let within = table.range(place.saturating_add(1)..end.max(place.saturating_add(1)));
    let parts = before
        .into_iter()
        .chain(within)
        .filter_map(|(&start, &(length, data_seq))| {
            let from = start.max(place);
            let to = start.saturating_add(i64::from(length)).min(end);
            let bytes = image
                .payload
                .get(usize::try_from(from - place).ok()?..usize::try_from(to - place).ok()?)?;
            let skipped = u64::try_from(from - start).ok()?;
            let at = data_seq.0.wrapping_add(skipped).wrapping_sub(first.0);
            Some((at, bytes))
        });
    parts.collect()
}
