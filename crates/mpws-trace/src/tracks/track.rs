//! One direction of one subflow: its segments and mappings, by places in its TCP stream.

use mpws_codec::mptcp::WireSeq;

use super::ranges::Unwrap;
use crate::packets::{Connection, Direction, Image, View};

/// Segments and mappings of one direction of one subflow, as seen at one end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    /// Segments with payload, in the order in which they were at the wire.
    pub(crate) pieces: Vec<Piece>,
    /// Finite mappings in the same order, repetitions included.
    pub(crate) mappings: Vec<Declared>,
    /// The first infinite mapping.
    pub(crate) infinite: Option<Declared>,
    /// Largest acknowledged place of this direction, counted with SYN and FIN; acknowledgements
    /// come from the other.
    pub(crate) acked: Option<i64>,
    /// Place of the TCP FIN.
    pub(crate) fin: Option<i64>,
}

/// A segment with payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// Index of its packet in the subflow.
    pub(crate) packet: u32,
    pub(crate) time_ns: u64,
    /// Place of its first byte in the TCP stream: 0 is the byte after the SYN, or the first byte
    /// seen.
    pub(crate) place: i64,
    pub(crate) length: u32,
}

/// A mapping as it was declared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    /// Place of its first byte in the TCP stream.
    pub(crate) place: i64,
    /// Without the DATA_FIN.
    pub(crate) length: u16,
    /// `None` stands for the first byte of the data stream (MP_CAPABLE with data).
    pub(crate) seq: Option<WireSeq>,
    /// A DATA_FIN stands after its last byte.
    pub(crate) data_fin: bool,
}

impl Track {
    pub(crate) fn of(subflow: &Connection, way: Direction, view: View) -> Self {
        let mut track = Self::default();
        let Some(mut places) = places(subflow, way, view) else {
            return track;
        };
        for (index, packet) in subflow.packets.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if packet.direction != way {
                // What the other end acknowledges is seen where the acknowledgement leaves or
                // arrives.
                let other = match view {
                    View::Sent => View::Delivered,
                    View::Delivered => View::Sent,
                };
                let ack = other
                    .of(packet)
                    .filter(|image| !image.rst)
                    .and_then(|image| image.ack);
                if let Some(ack) = ack {
                    track.acked = track.acked.max(Some(places.peek(ack)));
                }
                continue;
            }
            let Some(image) = view.of(packet).filter(|image| !image.rst) else {
                continue;
            };
            let here = places.place(image.payload_seq());
            track.take(index, packet.time_ns, here, image);
        }
        track
    }

    fn take(&mut self, packet: u32, time_ns: u64, here: i64, image: &Image) {
        if image.payload_length > 0 {
            self.pieces.push(Piece {
                packet,
                time_ns,
                place: here,
                length: u32::try_from(image.payload_length).unwrap_or(u32::MAX),
            });
        }
        if image.fin {
            let end = here.saturating_add_unsigned(image.payload_length as u64);
            self.fin = Some(end);
        }
        if image.mptcp.is_empty() {
            return;
        }
        if let Some(length) = image.capable_length() {
            self.mappings.push(Declared {
                place: 0,
                length,
                seq: None,
                data_fin: false,
            });
        }
        let Some(dss) = image.dss() else { return };
        let Some(mapping) = dss.mapping else { return };
        let declared = Declared {
            place: mapping_place(here, mapping.subflow_seq.0),
            length: mapping.length.saturating_sub(u16::from(dss.data_fin)),
            seq: Some(mapping.data_seq),
            data_fin: dss.data_fin,
        };
        if !mapping.is_infinite() {
            self.mappings.push(declared);
        } else if self.infinite.is_none() {
            self.infinite = Some(declared);
        }
    }
}

/// Place of a mapping that a packet at `here` declares. The subflow sequence number 1 is that of
/// the byte after the SYN; it has 32 bits and wraps. A DATA_FIN without data has 0, and then the
/// place means nothing.
pub(crate) fn mapping_place(here: i64, subflow_seq: u32) -> i64 {
    let relative = subflow_seq.wrapping_sub(1);
    here.saturating_add(i64::from(relative.wrapping_sub(here as u32).cast_signed()))
}

/// Places in the TCP stream of one direction, as seen at one end: a middlebox may number otherwise
/// on its far side.
pub(crate) fn places(subflow: &Connection, way: Direction, view: View) -> Option<Unwrap> {
    let images = |view: View| {
        let packets = subflow
            .packets
            .iter()
            .filter(move |packet| packet.direction == way);
        packets.filter_map(move |packet| view.of(packet))
    };
    let other = match view {
        View::Sent => View::Delivered,
        View::Delivered => View::Sent,
    };
    let first = images(view)
        .take(LOOKED_AT)
        .find(|image| image.syn)
        .or_else(|| images(other).take(LOOKED_AT).find(|image| image.syn))
        .map(Image::payload_seq);
    first
        .or_else(|| first_by_mappings(images(view)))
        .or_else(|| {
            images(view)
                .find(|image| !image.rst)
                .map(Image::payload_seq)
        })
        .map(Unwrap::new)
}

/// Sequence number of the byte after a SYN that was not seen, by what mappings say. A mapping may
/// begin before the packet that carries it, so the lowest counts.
fn first_by_mappings<'a>(images: impl Iterator<Item = &'a Image>) -> Option<u32> {
    let claims = images.filter_map(|image| {
        let dss = image.dss()?;
        let mapping = dss.mapping?;
        let covers = mapping.length > u16::from(dss.data_fin) && image.payload_length > 0;
        let relative = mapping.subflow_seq.0.wrapping_sub(1);
        covers.then(|| image.payload_seq().wrapping_sub(relative))
    });
    claims.take(LOOKED_AT).reduce(|a, b| {
        if b.wrapping_sub(a).cast_signed() < 0 {
            b
        } else {
            a
        }
    })
}

/// How many packets of a direction may come before its SYN or SYN/ACK.
const LOOKED_AT: usize = 16;
