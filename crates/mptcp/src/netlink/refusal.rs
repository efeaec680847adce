//! Reads whether an answer ends in success or in a refusal.

use netlink_packet_core::{NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_ERROR};

use super::attr::Attributes;
use super::error::{KernelRefusal, NetlinkError};
use super::message::{HEADER, Message};
use crate::fields::Fields;

/// Reads the end of an answer: `None` is success.
pub(crate) fn refusal(message: &Message) -> Result<Option<KernelRefusal>, NetlinkError> {
    let payload = &message.payload;
    let Some(code) = Fields(payload).array(0).map(i32::from_ne_bytes) else {
        // Old kernels end a list without a number.
        return match message.kind {
            NLMSG_ERROR => Err(NetlinkError::Malformed { what: "an error" }),
            _ => Ok(None),
        };
    };
    // A list ends with its length or zero on success.
    if code >= 0 {
        return Ok(None);
    }
    let mut refusal = KernelRefusal {
        errno: code.checked_neg().unwrap_or(i32::MAX),
        message: None,
        offset: None,
    };
    if message.flags & NLM_F_ACK_TLVS != 0 {
        let attributes = payload.get(words_at(message)..).unwrap_or_default();
        // The refusal stands even if its explanation cannot be read.
        if let Ok(attributes) = Attributes::parse(attributes) {
            refusal.message = attributes.string(NLMSGERR_ATTR_MSG);
            refusal.offset = attributes.u32(NLMSGERR_ATTR_OFFS);
        }
    }
    Ok(Some(refusal))
}

/// Where the explanation begins: after the number and, in an error, as much of the request as is
/// given back.
fn words_at(message: &Message) -> usize {
    if message.kind != NLMSG_ERROR {
        return CODE;
    }
    let request = if message.flags & NLM_F_CAPPED != 0 {
        HEADER
    } else {
        Fields(&message.payload).u32(CODE).unwrap_or_default() as usize
    };
    CODE + request.next_multiple_of(4)
}

/// Bytes of the error number.
const CODE: usize = 4;
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLMSGERR_ATTR_OFFS: u16 = 2;

#[cfg(test)]
mod tests {
    use netlink_packet_core::NLMSG_DONE;

    use super::super::attr;
    use super::*;

    fn message(kind: u16, flags: u16, payload: Vec<u8>) -> Message {
        Message {
            kind,
            flags,
            sequence: 1,
            payload,
        }
    }

    fn words() -> Vec<u8> {
        attr::emit(&[
            attr::bytes(NLMSGERR_ATTR_MSG, b"invalid address\0"),
            attr::u32(NLMSGERR_ATTR_OFFS, 24),
        ])
    }

    #[test]
    fn an_acknowledgement_is_success() {
        let payload = [&0i32.to_ne_bytes()[..], &[0; 16]].concat();
        assert_eq!(
            refusal(&message(NLMSG_ERROR, 0, payload)).expect("readable"),
            None
        );
    }

    #[test]
    fn a_refusal_keeps_the_kernel_s_own_words() {
        let capped = [&(-libc::EINVAL).to_ne_bytes()[..], &[0; 16], &words()].concat();
        let flags = NLM_F_ACK_TLVS | NLM_F_CAPPED;
        let read = refusal(&message(NLMSG_ERROR, flags, capped))
            .expect("readable")
            .expect("refused");
        assert_eq!(read.errno, libc::EINVAL);
        assert_eq!(read.offset, Some(24));
        assert_eq!(
            read.to_string(),
            "Invalid argument (os error 22): invalid address"
        );
    }

    #[test]
    fn the_words_are_found_behind_a_request_that_is_given_back_whole() {
        let mut request = vec![0; 22];
        request[..4].copy_from_slice(&22u32.to_ne_bytes());
        let whole = [
            &(-libc::EPERM).to_ne_bytes()[..],
            &request,
            &[0, 0],
            &words(),
        ]
        .concat();
        let read = refusal(&message(NLMSG_ERROR, NLM_F_ACK_TLVS, whole));
        let read = read.expect("readable").expect("refused");
        assert_eq!(read.message.as_deref(), Some("invalid address"));
    }

    #[test]
    fn a_list_may_end_with_a_refusal() {
        let payload = [&(-libc::ENOENT).to_ne_bytes()[..], &words()].concat();
        let read = refusal(&message(NLMSG_DONE, NLM_F_ACK_TLVS, payload));
        let read = read.expect("readable").expect("refused");
        assert_eq!(
            (read.errno, read.message.as_deref()),
            (libc::ENOENT, Some("invalid address"))
        );
        assert_eq!(
            refusal(&message(NLMSG_DONE, 0, Vec::new())).expect("readable"),
            None
        );
    }

    #[test]
    fn an_error_too_short_for_its_number_is_malformed() {
        assert!(refusal(&message(NLMSG_ERROR, 0, vec![1, 2])).is_err());
    }
}
