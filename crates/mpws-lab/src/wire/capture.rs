//! The capture: pcapng (draft-ietf-opsawg-pcapng) in a memory file.

use crate::sys;
use crate::topology::{self, Recording};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

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

/// What is said of a packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notes<'a> {
    /// What was done to it, and by what.
    pub(crate) did: Option<(&'a str, &'a str)>,
    /// That it was lost, and by what, where `did` says already what was done to it before.
    pub(crate) lost_by: Option<&'a str>,
    /// When it arrives, counted from the time of the record; absent where that is at once or never.
    pub(crate) due: Option<Duration>,
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
    /// Bytes after which the capture says that it is not whole any more, instead of filling the memory.
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

    /// Records a packet, and beside it what was done to it; says where it is told when the packet arrives, if that
    /// is told.
    pub(crate) fn packet(
        &mut self,
        record: Record<'_>,
        notes: Notes<'_>,
    ) -> io::Result<Option<Place>> {
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
        if let Some((verb, name)) = notes.did {
            self.comment(&[verb, " by ", name]);
        }
        if let Some(name) = notes.lost_by {
            self.comment(&["drop by ", name]);
        }
        let place = notes.due.map(|due| {
            let place = Place(self.written + self.buffer.len() as u64);
            self.option(COMMENT, due_text(due).as_bytes());
            place
        });
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
        let text = LOST_WITH_LINK.as_bytes();
        option[0] = COMMENT as u8;
        option[2] = text.len() as u8;
        option[4..4 + text.len()].copy_from_slice(text);
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

    fn comment(&mut self, parts: &[&str]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.buffer.extend_from_slice(&COMMENT.to_le_bytes());
        self.buffer
            .extend_from_slice(&(length as u16).to_le_bytes());
        for part in parts {
            self.buffer.extend_from_slice(part.as_bytes());
        }
        self.pad();
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

/// `due +0.010240000 s`; of any length between 17 and 20 bytes, so that the option always takes [`DUE_OPTION`].
fn due_text(due: Duration) -> String {
    let (seconds, nanoseconds) = (due.as_secs(), due.subsec_nanos());
    if seconds < 1000 {
        format!("due +{seconds}.{nanoseconds:09} s")
    } else {
        let seconds = seconds.min(999_999_999_999);
        format!("due +{seconds:<12} s")
    }
}

/// Option `opt_comment`.
const COMMENT: u16 = 1;

/// Bytes of an option whose text has 17 to 20 bytes.
const DUE_OPTION: usize = 24;

const LOST_WITH_LINK: &str = "drop by link-down";

/// What loses packets on a path whose interface is down.
pub(crate) const LINK_DOWN: &str = "link-down";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_when_a_packet_arrives_has_room_for_its_loss() {
        let seconds = [0, 1, 59, 600, 999, 1000, 86_400, u64::MAX];
        for due in seconds.map(Duration::from_secs) {
            let text = due_text(due);
            assert_eq!(text.len().next_multiple_of(4) + 4, DUE_OPTION, "{text:?}");
        }
        assert_eq!(LOST_WITH_LINK.len().next_multiple_of(4) + 4, DUE_OPTION);
        assert_eq!(
            due_text(Duration::from_micros(10_240)),
            "due +0.010240000 s"
        );
    }
}
