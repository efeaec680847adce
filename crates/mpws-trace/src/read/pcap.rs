//! pcap (draft-ietf-opsawg-pcap): a header, then packets.

use std::{io::Read, sync::Arc};

use super::{
    error::{MAX_BLOCK, ReadProblem},
    link::LinkType,
    record::PacketRecord,
    source::Source,
};

/// What the header of a pcap file says.
#[derive(Debug)]
pub(super) struct Pcap {
    big_endian: bool,
    /// Nanoseconds in a unit of the fraction of a time stamp.
    unit_ns: u64,
    link_type: LinkType,
    interface: Arc<str>,
}

impl Pcap {
    /// Reads the header of a file that begins with these bytes.
    pub(super) fn begin<R: Read>(
        head: [u8; 4],
        source: &mut Source<R>,
    ) -> Result<Self, ReadProblem> {
        let (big_endian, unit_ns) = match head {
            MICROSECONDS => (true, 1_000),
            NANOSECONDS => (true, 1),
            [a, b, c, d] if [d, c, b, a] == MICROSECONDS => (false, 1_000),
            [a, b, c, d] if [d, c, b, a] == NANOSECONDS => (false, 1),
            other => return Err(ReadProblem::NotACapture(other)),
        };
        let header = source.peek::<FILE_HEADER>()?;
        let mut pcap = Self {
            big_endian,
            unit_ns,
            link_type: LinkType(0),
            interface: Arc::from(""),
        };
        let [_, version, _, _, _, link] = pcap.words(header);
        // Major and minor version, in the order of the file.
        let major = (if big_endian { version >> 16 } else { version }) as u16;
        if major != VERSION {
            return Err(ReadProblem::Version {
                expected: VERSION,
                found: major,
            });
        }
        // Above the link type: whether frames end with their check sequence, which the IP length
        // leaves out anyway.
        pcap.link_type = LinkType(link as u16);
        source.take(FILE_HEADER)?;
        Ok(pcap)
    }

    pub(super) fn next<R: Read>(
        &self,
        source: &mut Source<R>,
    ) -> Result<Option<PacketRecord>, ReadProblem> {
        if source.is_over()? {
            return Ok(None);
        }
        let offset = source.position();
        let [seconds, fraction, captured, length] = self.words(source.peek::<RECORD_HEADER>()?);
        if captured > MAX_BLOCK {
            return Err(ReadProblem::RecordLength(captured));
        }
        let mut record = source.take(RECORD_HEADER + captured as usize)?;
        let time_ns = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.unit_ns;
        Ok(Some(PacketRecord {
            offset,
            time_ns,
            interface: self.interface.clone(),
            comments: Vec::new(),
            link_type: self.link_type,
            length: length.max(captured),
            data: record.split_off(RECORD_HEADER),
        }))
    }

    /// Words of 32 bits in the byte order of the file.
    fn words<const BYTES: usize, const WORDS: usize>(&self, bytes: [u8; BYTES]) -> [u32; WORDS] {
        const { assert!(BYTES == WORDS * 4) };
        let (words, _) = bytes.as_chunks::<4>();
        std::array::from_fn(|index| {
            let word = words.get(index).copied().unwrap_or_default();
            if self.big_endian {
                u32::from_be_bytes(word)
            } else {
                u32::from_le_bytes(word)
            }
        })
    }
}

const MICROSECONDS: [u8; 4] = [0xa1, 0xb2, 0xc3, 0xd4];
const NANOSECONDS: [u8; 4] = [0xa1, 0xb2, 0x3c, 0x4d];
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
const VERSION: u16 = 2;

#[cfg(test)]
#[path = "pcap_tests.rs"]
mod tests;
