//! What can be wrong with a capture file.

use std::io;

use super::link::LinkType;

/// A file could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("broken at offset {offset}")]
pub struct ReadError {
    /// Where in the file, in bytes: the start of the block or record at fault.
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
    #[error("the file is cut off: {needed} bytes are needed and {available} are left")]
    Truncated {
        /// Bytes that the block claims, or that its head needs.
        needed: u64,
        /// Bytes from its start to the end of the file.
        available: u64,
    },
    /// The file begins with none of the numbers of pcap and pcapng.
    #[error("neither pcap nor pcapng: it begins with {0:02x?}{hint}", hint = hint(*.0))]
    NotACapture([u8; 4]),
    /// A section whose byte order mark is none.
    #[error("expected the byte order mark of a section, found {0:02x?}")]
    ByteOrder([u8; 4]),
    /// An unknown major version.
    #[error("expected version {expected} of the format, found {found}")]
    Version {
        /// The one that is read.
        expected: u16,
        /// The one that the file claims.
        found: u16,
    },
    /// A block length that is impossible, or too long.
    #[error("expected a block length of 12 to {MAX_BLOCK} that is a multiple of 4, found {0}")]
    BlockLength(u32),
    /// A record of a pcap file that is too long.
    #[error("expected a packet of at most {MAX_BLOCK} bytes, found {0}")]
    RecordLength(u32),
    /// The length at the end of a block is not that at its start.
    #[error("expected the block length {first} again at its end, found {last}")]
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
    LinkType(LinkType),
    /// A packet that was not captured whole.
    #[error("packet cut to {captured} of {original} bytes")]
    Cut {
        /// Bytes captured.
        captured: usize,
        /// Bytes that it had.
        original: u32,
    },
    /// What the wire of a lab says of a packet cannot be read.
    #[error("what the wire did to a packet is unknown")]
    Act(#[source] mpws_packet::UnreadableAct),
    /// A time that is not within 64 bits of nanoseconds since the epoch.
    #[error("time stamp out of range")]
    Time,
}

/// What a file that is no capture may be instead.
fn hint(head: [u8; 4]) -> &'static str {
    match head {
        [0x1f, 0x8b, ..] => " (gzip: unpack it first)",
        [0x28, 0xb5, 0x2f, 0xfd] => " (zstd: unpack it first)",
        [0xfd, b'7', b'z', b'X'] => " (xz: unpack it first)",
        [0x04, 0x22, 0x4d, 0x18] => " (lz4: unpack it first)",
        [0x34, 0xcd, 0xb2, 0xa1] | [0xa1, 0xb2, 0xcd, 0x34] => " (pcap as modified by Kuznetzov)",
        [b's', b'n', b'o', b'o'] => " (snoop: convert it first)",
        _ => "",
    }
}

/// Largest block or record that is believed, in bytes: 16 MiB.
pub(super) const MAX_BLOCK: u32 = 16 << 20;
