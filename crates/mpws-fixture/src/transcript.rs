//! What a scripted connection did, as a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::end::TransportEnd;
use mpws_protocol::payload::Digested;

/// Most entries that a transcript keeps.
pub const MAX_ENTRIES: usize = 4096;

/// What happened on a scripted connection, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// The first [`MAX_ENTRIES`] entries.
    pub entries: Vec<Entry>,
    /// How many more there were.
    pub dropped: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Microseconds since the connection was accepted or established, by the monotonic clock.
    pub at_us: u64,
    /// Who did it.
    pub way: Way,
    /// What.
    pub what: Happening,
}

/// Direction of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The fixture made it; inside a gather step it is written later.
    Sent,
    /// The other side sent it.
    Received,
    /// The script went on.
    Local,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Happening {
    /// A step begins.
    Step {
        /// Its place among the steps of the script, from 1; an inner step has its outer one's.
        number: u32,
        /// Its name as in the script's data, such as `upgrade`.
        name: String,
    },
    /// A request head.
    Request {
        /// Method and target.
        line: String,
        /// Header fields, at most 64.
        headers: Vec<(String, String)>,
    },
    /// A response head.
    Response {
        /// Status.
        status: u16,
        /// Header fields, at most 64.
        headers: Vec<(String, String)>,
    },
    /// A frame.
    Frame {
        /// FIN bit.
        fin: bool,
        /// RSV1 to RSV3, RSV1 worth 4.
        rsv: u8,
        /// Opcode.
        opcode: u8,
        /// Whether it is masked.
        masked: bool,
        /// Announced payload length.
        length: u64,
        /// Close code, where it is a close frame with one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        close_code: Option<u16>,
    },
    /// A whole message, one of the first [`crate::report::MAX_RECEIVED`].
    Message(Digested),
    /// Bytes outside any frame.
    Bytes {
        /// How many.
        count: u64,
    },
    /// A `write` call was made and came back.
    Write {
        /// Bytes written.
        count: u64,
    },
    /// `shutdown(SHUT_WR)`.
    HalfClose,
    /// Closed with `SO_LINGER` 0.
    Reset,
    /// Nothing was done for so long.
    Stalled {
        /// Milliseconds.
        ms: u64,
    },
    /// The other side ended the connection.
    End {
        /// How.
        how: TransportEnd,
    },
    /// The script failed.
    Failed {
        /// The error with its sources.
        error: String,
    },
}

impl Transcript {
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.entries.len() < MAX_ENTRIES {
            self.entries.push(entry);
        } else {
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_bounded_and_counts_what_it_left_out() {
        let mut transcript = Transcript::default();
        for at_us in 0..MAX_ENTRIES as u64 + 3 {
            transcript.push(Entry {
                at_us,
                way: Way::Local,
                what: Happening::HalfClose,
            });
        }
        assert_eq!(transcript.entries.len(), MAX_ENTRIES);
        assert_eq!(transcript.dropped, 3);
    }
}
