//! From readings to figures.

use hdrhistogram::Histogram;

use crate::capacity;
use crate::result::{Capacity, Figure, Goodput, Stream, Times};

/// Digits that a histogram keeps.
pub(crate) const DIGITS: u8 = 3;

/// Longest time that a histogram holds, in nanoseconds: 10 minutes.
const LONGEST_NS: u64 = 600_000_000_000;

/// What one round of one transport gave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// Times, in nanoseconds.
    Times(Vec<u64>),
    /// Goodput, in bit/s.
    Goodput(f64),
    /// A stream of messages that was cut.
    Stream(StreamReading),
}

/// One stream that was cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StreamReading {
    /// When each message was sent, and when it came back for the first time, in microseconds from
    /// the first.
    pub(crate) messages: Vec<(u64, Option<u64>)>,
    /// Messages that came back again.
    pub(crate) doubled: u64,
    /// Messages that came back after a later one.
    pub(crate) reordered: u64,
    /// When the path was cut, in microseconds from the first message.
    pub(crate) cut_us: u64,
    /// Time between two messages, in milliseconds.
    pub(crate) pace_ms: u64,
    /// How long the path was cut, in milliseconds.
    pub(crate) cut_ms: u64,
}

/// The figure of all rounds; `None` where there is none or they do not fit together.
pub(crate) fn figure(readings: Vec<Reading>, capacity: Option<Capacity>) -> Option<Figure> {
    match readings.first()? {
        Reading::Times(_) => {
            let rounds: Vec<Vec<u64>> = collect(readings, |one| match one {
                Reading::Times(times) => Some(times),
                _ => None,
            })?;
            times(&rounds).map(Figure::Times)
        }
        Reading::Goodput(_) => {
            let rounds = collect(readings, |one| match one {
                Reading::Goodput(rate) => Some(rate),
                _ => None,
            })?;
            Some(Figure::Goodput(goodput(rounds, capacity)))
        }
        Reading::Stream(_) => {
            let rounds = collect(readings, |one| match one {
                Reading::Stream(stream) => Some(stream),
                _ => None,
            })?;
            Some(Figure::Stream(stream(rounds)))
        }
    }
}

/// MPTCP divided by TCP, round by round; `None` where the rounds do not pair, or one of TCP is 0.
///
/// The two sides of a round stand next to each other in time. What they are compared by is the
/// median of these ratios: it lies among them, while the ratio of figures over all rounds need not
/// when the machine changes its pace between rounds.
pub fn ratios(mptcp: &Figure, tcp: &Figure) -> Option<Vec<f64>> {
    let (mptcp, tcp) = (rounds(mptcp), rounds(tcp));
    let comparable = !mptcp.is_empty() && mptcp.len() == tcp.len();
    if !comparable || tcp.iter().any(|one| *one <= 0.0) {
        return None;
    }
    Some(mptcp.iter().zip(&tcp).map(|(one, two)| one / two).collect())
}

/// The one number of each round by which transports are compared.
fn rounds(figure: &Figure) -> Vec<f64> {
    match figure {
        Figure::Times(times) => times.round_p50_ns.iter().map(|one| *one as f64).collect(),
        Figure::Goodput(goodput) => goodput.round_bps.clone(),
        Figure::Stream(stream) => stream.round_gap_ms.clone(),
    }
}

/// The value in the middle; of an even number, the mean of the two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    if sorted.len().is_multiple_of(2) && !sorted.is_empty() {
        f64::midpoint(sorted[sorted.len() / 2 - 1], upper)
    } else {
        upper
    }
}

fn collect<T>(readings: Vec<Reading>, of: impl Fn(Reading) -> Option<T>) -> Option<Vec<T>> {
    readings.into_iter().map(of).collect()
}

fn times(rounds: &[Vec<u64>]) -> Option<Times> {
    let mut all = histogram()?;
    let mut round_p50_ns = Vec::new();
    for round in rounds {
        let mut one = histogram()?;
        for &time in round {
            one.saturating_record(time.max(1));
        }
        round_p50_ns.push(one.value_at_quantile(0.5));
        all.add(&one).ok()?;
    }
    if all.is_empty() {
        return None;
    }
    Some(Times {
        count: all.len(),
        min_ns: all.min(),
        p50_ns: all.value_at_quantile(0.5),
        p90_ns: all.value_at_quantile(0.9),
        p99_ns: all.value_at_quantile(0.99),
        max_ns: all.max(),
        mean_ns: all.mean(),
        round_p50_ns,
        steps: all
            .iter_recorded()
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .collect(),
    })
}

fn histogram() -> Option<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).ok()
}

fn goodput(rounds: Vec<f64>, capacity: Option<Capacity>) -> Goodput {
    let median_bps = median(&rounds);
    Goodput {
        median_bps,
        round_bps: rounds,
        fraction: capacity
            .as_ref()
            .map(|capacity| capacity::fraction(capacity, median_bps)),
        capacity,
    }
}

fn stream(rounds: Vec<StreamReading>) -> Stream {
    let gaps: Vec<f64> = rounds.iter().map(StreamReading::gap_ms).collect();
    let count = |of: fn(&StreamReading) -> u64| rounds.iter().map(of).sum();
    Stream {
        pace_ms: rounds.first().map_or(0, |first| first.pace_ms),
        cut_ms: rounds.first().map_or(0, |first| first.cut_ms),
        sent: count(|one| one.messages.len() as u64),
        lost: count(StreamReading::lost),
        doubled: count(|one| one.doubled),
        reordered: count(|one| one.reordered),
        median_gap_ms: median(&gaps),
        round_gap_ms: gaps,
        timeline_us: rounds.into_iter().next().unwrap_or_default().messages,
    }
}

impl StreamReading {
    fn lost(&self) -> u64 {
        self.messages
            .iter()
            .filter(|(_, back)| back.is_none())
            .count() as u64
    }

    /// Longest time between two answers of which the later one came after the cut.
    fn gap_ms(&self) -> f64 {
        let mut back: Vec<u64> = self.messages.iter().filter_map(|(_, back)| *back).collect();
        back.sort_unstable();
        let gaps = back.windows(2).filter(|pair| pair[1] > self.cut_us);
        let longest = gaps.map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        longest as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn a_distribution_keeps_every_time_to_three_digits() {
        let rounds = vec![
            Reading::Times((1..=99).map(|n| n * 1000).collect()),
            Reading::Times(vec![1_000_000]),
        ];
        let Some(Figure::Times(times)) = figure(rounds, None) else {
            panic!("no times");
        };
        assert_eq!(times.count, 100);
        assert_eq!(times.steps.iter().map(|(_, count)| count).sum::<u64>(), 100);
        assert_eq!(times.p50_ns / 1000, 50);
        assert_eq!(times.p90_ns / 1000, 90);
        assert_eq!(times.round_p50_ns.len(), 2);
        assert!(times.max_ns.abs_diff(1_000_000) <= 1000, "{}", times.max_ns);
    }

    #[test]
    fn the_ratio_lies_among_those_of_the_rounds() {
        let times = |rounds: &[&[u64]]| {
            let rounds = rounds.iter().map(|round| Reading::Times(round.to_vec()));
            figure(rounds.collect(), None).expect("times")
        };
        // The second round was slow for both; over all rounds, the middle falls into different
        // ones.
        let mptcp = times(&[&[100; 3], &[900; 4]]);
        let tcp = times(&[&[100; 4], &[1000; 3]]);
        let (Figure::Times(over_mptcp), Figure::Times(over_tcp)) = (&mptcp, &tcp) else {
            panic!("times");
        };
        assert_eq!((over_mptcp.p50_ns, over_tcp.p50_ns), (900, 100));
        let ratios = ratios(&mptcp, &tcp).expect("ratios");
        assert_eq!(ratios, [1.0, 0.9]);
        assert_eq!(median(&ratios), 0.95);
    }

    #[test]
    fn rounds_that_do_not_pair_have_no_ratio() {
        let goodput = |rounds: &[f64]| Figure::Goodput(goodput(rounds.to_vec(), None));
        assert_eq!(
            ratios(&goodput(&[3.0, 8.0]), &goodput(&[2.0, 4.0])),
            Some(vec![1.5, 2.0])
        );
        assert_eq!(ratios(&goodput(&[3.0]), &goodput(&[2.0, 4.0])), None);
        assert_eq!(ratios(&goodput(&[3.0, 8.0]), &goodput(&[2.0, 0.0])), None);
        assert_eq!(ratios(&goodput(&[]), &goodput(&[])), None);
    }

    #[test]
    fn no_reading_gives_no_figure() {
        assert_eq!(figure(Vec::new(), None), None);
        assert_eq!(figure(vec![Reading::Times(Vec::new())], None), None);
        let mixed = vec![Reading::Goodput(1.0), Reading::Times(vec![1])];
        assert_eq!(figure(mixed, None), None);
    }

    #[test]
    fn the_gap_is_the_longest_silence_that_ends_after_the_cut() {
        let reading = StreamReading {
            messages: vec![
                (0, Some(1_000)),
                // Longer, but over before the cut.
                (5_000, Some(901_000)),
                (910_000, Some(911_000)),
                (915_000, Some(1_311_000)),
                (920_000, None),
            ],
            cut_us: 912_000,
            ..StreamReading::default()
        };
        assert_eq!(reading.gap_ms(), 400.0);
        assert_eq!(reading.lost(), 1);
    }
}
