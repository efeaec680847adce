//! Distributions of times in the text form of HdrHistogram, which its plotters read. Values are
//! microseconds.

use std::fmt::Write as _;

use mpws_model::bench::Times;

/// The distribution as text.
pub fn text(times: &Times) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut seen = 0;
    for &(ns, count) in &times.steps {
        seen += count;
        let part = seen as f64 / times.count.max(1) as f64;
        let value = ns as f64 / 1000.0;
        // Writing to a String cannot fail.
        let _ = if seen >= times.count {
            writeln!(out, "{value:12.3} {:14.12} {seen:10} {:>14}", 1.0, "inf")
        } else {
            writeln!(
                out,
                "{value:12.3} {part:14.12} {seen:10} {:14.2}",
                1.0 / (1.0 - part)
            )
        };
    }
    let _ = writeln!(
        out,
        "#[Mean    = {:12.3}, Max     = {:12.3}]\n#[Total count = {}, unit: microseconds]",
        times.mean_ns / 1000.0,
        times.max_ns as f64 / 1000.0,
        times.count
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_tells_which_part_was_at_most_as_long() {
        let times = Times {
            count: 4,
            steps: vec![(1_000, 3), (2_500, 1)],
            mean_ns: 1_375.0,
            max_ns: 2_500,
            ..Times::default()
        };
        let text = text(&times);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[2], ["1.000", "0.750000000000", "3", "4.00"]);
        assert_eq!(lines[3], ["2.500", "1.000000000000", "4", "inf"]);
    }
}
