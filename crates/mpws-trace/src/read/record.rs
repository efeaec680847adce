//! One packet of a capture file.

use std::sync::Arc;

use bytes::Bytes;
use mpws_packet::{Act, UnreadableAct};

use super::link::LinkType;

/// One packet of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketRecord {
    /// Place of its record or block in the file, in bytes.
    pub offset: u64,
    /// When it was seen, in nanoseconds since the epoch; 0 where the file does not say.
    pub time_ns: u64,
    /// Name of the interface; empty where the file has none.
    pub interface: Arc<str>,
    /// Comments, in order. Those of a lab's wire begin with [`mpws_packet::MARK`].
    pub comments: Vec<String>,
    /// What `data` begins with.
    pub link_type: LinkType,
    /// Bytes that the packet had on the wire.
    pub length: u32,
    /// What was captured of it, from the header of the link on; shorter than `length` where it was
    /// cut.
    pub data: Bytes,
}

impl PacketRecord {
    /// Whether the capture holds only the first bytes of it.
    pub fn is_cut(&self) -> bool {
        self.data.len() < self.length as usize
    }

    /// What the wire of a lab did to it. In the captures of other programs every packet passed.
    ///
    /// # Errors
    ///
    /// A comment is the wire's, but cannot be read or contradicts another: what became of the
    /// packet is unknown.
    pub fn act(&self) -> Result<Act, UnreadableAct> {
        Act::of_comments(&self.comments)
    }
}
