//! What the packets of one connection add up to.

use std::sync::Arc;

use mpws_codec::mptcp::MptcpOption;

use crate::{
    packets::{Connection, Direction, Flow, Image, Packet, Role, Seen, View},
    tracks::{Ranges, Track, Unwrap, range},
};

/// Fills in everything about a connection that follows from its packets.
pub(crate) fn establish(connection: &mut Connection) {
    connection.to_responder = flow(connection, Direction::ToResponder);
    connection.to_initiator = flow(connection, Direction::ToInitiator);
    read_keys(connection);
    let asked = &connection.to_responder.delivered;
    let answered = &connection.to_initiator.delivered;
    connection.agreed = match connection.role {
        Role::Initial => {
            let confirmed = asked.ack_mp_capable + asked.dss > 0;
            asked.syn_mp_capable > 0 && answered.syn_mp_capable > 0 && confirmed
        }
        Role::Join(_) => {
            let confirmed = asked.ack_mp_join + asked.dss > 0;
            asked.syn_mp_join > 0 && answered.syn_mp_join > 0 && confirmed
        }
        Role::Unknown => asked.dss > 0 && answered.dss > 0,
    };
    let confirmed = connection.packets.iter().any(|packet| {
        packet.direction == Direction::ToResponder
            && packet
                .delivered
                .as_ref()
                .is_some_and(|image| !image.syn && !image.rst && image.ack.is_some())
    });
    connection.established = match connection.role {
        Role::Unknown => false,
        _ => answered.syn > 0 && confirmed,
    };
    connection.refused = !connection.established && was_refused(&connection.packets);
}

/// Whether a reset arrived at the initiator before any SYN/ACK did.
fn was_refused(packets: &[Packet]) -> bool {
    packets
        .iter()
        .filter(|packet| packet.direction == Direction::ToInitiator)
        .filter_map(|packet| packet.delivered.as_deref())
        .find(|image| image.rst || image.syn)
        .is_some_and(|image| image.rst)
}

fn read_keys(connection: &mut Connection) {
    for packet in &connection.packets {
        let Some(image) = &packet.sent else { continue };
        let Some(capable) = image.mp_capable() else {
            continue;
        };
        connection.checksum |= image.syn && capable.flags.checksum_required();
        let key = match packet.direction {
            Direction::ToResponder => &mut connection.initiator_key,
            Direction::ToInitiator => &mut connection.responder_key,
        };
        *key = key.or(capable.form.sender_key());
    }
}

fn flow(connection: &Connection, direction: Direction) -> Flow {
    let packets = || {
        connection
            .packets
            .iter()
            .filter(|packet| packet.direction == direction)
    };
    let mut flow = Flow {
        sent: seen(packets().filter_map(|packet| packet.sent.as_ref())),
        delivered: seen(packets().filter_map(|packet| packet.delivered.as_ref())),
        ..Flow::default()
    };
    for packet in packets() {
        if let Some(rule) = packet
            .rule
            .as_ref()
            .filter(|rule| !flow.rules.contains(rule))
        {
            flow.rules.push(rule.clone());
        }
        match (&packet.sent, &packet.delivered) {
            (Some(sent), None) => {
                flow.dropped += 1;
                flow.dropped_data += u32::from(sent.payload_length > 0);
            }
            (Some(sent), Some(delivered)) => {
                flow.stripped += u32::from(!sent.syn && lost_mptcp(sent, delivered));
                flow.payload_changed += u32::from(sent.payload != delivered.payload);
            }
            (None, Some(_)) => flow.delivered.forged += 1,
            (None, None) => {}
        }
    }
    let track = Track::of(connection, direction, View::Delivered);
    let mapped = mapped_ranges(&track);
    let mut unmapped = Ranges::default();
    for piece in &track.pieces {
        let (start, end) = range(piece.place, piece.length as usize);
        mapped.each_gap(start, end, |from, to| {
            flow.unmapped_bytes += unmapped.insert(from, to);
        });
    }
    flow
}

/// Whether one of the options without which there is no MPTCP was taken out.
pub(crate) fn lost_mptcp(sent: &Image, delivered: &Image) -> bool {
    let lost = |before: bool, after: bool| before && !after;
    lost(
        sent.mp_capable().is_some(),
        delivered.mp_capable().is_some(),
    ) || lost(sent.mp_join().is_some(), delivered.mp_join().is_some())
        || lost(sent.dss().is_some(), delivered.dss().is_some())
}

/// The places in the TCP stream of one direction that mappings cover.
pub(crate) fn mapped_ranges(track: &Track) -> Ranges {
    let mut mapped = Ranges::default();
    for mapping in &track.mappings {
        let (start, end) = range(mapping.place, usize::from(mapping.length));
        mapped.insert(start, end);
    }
    mapped
}

fn seen<'a>(images: impl Iterator<Item = &'a Arc<Image>>) -> Seen {
    let mut seen = Seen::default();
    let mut bytes = Ranges::default();
    let mut places: Option<Unwrap> = None;
    for image in images {
        count(image, &mut seen);
        let place = places
            .get_or_insert_with(|| Unwrap::new(image.payload_seq()))
            .place(image.payload_seq());
        // Bytes before the first packet count as well, which is why places start at a distance from
        // 0.
        let (start, end) = range(place.saturating_add(1 << 40), image.payload_length);
        if !image.rst {
            seen.payload_bytes += bytes.insert(start, end);
        }
    }
    seen
}

fn count(image: &Image, seen: &mut Seen) {
    let add = |count: &mut u32, holds: bool| *count += u32::from(holds);
    let (capable, join) = (image.mp_capable().is_some(), image.mp_join().is_some());
    let data = image.payload_length > 0 && !image.rst;
    add(&mut seen.packets, true);
    add(&mut seen.syn, image.syn);
    add(&mut seen.syn_mp_capable, image.syn && capable);
    add(&mut seen.syn_mp_join, image.syn && join);
    add(&mut seen.ack_mp_capable, !image.syn && capable);
    add(&mut seen.ack_mp_join, !image.syn && join);
    add(&mut seen.dss, image.dss().is_some());
    add(&mut seen.data, data);
    add(
        &mut seen.data_mptcp,
        data && (capable || image.dss().is_some()),
    );
    add(&mut seen.fin, image.fin);
    add(&mut seen.rst, image.rst);
    add(&mut seen.malformed, image.malformed);
    for option in &image.mptcp {
        match option {
            MptcpOption::Dss(dss) => {
                add(&mut seen.data_fin, dss.data_fin);
                add(
                    &mut seen.infinite_mapping,
                    dss.mapping.is_some_and(|m| m.is_infinite()),
                );
            }
            MptcpOption::AddAddr(announced) if announced.echo => seen.add_addr_echo += 1,
            MptcpOption::AddAddr(_) => seen.add_addr += 1,
            MptcpOption::RemoveAddr(_) => seen.remove_addr += 1,
            MptcpOption::MpPrio(_) => seen.mp_prio += 1,
            MptcpOption::MpFail { .. } => seen.mp_fail += 1,
            MptcpOption::MpFastclose(_) => seen.mp_fastclose += 1,
            MptcpOption::MpTcprst(reset) => seen.rst_reasons.push(reset.reason.0),
            MptcpOption::MpCapable(_) | MptcpOption::MpJoin(_) | MptcpOption::Other { .. } => {}
        }
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
