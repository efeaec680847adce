//! A message there and back, one at a time.

use std::time::Instant;

use super::rounds::{Done, Pending, Round};
use crate::end::RowEnd;
use crate::figure::Reading;
use crate::options::WARM_UP;

pub(super) fn round(round: Round<'_, '_>, size: u64) -> Result<Done, RowEnd> {
    let server = round.stage.serve_echo(round.protocol)?;
    // Different messages, so that an old answer is not taken for a new one.
    let contents: Vec<_> = (0..64).map(|number| round.content(size, number)).collect();
    let messages = round.volume.messages as usize;
    let link = round.stage.link(round.protocol, server)?;
    let times = round.stage.runtime.block_on(async {
        let mut times = Vec::with_capacity(messages);
        for (content, number) in contents.iter().cycle().zip(0..messages + WARM_UP as usize) {
            let began = Instant::now();
            link.echo(content).await?;
            if number >= WARM_UP as usize {
                times.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
            }
        }
        Ok(times)
    })?;
    let witnessed = round.stage.witness(&link, round.protocol, server)?;
    round.stage.runtime.block_on(link.close())?;
    Ok(Done {
        reading: Pending::Ready(Reading::Times(times)),
        witnessed: vec![witnessed],
    })
}
