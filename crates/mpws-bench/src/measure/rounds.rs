//! What a measure is given for one round, and what it gives back.

use bytes::Bytes;
use mpws_fixture::payload::Payload;
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Trace;

use super::wire::Wanted;
use crate::end::RowEnd;
use crate::figure::Reading;
use crate::options::Volume;
use crate::proof::Witnessed;
use crate::stage::Stage;

/// One round of one transport that is to be measured.
pub(crate) struct Round<'r, 'a> {
    pub(crate) stage: &'r mut Stage<'a>,
    pub(crate) protocol: SocketProtocol,
    pub(crate) volume: Volume,
    pub(crate) seed: u64,
}

/// One round of one transport that was measured.
pub(crate) struct Done {
    pub(crate) reading: Pending,
    pub(crate) witnessed: Vec<Witnessed>,
}

/// A reading, or where on the wire to find it once the row is over.
pub(crate) enum Pending {
    Ready(Reading),
    OnWire(Wanted),
}

impl Pending {
    /// The reading.
    pub(crate) fn read(self, trace: &Trace) -> Result<Reading, RowEnd> {
        match self {
            Self::Ready(reading) => Ok(reading),
            Self::OnWire(wanted) => wanted.read(trace),
        }
    }
}

impl Round<'_, '_> {
    /// Generated content of so many bytes; different for each number.
    pub(super) fn content(&self, size: u64, number: u64) -> Bytes {
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number);
        Payload::Binary { size, seed }.bytes().into()
    }
}
