//! Network address and port translation (RFC 5382): the path's first host is inside, and to the
//! outside it has the translator's address and ports.
//!
//! MPTCP names a subflow's addresses by number, and joins by token, so that translation does them
//! no harm (RFC 8684 section 3.2). When a mapping is lost, the connection dies silently: what comes
//! from inside leaves from a new port that the outside does not know, what comes from outside is
//! dropped.

use super::machine::{Machine, Parcel};
use super::neighbour;
use super::outlet::Outlet;
use super::segment::Segment;
use crate::topology::{self, End};
use mpws_packet::Ip;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Last byte of the translator's addresses on the path's subnets.
const NUMBER: u8 = 100;

/// Ports that it gives out, round and round.
const PORTS: RangeInclusive<u16> = 20_000..=59_999;

#[derive(Debug)]
pub(crate) struct Nat {
    path: u8,
    idle: Option<Duration>,
    /// Segments until all mappings are lost, once.
    flush: Option<u64>,
    mappings: Vec<Mapping>,
    next: u16,
}

/// One connection that is translated.
#[derive(Debug)]
struct Mapping {
    inside: SocketAddr,
    outside: SocketAddr,
    remote: SocketAddr,
    used: Instant,
}

impl Nat {
    /// Mappings are lost that are idle for as long as `idle`, and all of them once, after `flush`
    /// segments.
    pub(crate) fn new(path: u8, idle: Option<Duration>, flush: Option<u64>) -> Self {
        Self {
            path,
            idle,
            flush,
            mappings: Vec::new(),
            next: *PORTS.start(),
        }
    }

    fn segment(&mut self, from: End, mut segment: Segment, now: Instant, out: &mut Outlet<'_>) {
        if let Some(idle) = self.idle {
            let silent = |mapping: &Mapping| now.saturating_duration_since(mapping.used);
            self.mappings.retain(|mapping| silent(mapping) < idle);
        }
        match from {
            End::First => {
                let (inside, remote) = (segment.source(), segment.destination());
                if let Some(outside) = self.outside_of(inside, remote, now) {
                    segment.set_source(outside);
                    out.rewritten(from, &segment);
                }
            }
            End::Second => {
                let (remote, outside) = (segment.source(), segment.destination());
                let mapping = self
                    .mappings
                    .iter_mut()
                    .find(|mapping| mapping.outside == outside && mapping.remote == remote);
                if let Some(mapping) = mapping {
                    mapping.used = now;
                    segment.set_destination(mapping.inside);
                    out.rewritten(from, &segment);
                }
            }
        }
        // What makes the count full is still translated.
        if let Some(left) = &mut self.flush {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.flush = None;
                self.mappings.clear();
            }
        }
    }

    /// The address that the outside sees; `None` when no port is free.
    fn outside_of(
        &mut self,
        inside: SocketAddr,
        remote: SocketAddr,
        now: Instant,
    ) -> Option<SocketAddr> {
        let known = |mapping: &&mut Mapping| mapping.inside == inside && mapping.remote == remote;
        if let Some(mapping) = self.mappings.iter_mut().find(known) {
            mapping.used = now;
            return Some(mapping.outside);
        }
        let taken: HashSet<u16> = self
            .mappings
            .iter()
            .map(|mapping| mapping.outside.port())
            .collect();
        let port = PORTS
            .map(|_| self.step())
            .find(|port| !taken.contains(port))?;
        let outside = SocketAddr::new(own_address(self.path, inside.ip()), port);
        self.mappings.push(Mapping {
            inside,
            outside,
            remote,
            used: now,
        });
        Some(outside)
    }

    fn step(&mut self) -> u16 {
        let port = self.next;
        self.next = if port == *PORTS.end() {
            *PORTS.start()
        } else {
            port + 1
        };
        port
    }
}

impl Machine for Nat {
    fn take(&mut self, from: End, frame: Vec<u8>, now: Instant, out: &mut Vec<Parcel>) {
        let mut out = Outlet::new(self.path, out);
        if let Some(segment) = Segment::parse(&frame) {
            return self.segment(from, segment, now, &mut out);
        }
        // The outside asks who has the translator's address; frames to it go to the inside's
        // interface.
        let hardware = topology::hardware_address(self.path, End::First);
        let own = [Ip::V4, Ip::V6].map(|ip| address(self.path, ip));
        match (from, neighbour::answer(&frame, &own, hardware)) {
            (End::Second, Some(answer)) => out.forged_frame(from, answer),
            _ => out.pass(from, frame),
        }
    }
}

/// The translator's own address on a path.
pub(crate) fn address(path: u8, ip: Ip) -> IpAddr {
    match topology::address(path, End::First, ip) {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            IpAddr::from([a, b, c, NUMBER])
        }
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[15] = NUMBER;
            IpAddr::from(octets)
        }
    }
}

fn own_address(path: u8, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => address(path, Ip::V4),
        IpAddr::V6(_) => address(path, Ip::V6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::rig::{rig_of, segment};

    #[test]
    fn the_outside_sees_the_translator_and_its_answers_come_back_inside() {
        for v6 in [false, true] {
            let mut rig = rig_of(Nat::new(1, None, None));
            let sent = segment(End::First, v6);
            let seen = rig.send(End::First, &sent).one(End::Second);
            let ip = if v6 { Ip::V6 } else { Ip::V4 };
            assert_eq!(seen.source(), SocketAddr::new(address(1, ip), 20_000));
            assert_eq!(seen.destination(), sent.destination());
            let answer = seen.back();
            let heard = rig.send(End::Second, &answer).one(End::First);
            assert_eq!(heard.destination(), sent.source());
            assert_eq!(heard.source(), sent.destination());
        }
    }

    #[test]
    fn an_idle_mapping_is_lost_and_a_used_one_is_not() {
        let idle = Duration::from_secs(2);
        let mut rig = rig_of(Nat::new(1, Some(idle), None));
        let sent = segment(End::First, false);
        let seen = rig.send(End::First, &sent).one(End::Second);
        rig.pass_time(Duration::from_millis(1999));
        assert!(!rig.send(End::Second, &seen.back()).is_empty());
        rig.pass_time(Duration::from_secs(2));
        assert!(rig.send(End::Second, &seen.back()).is_empty());
        let anew = rig.send(End::First, &sent).one(End::Second);
        assert_ne!(anew.source(), seen.source());
    }

    #[test]
    fn all_mappings_are_lost_once_after_the_count() {
        let mut rig = rig_of(Nat::new(1, None, Some(2)));
        let sent = segment(End::First, false);
        let ports: Vec<_> = (0..4)
            .map(|_| rig.send(End::First, &sent).one(End::Second).source().port())
            .collect();
        assert_eq!(ports, [20_000, 20_000, 20_001, 20_001]);
    }
}
