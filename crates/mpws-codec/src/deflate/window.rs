//! The size of a sliding window.

use std::fmt;

/// Base-2 logarithm of the size of an LZ77 sliding window in bytes: 8 to 15 (RFC 7692 section
/// 7.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes.
    pub const MIN: Self = Self(8);
    /// 32,768 bytes, the size where nothing else is agreed.
    pub const MAX: Self = Self(15);

    /// `None` outside of 8 to 15.
    pub fn new(bits: u8) -> Option<Self> {
        (8..=15).contains(&bits).then_some(Self(bits))
    }

    /// 8 to 15.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Size of the window in bytes, 256 to 32,768.
    pub fn size(self) -> usize {
        1 << self.0
    }

    /// Reads the value of a parameter: decimal, without leading zeroes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        digits
            .then(|| text.parse().ok())
            .flatten()
            .and_then(Self::new)
    }
}

impl Default for WindowBits {
    fn default() -> Self {
        Self::MAX
    }
}

impl fmt::Display for WindowBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
