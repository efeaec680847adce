//! Generic netlink: finding a family by its name, and the header of its messages.

use netlink_packet_core::Emitable;
use netlink_packet_generic::GenlHeader;

use super::attr::{self, Attributes};
use super::channel::Channel;
use super::error::NetlinkError;

/// A generic netlink family, as registered in the running kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    /// Message type of all its messages.
    pub(crate) id: u16,
    /// Multicast groups by name.
    groups: Vec<(String, u32)>,
}

impl Family {
    /// Looks a family up.
    pub(crate) fn find(channel: &mut Channel, name: &'static str) -> Result<Self, NetlinkError> {
        let with_zero = [name.as_bytes(), &[0]].concat();
        let request = payload(
            GETFAMILY,
            CTRL_VERSION,
            &attr::emit(&[attr::bytes(FAMILY_NAME, &with_zero)]),
        );
        let answers = match channel.ask(GENL_ID_CTRL, &request) {
            Err(NetlinkError::Refused(refusal)) if refusal.errno == libc::ENOENT => {
                return Err(NetlinkError::NoFamily { name });
            }
            answers => answers?,
        };
        let answer = answers.first().ok_or(NetlinkError::NoFamily { name })?;
        Self::parse(name, &answer.payload)
    }

    fn parse(name: &'static str, payload: &[u8]) -> Result<Self, NetlinkError> {
        let attributes = Attributes::parse(header(payload)?.1)?;
        let id = attributes
            .u16(FAMILY_ID)
            .ok_or(NetlinkError::Malformed { what: "a family" })?;
        let mut groups = Vec::new();
        if let Some(list) = attributes.nested(MCAST_GROUPS)? {
            for (_, group) in list.iter() {
                let group = Attributes::parse(group)?;
                if let (Some(name), Some(id)) = (group.string(GROUP_NAME), group.u32(GROUP_ID)) {
                    groups.push((name, id));
                }
            }
        }
        Ok(Self { name, id, groups })
    }

    /// The number of a multicast group.
    pub(crate) fn group(&self, name: &'static str) -> Result<u32, NetlinkError> {
        self.groups
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, id)| *id)
            .ok_or(NetlinkError::NoGroup {
                family: self.name,
                name,
            })
    }
}

/// The payload of a generic netlink message.
pub(crate) fn payload(command: u8, version: u8, attributes: &[u8]) -> Vec<u8> {
    let header = GenlHeader {
        cmd: command,
        version,
    };
    let mut bytes = vec![0; header.buffer_len()];
    header.emit(&mut bytes);
    bytes.extend_from_slice(attributes);
    bytes
}

/// The command of a message and its attributes.
pub(crate) fn header(payload: &[u8]) -> Result<(u8, &[u8]), NetlinkError> {
    let malformed = NetlinkError::Malformed {
        what: "a generic netlink header",
    };
    let Ok(header) = GenlHeader::parse(payload) else {
        return Err(malformed);
    };
    payload
        .get(header.buffer_len()..)
        .map(|rest| (header.cmd, rest))
        .ok_or(malformed)
}

/// Message type of the family that knows the others.
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_VERSION: u8 = 2;
const GETFAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
const MCAST_GROUPS: u16 = 7;
const GROUP_NAME: u16 = 1;
const GROUP_ID: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_read_with_its_groups() {
        let group = attr::nested(
            1,
            &[attr::bytes(GROUP_NAME, b"news\0"), attr::u32(GROUP_ID, 9)],
        );
        let attributes = attr::emit(&[
            attr::u16(FAMILY_ID, 0x1c),
            attr::nested(MCAST_GROUPS, &[group]),
        ]);
        let family = Family::parse("sample", &payload(1, 2, &attributes)).expect("a family");
        assert_eq!(family.id, 0x1c);
        assert_eq!(family.group("news").expect("a group"), 9);
        assert!(matches!(
            family.group("other"),
            Err(NetlinkError::NoGroup { .. })
        ));
    }

    #[test]
    fn a_family_without_a_number_is_malformed() {
        assert!(Family::parse("sample", &payload(1, 2, &[])).is_err());
        assert!(Family::parse("sample", &[1]).is_err());
    }

    #[test]
    fn a_family_that_no_kernel_has_is_told_apart_from_other_errors() {
        let mut channel = Channel::new(libc::NETLINK_GENERIC as isize).expect("a netlink socket");
        let error = Family::find(&mut channel, "no_such_family").expect_err("no such family");
        assert!(
            matches!(
                error,
                NetlinkError::NoFamily {
                    name: "no_such_family"
                }
            ),
            "{error}"
        );
    }
}
