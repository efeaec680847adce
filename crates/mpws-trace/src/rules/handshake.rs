//! Opening of connections and subflows: MP_CAPABLE and MP_JOIN (RFC 8684 sections 3.1 and 3.2).

use mpws_codec::mptcp::{CapableForm, MpCapable};

use super::{
    rule::Rule,
    sheet::{Sheet, sent, sent_in},
};
use crate::packets::{Connection, Direction, JoinCheck, Packet, Proof, Role, View};

/// MP_CAPABLE in SYN, SYN/ACK and third ACK (RFC 8684 section 3.1).
pub(crate) fn judge_capable(connection: &Connection, sheet: &mut Sheet<'_>) {
    let capable_at = |way, view: View| {
        connection
            .packets
            .iter()
            .filter(move |packet| packet.direction == way)
            .filter_map(move |packet| view.of(packet))
            .take(LOOKED_AT)
            .filter(|image| image.syn)
            .find_map(|image| image.mp_capable().copied())
    };
    let asked = capable_at(Direction::ToResponder, View::Delivered);
    let answered = capable_at(Direction::ToInitiator, View::Delivered);
    let asked_by_itself = capable_at(Direction::ToResponder, View::Sent);
    // Without its SYN, nothing can be said of what was asked for.
    let whole = connection.role == Role::Initial;
    for packet in &connection.packets {
        let Some(image) = sent(packet) else { continue };
        let Some(capable) = image.mp_capable() else {
            continue;
        };
        judge_flags(packet, capable, sheet);
        match (packet.direction, image.syn) {
            (Direction::ToResponder, true) => {
                if capable.form != CapableForm::Bare {
                    sheet.add(packet, Rule::CapableKeys, "MP_CAPABLE of a SYN with a key");
                }
            }
            (Direction::ToInitiator, true) => {
                if whole && asked.is_none() {
                    let detail = "MP_CAPABLE in answer to a SYN without it";
                    sheet.add(packet, Rule::CapableUnasked, detail);
                }
                if !matches!(capable.form, CapableForm::OneKey(_)) {
                    let detail = "MP_CAPABLE of a SYN/ACK without exactly one key";
                    sheet.add(packet, Rule::CapableKeys, detail);
                }
                if asked.is_some_and(|asked| capable.version > asked.version) {
                    let detail = format!("version {} was not asked for", capable.version);
                    sheet.add(packet, Rule::CapableVersion, detail);
                }
            }
            (_, false) => {
                let own = match packet.direction {
                    Direction::ToResponder => connection.initiator_key,
                    Direction::ToInitiator => connection.responder_key,
                };
                let other = answered.and_then(|answered| answered.form.sender_key());
                judge_confirmation(packet, capable, (own, other), sheet);
                let agreed = asked_by_itself.zip(answered).map(|(asked, answered)| {
                    asked.flags.checksum_required() || answered.flags.checksum_required()
                });
                if agreed.is_some_and(|agreed| agreed != capable.flags.checksum_required()) {
                    let detail = "A in the third ACK is not what SYN and SYN/ACK agreed on";
                    sheet.add(packet, Rule::ChecksumBit, detail);
                }
            }
        }
    }
}

fn judge_flags(packet: &Packet, capable: &MpCapable, sheet: &mut Sheet<'_>) {
    // Bits D to H each stand for an algorithm.
    if capable.flags.0 & 0x1f == 0 {
        sheet.add(packet, Rule::CapableFlags, "MP_CAPABLE names no algorithm");
    }
    if capable.flags.extensibility() {
        sheet.add(packet, Rule::CapableFlags, "MP_CAPABLE with bit B set");
    }
}

fn judge_confirmation(
    packet: &Packet,
    capable: &MpCapable,
    (own, other): (
        Option<mpws_codec::mptcp::Key>,
        Option<mpws_codec::mptcp::Key>,
    ),
    sheet: &mut Sheet<'_>,
) {
    let (Some(sender), Some(receiver)) = (capable.form.sender_key(), capable.form.receiver_key())
    else {
        let detail = "MP_CAPABLE after the SYNs without both keys";
        sheet.add(packet, Rule::CapableKeys, detail);
        return;
    };
    if own.is_some_and(|own| own != sender) {
        let detail = "MP_CAPABLE with another key of its sender than before";
        sheet.add(packet, Rule::CapableKeys, detail);
    }
    if other.is_some_and(|other| other != receiver) {
        let detail = "MP_CAPABLE with another key of its receiver than the SYN/ACK had";
        sheet.add(packet, Rule::CapableKeys, detail);
    }
}

/// MP_JOIN: HMACs, who may send when, and where to (RFC 8684 sections 3.1 and 3.2).
pub(crate) fn judge_join(
    connection: &Connection,
    subflow: &Connection,
    check: &JoinCheck,
    sheet: &mut Sheet<'_>,
) {
    let with_join = |way, syn| {
        sent_in(subflow, way)
            .find(move |(_, image)| image.syn == syn && image.mp_join().is_some())
            .map(|(packet, _)| packet)
    };
    let answer = with_join(Direction::ToInitiator, true);
    let ack = with_join(Direction::ToResponder, false);
    if let Some(packet) = answer.filter(|_| check.syn_ack_sent == Proof::Wrong) {
        sheet.add(
            packet,
            Rule::JoinHmac,
            "MP_JOIN of the SYN/ACK with a wrong HMAC",
        );
    }
    if let Some(packet) = ack.filter(|_| check.ack_sent == Proof::Wrong) {
        sheet.add(
            packet,
            Rule::JoinHmac,
            "MP_JOIN of the third ACK with a wrong HMAC",
        );
    }
    if let Some(packet) = ack.filter(|_| check.syn_ack == Proof::Wrong) {
        let detail = "a SYN/ACK with a wrong HMAC was accepted";
        sheet.add(packet, Rule::JoinHmacAccepted, detail);
    }
    let ack_arrived = subflow.packets.iter().position(|packet| {
        packet.direction == Direction::ToResponder
            && packet
                .delivered
                .as_ref()
                .is_some_and(|image| !image.syn && image.mp_join().is_some())
    });
    let answers = |packet: &Packet| {
        packet.direction == Direction::ToInitiator
            && sent(packet).is_some_and(|image| !image.rst && !image.syn)
    };
    if check.ack == Proof::Wrong {
        let after = ack_arrived.and_then(|index| subflow.packets.get(index..));
        if let Some(packet) = after.unwrap_or(&[]).iter().find(|packet| answers(packet)) {
            let detail = "a third ACK with a wrong HMAC was accepted";
            sheet.add(packet, Rule::JoinHmacAccepted, detail);
        }
    }
    // The third ACK must be acknowledged before the opener may send data.
    let acknowledged = subflow.packets.iter().position(|packet| {
        packet.direction == Direction::ToInitiator
            && packet
                .delivered
                .as_ref()
                .is_some_and(|image| !image.syn && image.ack.is_some())
    });
    let before = acknowledged.unwrap_or(subflow.packets.len());
    let early = subflow
        .packets
        .get(..before)
        .unwrap_or(&[])
        .iter()
        .find(|packet| {
            packet.direction == Direction::ToResponder
                && sent(packet).is_some_and(|image| image.payload_length > 0 && !image.syn)
        });
    if let Some(packet) = early.filter(|_| answer.is_some()) {
        let detail = "data on a further subflow before its third ACK was acknowledged";
        sheet.add(packet, Rule::JoinDataEarly, detail);
    }
    judge_target(connection, subflow, sheet);
}

/// C in MP_CAPABLE: no joins to the address and port that it came from.
fn judge_target(connection: &Connection, subflow: &Connection, sheet: &mut Sheet<'_>) {
    let (owner_way, target) = if subflow.opened_by_responder {
        (Direction::ToResponder, connection.initiator)
    } else {
        (Direction::ToInitiator, connection.responder)
    };
    let ruled_out = connection
        .packets
        .iter()
        .filter(|packet| packet.direction == owner_way)
        .filter_map(|packet| packet.delivered.as_deref())
        .take(LOOKED_AT)
        .filter(|image| image.syn)
        .any(|image| {
            image
                .mp_capable()
                .is_some_and(|capable| capable.flags.no_join_to_source())
        });
    if ruled_out
        && subflow.responder == target
        && let Some((packet, _)) = sent_in(subflow, Direction::ToResponder).next()
    {
        let detail = format!("a join to {target}, which bit C rules out");
        sheet.add(packet, Rule::JoinToSource, detail);
    }
}

/// Whether the sender of a direction has reason to think that MPTCP was agreed on: it asked and was
/// answered, or was asked and answered. Where the SYNs are not in the capture, it has.
pub(crate) fn agreed_for(subflow: &Connection, way: Direction) -> bool {
    let syn = |way, view: View| {
        let images = subflow
            .packets
            .iter()
            .filter(move |packet| packet.direction == way)
            .filter_map(move |packet| view.of(packet));
        let mut syns = images.take(LOOKED_AT).filter(|image| image.syn).peekable();
        syns.peek()?;
        Some(syns.any(|image| image.mp_capable().is_some() || image.mp_join().is_some()))
    };
    let own = syn(way, View::Sent);
    let other = syn(way.reverse(), View::Delivered);
    own.unwrap_or(true) && other.unwrap_or(true)
}

/// Whether the sender of a direction has to use checksums, by the SYNs that it sent and got.
pub(crate) fn checksum_agreed(connection: &Connection, direction: Direction) -> Option<bool> {
    let asked = |way, view: View| {
        let images = connection
            .packets
            .iter()
            .filter(move |packet| packet.direction == way)
            .filter_map(move |packet| view.of(packet));
        let mut syns = images.take(LOOKED_AT).filter(|image| image.syn);
        let capable = syns.find_map(|image| image.mp_capable().copied())?;
        Some(capable.flags.checksum_required())
    };
    let own = asked(direction, View::Sent)?;
    let other = asked(direction.reverse(), View::Delivered)?;
    Some(own || other)
}

/// MPTCP options of the responder before any of the initiator's came after its SYN (RFC 8684
/// section 3.1).
pub(crate) fn judge_haste(connection: &Connection, sheet: &mut Sheet<'_>) {
    let mut came = false;
    for packet in &connection.packets {
        match packet.direction {
            Direction::ToResponder => {
                let Some(image) = packet.delivered.as_deref().filter(|image| !image.syn) else {
                    continue;
                };
                if !image.mptcp.is_empty() {
                    return;
                }
                came = true;
            }
            Direction::ToInitiator => {
                let early = sent(packet)
                    .is_some_and(|image| !image.syn && !image.rst && image.dss().is_some());
                if early && came {
                    let detail = "DSS before the third ACK confirmed MPTCP";
                    sheet.add(packet, Rule::OptionWithoutAgreement, detail);
                    return;
                }
            }
        }
    }
}

/// How many packets of a direction are looked through for its SYN.
const LOOKED_AT: usize = 16;
