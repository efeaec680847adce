//! What an application wrote, as pieces in order: the data stream itself, or what TLS carried in
//! it.

use std::ops::Range;

use crate::{
    packets::Connection,
    stream::{DataStream, Hole},
};

/// The bytes of one direction as the application wrote them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain<'a> {
    pub(crate) pieces: Vec<Piece<'a>>,
    /// For what came out of TLS: the records by the place of their first byte, and where each lies
    /// in the stream.
    pub(crate) records: Option<Vec<Record>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Piece<'a> {
    Bytes(std::borrow::Cow<'a, [u8]>),
    Hole(Hole),
}

/// A TLS record with application data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Place of its first byte in the plain stream.
    pub(crate) start: u64,
    /// Where it lies in the data stream.
    pub(crate) origin: Range<u64>,
}

impl Piece<'_> {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Hole(hole) => hole.length,
        }
    }
}

impl<'a> Plain<'a> {
    /// The data stream itself. Without its beginning there is nothing to read.
    pub(crate) fn of(data: &DataStream, subflows: &[&'a Connection]) -> Self {
        let mut pieces = Vec::with_capacity(data.chunks.len());
        let mut holes = data.holes.iter().peekable();
        let mut at = 0;
        for chunk in &data.chunks {
            while let Some(hole) = holes.next_if(|hole| hole.start < chunk.start) {
                pieces.push(Piece::Hole(*hole));
                at = hole.start.saturating_add(hole.length);
            }
            if chunk.start != at {
                break;
            }
            let bytes = chunk.bytes(subflows);
            pieces.push(Piece::Bytes(bytes.into()));
            let cut = u64::from(chunk.length).saturating_sub(bytes.len() as u64);
            if cut > 0 {
                pieces.push(Piece::Hole(Hole {
                    start: chunk.start + bytes.len() as u64,
                    length: cut,
                    acknowledged: true,
                }));
            }
            at = chunk.end();
        }
        pieces.extend(holes.map(|hole| Piece::Hole(*hole)));
        Self {
            pieces,
            records: None,
        }
    }

    /// Up to `limit` bytes from the start, or up to the first hole.
    pub(crate) fn beginning(&self, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in &self.pieces {
            let Piece::Bytes(more) = piece else { break };
            bytes.extend_from_slice(more);
            if bytes.len() >= limit {
                bytes.truncate(limit);
                break;
            }
        }
        bytes
    }

    /// Where a range of it lies in the data stream.
    pub(crate) fn origin(&self, range: Range<u64>) -> Range<u64> {
        let Some(records) = &self.records else {
            return range;
        };
        let last_at_or_before = |place: u64| {
            let index = records.partition_point(|record| record.start <= place);
            records.get(index.saturating_sub(1))
        };
        let first = last_at_or_before(range.start);
        let last = last_at_or_before(range.end.saturating_sub(1).max(range.start));
        match (first, last) {
            (Some(first), Some(last)) => first.origin.start..last.origin.end,
            _ => 0..0,
        }
    }
}
