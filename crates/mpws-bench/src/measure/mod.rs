//! The measures: one round of one transport of each.
//!
//! | file | what it measures |
//! |---|---|
//! | `open.rs` | connect and upgrade |
//! | `latency.rs` | a message there and back |
//! | `bulk.rs` | a volume in one direction, on one path |
//! | `steady.rs` | a steady transfer over two shaped paths |
//! | `failover.rs` | a stream whose first path is cut |
//! | `foreign.rs` | clients that are peers, by the wire's time stamps |
//! | `paths.rs` | the second path |

mod bulk;
mod failover;
mod foreign;
mod latency;
mod open;
mod paths;
mod steady;

use bytes::Bytes;
use mpws_fixture::payload::Payload;
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Trace;

use crate::end::RowEnd;
use crate::figure::Reading;
use crate::options::{BenchOptions, Volume};
use crate::proof::Witnessed;
use crate::result::{Capacity, Clock, Judgement, Measure, Method, SideResult};
use crate::stage::Stage;

pub(crate) use foreign::Wanted;
pub(crate) use paths::prepare;

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
    fn content(&self, size: u64, number: u64) -> Bytes {
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number);
        Payload::Binary { size, seed }.bytes().into()
    }
}

/// Measures one round; `foreign` where the client is a peer.
pub(crate) fn round(measure: Measure, foreign: bool, round: Round<'_, '_>) -> Result<Done, RowEnd> {
    if foreign {
        return foreign::round(measure, round);
    }
    match measure {
        Measure::Connect => open::round(round, |link| link.connecting),
        Measure::Upgrade => open::round(round, |link| link.upgrading),
        Measure::Latency64 => latency::round(round, 64),
        Measure::Latency1000 => latency::round(round, 1000),
        Measure::BulkUp => bulk::up(round),
        Measure::BulkDown => bulk::down(round),
        Measure::AggregationUp => steady::up(round),
        Measure::AggregationDown => steady::down(round),
        Measure::Failover => failover::round(round),
    }
}

/// How a measure is read.
pub(crate) fn method(measure: Measure, foreign: bool) -> Method {
    if foreign {
        return foreign::method(measure);
    }
    let includes = match measure {
        Measure::Connect => {
            "from the call of connect(2) to its return: SYN and SYN/ACK through the wire"
        }
        Measure::Upgrade => {
            "from before the request is written to after the response is read and checked: client, wire and server \
             both ways"
        }
        Measure::Latency64 | Measure::Latency1000 => {
            "from before a message is sent to after its echo is received and compared: client, wire and server both \
             ways; one message at a time"
        }
        Measure::BulkUp => {
            "message content of 256 KiB messages, from before the first is sent to after the server's answer to the \
             last: the content has been read by the server"
        }
        Measure::BulkDown => {
            "message content of 256 KiB messages, from before the first is asked for to after the last is received \
             and compared"
        }
        Measure::AggregationUp => {
            "message content of 64 KiB messages by the arrival of the server's answers, after a warm-up of 1 s"
        }
        Measure::AggregationDown => {
            "message content of 64 KiB messages by their arrival, after a warm-up of 1 s"
        }
        Measure::Failover => {
            "numbered messages of 1000 bytes, sent every 5 ms and echoed; the longest time between two echoes from \
             the cut on"
        }
    };
    Method {
        clock: Clock::Client,
        resolution_ns: 1,
        includes: includes.to_owned(),
    }
}

/// The network of a measure, in words.
pub(crate) fn network(measure: Measure, options: &BenchOptions) -> String {
    paths::network(measure, options)
}

/// What the paths that a transport may use can carry.
pub(crate) fn capacity(
    measure: Measure,
    protocol: SocketProtocol,
    options: &BenchOptions,
) -> Option<Capacity> {
    paths::capacity(measure, protocol, options)
}

/// What is demanded of the figures.
pub(crate) fn judge(measure: Measure, mptcp: &SideResult) -> Vec<Judgement> {
    match measure {
        Measure::AggregationUp | Measure::AggregationDown => steady::judge(mptcp),
        Measure::Failover => failover::judge(mptcp),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
