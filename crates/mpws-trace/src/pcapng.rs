//! Reads pcapng files (draft-ietf-opsawg-pcapng).

use std::io::{self, Read};

/// One packet of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketRecord {
    /// Place of its block in the file, in bytes.
    pub offset: u64,
    /// When it was seen, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// Name of the interface; empty where the file has none.
    pub interface: String,
    /// Comments, in order.
    pub comments: Vec<String>,
    /// The frame, from its Ethernet header on.
    pub data: Vec<u8>,
}

/// A file could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("{problem} at offset {offset}")]
pub struct ReadError {
    /// Where in the file, in bytes: the start of the block at fault.
    pub offset: u64,
    /// What is wrong there.
    #[source]
    pub problem: ReadProblem,
}

/// What is wrong with a capture file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadProblem {
    /// The file could not be read.
    #[error("cannot read")]
    Io(#[source] io::Error),
    /// The file ends within a block.
    #[error("the file is cut off: the block needs {needed} bytes and {available} are left")]
    Truncated {
        /// Bytes that the block claims, or that its head needs.
        needed: u64,
        /// Bytes from its start to the end of the file.
        available: u64,
    },
    /// The file does not begin with a section header, or its byte order mark is none.
    #[error("no pcapng section header")]
    NotPcapng,
    /// A major version other than 1.
    #[error("unknown pcapng version {0}")]
    Version(u16),
    /// A block length that is impossible, or above 16 MiB.
    #[error("impossible block length {0}")]
    BlockLength(u32),
    /// The length at the end of a block is not that at its start.
    #[error("block lengths {first} and {last} differ")]
    LengthsDiffer {
        /// At the start.
        first: u32,
        /// At the end.
        last: u32,
    },
    /// A block is too short for its fields or its packet.
    #[error("the block of type {0:#x} is too short for what it says")]
    ShortBlock(u32),
    /// A packet of an interface that was not described.
    #[error("interface {0} is not described")]
    UnknownInterface(u32),
    /// A packet of an interface that is not Ethernet.
    #[error("link type {0} is not Ethernet")]
    LinkType(u16),
    /// A packet that was not captured whole.
    #[error("packet cut to {captured} of {original} bytes")]
    Cut {
        /// Bytes captured.
        captured: u32,
        /// Bytes that it had.
        original: u32,
    },
    /// A time that is not within 64 bits of nanoseconds since the epoch.
    #[error("time stamp out of range")]
    Time,
    /// A kind of packet block without time stamp or interface.
    #[error("packet block of the unsupported type {0:#x}")]
    UnsupportedBlock(u32),
}

/// Reads all packets of a capture.
///
/// Blocks that are no packets and not needed to read them are skipped. Memory is bounded by the size of the input.
///
/// # Errors
///
/// Where the file is no pcapng file, is cut off, or contradicts itself; also where it holds packets that cannot
/// be told in full, since a part of the truth would look like the whole.
pub fn read_pcapng(input: impl Read) -> Result<Vec<PacketRecord>, ReadError> {
    let mut reader = Reader {
        input,
        at: 0,
        big_endian: None,
        interfaces: Vec::new(),
    };
    let mut records = Vec::new();
    loop {
        let offset = reader.at;
        match reader.block() {
            Ok(Some(Block::Packet(packet))) => records.push(PacketRecord { offset, ..packet }),
            Ok(Some(Block::Other)) => {}
            Ok(None) => return Ok(records),
            Err(problem) => return Err(ReadError { offset, problem }),
        }
    }
}

struct Reader<R> {
    input: R,
    at: u64,
    /// Byte order of the current section; `None` before the first.
    big_endian: Option<bool>,
    interfaces: Vec<Interface>,
}

struct Interface {
    name: String,
    link_type: u16,
    resolution: Resolution,
    offset_seconds: i64,
}

/// Units of a time stamp in one second.
#[derive(Clone, Copy)]
enum Resolution {
    Decimal(u8),
    Binary(u8),
}

enum Block {
    Packet(PacketRecord),
    Other,
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_BIG: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const BYTE_ORDER_LITTLE: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
const MAX_BLOCK: u32 = 16 << 20;
const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_IF_NAME: u16 = 2;
const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_IF_TSOFFSET: u16 = 14;
const LINK_ETHERNET: u16 = 1;

impl<R: Read> Reader<R> {
    /// The next block, or `None` at the end of the file.
    fn block(&mut self) -> Result<Option<Block>, ReadProblem> {
        let start = self.at;
        let head = self.read(8)?;
        let [t0, t1, t2, t3, l0, l1, l2, l3] = match <[u8; 8]>::try_from(head.as_slice()) {
            Ok(head) => head,
            Err(_) if head.is_empty() && self.big_endian.is_some() => return Ok(None),
            Err(_) => return Err(truncated(8, head.len())),
        };
        let mut have = 8;
        let is_section = [t0, t1, t2, t3] == SECTION_HEADER.to_be_bytes();
        if is_section {
            // Its byte order mark decides how to read its length.
            let mark = self.read(4)?;
            have += mark.len();
            self.big_endian = match <[u8; 4]>::try_from(mark.as_slice()) {
                Ok(BYTE_ORDER_BIG) => Some(true),
                Ok(BYTE_ORDER_LITTLE) => Some(false),
                Ok(_) => return Err(ReadProblem::NotPcapng),
                Err(_) => return Err(truncated(12, have)),
            };
        }
        let order = Order {
            big_endian: self.big_endian.ok_or(ReadProblem::NotPcapng)?,
        };
        let kind = if is_section {
            SECTION_HEADER
        } else {
            order.u32([t0, t1, t2, t3])
        };
        let length = order.u32([l0, l1, l2, l3]);
        if !length.is_multiple_of(4) || length > MAX_BLOCK || (length as usize) < have + 4 {
            return Err(ReadProblem::BlockLength(length));
        }
        let rest = self.read(length as usize - have)?;
        let Some((body, last)) = rest
            .split_last_chunk::<4>()
            .filter(|_| self.at - start == u64::from(length))
        else {
            return Err(truncated(u64::from(length), (self.at - start) as usize));
        };
        let last = order.u32(*last);
        if last != length {
            return Err(ReadProblem::LengthsDiffer {
                first: length,
                last,
            });
        }
        self.interpret(kind, Fields { bytes: body, order })
            .map(Some)
    }

    fn interpret(&mut self, kind: u32, mut body: Fields<'_>) -> Result<Block, ReadProblem> {
        let short = || ReadProblem::ShortBlock(kind);
        match kind {
            SECTION_HEADER => {
                let major = body.u16().ok_or_else(short)?;
                if major != 1 {
                    return Err(ReadProblem::Version(major));
                }
                self.interfaces.clear();
                Ok(Block::Other)
            }
            INTERFACE => {
                let interface = read_interface(&mut body).ok_or_else(short)?;
                self.interfaces.push(interface);
                Ok(Block::Other)
            }
            ENHANCED_PACKET => {
                let (packet, cut) = self.read_packet(&mut body, short)?;
                cut.map_or(Ok(Block::Packet(packet)), Err)
            }
            OBSOLETE_PACKET | SIMPLE_PACKET => Err(ReadProblem::UnsupportedBlock(kind)),
            _ => Ok(Block::Other),
        }
    }

    fn read_packet(
        &self,
        body: &mut Fields<'_>,
        short: impl Fn() -> ReadProblem,
    ) -> Result<(PacketRecord, Option<ReadProblem>), ReadProblem> {
        let mut field = || body.u32().ok_or_else(&short);
        let (id, high, low, captured, original) =
            (field()?, field()?, field()?, field()?, field()?);
        let interface = usize::try_from(id)
            .ok()
            .and_then(|id| self.interfaces.get(id))
            .ok_or(ReadProblem::UnknownInterface(id))?;
        if interface.link_type != LINK_ETHERNET {
            return Err(ReadProblem::LinkType(interface.link_type));
        }
        let time_ns = interface
            .nanoseconds(u64::from(high) << 32 | u64::from(low))
            .ok_or(ReadProblem::Time)?;
        let data = body.padded(captured as usize).ok_or_else(&short)?.to_vec();
        let mut comments = Vec::new();
        while let Some((code, value)) = body.option().ok_or_else(&short)? {
            if code == OPTION_COMMENT {
                comments.push(String::from_utf8_lossy(value).into_owned());
            }
        }
        let cut = (captured < original).then_some(ReadProblem::Cut { captured, original });
        let interface = interface.name.clone();
        Ok((
            PacketRecord {
                offset: 0,
                time_ns,
                interface,
                comments,
                data,
            },
            cut,
        ))
    }

    /// Reads up to so many bytes; fewer only at the end of the file.
    fn read(&mut self, length: usize) -> Result<Vec<u8>, ReadProblem> {
        let mut bytes = Vec::new();
        self.input
            .by_ref()
            .take(length as u64)
            .read_to_end(&mut bytes)
            .map_err(ReadProblem::Io)?;
        self.at += bytes.len() as u64;
        Ok(bytes)
    }
}

impl Interface {
    fn nanoseconds(&self, ticks: u64) -> Option<u64> {
        let ticks = u128::from(ticks);
        let nanoseconds = match self.resolution {
            Resolution::Decimal(digits @ ..=9) => ticks * 10_u128.pow(9 - u32::from(digits)),
            Resolution::Decimal(digits) => 10_u128
                .checked_pow(u32::from(digits) - 9)
                .map_or(0, |units| ticks / units),
            Resolution::Binary(bits) => (ticks * NANOSECONDS)
                .checked_shr(u32::from(bits))
                .unwrap_or(0),
        };
        let offset = i128::from(self.offset_seconds) * NANOSECONDS as i128;
        u64::try_from(i128::try_from(nanoseconds).ok()?.checked_add(offset)?).ok()
    }
}

const NANOSECONDS: u128 = 1_000_000_000;

fn read_interface(body: &mut Fields<'_>) -> Option<Interface> {
    let link_type = body.u16()?;
    let _reserved = body.u16()?;
    let _snap_length = body.u32()?;
    let mut interface = Interface {
        name: String::new(),
        link_type,
        resolution: Resolution::Decimal(6),
        offset_seconds: 0,
    };
    while let Some((code, value)) = body.option()? {
        match (code, value) {
            (OPTION_IF_NAME, name) => interface.name = String::from_utf8_lossy(name).into_owned(),
            (OPTION_IF_TSRESOL, &[resolution]) => {
                interface.resolution = match resolution & 0x7f {
                    bits if resolution & 0x80 != 0 => Resolution::Binary(bits),
                    digits => Resolution::Decimal(digits),
                };
            }
            (OPTION_IF_TSOFFSET, value) => {
                let seconds = u64::from_ne_bytes(value.try_into().ok()?);
                let big = body.order.big_endian;
                let seconds = if big {
                    u64::from_be(seconds)
                } else {
                    u64::from_le(seconds)
                };
                interface.offset_seconds = seconds.cast_signed();
            }
            _ => {}
        }
    }
    Some(interface)
}

fn truncated(needed: u64, available: usize) -> ReadProblem {
    ReadProblem::Truncated {
        needed,
        available: available as u64,
    }
}

#[derive(Clone, Copy)]
struct Order {
    big_endian: bool,
}

impl Order {
    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }
}

/// Takes fields from the front; every read past the end is `None`.
struct Fields<'a> {
    bytes: &'a [u8],
    order: Order,
}

impl<'a> Fields<'a> {
    fn u16(&mut self) -> Option<u16> {
        let (head, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(self.order.u16(*head))
    }

    fn u32(&mut self) -> Option<u32> {
        let (head, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(self.order.u32(*head))
    }

    /// So many bytes, and the padding to a multiple of 4 after them.
    fn padded(&mut self, length: usize) -> Option<&'a [u8]> {
        let whole = length.checked_next_multiple_of(4)?;
        let (head, rest) = self.bytes.split_at_checked(whole)?;
        self.bytes = rest;
        head.get(..length)
    }

    /// The next option; inner `None` at the end of the list.
    fn option(&mut self) -> Option<Option<(u16, &'a [u8])>> {
        if self.bytes.is_empty() {
            return Some(None);
        }
        let (code, length) = (self.u16()?, self.u16()?);
        if code == OPTION_END {
            return Some(None);
        }
        let value = self.padded(usize::from(length))?;
        Some(Some((code, value)))
    }
}

#[cfg(test)]
#[path = "pcapng_tests.rs"]
mod tests;
