//! A volume in one direction, on one path.

use std::time::Instant;

use bytes::Bytes;
use mpws_fixture::payload::Payload;
use mpws_fixture::script::Behaviour;

use super::rounds::{Done, Pending, Round};
use crate::end::RowEnd;
use crate::figure::Reading;
use crate::link::{Link, same};
use crate::options::{BULK_MESSAGE, WARM_UP};

/// From client to server, which answers only the short message that follows each long one.
pub(super) fn up(round: Round<'_, '_>) -> Result<Done, RowEnd> {
    let server = round.stage.serve(round.protocol, Behaviour::AnswerPairs)?;
    let (long, short) = (round.content(BULK_MESSAGE, 0), round.content(8, 1));
    let count = round.volume.bulk_bytes / BULK_MESSAGE;
    let link = round.stage.link(round.protocol, server)?;
    let rate = round.stage.runtime.block_on(async {
        for _ in 0..WARM_UP {
            link.send(short.clone()).await?;
            link.echo(&short).await?;
        }
        let began = Instant::now();
        let sending = async {
            for number in 0..count {
                link.send(long.clone()).await?;
                link.send(numbered(number)).await?;
            }
            Ok(())
        };
        let receiving = async {
            for number in 0..count {
                same(&numbered(number), &link.receive().await?)?;
            }
            Ok(())
        };
        tokio::try_join!(sending, receiving)?;
        Ok(rate(count * BULK_MESSAGE, began))
    })?;
    finish(round, link, server, rate)
}

/// From server to client, which asks with a short message for each long one.
pub(super) fn down(round: Round<'_, '_>) -> Result<Done, RowEnd> {
    let behaviour = Behaviour::AnswerWith { size: BULK_MESSAGE };
    let server = round.stage.serve(round.protocol, behaviour)?;
    let expected = answer(BULK_MESSAGE);
    let count = round.volume.bulk_bytes / BULK_MESSAGE;
    let link = round.stage.link(round.protocol, server)?;
    let rate = round.stage.runtime.block_on(async {
        // A few are enough: each warms up more than a message of its own.
        for number in 0..u64::from(WARM_UP / 10) {
            link.send(numbered(number)).await?;
            same(&expected, &link.receive().await?)?;
        }
        let began = Instant::now();
        for number in 0..AHEAD.min(count) {
            link.send(numbered(number)).await?;
        }
        for number in 0..count {
            same(&expected, &link.receive().await?)?;
            if number + AHEAD < count {
                link.send(numbered(number)).await?;
            }
        }
        Ok(rate(count * BULK_MESSAGE, began))
    })?;
    finish(round, link, server, rate)
}

fn finish(
    round: Round<'_, '_>,
    link: Link,
    server: std::net::SocketAddr,
    rate: f64,
) -> Result<Done, RowEnd> {
    let witnessed = round.stage.witness(&link, round.protocol, server)?;
    round.stage.runtime.block_on(link.close())?;
    Ok(Done {
        reading: Pending::Ready(Reading::Goodput(rate)),
        witnessed: vec![witnessed],
    })
}

/// A short message that is like no other of its connection.
pub(super) fn numbered(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

/// What a server that answers with so many bytes answers.
pub(super) fn answer(size: u64) -> Bytes {
    Payload::Binary { size, seed: 0 }.bytes().into()
}

fn rate(bytes: u64, began: Instant) -> f64 {
    bytes as f64 * 8.0 / began.elapsed().as_secs_f64()
}

/// Long messages that are asked for before the first has come, so that the server never waits for a
/// question.
const AHEAD: u64 = 4;
