//! A rig on which boxes are tried without a network, for tests.

use super::machine::{Machine, Parcel};
use super::outlet::{OnSegments, TcpOnly};
use super::segment::Segment;
use crate::topology::{self, End};
use etherparse::PacketBuilder;
use mpws_packet::Ip;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A box on path 1, with a clock of its own.
pub(crate) struct Rig {
    under_test: Box<dyn Machine>,
    now: Instant,
}

/// What came out of a box.
#[derive(Debug)]
#[must_use]
pub(crate) struct Out(Vec<Parcel>);

pub(crate) fn rig(under_test: impl OnSegments + 'static) -> Rig {
    rig_of(TcpOnly::new(1, under_test))
}

pub(crate) fn rig_of(under_test: impl Machine + 'static) -> Rig {
    Rig {
        under_test: Box::new(under_test),
        now: Instant::now(),
    }
}

/// A bare segment from one end of path 1 to the other, ports 1000 and 2000.
pub(crate) fn segment(from: End, v6: bool) -> Segment {
    let ip = if v6 { Ip::V6 } else { Ip::V4 };
    let address = |end| topology::address(1, end, ip);
    let hardware = |end| topology::hardware_address(1, end);
    let link = PacketBuilder::ethernet2(hardware(from), hardware(from.other()));
    let network = match (address(from), address(from.other())) {
        (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => link.ipv6(from.octets(), to.octets(), 64),
        _ => panic!("both ends have the same version"),
    };
    let (port, other) = match from {
        End::First => (1000, 2000),
        End::Second => (2000, 1000),
    };
    let mut frame = Vec::new();
    let builder = network.tcp(port, other, 0, 0);
    builder.write(&mut frame, &[]).expect("frame");
    Segment::parse(&frame).expect("segment")
}

impl Rig {
    pub(crate) fn send(&mut self, from: End, segment: &Segment) -> Out {
        let mut out = Vec::new();
        let frame = segment.frame();
        self.under_test.take(from, frame, self.now, &mut out);
        Out(out)
    }

    /// Lets time pass without telling the box.
    pub(crate) fn pass_time(&mut self, time: Duration) {
        self.now += time;
    }

    /// Lets time pass and calls the box if it wants to be called by then.
    pub(crate) fn after(&mut self, time: Duration) -> Out {
        self.now += time;
        let mut out = Vec::new();
        if self.under_test.due().is_some_and(|due| due <= self.now) {
            self.under_test.tick(self.now, &mut out);
        }
        Out(out)
    }
}

impl Out {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn paths(&self) -> Vec<u8> {
        self.0.iter().map(|parcel| parcel.path).collect()
    }

    pub(crate) fn frames(self) -> Vec<(End, Vec<u8>)> {
        let pairs = self.0.into_iter().map(|one| (one.towards, one.frame));
        pairs.collect()
    }

    /// All segments, in order.
    pub(crate) fn everything(self) -> Vec<(End, Segment)> {
        self.frames()
            .into_iter()
            .map(|(towards, frame)| {
                let segment = Segment::parse(&frame).expect("a whole segment");
                assert_eq!(segment.frame(), frame, "checksums are good");
                (towards, segment)
            })
            .collect()
    }

    /// All segments, which all go towards one end.
    pub(crate) fn all(self, towards: End) -> Vec<Segment> {
        let all = self.everything();
        assert!(all.iter().all(|(to, _)| *to == towards), "{all:?}");
        all.into_iter().map(|(_, segment)| segment).collect()
    }

    /// The only segment, which goes towards this end.
    pub(crate) fn one(self, towards: End) -> Segment {
        let all = self.all(towards);
        let [one] = <[Segment; 1]>::try_from(all).expect("exactly one segment");
        one
    }
}
