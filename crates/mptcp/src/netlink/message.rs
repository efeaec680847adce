//! Netlink messages, to and from datagrams.

use netlink_packet_core::{Emitable, NetlinkBuffer, NetlinkHeader};

use super::error::NetlinkError;

/// A message that is neither end nor error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(crate) payload: Vec<u8>,
}

/// A whole request.
pub(crate) fn encode(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.length = (HEADER + payload.len()) as u32;
    header.message_type = kind;
    header.flags = flags;
    header.sequence_number = sequence;
    let mut bytes = vec![0; HEADER];
    header.emit(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// Takes a datagram apart.
pub(crate) fn decode(mut datagram: &[u8]) -> Result<Vec<Message>, NetlinkError> {
    let mut messages = Vec::new();
    while !datagram.is_empty() {
        let buffer = NetlinkBuffer::new_checked(datagram).map_err(|_| NetlinkError::Malformed {
            what: "a netlink header",
        })?;
        let length = buffer.length() as usize;
        let payload = datagram
            .get(HEADER..length)
            .ok_or(NetlinkError::Malformed {
                what: "the length of a message",
            })?;
        messages.push(Message {
            kind: buffer.message_type(),
            flags: buffer.flags(),
            sequence: buffer.sequence_number(),
            payload: payload.to_vec(),
        });
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Ok(messages)
}

/// Bytes of a netlink header.
pub(super) const HEADER: usize = 16;

#[cfg(test)]
mod tests {
    use netlink_packet_core::NLM_F_DUMP_INTR;

    use super::*;

    #[test]
    fn a_datagram_with_several_messages_is_taken_apart() {
        let mut datagram = encode(0x20, 0, 7, &[1, 2, 3]);
        datagram.push(0);
        datagram.extend(encode(0x21, NLM_F_DUMP_INTR, 7, &[4]));
        let messages = decode(&datagram).expect("two messages");
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].payload, [1, 2, 3]);
        assert_eq!(
            (messages[1].kind, messages[1].flags),
            (0x21, NLM_F_DUMP_INTR)
        );
    }

    #[test]
    fn a_length_beyond_the_datagram_is_refused() {
        let mut datagram = encode(0x20, 0, 7, &[0; 8]);
        datagram[..4].copy_from_slice(&64u32.to_ne_bytes());
        assert!(matches!(
            decode(&datagram),
            Err(NetlinkError::Malformed { .. })
        ));
        datagram[..4].copy_from_slice(&3u32.to_ne_bytes());
        assert!(matches!(
            decode(&datagram),
            Err(NetlinkError::Malformed { .. })
        ));
        assert!(matches!(
            decode(&[0; 5]),
            Err(NetlinkError::Malformed { .. })
        ));
    }
}
