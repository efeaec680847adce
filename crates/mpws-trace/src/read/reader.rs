//! Packets out of capture files.

use std::io::Read;

use super::{
    error::{ReadError, ReadProblem},
    link::LinkType,
    pcap::Pcap,
    pcapng::{self, Pcapng},
    record::PacketRecord,
    source::Source,
};

/// The packets of a capture file, in the order of the file.
///
/// Holds one block of the file at a time, of 16 MiB at most, so a file may be larger than the
/// memory. After an error nothing more comes; what came before it stands.
///
/// Blocks and options that are no packets and not needed to read them are skipped.
#[derive(Debug)]
pub struct CaptureReader<R> {
    source: Source<R>,
    format: Format,
}

#[derive(Debug)]
enum Format {
    /// Nothing was read yet.
    Unknown,
    Pcap(Pcap),
    Pcapng(Pcapng),
    /// The file ended, or is broken.
    Over,
}

impl<R: Read> CaptureReader<R> {
    /// A reader of this file; it needs no buffer of its own. Nothing is read yet.
    pub fn new(input: R) -> Self {
        Self {
            source: Source::new(input),
            format: Format::Unknown,
        }
    }

    /// Bytes of the file that were read as packets or passed over.
    pub fn position(&self) -> u64 {
        self.source.position()
    }

    fn read(&mut self) -> Result<Option<PacketRecord>, ReadProblem> {
        loop {
            match &mut self.format {
                Format::Unknown => self.format = begin(&mut self.source)?,
                Format::Pcap(pcap) => return pcap.next(&mut self.source),
                Format::Pcapng(pcapng) => return pcapng.next(&mut self.source),
                Format::Over => return Ok(None),
            }
        }
    }
}

impl<R: Read> Iterator for CaptureReader<R> {
    type Item = Result<PacketRecord, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(Some(packet)) => Some(Ok(packet)),
            Ok(None) => {
                self.format = Format::Over;
                None
            }
            Err(problem) => {
                self.format = Format::Over;
                let offset = self.source.position();
                Some(Err(ReadError { offset, problem }))
            }
        }
    }
}

/// Reads all packets of a capture that a lab wrote: whole packets over Ethernet, each with its
/// time.
///
/// # Errors
///
/// Where the file is no capture, is cut off, or contradicts itself; also where it holds packets
/// that cannot be told in full, since a part of the truth would look like the whole.
pub fn read_pcapng(input: impl Read) -> Result<Vec<PacketRecord>, ReadError> {
    let whole = |packet: PacketRecord| {
        let offset = packet.offset;
        let refuse = |problem| Err(ReadError { offset, problem });
        if packet.link_type != LinkType::ETHERNET {
            refuse(ReadProblem::LinkType(packet.link_type))
        } else if packet.is_cut() {
            refuse(ReadProblem::Cut {
                captured: packet.data.len(),
                original: packet.length,
            })
        } else if let Err(unreadable) = packet.act() {
            refuse(ReadProblem::Act(unreadable))
        } else {
            Ok(packet)
        }
    };
    CaptureReader::new(input)
        .map(|packet| packet.and_then(whole))
        .collect()
}

fn begin<R: Read>(source: &mut Source<R>) -> Result<Format, ReadProblem> {
    let head = source.peek::<4>()?;
    if head == pcapng::SECTION_HEADER.to_be_bytes() {
        return Ok(Format::Pcapng(Pcapng::default()));
    }
    Pcap::begin(head, source).map(Format::Pcap)
}
