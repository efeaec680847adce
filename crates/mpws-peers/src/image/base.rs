//! What an image stands on.

use std::fmt;
use std::str::FromStr;

/// What an image stands on: Debian, made of its packages, or any image that the engine has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Base {
    /// Debian 11: Python 3.9, glibc 2.31.
    Debian11,
    /// Debian 12: Python 3.11, glibc 2.36.
    Debian12,
    /// Debian 13: Python 3.13, glibc 2.41.
    Debian13,
    /// Debian's unstable: the newest of both.
    Sid,
    /// An image with Python 3.9 or later that the engine has, by name or id; it is not pulled.
    Image(String),
}

/// A word that is no base.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a base: debian11, debian12, debian13, sid or image:REFERENCE")]
pub struct BaseError {
    word: String,
}

impl Base {
    /// Those that are made of Debian packages, oldest first.
    pub const DEBIAN: [Self; 4] = [Self::Debian11, Self::Debian12, Self::Debian13, Self::Sid];

    /// The suite of Debian, as its mirrors name it.
    #[cfg(feature = "containers")]
    pub(super) fn suite(&self) -> Option<&'static str> {
        match self {
            Self::Debian11 => Some("bullseye"),
            Self::Debian12 => Some("bookworm"),
            Self::Debian13 => Some("trixie"),
            Self::Sid => Some("sid"),
            Self::Image(_) => None,
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Debian11 => f.write_str("debian11"),
            Self::Debian12 => f.write_str("debian12"),
            Self::Debian13 => f.write_str("debian13"),
            Self::Sid => f.write_str("sid"),
            Self::Image(reference) => write!(f, "image:{reference}"),
        }
    }
}

impl FromStr for Base {
    type Err = BaseError;

    fn from_str(word: &str) -> Result<Self, BaseError> {
        if let Some(base) = Self::DEBIAN
            .into_iter()
            .find(|base| base.to_string() == word)
        {
            return Ok(base);
        }
        let plain = |reference: &&str| {
            !reference.is_empty()
                && reference.len() <= LONGEST
                && reference.bytes().all(|byte| byte.is_ascii_graphic())
        };
        word.strip_prefix("image:")
            .filter(plain)
            .map(|reference| Self::Image(reference.to_owned()))
            .ok_or_else(|| BaseError {
                word: word.chars().take(LONGEST).collect(),
            })
    }
}

/// Longest reference of an image, in bytes: name 255, tag 128, digest 71.
const LONGEST: usize = 456;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_is_read_as_it_is_written() {
        let own = Base::Image("registry:5000/python:3.13-slim".to_owned());
        for base in Base::DEBIAN.into_iter().chain([own]) {
            assert_eq!(base.to_string().parse(), Ok(base));
        }
    }

    #[test]
    fn what_is_no_base_is_refused_with_what_would_be() {
        for word in ["debian10", "image:", "image:a b", "python:3.13-slim", ""] {
            let error = word.parse::<Base>().unwrap_err();
            assert!(error.to_string().contains("image:REFERENCE"), "{error}");
        }
    }
}
