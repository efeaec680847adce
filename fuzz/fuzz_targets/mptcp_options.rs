//! The options of a TCP header: whatever parses is built again byte for byte, and edits keep the
//! length.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mpws_codec::mptcp::{KIND_MPTCP, MptcpOption, TcpOptions, edit};

fuzz_target!(|bytes: &[u8]| {
    // As one option, of whatever length.
    if let Ok(option) = MptcpOption::parse(bytes) {
        assert_eq!(option.build(), bytes);
    }
    // As all options of a header.
    let mut found = 0;
    for option in TcpOptions::new(bytes).into_iter().map_while(Result::ok) {
        assert_eq!(&bytes[option.offset..][..option.bytes.len()], option.bytes);
        found += usize::from(option.kind() == KIND_MPTCP);
        if let Ok(parsed) = MptcpOption::parse(option.bytes) {
            assert_eq!(parsed.build(), option.bytes);
            assert_eq!(Some(parsed.subtype()), option.subtype());
        }
    }
    let mut edited = bytes.to_vec();
    assert_eq!(edit::strip_mptcp(&mut edited), found);
    assert_eq!(edited.len(), bytes.len());
    assert_eq!(edit::strip_mptcp(&mut edited), 0);
});
