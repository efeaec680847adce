//! A steady transfer over two shaped paths.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mpws_fixture::script::Behaviour;

use super::bulk::{answer, numbered};
use super::paths;
use super::rounds::{Done, Pending, Round};
use crate::end::RowEnd;
use crate::figure::Reading;
use crate::link::{Link, same};
use crate::options::{STEADY_MESSAGE, STEADY_WARM_UP};
use crate::result::{Figure, Judgement, SideResult};

/// From client to server, which answers only the short message that follows each long one.
pub(super) fn up(round: Round<'_, '_>) -> Result<Done, RowEnd> {
    let server = round.stage.serve(round.protocol, Behaviour::AnswerPairs)?;
    let long = round.content(STEADY_MESSAGE, 0);
    let link = paths::link(round.stage, round.protocol, server)?;
    let began = Instant::now();
    let until = began + STEADY_WARM_UP + round.volume.steady;
    let arrivals = round.stage.runtime.block_on(async {
        // Set in the same step in which the last message leaves, so before its answer can be
        // received.
        let sent = std::cell::Cell::new(None);
        let sending = async {
            let mut number = 0;
            while Instant::now() < until {
                link.send(long.clone()).await?;
                link.send(numbered(number)).await?;
                number += 1;
            }
            sent.set(Some(number));
            Ok(())
        };
        let receiving = async {
            let mut arrivals = Vec::new();
            while sent.get().is_none_or(|sent| (arrivals.len() as u64) < sent) {
                same(&numbered(arrivals.len() as u64), &link.receive().await?)?;
                arrivals.push(Instant::now());
            }
            Ok(arrivals)
        };
        let ((), arrivals) = tokio::try_join!(sending, receiving)?;
        Ok(arrivals)
    })?;
    finish(round, link, server, &arrivals, began)
}

/// From server to client, which asks with a short message for each long one.
pub(super) fn down(round: Round<'_, '_>) -> Result<Done, RowEnd> {
    let behaviour = Behaviour::AnswerWith {
        size: STEADY_MESSAGE,
    };
    let server = round.stage.serve(round.protocol, behaviour)?;
    let expected = answer(STEADY_MESSAGE);
    let link = paths::link(round.stage, round.protocol, server)?;
    let began = Instant::now();
    let until = began + STEADY_WARM_UP + round.volume.steady;
    let arrivals = round.stage.runtime.block_on(async {
        let mut arrivals = Vec::new();
        let mut asked = 0;
        while asked < AHEAD {
            link.send(numbered(asked)).await?;
            asked += 1;
        }
        while (arrivals.len() as u64) < asked {
            same(&expected, &link.receive().await?)?;
            arrivals.push(Instant::now());
            if Instant::now() < until {
                link.send(numbered(asked)).await?;
                asked += 1;
            }
        }
        Ok(arrivals)
    })?;
    finish(round, link, server, &arrivals, began)
}

fn finish(
    round: Round<'_, '_>,
    link: Link,
    server: SocketAddr,
    arrivals: &[Instant],
    began: Instant,
) -> Result<Done, RowEnd> {
    let witnessed = round.stage.witness(&link, round.protocol, server)?;
    round.stage.runtime.block_on(link.close())?;
    let rate = rate(arrivals, began, round.volume.steady).ok_or_else(|| {
        RowEnd::peer("fewer than two messages came through while the transfer was steady")
    })?;
    Ok(Done {
        reading: Pending::Ready(Reading::Goodput(rate)),
        witnessed: vec![witnessed],
    })
}

/// Content that arrived after the warm-up by the time that it took, in bit/s.
fn rate(arrivals: &[Instant], began: Instant, steady: Duration) -> Option<f64> {
    let from = began + STEADY_WARM_UP;
    let inside: Vec<Instant> = arrivals
        .iter()
        .copied()
        .filter(|at| (from..=from + steady).contains(at))
        .collect();
    let (first, last) = (inside.first()?, inside.last()?);
    let time = last.duration_since(*first).as_secs_f64();
    // The first arrival opens the window; what it brought came before.
    let bits = (inside.len() as u64 - 1) * STEADY_MESSAGE * 8;
    (time > 0.0).then(|| bits as f64 / time)
}

/// Two paths must be worth nearly the sum of both.
pub(super) fn judge(mptcp: &SideResult) -> Vec<Judgement> {
    let Figure::Goodput(goodput) = &mptcp.figure else {
        return Vec::new();
    };
    let Some(fraction) = goodput.fraction else {
        return Vec::new();
    };
    vec![Judgement {
        demand: format!(
            "at least {:.0} % of what both paths can carry",
            LEAST * 100.0
        ),
        seen: format!("{:.1} %", fraction * 100.0),
        held: fraction >= LEAST,
    }]
}

/// Least part of the payload capacity.
const LEAST: f64 = 0.9;
/// Long messages that are asked for before the first has come: 2 MiB, several times what is under
/// way on the paths.
const AHEAD: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_after_the_warm_up_counts() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let steady = Duration::from_secs(1);
        let arrivals = [at(10), at(900), at(1100), at(1600), at(2100)];
        // The last comes after the window.
        let rate = rate(&arrivals, began, steady).expect("a rate");
        assert!(
            (rate - STEADY_MESSAGE as f64 * 8.0 / 0.5).abs() < 1.0,
            "{rate}"
        );
    }

    #[test]
    fn too_few_arrivals_give_no_rate() {
        let began = Instant::now();
        let late = began + Duration::from_millis(1500);
        let steady = Duration::from_secs(1);
        assert_eq!(rate(&[], began, steady), None);
        assert_eq!(rate(&[late], began, steady), None);
    }
}
