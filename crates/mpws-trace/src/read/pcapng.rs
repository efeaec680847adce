//! pcapng (draft-ietf-opsawg-pcapng): sections of blocks, of which some are packets.

use std::{borrow::Cow, io::Read, ops::Range, sync::Arc};

use mpws_packet::{Act, MARK};

use super::{
    error::{MAX_BLOCK, ReadProblem},
    link::LinkType,
    record::PacketRecord,
    source::Source,
};

/// What the blocks so far say about those that follow.
#[derive(Debug, Default)]
pub(super) struct Pcapng {
    /// Byte order of the current section.
    order: Order,
    /// Whether the wire of a lab wrote the current section.
    of_lab: bool,
    /// Interfaces of the current section, by number.
    interfaces: Vec<Interface>,
}

#[derive(Debug)]
struct Interface {
    name: Arc<str>,
    link_type: LinkType,
    /// Bytes that are captured of a packet at most; 0 where there is no limit.
    snap_length: u32,
    resolution: Resolution,
    offset_seconds: i64,
}

/// Units of a time stamp in one second.
#[derive(Clone, Copy, Debug)]
enum Resolution {
    Decimal(u8),
    Binary(u8),
}

/// A packet, but for its bytes.
struct Found {
    time_ns: u64,
    interface: Arc<str>,
    comments: Vec<String>,
    link_type: LinkType,
    length: u32,
    /// Where its bytes are in the block.
    data: Range<usize>,
}

/// Type of a section header; reads the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_BIG: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const BYTE_ORDER_LITTLE: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
const VERSION: u16 = 1;
/// How the name of the program begins that writes captures of labs.
const LAB: &[u8] = b"mpws-lab ";
const HEAD: usize = 8;
const MIN_BLOCK: u32 = 12;
const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_IF_NAME: u16 = 2;
const OPTION_SHB_USERAPPL: u16 = 4;
const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_IF_TSOFFSET: u16 = 14;

impl Pcapng {
    /// The next packet, or `None` at the end of the file. A block is taken from the source once it
    /// is understood, so that the source stands at the start of one that is not.
    pub(super) fn next<R: Read>(
        &mut self,
        source: &mut Source<R>,
    ) -> Result<Option<PacketRecord>, ReadProblem> {
        while !source.is_over()? {
            let offset = source.position();
            let (kind, length) = self.block_head(source)?;
            let block = source.look(length)?;
            let [body @ .., l0, l1, l2, l3] = block else {
                return Err(ReadProblem::BlockLength(length as u32));
            };
            let last = self.order.u32([*l0, *l1, *l2, *l3]);
            if last as usize != length {
                return Err(ReadProblem::LengthsDiffer {
                    first: length as u32,
                    last,
                });
            }
            let found = self.interpret(kind, body)?;
            let block = source.take(length)?;
            if let Some(found) = found {
                return Ok(Some(PacketRecord {
                    offset,
                    time_ns: found.time_ns,
                    interface: found.interface,
                    comments: found.comments,
                    link_type: found.link_type,
                    length: found.length,
                    data: block.slice(found.data),
                }));
            }
        }
        Ok(None)
    }

    /// Type and length of the block that comes next. A section says its byte order.
    fn block_head<R: Read>(&mut self, source: &mut Source<R>) -> Result<(u32, usize), ReadProblem> {
        let [t0, t1, t2, t3, l0, l1, l2, l3] = source.peek()?;
        let mut kind = self.order.u32([t0, t1, t2, t3]);
        if [t0, t1, t2, t3] == SECTION_HEADER.to_be_bytes() {
            kind = SECTION_HEADER;
            let [.., m0, m1, m2, m3] = source.peek::<12>()?;
            self.order = match [m0, m1, m2, m3] {
                BYTE_ORDER_BIG => Order { big_endian: true },
                BYTE_ORDER_LITTLE => Order { big_endian: false },
                other => return Err(ReadProblem::ByteOrder(other)),
            };
        }
        let length = self.order.u32([l0, l1, l2, l3]);
        if !length.is_multiple_of(4) || !(MIN_BLOCK..=MAX_BLOCK).contains(&length) {
            return Err(ReadProblem::BlockLength(length));
        }
        Ok((kind, length as usize))
    }

    /// Reads a block, without the length at its end.
    fn interpret(&mut self, kind: u32, block: &[u8]) -> Result<Option<Found>, ReadProblem> {
        let short = || ReadProblem::ShortBlock(kind);
        let mut fields = Fields {
            bytes: block.get(HEAD..).unwrap_or_default(),
            order: self.order,
            at: HEAD,
        };
        match kind {
            SECTION_HEADER => {
                let _mark = fields.u32().ok_or_else(short)?;
                let found = fields.u16().ok_or_else(short)?;
                if found != VERSION {
                    return Err(ReadProblem::Version {
                        expected: VERSION,
                        found,
                    });
                }
                self.interfaces.clear();
                self.of_lab = of_lab(&mut fields);
            }
            INTERFACE => {
                let interface = read_interface(&mut fields).ok_or_else(short)?;
                self.interfaces.push(interface);
            }
            ENHANCED_PACKET => {
                let id = fields.u32().ok_or_else(short)?;
                return self.packet(id, fields, short).map(Some);
            }
            OLD_PACKET => {
                let id = fields.u16().ok_or_else(short)?;
                let _drops = fields.u16().ok_or_else(short)?;
                return self.packet(id.into(), fields, short).map(Some);
            }
            SIMPLE_PACKET => return self.simple_packet(fields, short).map(Some),
            _ => {}
        }
        Ok(None)
    }

    /// What enhanced and old packet blocks have in common: all but the number of the interface.
    fn packet(
        &self,
        id: u32,
        mut fields: Fields<'_>,
        short: impl Fn() -> ReadProblem,
    ) -> Result<Found, ReadProblem> {
        let interface = self.interface(id)?;
        let mut word = || fields.u32().ok_or_else(&short);
        let (high, low, captured, length) = (word()?, word()?, word()?, word()?);
        let time_ns = interface
            .nanoseconds(u64::from(high) << 32 | u64::from(low))
            .ok_or(ReadProblem::Time)?;
        let start = fields.at;
        let data = fields.padded(captured as usize).ok_or_else(&short)?;
        let data = start..start + data.len();
        let mut comments = Vec::new();
        while let Some((code, value)) = fields.option().ok_or_else(&short)? {
            if code == OPTION_COMMENT {
                comments.push(self.comment(String::from_utf8_lossy(value)));
            }
        }
        Ok(Found {
            time_ns,
            interface: interface.name.clone(),
            comments,
            link_type: interface.link_type,
            length: length.max(captured),
            data,
        })
    }

    /// A packet of the first interface without a time; what was captured of it follows from the
    /// limit.
    fn simple_packet(
        &self,
        mut fields: Fields<'_>,
        short: impl Fn() -> ReadProblem,
    ) -> Result<Found, ReadProblem> {
        let interface = self.interface(0)?;
        let length = fields.u32().ok_or_else(&short)?;
        let captured = match interface.snap_length {
            0 => length,
            limit => length.min(limit),
        };
        let start = fields.at;
        let data = fields.padded(captured as usize).ok_or_else(&short)?;
        Ok(Found {
            time_ns: 0,
            interface: interface.name.clone(),
            comments: Vec::new(),
            link_type: interface.link_type,
            length,
            data: start..start + data.len(),
        })
    }

    /// The first labs wrote comments without a mark; here they have one too.
    fn comment(&self, text: Cow<'_, str>) -> String {
        if self.of_lab && Act::is_unmarked(&text) {
            format!("{MARK}{text}")
        } else {
            text.into_owned()
        }
    }

    fn interface(&self, id: u32) -> Result<&Interface, ReadProblem> {
        let index = usize::try_from(id).ok();
        index
            .and_then(|index| self.interfaces.get(index))
            .ok_or(ReadProblem::UnknownInterface(id))
    }
}

impl Interface {
    fn nanoseconds(&self, ticks: u64) -> Option<u64> {
        if let (Resolution::Decimal(9), 0) = (self.resolution, self.offset_seconds) {
            return Some(ticks);
        }
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

/// Whether a section says that a lab wrote it, from its minor version on. Options that cannot be
/// read say nothing.
fn of_lab(fields: &mut Fields<'_>) -> bool {
    let _minor_and_length = (fields.u16(), fields.u32(), fields.u32());
    let mut options = std::iter::from_fn(|| fields.option().flatten());
    options.any(|(code, value)| code == OPTION_SHB_USERAPPL && value.starts_with(LAB))
}

fn read_interface(fields: &mut Fields<'_>) -> Option<Interface> {
    let link_type = LinkType(fields.u16()?);
    let _reserved = fields.u16()?;
    let snap_length = fields.u32()?;
    let mut interface = Interface {
        name: Arc::from(""),
        link_type,
        snap_length,
        resolution: Resolution::Decimal(6),
        offset_seconds: 0,
    };
    while let Some((code, value)) = fields.option()? {
        match (code, value) {
            (OPTION_IF_NAME, name) => interface.name = String::from_utf8_lossy(name).into(),
            (OPTION_IF_TSRESOL, &[resolution]) => {
                interface.resolution = match resolution & 0x7f {
                    bits if resolution & 0x80 != 0 => Resolution::Binary(bits),
                    digits => Resolution::Decimal(digits),
                };
            }
            (OPTION_IF_TSOFFSET, value) => {
                let value = value.try_into().ok()?;
                interface.offset_seconds = if fields.order.big_endian {
                    i64::from_be_bytes(value)
                } else {
                    i64::from_le_bytes(value)
                };
            }
            _ => {}
        }
    }
    Some(interface)
}

#[derive(Clone, Copy, Debug, Default)]
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
    /// Place of `bytes` in the block.
    at: usize,
}

impl<'a> Fields<'a> {
    fn u16(&mut self) -> Option<u16> {
        let head = *self.bytes.first_chunk()?;
        self.skip(2)?;
        Some(self.order.u16(head))
    }

    fn u32(&mut self) -> Option<u32> {
        let head = *self.bytes.first_chunk()?;
        self.skip(4)?;
        Some(self.order.u32(head))
    }

    /// So many bytes, and the padding to a multiple of 4 after them.
    fn padded(&mut self, length: usize) -> Option<&'a [u8]> {
        let head = self.skip(length.checked_next_multiple_of(4)?)?;
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

    fn skip(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        self.at += length;
        Some(head)
    }
}

#[cfg(test)]
#[path = "pcapng_tests.rs"]
mod tests;
