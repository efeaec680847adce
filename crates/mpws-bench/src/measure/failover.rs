//! A stream whose first path is cut.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use mpws_lab::rule::{Action, Rule};

use super::paths;
use super::rounds::{Done, Pending, Round};
use crate::end::RowEnd;
use crate::figure::{Reading, StreamReading};
use crate::link::{LIMIT, Link};
use crate::options::{PACE, STREAM_MESSAGE};
use crate::result::{Figure, Judgement, SideResult};

/// Sends numbered messages at a steady pace; the first path loses every packet for a while,
/// silently and both ways.
pub(super) fn round(round: Round<'_, '_>) -> Result<Done, RowEnd> {
    let server = round.stage.serve_echo(round.protocol)?;
    let link = paths::link(round.stage, round.protocol, server)?;
    let messages = Messages::of(&round);
    let stage = &round.stage;
    let began = Instant::now();
    let cut_at = BEFORE;
    let mended_at = cut_at + round.volume.cut;
    let until = mended_at + AFTER;
    let cut_us = std::cell::Cell::new(0);
    let mut sent_us = Vec::new();
    let (back, doubled, reordered) = stage.runtime.block_on(async {
        // Apart from sending, which the cut may hold up.
        let cutting = async {
            tokio::time::sleep_until((began + cut_at).into()).await;
            let cut = Rule::new("cut", Action::Drop).path(1);
            let rule = stage
                .lab
                .install(&cut)
                .map_err(|error| RowEnd::bench("no cut", &error))?;
            cut_us.set(micros(began.elapsed()));
            tokio::time::sleep_until((began + mended_at).into()).await;
            stage
                .lab
                .remove(rule)
                .map_err(|error| RowEnd::bench("the cut was not mended", &error))
        };
        let count = std::cell::Cell::new(None);
        let sending = async {
            let mut number = 0;
            loop {
                let due = PACE * u32::try_from(number).unwrap_or(u32::MAX);
                if due >= until {
                    count.set(Some(number));
                    return Ok(());
                }
                tokio::time::sleep_until((began + due).into()).await;
                // When it was due, not when there was room for it: waiting for room is a part of
                // the gap.
                sent_us.push(micros(due));
                link.send(messages.numbered(number)).await?;
                number += 1;
            }
        };
        let receiving = receive_all(&link, &messages, began, &count);
        let ((), (), received) = tokio::try_join!(cutting, sending, receiving)?;
        Ok(received)
    })?;
    let witnessed = round.stage.witness(&link, round.protocol, server)?;
    round.stage.runtime.block_on(link.close())?;
    let stream = StreamReading {
        messages: sent_us
            .into_iter()
            .zip(0u64..)
            .map(|(sent, number)| (sent, back.get(&number).copied()))
            .collect(),
        doubled,
        reordered,
        cut_us: cut_us.get(),
        pace_ms: u64::try_from(PACE.as_millis()).unwrap_or(u64::MAX),
        cut_ms: u64::try_from(round.volume.cut.as_millis()).unwrap_or(u64::MAX),
    };
    Ok(Done {
        reading: Pending::Ready(Reading::Stream(stream)),
        witnessed: vec![witnessed],
    })
}

/// Arrival of each number in microseconds, and how many came again or out of order.
type Received = (BTreeMap<u64, u64>, u64, u64);

/// Receives until every message that was sent is back, or none has come for the limit of a step.
async fn receive_all(
    link: &Link,
    messages: &Messages,
    began: Instant,
    count: &std::cell::Cell<Option<u64>>,
) -> Result<Received, RowEnd> {
    let mut back = BTreeMap::new();
    let (mut doubled, mut reordered) = (0, 0);
    loop {
        let all = count.get().is_some_and(|count| back.len() as u64 >= count);
        // Once all are back, only a doubled one can still come, close behind.
        let limit = if all { DOUBLE_LIMIT } else { LIMIT };
        let answer = match link.connection.receive(limit).await {
            Ok(message) => message.content,
            Err(mpws_fixture::client::ReceiveError::Deadline { .. }) => {
                return Ok((back, doubled, reordered));
            }
            Err(error) => return Err(RowEnd::peer_failed("the stream broke", &error)),
        };
        let number = messages.number_of(&answer)?;
        if back
            .last_key_value()
            .is_some_and(|(&last, _)| number < last)
        {
            reordered += 1;
        }
        match back.entry(number) {
            Entry::Occupied(_) => doubled += 1,
            Entry::Vacant(first) => {
                first.insert(micros(began.elapsed()));
            }
        }
    }
}

/// Messages that are told apart by their first 8 bytes.
struct Messages {
    rest: Bytes,
}

impl Messages {
    fn of(round: &Round<'_, '_>) -> Self {
        Self {
            rest: round.content(STREAM_MESSAGE - 8, 0),
        }
    }

    fn numbered(&self, number: u64) -> Bytes {
        let mut message = BytesMut::with_capacity(self.rest.len() + 8);
        message.put_u64(number);
        message.extend_from_slice(&self.rest);
        message.freeze()
    }

    fn number_of(&self, answer: &Bytes) -> Result<u64, RowEnd> {
        match answer.split_first_chunk() {
            Some((number, rest)) if *rest == self.rest[..] => Ok(u64::from_be_bytes(*number)),
            _ => Err(RowEnd::peer(format!(
                "an answer of {} bytes is none of the messages that were sent",
                answer.len()
            ))),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Nothing may be lost, come twice or overtake. How long the gap is, is a figure and no demand.
pub(super) fn judge(mptcp: &SideResult) -> Vec<Judgement> {
    let Figure::Stream(stream) = &mptcp.figure else {
        return Vec::new();
    };
    vec![Judgement {
        demand: "every message comes back once and in order".to_owned(),
        seen: format!(
            "of {} sent: {} lost, {} doubled, {} out of order",
            stream.sent, stream.lost, stream.doubled, stream.reordered
        ),
        held: stream.sent > 0 && stream.lost + stream.doubled + stream.reordered == 0,
    }]
}

/// How long the stream runs before the cut.
const BEFORE: Duration = Duration::from_millis(500);
/// How long it runs after the path is mended.
const AFTER: Duration = Duration::from_millis(500);
/// How long a doubled message is waited for when all are back.
const DOUBLE_LIMIT: Duration = Duration::from_millis(200);
