//! The capture: pcapng (draft-ietf-opsawg-pcapng) in a memory file.

use crate::sys;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

/// Bytes after which the capture says that it is not whole any more, instead of filling the memory.
const LIMIT: u64 = 1 << 30;

/// Bytes that are gathered before they are written.
const GATHER: usize = 64 * 1024;

/// Direction of a packet, as `epb_flags` counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the host that its path named first.
    Inbound = 1,
    /// From it.
    Outbound = 2,
}

/// One packet to be recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// From 1.
    pub(crate) path: u8,
    pub(crate) direction: Direction,
    /// Nanoseconds since the epoch.
    pub(crate) time: u64,
    pub(crate) frame: &'a [u8],
    /// Length on the wire.
    pub(crate) length: usize,
}

/// Writer of one capture.
#[derive(Debug)]
pub(crate) struct Capture {
    memory: File,
    buffer: Vec<u8>,
    written: u64,
    full: bool,
}

impl Capture {
    /// Begins a capture with so many paths.
    pub(crate) fn new(paths: u8) -> io::Result<Self> {
        let mut capture = Self {
            memory: sys::memory_file("wire")?,
            buffer: Vec::new(),
            written: 0,
            full: false,
        };
        capture.section_header();
        for path in 1..=paths {
            capture.interface(&crate::topology::interface(path));
        }
        capture.flush()?;
        Ok(capture)
    }

    /// Records a packet, and beside it what was done to it and by which rule.
    pub(crate) fn packet(
        &mut self,
        record: Record<'_>,
        did: Option<(&str, &str)>,
    ) -> io::Result<()> {
        if self.full {
            return Ok(());
        }
        let start = self.begin(6);
        self.put(u32::from(record.path.saturating_sub(1)));
        self.put((record.time >> 32) as u32);
        self.put(record.time as u32);
        self.put(record.frame.len() as u32);
        self.put(record.length as u32);
        self.buffer.extend_from_slice(record.frame);
        self.pad();
        if let Some((verb, rule)) = did {
            self.option(1, format!("{verb} by {rule}").as_bytes());
        }
        self.option(2, &(record.direction as u32).to_le_bytes());
        self.end(start);
        if self.buffer.len() >= GATHER {
            self.flush()?;
        }
        Ok(())
    }

    /// The memory file and how much of it is written, up to all that was recorded.
    pub(crate) fn snapshot(&mut self) -> io::Result<(OwnedFd, u64)> {
        self.flush()?;
        if self.full {
            return Err(io::Error::other("the capture outgrew its limit of 1 GiB"));
        }
        Ok((self.memory.try_clone()?.into(), self.written))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.memory.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        self.full |= self.written > LIMIT;
        Ok(())
    }

    fn section_header(&mut self) {
        let start = self.begin(0x0a0d_0d0a);
        self.put(0x1a2b_3c4d);
        // Version 1.0, length unknown.
        self.put(1);
        self.put(u32::MAX);
        self.put(u32::MAX);
        self.option(
            4,
            concat!("mpws-lab ", env!("CARGO_PKG_VERSION")).as_bytes(),
        );
        self.end(start);
    }

    fn interface(&mut self, name: &str) {
        let start = self.begin(1);
        // Ethernet; packets are not cut.
        self.put(1);
        self.put(0);
        self.option(2, name.as_bytes());
        // Nanoseconds.
        self.option(9, &[9]);
        self.end(start);
    }

    /// Begins a block; its length is not known yet.
    fn begin(&mut self, kind: u32) -> usize {
        let start = self.buffer.len();
        self.put(kind);
        self.put(0);
        start
    }

    /// Ends a block: end of options, and its length at both ends.
    fn end(&mut self, start: usize) {
        self.put(0);
        let length = (self.buffer.len() - start + 4) as u32;
        self.put(length);
        self.buffer[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.buffer.extend_from_slice(&code.to_le_bytes());
        self.buffer
            .extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.buffer.extend_from_slice(value);
        self.pad();
    }

    fn pad(&mut self) {
        self.buffer.resize(self.buffer.len().next_multiple_of(4), 0);
    }

    fn put(&mut self, number: u32) {
        self.buffer.extend_from_slice(&number.to_le_bytes());
    }
}
