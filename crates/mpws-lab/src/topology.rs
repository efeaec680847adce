//! Hosts and paths of a lab as data, and the addresses that follow from them.

use mpws_packet::Ip;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most hosts that one lab holds.
pub const MAX_HOSTS: usize = 8;

/// Most paths that one lab holds.
pub const MAX_PATHS: u8 = 8;

/// Least that a capture keeps of each packet, in bytes: the headers of Ethernet, IPv6 and TCP with
/// all its options.
pub const MIN_SNAPLEN: u32 = 14 + 40 + 60;

/// Largest IP packet that a path without a [`shape`](crate::shape) carries, in bytes: what fits one
/// Ethernet frame.
pub(crate) const MTU: u16 = 1500;

/// Most frames that [`Builder::backlog`](crate::Builder::backlog) has room for; what a lab has
/// without it.
pub const MAX_BACKLOG: u32 = 8192;

/// Which end of a path: the host that was named first or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum End {
    First,
    Second,
}

impl End {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// Last byte of every address of this end.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }
}

/// Hosts by name, and paths as pairs of indices into them. Path numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Topology {
    pub(crate) hosts: Vec<String>,
    /// Hosts whose network namespace somebody else made, in rising order; the descriptors come
    /// beside the topology.
    pub(crate) entered: Vec<usize>,
    pub(crate) paths: Vec<(usize, usize)>,
    pub(crate) recording: Recording,
    /// Frames that wait for the wire before some are lost.
    pub(crate) backlog: u32,
}

/// What the capture keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recording {
    /// Bytes of each packet; all of them where absent.
    pub(crate) snaplen: Option<u32>,
    /// Bytes of the capture.
    pub(crate) limit: u64,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            snaplen: None,
            limit: 1 << 30,
        }
    }
}

impl Topology {
    pub(crate) fn host_index(&self, name: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host == name)
    }

    /// Path number and end of every path that the host has.
    pub(crate) fn paths_of(&self, host: usize) -> impl Iterator<Item = (u8, End)> + '_ {
        (1..)
            .zip(&self.paths)
            .filter_map(move |(number, &(first, second))| {
                if first == host {
                    Some((number, End::First))
                } else if second == host {
                    Some((number, End::Second))
                } else {
                    None
                }
            })
    }

    /// The end of path `path` that the host has.
    pub(crate) fn end_of(&self, host: usize, path: u8) -> Option<End> {
        self.paths_of(host)
            .find_map(|(number, end)| (number == path).then_some(end))
    }

    /// Name of the host at one end of a path, empty where there is no such path.
    pub(crate) fn host_at(&self, path: u8, end: End) -> &str {
        let pair = self.paths.get(usize::from(path).wrapping_sub(1));
        let index = pair.map(|&(first, second)| match end {
            End::First => first,
            End::Second => second,
        });
        let name = index.and_then(|index| self.hosts.get(index));
        name.map_or("", String::as_str)
    }

    pub(crate) fn has_path(&self, path: u8) -> bool {
        path >= 1 && usize::from(path) <= self.paths.len()
    }

    /// Says in words what is wrong with the topology, where something is.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.hosts.is_empty() || self.hosts.len() > MAX_HOSTS {
            return Err(format!("a lab has 1 to {MAX_HOSTS} hosts"));
        }
        if self.paths.len() > usize::from(MAX_PATHS) {
            return Err(format!("a lab has at most {MAX_PATHS} paths"));
        }
        let least = MIN_SNAPLEN;
        if self.recording.snaplen.is_some_and(|bytes| bytes < least) {
            return Err(format!(
                "a capture keeps at least {least} bytes of a packet: its headers"
            ));
        }
        if !(1..=MAX_BACKLOG).contains(&self.backlog) {
            return Err(format!("the wire has room for 1 to {MAX_BACKLOG} frames"));
        }
        for (index, name) in self.hosts.iter().enumerate() {
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            if name.is_empty() || name.len() > 32 || !plain {
                return Err(format!(
                    "host name {name:?} is not 1 to 32 of a-z, 0-9 and -"
                ));
            }
            if self.host_index(name) != Some(index) {
                return Err(format!("two hosts are named {name:?}"));
            }
        }
        for &(first, second) in &self.paths {
            if first == second || first.max(second) >= self.hosts.len() {
                return Err("a path joins two different hosts of the lab".to_owned());
            }
        }
        Ok(())
    }
}

/// Address of one end of a path: 10.`path`.0.`end` or fd00:`path`::`end`.
pub(crate) fn address(path: u8, end: End, ip: Ip) -> IpAddr {
    match ip {
        Ip::V4 => Ipv4Addr::new(10, path, 0, end.number()).into(),
        Ip::V6 => {
            let end = u16::from(end.number());
            Ipv6Addr::new(0xfd00, u16::from(path), 0, 0, 0, 0, 0, end).into()
        }
    }
}

/// Prefix length of the subnet that both ends of a path share.
pub(crate) fn prefix(ip: Ip) -> u8 {
    match ip {
        Ip::V4 => 24,
        Ip::V6 => 64,
    }
}

/// Ethernet address of a host's end of a path; locally administered.
pub(crate) fn hardware_address(path: u8, end: End) -> [u8; 6] {
    [0x02, 0, 0, 0, path, end.number()]
}

/// Name of a host's end of a path.
pub(crate) fn interface(path: u8) -> String {
    format!("path{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(hosts: &[&str], paths: &[(usize, usize)]) -> Topology {
        Topology {
            hosts: hosts.iter().map(|&name| name.to_owned()).collect(),
            entered: Vec::new(),
            paths: paths.to_vec(),
            recording: Recording::default(),
            backlog: MAX_BACKLOG,
        }
    }

    #[test]
    fn the_first_named_host_has_the_lower_address() {
        let lab = topology(&["client", "server"], &[(0, 1), (1, 0)]);
        assert_eq!(lab.check(), Ok(()));
        assert_eq!(lab.end_of(0, 1), Some(End::First));
        assert_eq!(lab.end_of(0, 2), Some(End::Second));
        assert_eq!(lab.end_of(0, 3), None);
        assert_eq!(address(2, End::Second, Ip::V4), IpAddr::from([10, 2, 0, 2]));
        assert_eq!(address(2, End::First, Ip::V6).to_string(), "fd00:2::1");
    }

    #[test]
    fn what_cannot_be_a_lab_is_refused_with_a_reason() {
        assert!(topology(&[], &[]).check().is_err());
        assert!(topology(&["a", "a"], &[]).check().is_err());
        assert!(topology(&["a/b"], &[]).check().is_err());
        assert!(topology(&["a"], &[(0, 0)]).check().is_err());
        assert!(topology(&["a", "b"], &[(0, 2)]).check().is_err());
        assert!(topology(&["a", "b"], &[(0, 1); 9]).check().is_err());
        let mut cut = topology(&["a"], &[]);
        cut.recording.snaplen = Some(MIN_SNAPLEN);
        assert_eq!(cut.check(), Ok(()));
        cut.recording.snaplen = Some(MIN_SNAPLEN - 1);
        assert!(cut.check().is_err());
        for (backlog, works) in [(0, false), (1, true), (8192, true), (8193, false)] {
            let lab = Topology {
                backlog,
                ..topology(&["a"], &[])
            };
            assert_eq!(lab.check().is_ok(), works, "{backlog}");
        }
    }
}
