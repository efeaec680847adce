//! The bytes that arrived, in order, up to the first gap.

use crate::{
    packets::{Connection, Direction},
    stream::DataStream,
};

/// The bytes that arrived in one direction, from the first one up to the first gap.
#[derive(Clone, Debug)]
pub(crate) struct Stream<'a> {
    pub(crate) bytes: Vec<u8>,
    data: DataStream,
    subflows: Vec<&'a Connection>,
}

impl<'a> Stream<'a> {
    pub(crate) fn of(connection: &'a Connection, direction: Direction) -> Self {
        let data = connection.data(direction);
        let subflows: Vec<_> = connection.subflows().collect();
        let mut bytes = Vec::new();
        for chunk in &data.chunks {
            if chunk.start != bytes.len() as u64 {
                break;
            }
            let captured = chunk.bytes(&subflows);
            bytes.extend_from_slice(captured);
            if captured.len() < chunk.length as usize {
                break;
            }
        }
        Self {
            bytes,
            data,
            subflows,
        }
    }

    /// When a byte arrived, in nanoseconds since the epoch.
    pub(crate) fn time_of(&self, at: usize) -> u64 {
        let at = at as u64;
        let chunks = self.data.chunks_of(&(at..at + 1));
        chunks.first().map_or(0, |chunk| chunk.time_ns)
    }

    /// When all of a range had arrived, in nanoseconds since the epoch.
    pub(crate) fn complete_at(&self, start: usize, end: usize) -> u64 {
        let chunks = self.data.chunks_of(&(start as u64..end as u64));
        chunks.iter().map(|chunk| chunk.time_ns).max().unwrap_or(0)
    }

    /// Interfaces that carried a range, each once, in order.
    pub(crate) fn paths_of(&self, start: usize, end: usize) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for chunk in self.data.chunks_of(&(start as u64..end as u64)) {
            let packet = self
                .subflows
                .get(usize::from(chunk.subflow))
                .and_then(|subflow| subflow.packets.get(chunk.packet as usize));
            if let Some(packet) = packet
                && !paths.iter().any(|path| **path == *packet.path)
            {
                paths.push(packet.path.to_string());
            }
        }
        paths
    }
}
