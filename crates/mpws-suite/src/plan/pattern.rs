//! Patterns over the names of cells, cases, checks and peers.
//!
//! `*` stands for any characters, `?` for one, and braces for a version in a range:
//! `websockets-{>=13.1,<14.2}-asyncio` matches the asyncio peers of 13.1, 14.0 and 14.1. Versions
//! and ranges are those of Python packages (PEP 440).

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use serde::{Deserialize, Serialize};

/// A pattern, parsed. It matches a text as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// These characters.
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
    /// `{..}`
    Version(VersionSpecifiers),
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pattern `{pattern}` makes no sense at `{}`: {detail}", self.place())]
pub struct PatternError {
    /// The whole text.
    pub pattern: String,
    /// Which of its bytes make no sense.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub detail: String,
}

impl PatternError {
    fn place(&self) -> &str {
        self.pattern.get(self.span.clone()).unwrap_or_default()
    }
}

impl Pattern {
    /// Whether it matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        matches(&self.parts, text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is just a name, that matches itself alone.
    pub fn is_name(&self) -> bool {
        matches!(&self.parts[..], [] | [Part::Text(_)])
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(pattern: &str) -> Result<Self, PatternError> {
        let fault = |span: Range<usize>, detail: String| PatternError {
            pattern: pattern.to_owned(),
            span,
            detail,
        };
        let mut parts = Vec::new();
        let mut from = 0;
        while let Some(found) = pattern[from..].find(['*', '?', '{']) {
            let at = from + found;
            if found > 0 {
                parts.push(Part::Text(pattern[from..at].to_owned()));
            }
            let (part, after) = match &pattern[at..=at] {
                "*" => (Part::Any, at + 1),
                "?" => (Part::One, at + 1),
                _ => {
                    let end = pattern[at..].find('}').map(|end| at + end).ok_or_else(|| {
                        fault(at..pattern.len(), "a brace without its partner".to_owned())
                    })?;
                    let range = &pattern[at + 1..end];
                    let range = VersionSpecifiers::from_str(range)
                        .ok()
                        .filter(|range| !range.is_empty())
                        .ok_or_else(|| {
                            let detail = format!(
                                "`{{{range}}}` is not a range of versions such as {{>=13.0,<14.2}}"
                            );
                            fault(at..end + 1, detail)
                        })?;
                    (Part::Version(range), end + 1)
                }
            };
            parts.push(part);
            from = after;
        }
        if from < pattern.len() {
            parts.push(Part::Text(pattern[from..].to_owned()));
        }
        Ok(Self {
            text: pattern.to_owned(),
            parts,
        })
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(pattern: String) -> Result<Self, PatternError> {
        pattern.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a pattern that stands in the program matches the whole text; a text that is no pattern
/// matches nothing.
pub fn glob(pattern: &str, text: &str) -> bool {
    Pattern::from_str(pattern).is_ok_and(|pattern| pattern.matches(text))
}

fn matches(parts: &[Part], text: &str) -> bool {
    let Some((first, others)) = parts.split_first() else {
        return text.is_empty();
    };
    match first {
        Part::Text(wanted) => text
            .strip_prefix(wanted.as_str())
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
        assert!(glob("\u{fc}?", "\u{fc}\u{fc}"));
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
        // What is there is no version.
        assert!(!glob("a-{>=1}-b", "a-x-b"));
    }

    #[test]
    fn what_is_no_range_is_refused_with_its_place() {
        for (pattern, place) in [
            ("a-{>=1", "{>=1"),
            ("a-{}", "{}"),
            ("a-{new}-b", "{new}"),
            ("\u{fc}*{>=1}{13}", "{13}"),
        ] {
            let error = Pattern::from_str(pattern).expect_err(pattern);
            assert_eq!(&pattern[error.span.clone()], place);
            let told = error.to_string();
            assert!(told.contains(pattern) && told.contains(place), "{told}");
        }
    }

    #[test]
    fn a_name_is_told_from_a_pattern_and_both_are_kept_as_written() {
        for (text, name) in [
            ("fixture", true),
            ("", true),
            ("fix*", false),
            ("{>=1}", false),
        ] {
            let pattern: Pattern = text.parse().expect(text);
            assert_eq!((pattern.is_name(), pattern.as_str()), (name, text));
        }
    }
}
