//! The transformation of messages (RFC 7692 section 7.2).

use std::mem;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::window::WindowBits;

/// Compresses the messages of one direction.
#[derive(Debug)]
pub struct Compressor {
    inner: Compress,
    window: WindowBits,
    takeover: bool,
}

/// Decompresses the messages of one direction.
///
/// Every message starts a DEFLATE stream of its own that is given what it may refer to. So a
/// message that does not end between two blocks is an error (unless its bytes, with the end that is
/// appended, happen to be whole), and so is, without context takeover, one that refers to an
/// earlier message. A reference that reaches further back than the window, but not out of the
/// message, is not always noticed.
#[derive(Debug)]
pub struct Decompressor {
    inner: Decompress,
    window: WindowBits,
    takeover: bool,
    limit: usize,
    /// Bytes that the open message has given so far.
    produced: usize,
    /// Streams that the open message has ended.
    finals: usize,
    /// What the next block may refer to, at most the window; up to date between calls.
    history: Vec<u8>,
    failed: Option<DecompressError>,
}

/// The compression library failed: no input does that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot compress: {0}")]
pub struct CompressError(String);

/// A message cannot be decompressed; the connection must be failed, for the state of the window is
/// lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// The bytes are not DEFLATE (RFC 1951), or refer to what is not in the window.
    #[error("not valid DEFLATE data: {0}")]
    Data(String),
    /// The message stops within a block, or does not end as RFC 7692 section 7.2.1 says.
    #[error("the compressed message does not end at the end of a DEFLATE block")]
    Unfinished,
    /// The content is longer than allowed. Not much more than the limit was ever kept.
    #[error("the decompressed message is longer than the limit of {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The message ends its stream over and over; each time costs as much as a short message.
    #[error("more than {MAX_FINALS} blocks of the message have BFINAL set")]
    TooManyFinals,
}

impl Compressor {
    /// `takeover`: messages may refer to earlier ones.
    ///
    /// zlib has no raw window of 256 bytes. For that one, the history is dropped after every 256
    /// bytes, so that no reference is longer; text then shrinks less than with 512 bytes.
    pub fn new(window: WindowBits, takeover: bool) -> Self {
        let bits = zlib_bits(window);
        Self {
            inner: Compress::new_with_window_bits(Compression::default(), false, bits),
            window,
            takeover,
        }
    }

    /// The payload of a compressed message: all its blocks, without the last `00 00 ff ff`. Cut
    /// anywhere, it can be sent in fragments.
    ///
    /// # Errors
    ///
    /// Where the compression library fails, which no content makes it do.
    pub fn message(&mut self, content: &[u8]) -> Result<Vec<u8>, CompressError> {
        if !self.takeover {
            self.reset();
        }
        if content.is_empty() {
            // RFC 7692 section 7.2.3.6. A second flush without content would give no bytes at all.
            return Ok(vec![0]);
        }
        let mut payload = Vec::new();
        if self.window == WindowBits::MIN {
            for piece in content.chunks(self.window.size()) {
                self.add(piece, FlushCompress::Full, &mut payload)?;
            }
        } else {
            self.add(content, FlushCompress::Sync, &mut payload)?;
        }
        if !payload.ends_with(&TAIL) {
            return Err(CompressError("the flush has no empty block".to_owned()));
        }
        payload.truncate(payload.len() - TAIL.len());
        Ok(payload)
    }

    /// Forgets all messages. The other side need not know: the next message just refers to none.
    ///
    /// To be called where a message was compressed and not sent.
    pub fn reset(&mut self) {
        self.inner.reset();
    }

    fn add(
        &mut self,
        content: &[u8],
        flush: FlushCompress,
        payload: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let mut rest = content;
        loop {
            // A flush into less than six bytes would be repeated (zlib.h, deflate).
            payload.reserve(rest.len() / 2 + 64);
            let before = self.inner.total_in();
            let compressed = self.inner.compress_vec(rest, payload, flush);
            compressed.map_err(|error| CompressError(error.to_string()))?;
            let used = usize::try_from(self.inner.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(used..).unwrap_or_default();
            if rest.is_empty() && payload.len() < payload.capacity() {
                return Ok(());
            }
        }
    }
}

impl Decompressor {
    /// `takeover`: messages may refer to earlier ones. Messages of more than `limit` bytes are
    /// errors.
    pub fn new(window: WindowBits, takeover: bool, limit: usize) -> Self {
        Self {
            inner: Decompress::new_with_window_bits(false, zlib_bits(window)),
            window,
            takeover,
            limit,
            produced: 0,
            finals: 0,
            history: Vec::new(),
            failed: None,
        }
    }

    /// The content of a message that came in one piece.
    ///
    /// # Errors
    ///
    /// See [`fragment`](Self::fragment).
    pub fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, DecompressError> {
        let mut content = Vec::new();
        self.fragment(payload, true, &mut content)?;
        Ok(content)
    }

    /// Appends what a frame of a compressed message adds to its content; `last` where the frame has
    /// FIN.
    ///
    /// # Errors
    ///
    /// Where the message cannot be decompressed, or becomes longer than the limit, which is noticed
    /// before more than 64 KiB beyond it are kept. After an error all further calls give the same
    /// one.
    pub fn fragment(
        &mut self,
        payload: &[u8],
        last: bool,
        content: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.try_fragment(payload, last, content);
        self.failed = result.as_ref().err().cloned();
        result
    }

    fn try_fragment(
        &mut self,
        payload: &[u8],
        last: bool,
        content: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        self.run(payload, content)?;
        if !last {
            return Ok(());
        }
        self.run(&TAIL, content)?;
        // Only between two blocks is this a last, empty one.
        let before = (self.finals, self.produced);
        match self.run(&EMPTY_FINAL, content) {
            Ok(()) if (self.finals, self.produced) == (before.0 + 1, before.1) => {}
            Err(error @ DecompressError::TooLong { .. }) => return Err(error),
            _ => return Err(DecompressError::Unfinished),
        }
        (self.finals, self.produced) = (0, 0);
        if !self.takeover && !mem::take(&mut self.history).is_empty() {
            self.restart()?;
        }
        Ok(())
    }

    /// Decompresses as much as these bytes give.
    fn run(&mut self, input: &[u8], content: &mut Vec<u8>) -> Result<(), DecompressError> {
        let mut rest = input;
        let mut remembered = content.len();
        loop {
            // One byte beyond the limit shows that there is more.
            let room = (self.limit - self.produced.min(self.limit)).saturating_add(1);
            let room = room.min(rest.len().saturating_mul(4).clamp(MIN_PIECE, MAX_PIECE));
            let (start, consumed, made) =
                (content.len(), self.inner.total_in(), self.inner.total_out());
            content.resize(start + room, 0);
            let piece = content.get_mut(start..).unwrap_or_default();
            let result = self.inner.decompress(rest, piece, FlushDecompress::None);
            let used = usize::try_from(self.inner.total_in() - consumed).unwrap_or(usize::MAX);
            let made = usize::try_from(self.inner.total_out() - made).unwrap_or(usize::MAX);
            content.truncate(start.saturating_add(made));
            self.produced = self.produced.saturating_add(made);
            rest = rest.get(used..).unwrap_or_default();
            let status = result.map_err(|error| {
                DecompressError::Data(error.message().unwrap_or("no reason given").to_owned())
            })?;
            if self.produced > self.limit {
                return Err(DecompressError::TooLong { limit: self.limit });
            }
            if status == Status::StreamEnd {
                self.finals += 1;
                if self.finals > MAX_FINALS {
                    return Err(DecompressError::TooManyFinals);
                }
                // RFC 7692 section 7.2.1: the next block follows, and may refer to what came
                // before.
                self.remember(content.get(remembered..).unwrap_or_default());
                remembered = content.len();
                self.restart()?;
            }
            if rest.is_empty() && (made < room || status == Status::StreamEnd) {
                break;
            }
            if used == 0 && made == 0 && status != Status::StreamEnd {
                return Err(DecompressError::Data("no progress".to_owned()));
            }
        }
        self.remember(content.get(remembered..).unwrap_or_default());
        Ok(())
    }

    fn remember(&mut self, new: &[u8]) {
        let size = self.window.size();
        if let Some(from) = new.len().checked_sub(size) {
            self.history.clear();
            self.history
                .extend_from_slice(new.get(from..).unwrap_or_default());
            return;
        }
        let excess = (self.history.len() + new.len()).saturating_sub(size);
        self.history.drain(..excess);
        self.history.extend_from_slice(new);
    }

    /// Begins a stream that may refer to the history.
    fn restart(&mut self) -> Result<(), DecompressError> {
        self.inner.reset(false);
        if self.history.is_empty() {
            return Ok(());
        }
        let set = self.inner.set_dictionary(&self.history);
        set.map(|_| ()).map_err(|error| {
            DecompressError::Data(error.message().unwrap_or("no dictionary").to_owned())
        })
    }
}

/// zlib has no raw window of 2^8 bytes.
fn zlib_bits(window: WindowBits) -> u8 {
    window.bits().max(9)
}

/// What a sender removes and a receiver appends.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// A block with BFINAL, fixed codes and nothing in it.
const EMPTY_FINAL: [u8; 2] = [0x03, 0x00];

/// Most blocks of a message with BFINAL.
const MAX_FINALS: usize = 4096;

const MIN_PIECE: usize = 1024;
const MAX_PIECE: usize = 64 * 1024;

#[cfg(test)]
#[path = "coder_tests.rs"]
mod tests;
