//! Where offences are taken down, and what they are looked for in.

use super::rule::{Offence, Rule};
use crate::packets::{Connection, Direction, Image, Packet};

/// Takes down offences on one subflow.
pub(super) struct Sheet<'a> {
    subflow: &'a Connection,
    index: usize,
    found: &'a mut Vec<Offence>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(subflow: &'a Connection, index: usize, found: &'a mut Vec<Offence>) -> Self {
        Self {
            subflow,
            index,
            found,
        }
    }

    pub(super) fn add(&mut self, packet: &Packet, rule: Rule, detail: impl Into<String>) {
        self.found.push(Offence {
            time_ns: packet.time_ns,
            subflow: self.index,
            direction: self.subflow.way(packet.direction),
            rule,
            section: rule.section().to_owned(),
            detail: detail.into(),
        });
    }
}

/// What the sender of a packet sent; `None` where the wire made it up.
pub(super) fn sent(packet: &Packet) -> Option<&Image> {
    packet.sent.as_deref()
}

pub(super) fn sent_in(
    subflow: &Connection,
    way: Direction,
) -> impl Iterator<Item = (&Packet, &Image)> {
    let packets = subflow
        .packets
        .iter()
        .filter(move |packet| packet.direction == way);
    packets.filter_map(|packet| Some((packet, sent(packet)?)))
}
