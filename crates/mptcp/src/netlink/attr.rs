//! Netlink attributes, on top of the codec of `netlink-packet-core`.

use std::net::IpAddr;

use netlink_packet_core::{DefaultNla, Emitable, NLA_F_NESTED, NlasIterator};

use super::error::NetlinkError;
use crate::fields::Fields;

/// Attributes of one message or nest.
pub(crate) struct Attributes<'a>(Vec<(u16, &'a [u8])>);

impl<'a> Attributes<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, NetlinkError> {
        NlasIterator::new(bytes)
            .map(|attribute| {
                let attribute = attribute.ok()?;
                let (kind, length) = (attribute.kind(), attribute.length() as usize);
                Some((kind, attribute.into_inner().get(HEADER..length)?))
            })
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(NetlinkError::Malformed {
                what: "an attribute",
            })
    }

    /// The value of the first attribute of a kind.
    pub(crate) fn value(&self, kind: u16) -> Option<&'a [u8]> {
        self.0
            .iter()
            .find(|(known, _)| *known == kind)
            .map(|&(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        self.0.iter().copied()
    }

    pub(crate) fn nested(&self, kind: u16) -> Result<Option<Self>, NetlinkError> {
        self.value(kind).map(Attributes::parse).transpose()
    }

    pub(crate) fn u8(&self, kind: u16) -> Option<u8> {
        Fields(self.value(kind)?).u8(0)
    }

    pub(crate) fn u16(&self, kind: u16) -> Option<u16> {
        Fields(self.value(kind)?).u16(0)
    }

    pub(crate) fn be16(&self, kind: u16) -> Option<u16> {
        Fields(self.value(kind)?).be16(0)
    }

    pub(crate) fn u32(&self, kind: u16) -> Option<u32> {
        Fields(self.value(kind)?).u32(0)
    }

    pub(crate) fn u64(&self, kind: u16) -> Option<u64> {
        Fields(self.value(kind)?).u64(0)
    }

    /// An address that comes in one of two attributes.
    pub(crate) fn ip(&self, v4: u16, v6: u16) -> Option<IpAddr> {
        let four = || Some(IpAddr::from(Fields(self.value(v4)?).array::<4>(0)?));
        let six = || Some(IpAddr::from(Fields(self.value(v6)?).array::<16>(0)?));
        four().or_else(six)
    }

    /// Text up to its closing zero.
    pub(crate) fn string(&self, kind: u16) -> Option<String> {
        let value = self.value(kind)?;
        let end = value
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(value.len());
        Some(String::from_utf8_lossy(&value[..end]).into_owned())
    }
}

pub(crate) fn bytes(kind: u16, value: &[u8]) -> DefaultNla {
    DefaultNla::new(kind, value.to_vec())
}

pub(crate) fn u8(kind: u16, value: u8) -> DefaultNla {
    bytes(kind, &[value])
}

pub(crate) fn u16(kind: u16, value: u16) -> DefaultNla {
    bytes(kind, &value.to_ne_bytes())
}

pub(crate) fn u32(kind: u16, value: u32) -> DefaultNla {
    bytes(kind, &value.to_ne_bytes())
}

pub(crate) fn nested(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    DefaultNla::new(kind | NLA_F_NESTED, emit(attributes))
}

pub(crate) fn emit(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// Bytes of an attribute's header.
const HEADER: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_survive_the_way_there_and_back() {
        let bytes = emit(&[
            u8(1, 7),
            nested(2, &[u16(3, 500), u32(4, 70_000)]),
            bytes(5, b"hi\0"),
        ]);
        assert_eq!(bytes.len() % 4, 0);
        let read = Attributes::parse(&bytes).expect("attributes");
        assert_eq!(read.u8(1), Some(7));
        let nest = read.nested(2).expect("attributes").expect("a nest");
        assert_eq!((nest.u16(3), nest.u32(4)), (Some(500), Some(70_000)));
        assert_eq!(read.string(5).as_deref(), Some("hi"));
    }

    #[test]
    fn a_value_too_short_for_its_type_is_absent() {
        let bytes = emit(&[u16(1, 500), bytes(2, &[])]);
        let read = Attributes::parse(&bytes).expect("attributes");
        assert_eq!(read.u32(1), None);
        assert_eq!(read.u8(2), None);
        assert_eq!(read.string(2).as_deref(), Some(""));
    }

    #[test]
    fn attributes_whose_length_lies_are_refused() {
        for bad in [&[9, 0, 1, 0, 5][..], &[3, 0, 1, 0], &[0, 0, 1, 0], &[8, 0]] {
            assert!(Attributes::parse(bad).is_err(), "{bad:?}");
        }
    }
}
