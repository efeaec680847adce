//! Numbers with units, to three digits.

/// Nanoseconds as `123 µs`.
pub(super) fn time(ns: f64) -> String {
    scaled(ns, &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")])
}

/// Bit/s as `1.23 Gbit/s`.
pub(super) fn rate(bps: f64) -> String {
    let units = [
        (1e9, "Gbit/s"),
        (1e6, "Mbit/s"),
        (1e3, "kbit/s"),
        (1.0, "bit/s"),
    ];
    scaled(bps, &units)
}

/// Bytes as `1.23 MB`.
pub(super) fn size(bytes: u64) -> String {
    scaled(
        bytes as f64,
        &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")],
    )
}

fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    // What would be shown as 1000 belongs to the next unit.
    let unit = units.iter().find(|(size, _)| value >= size * 0.9995);
    let (size, name) = unit.or(units.last()).copied().unwrap_or((1.0, ""));
    let number = value / size;
    let digits = match number {
        _ if size == 1.0 => 0,
        n if n < 9.995 => 2,
        n if n < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.digits$} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_the_unit_that_fits() {
        assert_eq!(time(0.0), "0 ns");
        assert_eq!(time(999.0), "999 ns");
        assert_eq!(time(1_000.0), "1.00 µs");
        assert_eq!(time(123_456.0), "123 µs");
        assert_eq!(time(999_900.0), "1.00 ms");
        assert_eq!(rate(93_800_000.0), "93.8 Mbit/s");
        assert_eq!(size(16 << 20), "16.8 MB");
    }
}
