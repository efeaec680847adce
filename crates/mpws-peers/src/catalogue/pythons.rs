//! Which Pythons a release of a library exists for.

use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

/// The Pythons that a release of a library exists for, as `Requires-Python` writes them (PEP 440):
/// `>=3.9,<3.12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pythons(VersionSpecifiers);

impl Pythons {
    /// Whether this Python (major, minor, patch) is one of them.
    pub fn have(&self, (major, minor, patch): (u32, u32, u32)) -> bool {
        self.0
            .contains(&Version::new([major, minor, patch].map(u64::from)))
    }
}

impl FromStr for Pythons {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text}` is not a range of Pythons such as `>=3.9,<3.12`");
        let specifiers: VersionSpecifiers = text.parse().map_err(|_| fault())?;
        if specifiers.is_empty() {
            return Err(fault());
        }
        Ok(Self(specifiers))
    }
}

impl fmt::Display for Pythons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|one| one.to_string()).collect();
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_first_python_and_not_the_one_at_its_end() {
        let range: Pythons = ">=3.9, <3.12".parse().expect("a range");
        for (python, there) in [
            ((3, 8, 20), false),
            ((3, 9, 0), true),
            ((3, 11, 14), true),
            ((3, 12, 0), false),
            ((4, 0, 0), false),
        ] {
            assert_eq!(range.have(python), there, "{python:?}");
        }
        assert_eq!(range.to_string(), ">=3.9,<3.12");
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "3.9", ">3.", "python3"] {
            let fault = text.parse::<Pythons>().expect_err(text);
            assert!(fault.contains("such as"), "{fault}");
        }
    }
}
