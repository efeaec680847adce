//! DSS: mappings, acknowledgements, and the end of data (RFC 8684 section 3.3).

use std::collections::HashMap;

use mpws_codec::mptcp::{DataSeq, Dss};

use super::{
    handshake::checksum_agreed,
    rule::Rule,
    sheet::{Sheet, sent_in},
};
use crate::{
    packets::{Connection, Direction, Image, Packet, Role, View},
    stream::DataStream,
    tracks::{DataPlaces, Ranges, Track, Unwrap, mapping_place, places, range},
};

/// DSS: mappings, acknowledgements and the end of data, of one direction of a subflow.
pub(crate) fn judge_data(
    connection: &Connection,
    subflow: &Connection,
    (direction, way): (Direction, Direction),
    stream: &DataStream,
    sheet: &mut Sheet<'_>,
) {
    let key = match direction {
        Direction::ToResponder => connection.initiator_key,
        Direction::ToInitiator => connection.responder_key,
    };
    let first = key.map(|key| DataSeq(key.idsn().0.wrapping_add(1)));
    let Some(places) = places(subflow, way, View::Sent) else {
        return;
    };
    let mut judge = DataJudge {
        checksum: checksum_agreed(connection, direction),
        is_first: !matches!(subflow.role, Role::Join(_)),
        from_syn: subflow.role != Role::Unknown,
        data: first.map(DataPlaces::new),
        places,
        declared: HashMap::new(),
        infinite: false,
        fin: None,
        acks: Acks::default(),
        end: stream.acked.max(stream.bytes),
    };
    for (packet, image) in sent_in(subflow, way) {
        if image.rst {
            continue;
        }
        let here = judge.places.place(image.payload_seq());
        if let Some(dss) = image.dss() {
            judge.acknowledgement(packet, image, dss, sheet);
            judge.mapping(packet, image, here, dss, sheet);
        }
    }
    if matches!(subflow.role, Role::Join(_)) && subflow.agreed && !judge.infinite {
        judge_unmapped(subflow, way, sheet);
    }
}

struct DataJudge {
    /// Whether the sender has to use checksums; `None` where the handshake does not tell.
    checksum: Option<bool>,
    is_first: bool,
    /// The stream of the subflow is in the capture from its SYN on.
    from_syn: bool,
    /// `None` where the key is not known.
    data: Option<DataPlaces>,
    places: Unwrap,
    /// Mappings by their place in the subflow: data sequence number in 32 bits, and length.
    declared: HashMap<i64, (u32, u16)>,
    infinite: bool,
    /// Place of the DATA_FIN in the data stream.
    fin: Option<i64>,
    acks: Acks,
    /// How far the data stream came: what was acknowledged, or seen.
    end: u64,
}

/// The last acknowledgement that a subflow sent.
#[derive(Default)]
struct Acks {
    seq: Option<u32>,
    tcp: u32,
    /// Lower 32 bits.
    data: Option<u32>,
}

impl DataJudge {
    fn acknowledgement(
        &mut self,
        packet: &Packet,
        image: &Image,
        dss: &Dss,
        sheet: &mut Sheet<'_>,
    ) {
        let (Some(ack), Some(tcp)) = (dss.data_ack, image.ack) else {
            return;
        };
        let before = self.acks.data;
        // An end may send 32 bits of one and 64 of the next, so 32 are compared.
        let low = ack.low();
        // A packet that is older than one before it, by TCP's own numbers, may say less.
        let in_order = self.acks.seq.is_none_or(|seq| {
            image.seq.wrapping_sub(seq).cast_signed() >= 0
                && tcp.wrapping_sub(self.acks.tcp).cast_signed() >= 0
        });
        if !in_order {
            return;
        }
        let back = before.map_or(0, |before| before.wrapping_sub(low).cast_signed());
        if back > 0 && !self.infinite {
            let detail = format!("DATA_ACK goes back by {back}");
            sheet.add(packet, Rule::DataAckBackwards, detail);
            return;
        }
        self.acks = Acks {
            seq: Some(image.seq),
            tcp,
            data: Some(low),
        };
    }

    fn mapping(
        &mut self,
        packet: &Packet,
        image: &Image,
        here: i64,
        dss: &Dss,
        sheet: &mut Sheet<'_>,
    ) {
        let Some(mapping) = dss.mapping else { return };
        if mapping.is_infinite() {
            self.infinite = true;
            return;
        }
        if self.infinite && image.payload_length > 0 {
            let detail = "a finite mapping after an infinite one";
            sheet.add(packet, Rule::MappingAfterFallback, detail);
        }
        if self
            .checksum
            .is_some_and(|agreed| agreed != mapping.checksum.is_some())
        {
            let detail = match mapping.checksum {
                Some(_) => "a mapping with a checksum that was not agreed on",
                None => "a mapping without the checksum that was agreed on",
            };
            sheet.add(packet, Rule::ChecksumPresence, detail);
        }
        let length = mapping.length - u16::from(dss.data_fin);
        if dss.data_fin && length == 0 && mapping.subflow_seq.0 != 0 {
            let detail = "a DATA_FIN without data whose subflow sequence number is not 0";
            sheet.add(packet, Rule::DataFinForm, detail);
        }
        let data = self.data.as_mut().map(|data| data.place(mapping.data_seq));
        if let Some(data) = data {
            self.data_places(packet, data, length, dss, sheet);
        }
        if length == 0 {
            return;
        }
        let place = mapping_place(here, mapping.subflow_seq.0);
        let outside = self.from_syn && place < 0
            || data
                .is_some_and(|data| data < 0 || data > self.end.cast_signed().saturating_add(FAR))
            || (place - here).unsigned_abs() > FAR.unsigned_abs();
        if outside {
            let detail = "a mapping far from the data that it comes with";
            sheet.add(packet, Rule::MappingOutside, detail);
            return;
        }
        if self.is_first && self.from_syn && place == 0 && data.is_some_and(|data| data != 0) {
            let detail = "the first byte does not follow on the initial data sequence number";
            sheet.add(packet, Rule::InitialDataSequence, detail);
        }
        let said = (mapping.data_seq.low(), length);
        let before = self.declared.insert(place, said);
        if before.is_some_and(|(seq, _)| seq != said.0) {
            let detail = "a mapping says otherwise than before for the same bytes";
            sheet.add(packet, Rule::MappingChanged, detail);
        }
    }

    fn data_places(
        &mut self,
        packet: &Packet,
        data: i64,
        length: u16,
        dss: &Dss,
        sheet: &mut Sheet<'_>,
    ) {
        let end = data.saturating_add(i64::from(length));
        if let Some(fin) = self.fin.filter(|fin| end > *fin) {
            let detail = format!("{} bytes after the DATA_FIN", end - fin);
            sheet.add(packet, Rule::DataAfterFin, detail);
        }
        if dss.data_fin {
            if self.fin.is_some_and(|fin| fin > end) {
                let detail = "a DATA_FIN at an earlier place than before";
                sheet.add(packet, Rule::DataFinMoved, detail);
            }
            self.fin = Some(end);
        }
    }
}

/// Only the subflow that a connection fell back to carries data without mapping (RFC 8684 section
/// 3.7).
fn judge_unmapped(subflow: &Connection, way: Direction, sheet: &mut Sheet<'_>) {
    let track = Track::of(subflow, way, View::Sent);
    let mut mapped = Ranges::default();
    for mapping in &track.mappings {
        let (start, end) = range(mapping.place, usize::from(mapping.length));
        mapped.insert(start, end);
    }
    let unmapped = track.pieces.iter().find(|piece| {
        let (start, end) = range(piece.place, piece.length as usize);
        mapped.missing(start, end) > 0
    });
    if let Some(packet) = unmapped.and_then(|piece| subflow.packets.get(piece.packet as usize)) {
        let detail = "data without mapping on a further subflow";
        sheet.add(packet, Rule::UnmappedOnJoin, detail);
    }
}

/// What is too far off to be about the same data: 1 GiB, the largest window that TCP can have (RFC
/// 7323 section 2.3).
const FAR: i64 = 1 << 30;
