//! RFC 8684: what each end sent, held against the RFC.

use std::{collections::HashMap, net::IpAddr};

use mpws_codec::mptcp::{AddAddr, MpJoin, MptcpOption};

use super::{
    checksum,
    data::judge_data,
    handshake::{agreed_for, judge_capable, judge_haste, judge_join},
    rule::{Offence, Rule},
    sheet::{Sheet, sent_in},
};
use crate::{
    packets::{Connection, Direction, JoinCheck, Packet, Proof, Role},
    stream::DataStream,
};

/// What is wrong with the MPTCP of a connection. Versions other than 1 follow another RFC, and are
/// not judged.
pub(crate) fn judge(
    connection: &Connection,
    data: [&DataStream; 2],
    joins: &[JoinCheck],
) -> Vec<Offence> {
    if connection
        .mptcp_version()
        .is_some_and(|version| version != 1)
    {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut handshake = Sheet::new(connection, 0, &mut found);
    judge_capable(connection, &mut handshake);
    if connection.role == Role::Initial {
        judge_haste(connection, &mut handshake);
    }
    let mut ids = AddressIds::default();
    for (index, subflow) in connection.subflows().enumerate() {
        let mut sheet = Sheet::new(subflow, index, &mut found);
        if let Some(check) = index.checked_sub(1).and_then(|index| joins.get(index)) {
            judge_join(connection, subflow, check, &mut sheet);
        }
        ids.opened(connection, subflow, &mut sheet);
        for direction in Direction::BOTH {
            let way = subflow.way(direction);
            let stream = data[usize::from(direction == Direction::ToInitiator)];
            judge_options(connection, subflow, direction, &mut ids, &mut sheet);
            judge_data(connection, subflow, (direction, way), stream, &mut sheet);
            if connection.checksum {
                checksum::judge(connection, subflow, (direction, way), &mut sheet);
            }
        }
    }
    found
}

/// Addresses by their ids, for each end (RFC 8684 section 3.4.1). What a join shows may have gone
/// through a NAT, so joins and announcements are compared only among themselves.
#[derive(Default)]
struct AddressIds {
    joined: HashMap<(Direction, u8), IpAddr>,
    announced: HashMap<(Direction, u8), IpAddr>,
}

impl AddressIds {
    /// The addresses that a subflow runs between.
    fn opened(&mut self, connection: &Connection, subflow: &Connection, sheet: &mut Sheet<'_>) {
        if !matches!(subflow.role, Role::Join(_)) {
            let ends = [
                (Direction::ToResponder, connection.initiator),
                (Direction::ToInitiator, connection.responder),
            ];
            for (direction, end) in ends {
                self.joined.insert((direction, 0), end.ip());
            }
            return;
        }
        for (way, end) in [
            (Direction::ToResponder, subflow.initiator),
            (Direction::ToInitiator, subflow.responder),
        ] {
            let found =
                sent_in(subflow, way).find_map(|(packet, image)| match image.mp_join()? {
                    MpJoin::Syn { common, .. } | MpJoin::SynAck { common, .. } => {
                        Some((packet, common.address.0))
                    }
                    MpJoin::Ack { .. } => None,
                });
            let Some((packet, id)) = found else { continue };
            let known = self.joined.insert((subflow.way(way), id), end.ip());
            if let Some(known) = known.filter(|known| *known != end.ip()) {
                let detail = format!("address id {id} is {} and was {known}", end.ip());
                sheet.add(packet, Rule::AddressIdReused, detail);
            }
        }
    }

    fn announced(
        &mut self,
        direction: Direction,
        packet: &Packet,
        add: &AddAddr,
        sheet: &mut Sheet<'_>,
    ) {
        let id = add.id.0;
        let known = self.announced.insert((direction, id), add.address);
        if let Some(known) = known.filter(|known| *known != add.address) {
            let detail = format!("address id {id} is {} and was {known}", add.address);
            sheet.add(packet, Rule::AddressIdReused, detail);
        }
    }

    fn removed(&mut self, direction: Direction, id: u8) {
        self.joined.remove(&(direction, id));
        self.announced.remove(&(direction, id));
    }
}

/// Options other than handshakes and mappings, of one direction of a subflow.
fn judge_options(
    connection: &Connection,
    subflow: &Connection,
    direction: Direction,
    ids: &mut AddressIds,
    sheet: &mut Sheet<'_>,
) {
    let agreed = agreed_for(subflow, subflow.way(direction));
    for (packet, image) in sent_in(subflow, subflow.way(direction)) {
        if image.malformed {
            let detail = "a TCP option that has no form of its kind";
            sheet.add(packet, Rule::OptionMalformed, detail);
        }
        for option in &image.mptcp {
            if let Some(bits) = reserved(option) {
                let detail = format!("{} with reserved bits {bits:#x}", option.name());
                sheet.add(packet, Rule::ReservedBits, detail);
            }
            if !agreed && !image.syn && !matches!(option, MptcpOption::MpTcprst(_)) {
                let detail = format!("{} where MPTCP was not agreed on", option.name());
                sheet.add(packet, Rule::OptionWithoutAgreement, detail);
            }
            match option {
                MptcpOption::AddAddr(add) if add.echo && add.hmac.is_some() => {
                    let detail = "an echo of ADD_ADDR with an HMAC";
                    sheet.add(packet, Rule::AddAddrHmac, detail);
                }
                MptcpOption::AddAddr(add) if add.echo => {}
                MptcpOption::AddAddr(add) => {
                    if add.hmac.is_none() {
                        sheet.add(packet, Rule::AddAddrHmac, "ADD_ADDR without HMAC");
                    } else if connection.add_addr_proof(direction, add) == Proof::Wrong {
                        sheet.add(packet, Rule::AddAddrHmac, "ADD_ADDR with a wrong HMAC");
                    }
                    ids.announced(direction, packet, add, sheet);
                }
                MptcpOption::RemoveAddr(remove) => {
                    for id in &remove.ids {
                        ids.removed(direction, id.0);
                    }
                }
                MptcpOption::MpFastclose(close) => {
                    let keys = connection.keys(direction);
                    if keys.is_some_and(|(_, receiver)| receiver != close.receiver_key) {
                        let detail = "MP_FASTCLOSE without the key of its receiver";
                        sheet.add(packet, Rule::FastcloseKey, detail);
                    }
                }
                MptcpOption::MpTcprst(_) if !image.rst => {
                    let detail = "MP_TCPRST on a packet that is no RST";
                    sheet.add(packet, Rule::ResetReasonOutsideRst, detail);
                }
                _ => {}
            }
        }
    }
}

/// Bits that a sender must leave 0, where it did not.
fn reserved(option: &MptcpOption) -> Option<u16> {
    let bits = match option {
        MptcpOption::MpJoin(MpJoin::Syn { common, .. } | MpJoin::SynAck { common, .. }) => {
            u16::from(common.reserved)
        }
        MptcpOption::MpJoin(MpJoin::Ack { reserved, .. }) => *reserved,
        MptcpOption::Dss(dss) => dss.reserved,
        MptcpOption::AddAddr(add) => u16::from(add.reserved),
        MptcpOption::RemoveAddr(remove) => u16::from(remove.reserved),
        MptcpOption::MpTcprst(reset) => u16::from(reset.reserved),
        MptcpOption::MpCapable(_)
        | MptcpOption::MpPrio(_)
        | MptcpOption::MpFail { .. }
        | MptcpOption::MpFastclose(_)
        | MptcpOption::Other { .. } => 0,
    };
    (bits != 0).then_some(bits)
}
