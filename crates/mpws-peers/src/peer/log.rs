//! What a peer writes to its standard streams, bounded: the first and the last part, and how much
//! lay between.

use std::collections::VecDeque;
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::lock::lock;

/// Bytes kept from the start, and as many from the end.
pub(crate) const KEPT: usize = 256 * 1024;

/// Reads one pipe, into which a peer writes both standard streams, until the peer is gone or the
/// guard is dropped.
pub(crate) struct LogReader {
    kept: Arc<Mutex<HeadAndTail>>,
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl LogReader {
    /// Starts to read. The second value is what the peer gets as its standard output and error.
    ///
    /// # Errors
    ///
    /// When pipes or a thread cannot be made.
    pub(crate) fn start() -> std::io::Result<(Self, OwnedFd)> {
        let (input, output) = std::io::pipe()?;
        let (stopped, stop) = std::io::pipe()?;
        let kept = Arc::new(Mutex::new(HeadAndTail::new(KEPT)));
        let shared = Arc::clone(&kept);
        let thread = std::thread::Builder::new()
            .name("peer-log".to_owned())
            .spawn(move || pump(input, &stopped, &shared))?;
        let reader = Self {
            kept,
            stop: Some(stop),
            thread: Some(thread),
        };
        Ok((reader, output.into()))
    }

    /// All that is kept, as text; bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&self) -> String {
        lock(&self.kept).text()
    }

    /// The last `bytes` of what is kept, as text.
    pub(crate) fn tail(&self, bytes: usize) -> String {
        let text = self.text();
        let mut from = text.len().saturating_sub(bytes);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        text[from..].to_owned()
    }

    /// Reads what is still in the pipe and ends. For a peer that has exited.
    pub(crate) fn finish(&mut self) {
        // The other end sees end of file on the stop pipe, takes what lies in the log pipe, and
        // leaves.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for LogReader {
    fn drop(&mut self) {
        self.finish();
    }
}

fn pump(mut input: PipeReader, stopped: &PipeReader, kept: &Mutex<HeadAndTail>) {
    let mut buffer = vec![0_u8; 64 * 1024];
    // A peer that is flooding when the guard goes must not keep this thread alive.
    let mut after_stop = 0;
    loop {
        let mut fds = [
            PollFd::new(input.as_fd(), PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return,
        }
        let readable = fds[0].any().unwrap_or(false);
        let stopping = fds[1].any().unwrap_or(false);
        if readable {
            match input.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => lock(kept).push(&buffer[..count]),
            }
        }
        if stopping {
            after_stop += 1;
            if !readable || after_stop > DRAIN_READS {
                return;
            }
        }
    }
}

/// Reads of the log pipe after the stop: more than a pipe can hold.
const DRAIN_READS: usize = 32;

/// The first and the last bytes of a stream.
struct HeadAndTail {
    limit: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    written: u64,
}

impl HeadAndTail {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            head: Vec::new(),
            tail: VecDeque::new(),
            written: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.written += bytes.len() as u64;
        let room = self.limit - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.limit);
        self.tail.drain(..excess);
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        let lost = self.written - (self.head.len() + self.tail.len()) as u64;
        if lost > 0 {
            text.push_str(&format!("\n[{lost} bytes not kept]\n"));
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        text.push_str(&String::from_utf8_lossy(&tail));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn keeps_the_start_and_the_end_and_counts_the_rest() {
        let mut kept = HeadAndTail::new(4);
        kept.push(b"abcdef");
        kept.push(b"ghijkl");
        assert_eq!(kept.text(), "abcd\n[4 bytes not kept]\nijkl");
        assert_eq!(kept.written, 12);
    }

    #[test]
    fn loses_nothing_that_fits() {
        let mut kept = HeadAndTail::new(4);
        kept.push(b"abc");
        kept.push(b"defgh");
        assert_eq!(kept.text(), "abcdefgh");
    }

    #[test]
    fn ends_although_somebody_still_holds_the_pipe() {
        let (mut reader, output) = LogReader::start().unwrap();
        let mut writer = PipeWriter::from(output);
        writer.write_all(b"last words").unwrap();
        reader.finish();
        assert_eq!(reader.text(), "last words");
    }

    #[test]
    fn a_flood_stays_within_its_bounds() {
        let (mut reader, output) = LogReader::start().unwrap();
        let mut writer = PipeWriter::from(output);
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..8 {
            writer.write_all(&chunk).unwrap();
        }
        drop(writer);
        reader.finish();
        let text = reader.text();
        let lost = (8 << 20) - 2 * KEPT;
        assert!(text.contains(&format!("[{lost} bytes not kept]")));
        assert!(text.len() < 2 * KEPT + 64);
    }
}
