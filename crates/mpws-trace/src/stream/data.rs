//! The data stream of a connection, put together from all its subflows.

use std::{fmt, ops::Range, sync::Arc};

use schemars::JsonSchema;
use serde::Serialize;

use crate::packets::Connection;

/// One direction of a connection as its application gets it: bytes in order, who carried them, what
/// is missing.
///
/// Places count from 0, the first byte after the opening handshake of the connection. Where that is
/// not in the capture, 0 is the lowest byte seen. Bytes that no mapping covers follow on what was
/// mapped before them (after a fallback the plain TCP stream of the first subflow goes on; RFC 8684
/// section 3.7); on plain TCP that is all of them.
///
/// A retransmission under the same TCP sequence numbers that arrives although the first one did is
/// dropped by TCP and not part of this; the same data under other TCP sequence numbers, or on
/// another subflow, is [`doubled`](Self::doubled).
#[derive(Clone, Debug, Default)]
pub struct DataStream {
    /// Different bytes that arrived.
    pub bytes: u64,
    /// Bytes that arrived again, on the same or another subflow.
    pub doubled: u64,
    /// Bytes that were sent and of which no copy arrived.
    pub lost: u64,
    /// What did not arrive, or was not captured, before the last byte that is known of; in order.
    pub holes: Vec<Hole>,
    /// What each subflow carried, in the order of [`Connection::subflows`].
    pub shares: Vec<Share>,
    /// What was sent more than once, in the order in which it was at the wire.
    pub retransmissions: Vec<Retransmission>,
    /// Place of the DATA_FIN: the length of the stream.
    pub data_fin: Option<u64>,
    /// The stream up to here was acknowledged: by DATA_ACK, after a fallback and on plain TCP by
    /// TCP.
    pub acked: u64,
    /// Place of the first byte that no mapping covers and that counts all the same: where MPTCP
    /// ended.
    pub unmapped_from: Option<u64>,
    /// Place 0 is known to be the first byte of the stream.
    pub from_start: bool,
    /// What arrived, by place; no two overlap.
    pub(crate) chunks: Vec<Chunk>,
}

/// A part of the stream that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hole {
    /// Place of its first byte.
    pub start: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The receiver acknowledged it: it arrived and is not in the capture.
    pub acknowledged: bool,
}

/// Data that arrived without a gap, that the sender sends again and again, and that no DATA_ACK
/// covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unacknowledged {
    /// Place of the first byte that is not acknowledged.
    pub from: u64,
    /// Bytes from there on that arrived without a gap.
    pub bytes: u64,
    /// How often the first of them was sent again as data.
    pub times: u32,
    /// From the first of these times to the last, in nanoseconds.
    pub during_ns: u64,
}

/// What one subflow carried of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Share {
    /// Bytes that arrived on it first.
    pub bytes: u64,
    /// Bytes that arrived on it although they were there already, as data.
    pub doubled: u64,
    /// Bytes that arrived on it and that no mapping covers; those after a fallback count as `bytes`
    /// as well.
    pub unmapped: u64,
    /// Bytes that were sent again on it under the same TCP sequence numbers.
    pub tcp_retransmitted: u64,
    /// Bytes that were sent on it as new to TCP and had been sent before as data, on this or
    /// another subflow.
    pub data_retransmitted: u64,
}

/// Something sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retransmission {
    /// When it was at the wire, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// Index of the subflow that carried the copy.
    pub subflow: usize,
    /// By TCP, or by MPTCP under a new mapping.
    pub level: Level,
    /// Place of its first byte in the stream.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// Who sends again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// TCP: the same sequence numbers on the same subflow.
    Tcp,
    /// MPTCP: the same data under new TCP sequence numbers, on any subflow (RFC 8684 section
    /// 3.3.6).
    Data,
}

/// Bytes that arrived together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) start: u64,
    pub(crate) length: u32,
    pub(crate) subflow: u16,
    /// Index of the packet in the subflow.
    pub(crate) packet: u32,
    /// Where in its payload they begin.
    pub(crate) skip: u32,
    pub(crate) time_ns: u64,
}

/// What carried a range of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carriage {
    /// When its first byte was at the wire, in nanoseconds since the epoch; 0 if none was.
    pub first_ns: u64,
    /// When its last byte to come was at the wire.
    pub last_ns: u64,
    /// Longest time between two arrivals, in nanoseconds.
    pub largest_gap_ns: u64,
    /// Bytes of it that arrived first on each subflow that carried any: index of the subflow and
    /// bytes.
    pub subflows: Vec<(usize, u64)>,
}

impl DataStream {
    /// What carried a range of places; parts that are holes count for nothing.
    pub fn carriage(&self, places: Range<u64>) -> Carriage {
        let mut carriage = Carriage::default();
        let mut times = Vec::new();
        for chunk in self.chunks_of(&places) {
            let from = chunk.start.max(places.start);
            let to = chunk.end().min(places.end);
            let (subflow, bytes) = (usize::from(chunk.subflow), to.saturating_sub(from));
            match carriage
                .subflows
                .iter_mut()
                .find(|(known, _)| *known == subflow)
            {
                Some((_, sum)) => *sum += bytes,
                None => carriage.subflows.push((subflow, bytes)),
            }
            times.push(chunk.time_ns);
        }
        times.sort_unstable();
        carriage.first_ns = times.first().copied().unwrap_or(0);
        carriage.last_ns = times.last().copied().unwrap_or(0);
        let gaps = times.iter().zip(times.iter().skip(1));
        carriage.largest_gap_ns = gaps.map(|(a, b)| b - a).max().unwrap_or(0);
        carriage
    }

    /// Place after the last byte that arrived.
    pub fn end(&self) -> u64 {
        self.chunks.last().map_or(0, |chunk| chunk.end())
    }

    /// Place of the first byte that is missing: up to here the stream is whole.
    pub fn whole_until(&self) -> u64 {
        self.holes
            .first()
            .map_or_else(|| self.end(), |hole| hole.start)
    }

    /// What the receiver does not take although it is there, as far as the sender can tell; `None`
    /// where all goes on, and where fewer than three retransmissions in vain leave it open.
    ///
    /// A receiver whose buffer is full of data out of order does this. So do acknowledgements that
    /// are lost on every path.
    pub fn unacknowledged(&self) -> Option<Unacknowledged> {
        let whole = self.whole_until();
        if whole <= self.acked {
            return None;
        }
        let covers = |again: &&Retransmission| {
            let end = again.start.saturating_add(again.length);
            again.level == Level::Data && (again.start..end).contains(&self.acked)
        };
        let vain: Vec<u64> = self
            .retransmissions
            .iter()
            .filter(covers)
            .map(|again| again.time_ns)
            .collect();
        let (Some(first), Some(last)) = (vain.iter().min(), vain.iter().max()) else {
            return None;
        };
        (vain.len() >= IN_VAIN).then(|| Unacknowledged {
            from: self.acked,
            bytes: whole - self.acked,
            times: u32::try_from(vain.len()).unwrap_or(u32::MAX),
            during_ns: last - first,
        })
    }

    /// Interfaces of the capture that a range of places crossed, each once, in the order of places.
    pub(crate) fn paths(&self, places: &Range<u64>, subflows: &[&Connection]) -> Vec<Arc<str>> {
        let mut paths: Vec<Arc<str>> = Vec::new();
        for chunk in self.chunks_of(places) {
            let subflow = subflows.get(usize::from(chunk.subflow));
            let packet = subflow.and_then(|subflow| subflow.packets.get(chunk.packet as usize));
            if let Some(packet) = packet
                && !paths.contains(&packet.path)
            {
                paths.push(packet.path.clone());
            }
        }
        paths
    }

    /// Chunks that have a part in a range.
    pub(crate) fn chunks_of(&self, places: &Range<u64>) -> &[Chunk] {
        let first = self
            .chunks
            .partition_point(|chunk| chunk.end() <= places.start);
        let last = self
            .chunks
            .partition_point(|chunk| chunk.start < places.end);
        self.chunks.get(first..last).unwrap_or(&[])
    }
}

impl fmt::Display for Unacknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from, bytes, times, ..
        } = self;
        let ms = self.during_ns / 1_000_000;
        write!(
            f,
            "held back: {bytes} B from byte {from} on arrived and were sent again {times} times in {ms} ms without a DATA_ACK"
        )
    }
}

impl Chunk {
    pub(crate) fn end(&self) -> u64 {
        self.start.saturating_add(u64::from(self.length))
    }

    /// Its bytes, as they arrived; fewer than `length` where the capture has only a part of the
    /// packet.
    pub(crate) fn bytes<'a>(&self, subflows: &[&'a Connection]) -> &'a [u8] {
        let packet = subflows
            .get(usize::from(self.subflow))
            .and_then(|subflow| subflow.packets.get(self.packet as usize));
        let payload = packet
            .and_then(|packet| packet.delivered.as_deref())
            .map_or(&[] as &[u8], |image| &image.payload);
        let from = self.skip as usize;
        let to = from.saturating_add(self.length as usize).min(payload.len());
        payload.get(from..to).unwrap_or(&[])
    }
}

/// So many retransmissions of data that arrived are no coincidence: by then a DATA_ACK had several
/// times the MPTCP retransmission timeout.
const IN_VAIN: usize = 3;
