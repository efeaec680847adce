//! Lines from a peer, bounded.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use crate::protocol::MAX_LINE;

/// Cuts what comes from a peer into lines.
pub(crate) struct Lines {
    stream: UnixStream,
    buffer: Vec<u8>,
    /// How far `buffer` has been searched for a line end.
    searched: usize,
}

/// Why there is no further line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    #[error("the connection ended")]
    Ended,
    #[error("the connection ended in the middle of a line, after {0} bytes of it")]
    Cut(usize),
    #[error("a line is longer than {MAX_LINE} bytes")]
    TooLong,
    #[error("no line came in time")]
    Late,
    #[error("reading failed: {0}")]
    Read(String),
}

impl Lines {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            searched: 0,
        }
    }

    /// The next line without its end, waiting until `deadline`, or for ever.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Result<Vec<u8>, LineError> {
        let mut chunk = [0_u8; 16 * 1024];
        loop {
            if let Some(end) = self.buffer[self.searched..]
                .iter()
                .position(|b| *b == b'\n')
            {
                let rest = self.buffer.split_off(self.searched + end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                self.searched = 0;
                line.pop();
                if line.len() > MAX_LINE {
                    return Err(LineError::TooLong);
                }
                return Ok(line);
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > MAX_LINE {
                return Err(LineError::TooLong);
            }
            let wait = match deadline {
                None => None,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(LineError::Late);
                    }
                    Some(left)
                }
            };
            self.stream.set_read_timeout(wait).map_err(read_failed)?;
            match self.stream.read(&mut chunk) {
                Ok(0) if self.buffer.is_empty() => return Err(LineError::Ended),
                Ok(0) => return Err(LineError::Cut(self.buffer.len())),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                    ErrorKind::ConnectionReset => return Err(LineError::Ended),
                    _ => return Err(read_failed(error)),
                },
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used as a map_err function")]
fn read_failed(error: std::io::Error) -> LineError {
    LineError::Read(error.to_string())
}

/// At most the first 200 bytes of a line, as text, for messages.
pub(crate) fn excerpt(line: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(&line[..line.len().min(LONGEST)]);
    let more = if line.len() > LONGEST { " .." } else { "" };
    format!("{}{more}", text.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Duration;

    #[test]
    fn gives_lines_that_came_in_one_piece_one_by_one() {
        let (mut peer, suite) = UnixStream::pair().unwrap();
        peer.write_all(b"one\ntwo\nthr").unwrap();
        drop(peer);
        let mut lines = Lines::new(suite);
        assert_eq!(lines.next(None).unwrap(), b"one");
        assert_eq!(lines.next(None).unwrap(), b"two");
        assert_eq!(lines.next(None).unwrap_err(), LineError::Cut(3));
    }

    #[test]
    fn refuses_a_line_that_never_ends() {
        let (mut peer, suite) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn(move || {
            let chunk = vec![b'x'; 1 << 16];
            while peer.write_all(&chunk).is_ok() {}
        });
        let error = Lines::new(suite).next(None).unwrap_err();
        assert_eq!(error, LineError::TooLong);
        writer.join().unwrap();
    }

    #[test]
    fn accepts_a_line_of_exactly_the_longest_length() {
        let (mut peer, suite) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn(move || {
            let mut line = vec![b'x'; MAX_LINE];
            line.push(b'\n');
            peer.write_all(&line).unwrap();
        });
        assert_eq!(Lines::new(suite).next(None).unwrap().len(), MAX_LINE);
        writer.join().unwrap();
    }

    #[test]
    fn a_silent_peer_is_late() {
        let (_peer, suite) = UnixStream::pair().unwrap();
        let deadline = Instant::now() + Duration::from_millis(20);
        let error = Lines::new(suite).next(Some(deadline)).unwrap_err();
        assert_eq!(error, LineError::Late);
    }
}
