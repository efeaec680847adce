//! The policy that refuses MPTCP to a program, as a container's seccomp profile would.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::io;

/// A seccomp filter by which a socket of protocol MPTCP fails with this errno, 1 to 4095, and all
/// else is allowed.
pub(crate) fn deny_mptcp(errno: i32) -> io::Result<BpfProgram> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let errno = u32::try_from(errno)
        .ok()
        .filter(|errno| (1..=4095).contains(errno))
        .ok_or_else(invalid)?;
    /// Which argument of socket(2) is the protocol, counted from 0.
    const PROTOCOL: u8 = 2;
    const MPTCP: u64 = libc::IPPROTO_MPTCP as u64;
    let build = || {
        let protocol =
            SeccompCondition::new(PROTOCOL, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, MPTCP)?;
        let rules = BTreeMap::from([(libc::SYS_socket, vec![SeccompRule::new(vec![protocol])?])]);
        let target = std::env::consts::ARCH.try_into()?;
        let (other, denied) = (SeccompAction::Allow, SeccompAction::Errno(errno));
        SeccompFilter::new(rules, other, denied, target)?.try_into()
    };
    build().map_err(|error: seccompiler::BackendError| io::Error::other(error))
}

/// The filter as the kernel takes it: an array of `struct sock_filter` of `linux/filter.h`.
pub(crate) fn bytes(program: &BpfProgram) -> Vec<u8> {
    let instructions = program.iter().map(|filter| {
        let [code_low, code_high] = filter.code.to_ne_bytes();
        let [a, b, c, d] = filter.k.to_ne_bytes();
        [code_low, code_high, filter.jt, filter.jf, a, b, c, d]
    });
    instructions.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_eight_bytes_an_instruction_and_its_last_ones_allow_and_refuse() {
        let program = deny_mptcp(libc::EACCES).unwrap();
        let bytes = bytes(&program);
        assert_eq!(bytes.len(), program.len() * 8);
        // BPF_RET of a constant: SECCOMP_RET_ERRNO with its number, SECCOMP_RET_ALLOW.
        let refuse = [[6, 0, 0, 0], (0x0005_0000_u32 | 13).to_ne_bytes()].concat();
        let allow = [[6, 0, 0, 0], 0x7fff_0000_u32.to_ne_bytes()].concat();
        let has = |wanted: &[u8]| bytes.chunks(8).any(|instruction| instruction == wanted);
        assert!(has(&refuse) && has(&allow), "{bytes:?}");
    }

    #[test]
    fn an_errno_that_is_none_is_refused() {
        for errno in [-1, 0, 4096] {
            assert!(deny_mptcp(errno).is_err(), "{errno}");
        }
    }
}
