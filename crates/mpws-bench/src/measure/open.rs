//! Connect and upgrade: connections opened one after the other.

use std::time::Duration;

use super::rounds::{Done, Pending, Round};
use crate::end::RowEnd;
use crate::figure::Reading;
use crate::link::Link;

/// Opens connections, sends a message over each so that there is something to prove, and closes
/// them.
pub(super) fn round(
    round: Round<'_, '_>,
    time: impl Fn(&Link) -> Duration,
) -> Result<Done, RowEnd> {
    let server = round.stage.serve_echo(round.protocol)?;
    let content = round.content(64, 0);
    let mut times = Vec::new();
    let mut witnessed = Vec::new();
    // The first is not counted: the server's program is cold.
    for number in 0..=round.volume.connections {
        let link = round.stage.link(round.protocol, server)?;
        round.stage.runtime.block_on(link.echo(&content))?;
        witnessed.push(round.stage.witness(&link, round.protocol, server)?);
        if number > 0 {
            times.push(u64::try_from(time(&link).as_nanos()).unwrap_or(u64::MAX));
        }
        round.stage.runtime.block_on(link.close())?;
    }
    Ok(Done {
        reading: Pending::Ready(Reading::Times(times)),
        witnessed,
    })
}
