//! Bytes of a file, handed out in pieces that share one buffer.

use std::io::{ErrorKind, Read};

use bytes::{Bytes, BytesMut};

use super::error::ReadProblem;

/// A file that is read from its front.
#[derive(Debug)]
pub(super) struct Source<R> {
    input: R,
    /// What was read and not taken yet.
    buffer: BytesMut,
    /// Place of the buffer in the file.
    at: u64,
    ended: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buffer: BytesMut::new(),
            at: 0,
            ended: false,
        }
    }

    /// Place in the file of what comes next.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&mut self) -> Result<bool, ReadProblem> {
        Ok(self.fill(1)? == 0)
    }

    /// The next bytes, which stay.
    pub(super) fn peek<const N: usize>(&mut self) -> Result<[u8; N], ReadProblem> {
        self.need(N)?;
        let head = self.buffer.first_chunk();
        head.copied().ok_or_else(|| self.truncated(N))
    }

    /// So many of the next bytes, which stay.
    pub(super) fn look(&mut self, length: usize) -> Result<&[u8], ReadProblem> {
        self.need(length)?;
        Ok(self.buffer.get(..length).unwrap_or_default())
    }

    /// So many bytes, which must be there.
    pub(super) fn take(&mut self, length: usize) -> Result<Bytes, ReadProblem> {
        self.need(length)?;
        self.at += length as u64;
        Ok(self.buffer.split_to(length).freeze())
    }

    fn need(&mut self, length: usize) -> Result<(), ReadProblem> {
        if self.fill(length)? < length {
            return Err(self.truncated(length));
        }
        Ok(())
    }

    fn truncated(&self, needed: usize) -> ReadProblem {
        ReadProblem::Truncated {
            needed: needed as u64,
            available: self.buffer.len() as u64,
        }
    }

    /// Reads until so many bytes are in the buffer or the file ends, and says how many there are.
    /// The buffer grows with what is read, not with what is asked for: lengths come from the file.
    fn fill(&mut self, length: usize) -> Result<usize, ReadProblem> {
        while self.buffer.len() < length && !self.ended {
            let have = self.buffer.len();
            self.buffer.resize(have + CHUNK, 0);
            let read = self.input.read(&mut self.buffer[have..]);
            let fresh = *read.as_ref().unwrap_or(&0);
            self.buffer.truncate(have + fresh.min(CHUNK));
            match read {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadProblem::Io(error)),
            }
        }
        Ok(self.buffer.len())
    }
}

/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;
