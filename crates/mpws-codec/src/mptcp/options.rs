//! The options of a TCP header, as they lie there.

use super::option::{MptcpOption, ParseOptionError};
use super::subtype::{KIND_MPTCP, Subtype};

/// The option bytes of one TCP header: what lies between its fixed 20 bytes and its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions<'a> {
    bytes: &'a [u8],
}

/// One option as it lies in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// Where its first byte is, counted from the start of the options.
    pub offset: usize,
    /// All of it: kind, length and content; one byte for NOP and end-of-list.
    pub bytes: &'a [u8],
}

/// The options are malformed at one place; what lies before it is not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A kind stands alone at the end.
    #[error("option of kind {kind} at offset {offset} has no length")]
    NoLength {
        /// Where the option begins.
        offset: usize,
        /// Its kind.
        kind: u8,
    },
    /// A length below 2 does not even cover kind and length.
    #[error("option of kind {kind} at offset {offset} has the impossible length {length}")]
    TooShort {
        /// Where the option begins.
        offset: usize,
        /// Its kind.
        kind: u8,
        /// What its length byte says.
        length: u8,
    },
    /// The option claims more bytes than there are.
    #[error("option of kind {kind} at offset {offset} claims {length} bytes of {available}")]
    PastEnd {
        /// Where the option begins.
        offset: usize,
        /// Its kind.
        kind: u8,
        /// What its length byte says.
        length: u8,
        /// Bytes from `offset` to the end.
        available: usize,
    },
}

/// Iterator over options; ends after end-of-list, after the last byte, or after the first error.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// All options among these bytes, NOP and end-of-list included.
pub fn iter(bytes: &[u8]) -> Iter<'_> {
    Iter { bytes, at: 0 }
}

/// Subtypes of the MPTCP options among these bytes, up to the first malformed option.
pub fn subtypes(bytes: &[u8]) -> impl Iterator<Item = Subtype> + '_ {
    iter(bytes)
        .map_while(Result::ok)
        .filter_map(|option| option.subtype())
}

/// The well-formed MPTCP options among these bytes; each is a value or the reason why it is none.
pub fn mptcp(bytes: &[u8]) -> impl Iterator<Item = Result<MptcpOption, ParseOptionError>> + '_ {
    iter(bytes)
        .map_while(Result::ok)
        .filter(|option| option.kind() == KIND_MPTCP)
        .map(|option| MptcpOption::parse(option.bytes))
}

impl<'a> TcpOptions<'a> {
    /// A view over these bytes; nothing is checked yet.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// All options, NOP and end-of-list included.
    pub fn iter(self) -> Iter<'a> {
        iter(self.bytes)
    }

    /// Subtypes of the MPTCP options, up to the first malformed option.
    pub fn subtypes(self) -> impl Iterator<Item = Subtype> + 'a {
        subtypes(self.bytes)
    }

    /// Whether there is an MPTCP option of this subtype.
    pub fn has(self, subtype: Subtype) -> bool {
        self.subtypes().any(|found| found == subtype)
    }

    /// The MPTCP options as values.
    pub fn mptcp(self) -> impl Iterator<Item = Result<MptcpOption, ParseOptionError>> + 'a {
        mptcp(self.bytes)
    }
}

impl<'a> IntoIterator for TcpOptions<'a> {
    type Item = Result<RawOption<'a>, OptionsError>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl RawOption<'_> {
    /// The kind: 0 end-of-list, 1 NOP, 30 MPTCP.
    pub fn kind(self) -> u8 {
        self.bytes.first().copied().unwrap_or(KIND_END)
    }

    /// The subtype, if it is an MPTCP option long enough to have one.
    pub fn subtype(self) -> Option<Subtype> {
        match self.bytes {
            [KIND_MPTCP, _, first, ..] => Some(Subtype::from_number(first >> 4)),
            _ => None,
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Result<RawOption<'a>, OptionsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        let rest = self.bytes.get(offset..)?;
        let kind = *rest.first()?;
        let length = match kind {
            KIND_END | KIND_NOP => Ok(1),
            _ => match rest.get(1) {
                None => Err(OptionsError::NoLength { offset, kind }),
                Some(&length) if length < 2 => Err(OptionsError::TooShort {
                    offset,
                    kind,
                    length,
                }),
                Some(&length) => Ok(usize::from(length)),
            },
        };
        let option = length.and_then(|length| {
            rest.get(..length).ok_or(OptionsError::PastEnd {
                offset,
                kind,
                length: rest.get(1).copied().unwrap_or(0),
                available: rest.len(),
            })
        });
        self.at = match &option {
            Ok(bytes) if kind != KIND_END => offset + bytes.len(),
            _ => self.bytes.len(),
        };
        Some(option.map(|bytes| RawOption { offset, bytes }))
    }
}

impl std::iter::FusedIterator for Iter<'_> {}

/// End of option list (RFC 9293 section 3.1).
pub const KIND_END: u8 = 0;

/// No-operation (RFC 9293 section 3.1).
pub const KIND_NOP: u8 = 1;

/// Maximum segment size (RFC 9293 section 3.1).
pub const KIND_MSS: u8 = 2;

/// Window scale (RFC 7323 section 2).
pub const KIND_WINDOW_SCALE: u8 = 3;

/// SACK-permitted (RFC 2018 section 2).
pub const KIND_SACK_PERMITTED: u8 = 4;

/// Selective acknowledgement, SACK (RFC 2018 section 3).
pub const KIND_SACK: u8 = 5;

/// Timestamps (RFC 7323 section 3).
pub const KIND_TIMESTAMPS: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn options_are_found_between_padding_and_end_of_list() {
        let bytes = [
            1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 30, 4, 0x01, 0x01, 0, 30, 4, 0x20, 0,
        ];
        let found: Vec<_> = iter(&bytes)
            .map(|o| o.expect("well formed").kind())
            .collect();
        assert_eq!(found, [1, 1, 8, 30, 0]);
        assert_eq!(subtypes(&bytes).collect::<Vec<_>>(), [Subtype::MpCapable]);
    }

    #[test]
    fn a_malformed_option_is_reported_with_its_offset_and_ends_the_list() {
        let cases: [(&[u8], OptionsError); 3] = [
            (
                &[1, 30],
                OptionsError::NoLength {
                    offset: 1,
                    kind: 30,
                },
            ),
            (
                &[1, 30, 1, 0],
                OptionsError::TooShort {
                    offset: 1,
                    kind: 30,
                    length: 1,
                },
            ),
            (
                &[1, 30, 5, 0],
                OptionsError::PastEnd {
                    offset: 1,
                    kind: 30,
                    length: 5,
                    available: 3,
                },
            ),
        ];
        for (bytes, expected) in cases {
            let mut options = iter(bytes);
            assert!(options.next().is_some_and(|o| o.is_ok()));
            assert_eq!(options.next(), Some(Err(expected)));
            assert_eq!(options.next(), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_once_and_in_order(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut end = 0;
            for option in iter(&bytes).map_while(Result::ok) {
                prop_assert_eq!(option.offset, end);
                end += option.bytes.len();
            }
            prop_assert!(end <= bytes.len());
        }
    }
}
