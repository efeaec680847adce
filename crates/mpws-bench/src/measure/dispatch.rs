//! Leads from each measure to the file that measures it.

use super::rounds::{Done, Round};
use super::{bulk, failover, foreign, latency, open, steady};
use crate::end::RowEnd;
use crate::result::{Clock, Judgement, Measure, Method, SideResult};

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

/// What is demanded of the figures.
pub(crate) fn judge(measure: Measure, mptcp: &SideResult) -> Vec<Judgement> {
    match measure {
        Measure::AggregationUp | Measure::AggregationDown => steady::judge(mptcp),
        Measure::Failover => failover::judge(mptcp),
        _ => Vec::new(),
    }
}
