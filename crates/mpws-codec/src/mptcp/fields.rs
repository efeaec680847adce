//! The fields of each MPTCP option: what stands behind kind, length and subtype.
//!
//! Parsers get the 4 bits beside the subtype and the bytes after them, builders append the same.
//! What is not of exactly the right length is `None`.

use std::net::IpAddr;

use super::forms::{
    AddAddr, CapableFlags, CapableForm, Dss, JoinForm, Mapping, MpCapable, MpJoin, RemoveAddr,
    WireSeq,
};
use super::numbers::{AddressId, DataSeq, Key, Nonce, SubflowSeq, Token};

/// Takes fixed-size fields from the front; every read past the end is `None`.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn seq(&mut self, long: bool) -> Option<WireSeq> {
        if long {
            self.u64().map(|full| WireSeq::Long(DataSeq(full)))
        } else {
            self.u32().map(WireSeq::Short)
        }
    }

    /// The two bytes of a checksum, or its absence at the end.
    fn checksum(&mut self) -> Option<Option<u16>> {
        if self.0.is_empty() {
            Some(None)
        } else {
            self.u16().map(Some)
        }
    }

    fn end<T>(&self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

pub(super) fn parse_capable(version: u8, rest: &[u8]) -> Option<MpCapable> {
    let mut fields = Fields(rest);
    let flags = CapableFlags(fields.u8()?);
    let form = match fields.0.len() {
        0 => CapableForm::Bare,
        8 => CapableForm::OneKey(Key(fields.u64()?)),
        16 => CapableForm::BothKeys {
            sender: Key(fields.u64()?),
            receiver: Key(fields.u64()?),
        },
        _ => CapableForm::Data {
            sender: Key(fields.u64()?),
            receiver: Key(fields.u64()?),
            length: fields.u16()?,
            checksum: fields.checksum()?,
        },
    };
    fields.end(MpCapable {
        version,
        flags,
        form,
    })
}

pub(super) fn build_capable(capable: &MpCapable, body: &mut Vec<u8>) {
    body.extend([capable.version, capable.flags.0]);
    match capable.form {
        CapableForm::Bare => {}
        CapableForm::OneKey(key) => body.extend(key.0.to_be_bytes()),
        CapableForm::BothKeys { sender, receiver } => {
            body.extend(sender.0.to_be_bytes());
            body.extend(receiver.0.to_be_bytes());
        }
        CapableForm::Data {
            sender,
            receiver,
            length,
            checksum,
        } => {
            body.extend(sender.0.to_be_bytes());
            body.extend(receiver.0.to_be_bytes());
            body.extend(length.to_be_bytes());
            body.extend(checksum.iter().flat_map(|sum| sum.to_be_bytes()));
        }
    }
}

pub(super) fn parse_join(low: u8, rest: &[u8]) -> Option<MpJoin> {
    let mut fields = Fields(rest);
    let second = fields.u8()?;
    let common = JoinForm {
        address: AddressId(second),
        backup: low & 1 != 0,
        reserved: low >> 1,
    };
    let join = match fields.0.len() {
        8 => MpJoin::Syn {
            token: Token(fields.u32()?),
            nonce: Nonce(fields.u32()?),
            common,
        },
        12 => MpJoin::SynAck {
            hmac: fields.take()?,
            nonce: Nonce(fields.u32()?),
            common,
        },
        20 => MpJoin::Ack {
            hmac: fields.take()?,
            reserved: u16::from_be_bytes([low, second]),
        },
        _ => return None,
    };
    fields.end(join)
}

pub(super) fn build_join(join: &MpJoin, body: &mut Vec<u8>) {
    let head = |common: &JoinForm| {
        [
            common.reserved << 1 | u8::from(common.backup),
            common.address.0,
        ]
    };
    match join {
        MpJoin::Syn {
            token,
            nonce,
            common,
        } => {
            body.extend(head(common));
            body.extend(token.0.to_be_bytes());
            body.extend(nonce.0.to_be_bytes());
        }
        MpJoin::SynAck {
            hmac,
            nonce,
            common,
        } => {
            body.extend(head(common));
            body.extend(hmac);
            body.extend(nonce.0.to_be_bytes());
        }
        MpJoin::Ack { hmac, reserved } => {
            body.extend(reserved.to_be_bytes());
            body.extend(hmac);
        }
    }
}

const DSS_ACK: u16 = 0x01;
const DSS_ACK_LONG: u16 = 0x02;
const DSS_MAPPING: u16 = 0x04;
const DSS_MAPPING_LONG: u16 = 0x08;
const DSS_DATA_FIN: u16 = 0x10;

pub(super) fn parse_dss(low: u8, rest: &[u8]) -> Option<Dss> {
    let mut fields = Fields(rest);
    let flags = u16::from_be_bytes([low, fields.u8()?]);
    let set = |flag| flags & flag != 0;
    let data_ack = if set(DSS_ACK) {
        Some(fields.seq(set(DSS_ACK_LONG))?)
    } else {
        None
    };
    let mapping = if set(DSS_MAPPING) {
        Some(Mapping {
            data_seq: fields.seq(set(DSS_MAPPING_LONG))?,
            subflow_seq: SubflowSeq(fields.u32()?),
            length: fields.u16()?,
            checksum: fields.checksum()?,
        })
    } else {
        None
    };
    let spoken_for = dss_spoken_for(data_ack.is_some(), mapping.is_some());
    fields.end(Dss {
        data_ack,
        mapping,
        data_fin: set(DSS_DATA_FIN),
        reserved: flags & !spoken_for,
    })
}

/// The flag bits that `data_ack`, `mapping` and `data_fin` stand for.
fn dss_spoken_for(ack: bool, mapping: bool) -> u16 {
    let mut bits = DSS_ACK | DSS_MAPPING | DSS_DATA_FIN;
    if ack {
        bits |= DSS_ACK_LONG;
    }
    if mapping {
        bits |= DSS_MAPPING_LONG;
    }
    bits
}

pub(super) fn build_dss(dss: &Dss, body: &mut Vec<u8>) {
    let mut flags =
        dss.reserved & 0x0fff & !dss_spoken_for(dss.data_ack.is_some(), dss.mapping.is_some());
    let mut fields = Vec::with_capacity(24);
    let mut seq = |seq: WireSeq, present, long| match seq {
        WireSeq::Short(short) => {
            flags |= present;
            short.to_be_bytes().to_vec()
        }
        WireSeq::Long(full) => {
            flags |= present | long;
            full.0.to_be_bytes().to_vec()
        }
    };
    if let Some(ack) = dss.data_ack {
        fields.extend(seq(ack, DSS_ACK, DSS_ACK_LONG));
    }
    if let Some(mapping) = dss.mapping {
        fields.extend(seq(mapping.data_seq, DSS_MAPPING, DSS_MAPPING_LONG));
        fields.extend(mapping.subflow_seq.0.to_be_bytes());
        fields.extend(mapping.length.to_be_bytes());
        fields.extend(mapping.checksum.iter().flat_map(|sum| sum.to_be_bytes()));
    }
    if dss.data_fin {
        flags |= DSS_DATA_FIN;
    }
    body.extend(flags.to_be_bytes());
    body.append(&mut fields);
}

pub(super) fn parse_add_addr(low: u8, rest: &[u8]) -> Option<AddAddr> {
    let mut fields = Fields(rest);
    let id = AddressId(fields.u8()?);
    let length = fields.0.len();
    let address = match length {
        4 | 6 | 12 | 14 => IpAddr::from(fields.take::<4>()?),
        16 | 18 | 24 | 26 => IpAddr::from(fields.take::<16>()?),
        _ => return None,
    };
    let port = if fields.0.len() % 4 == 2 {
        Some(fields.u16()?)
    } else {
        None
    };
    let hmac = if fields.0.is_empty() {
        None
    } else {
        Some(fields.take()?)
    };
    fields.end(AddAddr {
        id,
        echo: low & 1 != 0,
        address,
        port,
        hmac,
        reserved: low >> 1,
    })
}

pub(super) fn build_add_addr(add: &AddAddr, body: &mut Vec<u8>) {
    body.extend([add.reserved << 1 | u8::from(add.echo), add.id.0]);
    match add.address {
        IpAddr::V4(v4) => body.extend(v4.octets()),
        IpAddr::V6(v6) => body.extend(v6.octets()),
    }
    body.extend(add.port.iter().flat_map(|port| port.to_be_bytes()));
    body.extend(add.hmac.iter().flatten());
}

pub(super) fn parse_remove_addr(low: u8, rest: &[u8]) -> Option<RemoveAddr> {
    (!rest.is_empty()).then(|| RemoveAddr {
        ids: rest.iter().copied().map(AddressId).collect(),
        reserved: low,
    })
}

/// MP_FAIL and MP_FASTCLOSE: 12 reserved bits and 64 bits.
pub(super) fn parse_long(low: u8, rest: &[u8]) -> Option<(u16, u64)> {
    let mut fields = Fields(rest);
    let reserved = u16::from_be_bytes([low, fields.u8()?]);
    let value = fields.u64()?;
    fields.end((reserved, value))
}

pub(super) fn build_long(reserved: u16, value: u64, body: &mut Vec<u8>) {
    body.extend(reserved.to_be_bytes());
    body.extend(value.to_be_bytes());
}
