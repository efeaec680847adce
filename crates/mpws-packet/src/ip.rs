//! Versions of the Internet protocol.

use crate::error::UnknownIp;
use std::fmt;
use std::str::FromStr;

/// Version of the Internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Ip {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Ip {
    /// Both versions, IPv4 first.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// `v4` or `v6`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
        }
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Ip {
    type Err = UnknownIp;

    fn from_str(text: &str) -> Result<Self, UnknownIp> {
        let found = Self::ALL.into_iter().find(|ip| ip.word() == text);
        found.ok_or_else(|| UnknownIp(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written_and_nothing_else_is_one() {
        for ip in Ip::ALL {
            assert_eq!(ip.to_string().parse(), Ok(ip));
        }
        for text in ["", "4", "V4", "ipv4", "v4 ", "v5"] {
            assert_eq!(text.parse::<Ip>(), Err(UnknownIp(text.to_owned())));
        }
    }
}
