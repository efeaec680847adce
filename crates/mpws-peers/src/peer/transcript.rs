//! The protocol lines of a conversation, bounded, as evidence.

use std::collections::VecDeque;

/// Lines kept from the start, and as many from the end.
const LINES: usize = 500;

/// Longest part of a line that is kept, in bytes.
const LINE: usize = 4096;

/// Who sent a line.
#[derive(Clone, Copy)]
pub(crate) enum From {
    Suite,
    Peer,
}

/// Both directions, in the order in which this side saw them.
#[derive(Default)]
pub(crate) struct Transcript {
    head: Vec<String>,
    tail: VecDeque<String>,
    lost: u64,
}

impl Transcript {
    pub(crate) fn push(&mut self, from: From, line: &[u8]) {
        let sign = match from {
            From::Suite => '>',
            From::Peer => '<',
        };
        let text = String::from_utf8_lossy(&line[..line.len().min(LINE)]);
        let more = line.len().saturating_sub(LINE);
        let entry = if more > 0 {
            format!("{sign} {text} [{more} more bytes]")
        } else {
            format!("{sign} {text}")
        };
        if self.head.len() < LINES {
            self.head.push(entry);
            return;
        }
        self.tail.push_back(entry);
        if self.tail.len() > LINES {
            self.tail.pop_front();
            self.lost += 1;
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.head.clone();
        if self.lost > 0 {
            lines.push(format!("[{} lines not kept]", self.lost));
        }
        lines.extend(self.tail.iter().cloned());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_and_the_last_lines() {
        let mut transcript = Transcript::default();
        for number in 0..2 * LINES + 7 {
            transcript.push(From::Suite, number.to_string().as_bytes());
        }
        let lines = transcript.lines();
        assert_eq!(lines.len(), 2 * LINES + 1);
        assert_eq!(lines[0], "> 0");
        assert_eq!(lines[LINES], "[7 lines not kept]");
        assert_eq!(lines[2 * LINES], format!("> {}", 2 * LINES + 6));
    }

    #[test]
    fn shortens_a_long_line() {
        let mut transcript = Transcript::default();
        transcript.push(From::Peer, &vec![b'a'; LINE + 5]);
        assert!(transcript.lines()[0].ends_with("a [5 more bytes]"));
    }
}
