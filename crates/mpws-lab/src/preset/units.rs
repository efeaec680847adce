//! Numbers with units, from and to text.

use std::fmt;
use std::time::Duration;

/// Why a text is no number of the kind.
pub(super) type Wrong = &'static str;

pub(super) const DURATION: &str = "a whole number and us, ms or s";
pub(super) const RATE: &str = "a whole number and bit, kbit, mbit or gbit, from 1kbit to 100gbit";
pub(super) const BYTES: &str = "a whole number and b, kb or mb, up to 1000mb";
pub(super) const SHARE: &str = "a percentage from 0.0001% to 100%";

const DURATIONS: &[(&str, u64)] = &[("us", 1), ("ms", 1_000), ("s", 1_000_000)];
const RATES: &[(&str, u64)] = &[
    ("bit", 1),
    ("kbit", 1_000),
    ("mbit", 1_000_000),
    ("gbit", 1_000_000_000),
];
const SIZES: &[(&str, u64)] = &[("b", 1), ("kb", 1_000), ("mb", 1_000_000)];

pub(super) const RANGE: Wrong = "it is out of range";
const NUMBER: Wrong = "it is no whole number";

pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let micros = with_unit(text, DURATIONS)?;
    if micros > 3_600_000_000 {
        return Err(RANGE);
    }
    Ok(Duration::from_micros(micros))
}

/// Bits a second.
pub(super) fn rate(text: &str) -> Result<u64, Wrong> {
    let rate = with_unit(text, RATES)?;
    in_range(rate, 1_000, 100_000_000_000)
}

pub(super) fn bytes(text: &str) -> Result<u32, Wrong> {
    let bytes = in_range(with_unit(text, SIZES)?, 1, 1_000_000_000)?;
    u32::try_from(bytes).map_err(|_| RANGE)
}

/// Parts of a million.
pub(super) fn share(text: &str) -> Result<u32, Wrong> {
    let number = text.strip_suffix('%').ok_or("the sign % is missing")?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > 4 || number.ends_with('.') {
        return Err("it has more than 4 digits behind the point, or none");
    }
    let whole: u64 = whole_number(whole)?;
    let part: u64 = whole_number(&format!("{part:0<4}"))?;
    let parts = whole.checked_mul(10_000).map(|parts| parts + part);
    let parts = in_range(parts.ok_or(RANGE)?, 1, 1_000_000)?;
    u32::try_from(parts).map_err(|_| RANGE)
}

/// A number without unit.
pub(super) fn count(text: &str, from: u64, to: u64) -> Result<u64, Wrong> {
    in_range(whole_number(text)?, from, to)
}

pub(super) fn write_duration(f: &mut fmt::Formatter<'_>, time: Duration) -> fmt::Result {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    write_unit(f, micros, DURATIONS)
}

pub(super) fn write_rate(f: &mut fmt::Formatter<'_>, rate: u64) -> fmt::Result {
    write_unit(f, rate, RATES)
}

pub(super) fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: u32) -> fmt::Result {
    write_unit(f, u64::from(bytes), SIZES)
}

pub(super) fn write_share(f: &mut fmt::Formatter<'_>, parts: u32) -> fmt::Result {
    let (whole, part) = (parts / 10_000, parts % 10_000);
    let text = format!("{whole}.{part:04}");
    write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// With the largest unit that leaves a whole number.
fn write_unit(f: &mut fmt::Formatter<'_>, number: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fitting = units
        .iter()
        .rev()
        .find(|(_, size)| number != 0 && number.is_multiple_of(*size));
    let (unit, size) = fitting.or(units.first()).copied().unwrap_or(("", 1));
    write!(f, "{}{unit}", number / size)
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Result<u64, Wrong> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit());
    let Some(at) = digits else {
        return Err("the unit is missing");
    };
    let (number, unit) = text.split_at(at);
    let number = whole_number(number)?;
    let (_, size) = units
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or("the unit is unknown")?;
    number.checked_mul(*size).ok_or(RANGE)
}

fn whole_number(text: &str) -> Result<u64, Wrong> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NUMBER);
    }
    text.parse().map_err(|_| RANGE)
}

fn in_range(number: u64, from: u64, to: u64) -> Result<u64, Wrong> {
    if (from..=to).contains(&number) {
        Ok(number)
    } else {
        Err(RANGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_unit_and_its_range() {
        assert_eq!(duration("30ms"), Ok(Duration::from_millis(30)));
        assert_eq!(duration("30"), Err("the unit is missing"));
        assert_eq!(duration("30m"), Err("the unit is unknown"));
        assert_eq!(duration("ms"), Err(NUMBER));
        assert_eq!(duration("3601s"), Err(RANGE));
        assert_eq!(duration("99999999999999999999s"), Err(RANGE));
        assert_eq!(rate("20mbit"), Ok(20_000_000));
        assert_eq!(rate("999bit"), Err(RANGE));
        assert_eq!(bytes("0b"), Err(RANGE));
    }

    #[test]
    fn a_percentage_has_up_to_four_digits_behind_the_point() {
        assert_eq!(share("1%"), Ok(10_000));
        assert_eq!(share("0.0001%"), Ok(1));
        assert_eq!(share("100%"), Ok(1_000_000));
        assert_eq!(share("100.0001%"), Err(RANGE));
        assert_eq!(share("0%"), Err(RANGE));
        assert_eq!(share("1"), Err("the sign % is missing"));
        assert!(share("1.%").is_err() && share("1.00001%").is_err() && share("%").is_err());
    }
}
