//! Changes to the options of a TCP header in place, as middleboxes make them.

use super::{
    RawOption, Subtype,
    options::{self, KIND_NOP},
};

/// Overwrites every option that the predicate selects with NOP and says how many that were.
///
/// The length of the header stays. NOP and end-of-list are not offered to the predicate; options
/// from the first malformed one on are left alone. The TCP checksum is the caller's concern.
pub fn strip(options: &mut [u8], mut predicate: impl FnMut(RawOption<'_>) -> bool) -> usize {
    let selected: Vec<_> = options::iter(options)
        .map_while(Result::ok)
        .filter(|option| option.bytes.len() > 1 && predicate(*option))
        .map(|option| option.offset..option.offset + option.bytes.len())
        .collect();
    for range in &selected {
        if let Some(bytes) = options.get_mut(range.clone()) {
            bytes.fill(KIND_NOP);
        }
    }
    selected.len()
}

/// Overwrites every MPTCP option with NOP; see [`strip`].
pub fn strip_mptcp(options: &mut [u8]) -> usize {
    strip(options, |option| option.kind() == super::KIND_MPTCP)
}

/// Overwrites every MPTCP option of one subtype with NOP; see [`strip`].
pub fn strip_subtype(options: &mut [u8], subtype: Subtype) -> usize {
    strip(options, |option| option.subtype() == Some(subtype))
}

/// Lets a function change the bytes of every MPTCP option of one subtype, and says how many there
/// were.
///
/// The function gets the whole option, kind and length included.
pub fn modify(options: &mut [u8], subtype: Subtype, mut change: impl FnMut(&mut [u8])) -> usize {
    let selected: Vec<_> = options::iter(options)
        .map_while(Result::ok)
        .filter(|option| option.subtype() == Some(subtype))
        .map(|option| option.offset..option.offset + option.bytes.len())
        .collect();
    for range in &selected {
        if let Some(bytes) = options.get_mut(range.clone()) {
            change(bytes);
        }
    }
    selected.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stripping_one_subtype_leaves_the_other_options_where_they_were() {
        let mut bytes = [30, 4, 0x01, 0x01, 2, 4, 5, 180, 30, 4, 0x80, 0x03];
        assert_eq!(strip_subtype(&mut bytes, Subtype::MpCapable), 1);
        assert_eq!(bytes, [1, 1, 1, 1, 2, 4, 5, 180, 30, 4, 0x80, 0x03]);
        assert_eq!(strip_mptcp(&mut bytes), 1);
        assert_eq!(bytes, [1, 1, 1, 1, 2, 4, 5, 180, 1, 1, 1, 1]);
    }

    #[test]
    fn a_change_reaches_every_option_of_its_subtype_and_no_other() {
        let mut bytes = [30, 4, 0x01, 0x01, 30, 4, 0x80, 0x03];
        assert_eq!(
            modify(&mut bytes, Subtype::MpCapable, |option| option[3] ^= 0x80),
            1
        );
        assert_eq!(bytes, [30, 4, 0x01, 0x81, 30, 4, 0x80, 0x03]);
    }

    proptest! {
        #[test]
        fn after_stripping_no_mptcp_option_is_left_in_any_bytes(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let length = bytes.len();
            strip_mptcp(&mut bytes);
            prop_assert_eq!(bytes.len(), length);
            prop_assert_eq!(super::super::subtypes(&bytes).count(), 0);
        }
    }
}
