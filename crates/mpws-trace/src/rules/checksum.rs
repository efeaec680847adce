//! Checksums of mappings (RFC 8684 section 3.3.1), over what was sent.

use mpws_codec::mptcp::{DataSeq, WireSeq};

use super::{rule::Rule, sheet::Sheet};
use crate::{
    packets::{Connection, Direction, Packet, View},
    tracks::{mapping_place, places},
};

/// A mapping with checksum whose bytes are being added up.
struct Open {
    place: i64,
    length: u16,
    /// Index of the packet that declared it.
    packet: usize,
    /// Sum of pseudo-header and checksum field.
    sum: u64,
    /// Sum of the bytes so far, as if they began at an even place.
    bytes: u64,
    /// How many bytes have come, in order.
    seen: u16,
}

/// Adds up each mapping whose bytes were all seen, in order, in packets that follow on the one that
/// declares it.
pub(crate) fn judge(
    connection: &Connection,
    subflow: &Connection,
    (direction, way): (Direction, Direction),
    sheet: &mut Sheet<'_>,
) {
    let key = match direction {
        Direction::ToResponder => connection.initiator_key,
        Direction::ToInitiator => connection.responder_key,
    };
    let first = key.map(|key| DataSeq(key.idsn().0.wrapping_add(1)));
    let Some(mut places) = places(subflow, way, View::Sent) else {
        return;
    };
    let mut near = first;
    let mut open: Option<Open> = None;
    for (index, packet) in subflow.packets.iter().enumerate() {
        let Some(image) = packet.sent.as_deref().filter(|_| packet.direction == way) else {
            continue;
        };
        if image.rst {
            continue;
        }
        let here = places.place(image.payload_seq());
        if let Some(declared) = declared(packet, index, here, first, &mut near)
            && open
                .as_ref()
                .is_none_or(|open| open.place != declared.place)
        {
            open = Some(declared);
        }
        let Some(current) = &mut open else { continue };
        let awaited = current.place.saturating_add(i64::from(current.seen));
        if here != awaited && current.length > 0 {
            // A retransmission, or a gap: what is left over may be judged by a copy that comes
            // later.
            if here > awaited && image.payload_length > 0 {
                open = None;
            }
            continue;
        }
        if image.payload.len() < image.payload_length {
            open = None;
            continue;
        }
        let left = usize::from(current.length - current.seen);
        let bytes = image.payload.get(..left).unwrap_or(&image.payload);
        current.bytes += sum_at(bytes, current.seen % 2 == 1);
        current.seen += u16::try_from(bytes.len()).unwrap_or(0);
        if current.seen < current.length {
            continue;
        }
        let wrong = fold(current.sum + current.bytes) != 0xffff;
        let declared_by = current.packet;
        open = None;
        if wrong && let Some(packet) = subflow.packets.get(declared_by) {
            let detail = "a checksum that does not fit its data";
            sheet.add(packet, Rule::ChecksumWrong, detail);
        }
    }
}

/// The mapping that a packet declares, if it has a checksum and its data sequence number is known
/// in full.
fn declared(
    packet: &Packet,
    index: usize,
    here: i64,
    first: Option<DataSeq>,
    near: &mut Option<DataSeq>,
) -> Option<Open> {
    use mpws_codec::mptcp::CapableForm;
    let image = packet.sent.as_deref()?;
    if let Some(CapableForm::Data {
        length,
        checksum: Some(checksum),
        ..
    }) = image.mp_capable().map(|capable| capable.form)
    {
        // The first data has subflow sequence number 1.
        let sum = pseudo_header(first?, 1, length, checksum);
        return Some(Open {
            place: 0,
            length,
            packet: index,
            sum,
            bytes: 0,
            seen: 0,
        });
    }
    let dss = image.dss()?;
    let mapping = dss.mapping.filter(|mapping| !mapping.is_infinite())?;
    let full = match (mapping.data_seq, &near) {
        (WireSeq::Long(full), _) => full,
        (short, Some(near)) => short.extend(*near),
        (WireSeq::Short(_), None) => return None,
    };
    *near = Some(full);
    let checksum = mapping.checksum?;
    Some(Open {
        place: mapping_place(here, mapping.subflow_seq.0),
        length: mapping.length - u16::from(dss.data_fin),
        packet: index,
        sum: pseudo_header(full, mapping.subflow_seq.0, mapping.length, checksum),
        bytes: 0,
        seen: 0,
    })
}

fn pseudo_header(seq: DataSeq, subflow_seq: u32, length: u16, checksum: u16) -> u64 {
    sum_at(&seq.0.to_be_bytes(), false)
        + sum_at(&subflow_seq.to_be_bytes(), false)
        + u64::from(length)
        + u64::from(checksum)
}

/// Sum of 16-bit words (RFC 1071); `odd` where the first byte is the second of its word.
fn sum_at(bytes: &[u8], odd: bool) -> u64 {
    let mut sum = 0;
    let mut rest = bytes;
    if odd && let [first, tail @ ..] = bytes {
        sum += u64::from(*first);
        rest = tail;
    }
    let (words, last) = rest.as_chunks::<2>();
    sum += words
        .iter()
        .map(|word| u64::from(u16::from_be_bytes(*word)))
        .sum::<u64>();
    sum + last.iter().map(|byte| u64::from(*byte) << 8).sum::<u64>()
}

fn fold(mut sum: u64) -> u64 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}
