//! Patterns over the names of cells, cases, checks and peers.
//!
//! `*` stands for any characters, `?` for one, and braces for a version in a range: `websockets-{>=13.1,<14.2}-asyncio`
//! matches the asyncio peers of 13.1, 14.0 and 14.1. Versions and ranges are those of Python packages (PEP 440).

use std::str::FromStr as _;

use pep440_rs::{Version, VersionSpecifiers};

/// Whether the pattern matches the whole text. A pattern that [`fault`] finds fault with matches nothing.
pub fn glob(pattern: &str, text: &str) -> bool {
    parts(pattern).is_ok_and(|parts| matches(&parts, text))
}

/// Whether a text is a pattern, and not just a name.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '{'])
}

/// What is wrong with a pattern: a brace without its partner, or no range of versions in it.
pub fn fault(pattern: &str) -> Option<String> {
    parts(pattern).err()
}

enum Part<'a> {
    /// These characters.
    Text(&'a str),
    /// `*`
    Any,
    /// `?`
    One,
    /// `{..}`
    Version(VersionSpecifiers),
}

fn parts(pattern: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?', '{']) {
        if at > 0 {
            parts.push(Part::Text(&rest[..at]));
        }
        let (special, after) = rest[at..].split_at(1);
        rest = after;
        parts.push(match special {
            "*" => Part::Any,
            "?" => Part::One,
            _ => {
                let end = rest.find('}').ok_or("a brace without its partner")?;
                let range = &rest[..end];
                rest = &rest[end + 1..];
                let range = VersionSpecifiers::from_str(range)
                    .ok()
                    .filter(|range| !range.is_empty())
                    .ok_or_else(|| {
                        format!("`{{{range}}}` is not a range of versions such as {{>=13.0,<14.2}}")
                    })?;
                Part::Version(range)
            }
        });
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

fn matches(parts: &[Part<'_>], text: &str) -> bool {
    let Some((first, others)) = parts.split_first() else {
        return text.is_empty();
    };
    match first {
        Part::Text(wanted) => text
            .strip_prefix(wanted)
            .is_some_and(|rest| matches(others, rest)),
        Part::One => {
            let mut characters = text.chars();
            characters.next().is_some() && matches(others, characters.as_str())
        }
        // With nothing behind it a star takes all, so that patterns that end in one cost nothing.
        Part::Any => {
            others.is_empty()
                || text
                    .char_indices()
                    .map(|(at, _)| at)
                    .chain([text.len()])
                    .any(|at| matches(others, &text[at..]))
        }
        Part::Version(range) => {
            // The whole of what can be a version: a name has a `-` behind it.
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '+');
            let (version, rest) = text.split_at(end.unwrap_or(text.len()));
            matches(others, rest)
                && Version::from_str(version).is_ok_and(|version| range.contains(&version))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_the_whole_text() {
        assert!(glob(
            "fallback/*@*:fixture/mptcp/v?",
            "fallback/a@b:fixture/mptcp/v4"
        ));
        assert!(!glob("fallback/*", "xfallback/a"));
        assert!(!glob("*/v4", "a/v6"));
        assert!(!glob("a?", "a"));
        assert!(glob("**", ""));
        assert!(glob("*b*", "abbb"));
    }

    #[test]
    fn a_range_matches_the_versions_in_it_as_versions_and_not_as_text() {
        let in_range = |range: &str, versions: [&str; 5]| {
            versions.map(|one| {
                let pattern = format!("*@websockets-{{{range}}}-asyncio:*");
                glob(
                    &pattern,
                    &format!("a/b@websockets-{one}-asyncio:fixture/mptcp/v4"),
                )
            })
        };
        let versions = ["10.4", "13.0.1", "14.2", "9.1", "17.4"];
        assert_eq!(
            in_range(">=13.0,<14.2", versions),
            [false, true, false, false, false]
        );
        assert_eq!(in_range("<13", versions), [true, false, false, true, false]);
        assert_eq!(
            in_range(">=14.2", versions),
            [false, false, true, false, true]
        );
        assert_eq!(
            in_range("==13.0.*", versions),
            [false, true, false, false, false]
        );
    }

    #[test]
    fn what_is_no_range_is_told_and_matches_nothing() {
        for pattern in ["a-{>=1", "a-{}", "a-{new}", "a-{13}"] {
            assert!(fault(pattern).is_some(), "{pattern}");
            assert!(!glob(pattern, "a-13"), "{pattern}");
        }
        assert_eq!(fault("*@websockets-{>=13,<14}-*:*"), None);
        // What is there is no version.
        assert!(!glob("a-{>=1}-b", "a-x-b"));
    }
}
