//! The capture: pcapng (draft-ietf-opsawg-pcapng) in a memory file.

use crate::sys;
use crate::topology::{self, Recording};
use mpws_packet::{Act, Did, Quality};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

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

/// Where the capture says when a packet arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u64);

/// Writer of one capture.
#[derive(Debug)]
pub(crate) struct Capture {
    memory: File,
    buffer: Vec<u8>,
    written: u64,
    /// Bytes of each packet that are kept.
    snaplen: usize,
    /// Bytes after which the capture says that it is not whole any more, instead of filling the
    /// memory.
    limit: u64,
    full: bool,
}

impl Capture {
    /// Begins a capture with so many paths.
    pub(crate) fn new(paths: u8, recording: Recording) -> io::Result<Self> {
        let snaplen = recording.snaplen.unwrap_or(0);
        let mut capture = Self {
            memory: sys::memory_file("wire")?,
            buffer: Vec::new(),
            written: 0,
            snaplen: match snaplen {
                0 => usize::MAX,
                bytes => bytes as usize,
            },
            limit: recording.limit,
            full: false,
        };
        capture.section_header();
        for path in 1..=paths {
            capture.interface(&topology::interface(path), snaplen);
        }
        capture.flush()?;
        Ok(capture)
    }

    /// Records a packet, and beside it what happened to it; says where it is told when the packet
    /// is due, if that is told.
    pub(crate) fn packet(&mut self, record: Record<'_>, act: &Act) -> io::Result<Option<Place>> {
        if self.full {
            return Ok(None);
        }
        let kept = &record.frame[..record.frame.len().min(self.snaplen)];
        let start = self.begin(6);
        self.put(u32::from(record.path.saturating_sub(1)));
        self.put((record.time >> 32) as u32);
        self.put(record.time as u32);
        self.put(kept.len() as u32);
        self.put(record.length as u32);
        self.buffer.extend_from_slice(kept);
        self.pad();
        let mut place = None;
        for comment in act.comments() {
            place = Some(Place(self.written + self.buffer.len() as u64));
            self.option(OPTION_COMMENT, comment.as_bytes());
        }
        // When it is due is said last.
        let place = place.filter(|_| act.due_time().is_some());
        self.option(2, &(record.direction as u32).to_le_bytes());
        self.end(start);
        if self.buffer.len() >= GATHER {
            self.flush()?;
        }
        Ok(place)
    }

    /// Says that a packet was lost with its link, where it was said when it arrives.
    pub(crate) fn lost_with_link(&mut self, Place(place): Place) -> io::Result<()> {
        if self.full {
            return Ok(());
        }
        let mut option = [0; DUE_OPTION];
        let text = lost_with_link();
        option[0] = OPTION_COMMENT as u8;
        option[2] = text.len() as u8;
        option[4..4 + text.len()].copy_from_slice(text.as_bytes());
        let Some(offset) = place.checked_sub(self.written) else {
            return self.memory.write_all_at(&option, place);
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let old = self.buffer.get_mut(start..start.saturating_add(DUE_OPTION));
        old.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?
            .copy_from_slice(&option);
        Ok(())
    }

    /// The memory file and how much of it is written, up to all that was recorded.
    pub(crate) fn snapshot(&mut self) -> io::Result<(OwnedFd, u64)> {
        self.flush()?;
        if self.full {
            let text = format!(
                "the capture outgrew its limit of {} bytes (Builder::capture_limit, Builder::snaplen)",
                self.limit
            );
            return Err(io::Error::other(text));
        }
        Ok((self.memory.try_clone()?.into(), self.written))
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.full {
            return Ok(());
        }
        self.memory.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        if self.written > self.limit {
            // Nobody may read what is not whole, so that it need not take memory.
            self.full = true;
            self.memory.set_len(0)?;
        }
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

    fn interface(&mut self, name: &str, snaplen: u32) {
        let start = self.begin(1);
        // Ethernet; 0 stands for packets that are not cut.
        self.put(1);
        self.put(snaplen);
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

/// The comment that takes the place of the one that says when a packet is due.
fn lost_with_link() -> String {
    Act::new(Did::Dropped(Quality::Down.into()))
        .comments()
        .collect()
}

/// `opt_comment` (draft-ietf-opsawg-pcapng section 3.5).
const OPTION_COMMENT: u16 = 1;

/// Bytes of an option whose text has 25 to 28 bytes, as all have that say when a packet is due.
const DUE_OPTION: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use mpws_packet::Due;
    use std::time::Duration;

    #[test]
    fn what_says_when_a_packet_is_due_has_room_for_its_loss() {
        let room = |text: &str| text.len().next_multiple_of(4) + 4;
        let seconds = [0, 1, 59, 600, 999, 1000, 86_400, u64::MAX];
        for due in seconds.map(Duration::from_secs) {
            let act = Act::new(Did::Nothing).due(Due::after(due)).expect("due");
            let text: String = act.comments().collect();
            assert_eq!(room(&text), DUE_OPTION, "{text:?}");
        }
        assert_eq!(room(&lost_with_link()), DUE_OPTION);
        assert_eq!(lost_with_link(), "mpws 1: drop by link-down");
    }
}
