//! The record layer (RFC 8446 section 5.1).

use std::ops::Range;

use crate::plain::{Piece, Plain};

/// One record as it lies in the stream.
#[derive(Clone, Debug)]
pub(super) struct RawRecord {
    pub(super) kind: u8,
    /// Header, as it is authenticated.
    pub(super) header: [u8; 5],
    /// What follows the header; `None` where some of it is missing.
    pub(super) body: Option<Vec<u8>>,
    /// Length of the body.
    pub(super) length: u16,
    /// Where it lies in the stream.
    pub(super) origin: Range<u64>,
    /// What is missing of it arrived, and was not captured.
    pub(super) acknowledged: bool,
}

/// The whole records of a stream, up to where a header is missing or makes no sense.
pub(super) fn split(plain: &Plain<'_>) -> Vec<RawRecord> {
    let mut records = Vec::new();
    let mut open: Option<RawRecord> = None;
    let mut buffer: Vec<u8> = Vec::new();
    let mut at = 0_u64;
    for piece in &plain.pieces {
        match piece {
            Piece::Bytes(bytes) => buffer.extend_from_slice(bytes),
            Piece::Hole(hole) => {
                let Some(record) = &mut open else { break };
                let come = buffer.len() as u64;
                if come.saturating_add(hole.length) > u64::from(record.length) {
                    break;
                }
                record.body = None;
                record.acknowledged |= hole.acknowledged;
                buffer.resize(
                    buffer.len() + usize::from(record.length).min(hole.length as usize),
                    0,
                );
            }
        }
        let mut used = 0;
        loop {
            let rest = buffer.get(used..).unwrap_or(&[]);
            if open.is_none() {
                let Some((header, _)) = rest.split_first_chunk::<5>() else {
                    break;
                };
                let [kind, major, _, high, low] = *header;
                let length = u16::from_be_bytes([high, low]);
                if !(20..=24).contains(&kind) || major != 3 || length > MAX_LENGTH {
                    return records;
                }
                let body = at.saturating_add(used as u64).saturating_add(5);
                open = Some(RawRecord {
                    kind,
                    header: *header,
                    body: Some(Vec::new()),
                    length,
                    origin: body - 5..body + u64::from(length),
                    acknowledged: false,
                });
                used += 5;
                continue;
            }
            let Some(mut record) = open.take() else { break };
            let Some(body) = rest.get(..usize::from(record.length)) else {
                open = Some(record);
                break;
            };
            record.body = record.body.map(|_| body.to_vec());
            used += usize::from(record.length);
            records.push(record);
        }
        buffer.drain(..used);
        at = at.saturating_add(used as u64);
    }
    records
}

/// Largest body: 2^14 bytes and what encryption adds, in TLS 1.2 up to 2048 (RFC 5246 section
/// 6.2.3).
const MAX_LENGTH: u16 = (1 << 14) + 2048;

/// Content types of records (RFC 8446 section 5.1).
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;
