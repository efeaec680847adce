//! The loop of the wire, and the way of a frame: rules, middleboxes, capture, and out at the other end.

use super::boxes::{Boxes, Leaving, Passage};
use super::capture::{Capture, Direction, Record};
use super::packet::Packet;
use super::ring::{self, Arrival, Ring};
use super::rules::{Decision, Rules};
use super::{Command, Port};
use crate::rule::Action;
use crate::topology::End;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a frame is offered to an interface whose other end is behind with its work.
const OFFERS: u32 = 64;

pub(crate) struct Forwarder {
    ring: Ring,
    /// By interface index.
    ports: HashMap<u32, Arc<Port>>,
    /// Interface of each end of each path.
    ends: HashMap<(u8, End), u32>,
    pub(super) rules: Rules,
    pub(super) boxes: Boxes,
    capture: Capture,
    /// By time, and by order of arrival where that is the same.
    delayed: BinaryHeap<Reverse<Delayed>>,
    order: u64,
    frame: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Delayed {
    due: Instant,
    order: u64,
    index: u32,
    frame: Vec<u8>,
}

/// What rules decided about a frame that goes on.
#[derive(Default)]
struct Fate {
    /// Verb and name for the capture.
    did: Option<(&'static str, String)>,
    delay: Duration,
    twice: bool,
}

impl Forwarder {
    pub(super) fn new(paths: u8, ports: Vec<Port>) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::open()?,
            ends: ports
                .iter()
                .map(|port| ((port.path, port.end), port.index))
                .collect(),
            ports: ports
                .into_iter()
                .map(|port| (port.index, Arc::new(port)))
                .collect(),
            rules: Rules::default(),
            boxes: Boxes::default(),
            capture: Capture::new(paths)?,
            delayed: BinaryHeap::new(),
            order: 0,
            frame: Vec::with_capacity(2048),
        })
    }

    pub(super) fn run(&mut self, commands: &Receiver<Command>, bell: &EventFd) -> io::Result<()> {
        loop {
            self.forward_waiting()?;
            self.deliver_due()?;
            match commands.try_recv() {
                Ok(command) => {
                    // What was sent before the command was given is in the ring by now.
                    self.forward_waiting()?;
                    command(self);
                }
                Err(TryRecvError::Empty) => self.wait(bell)?,
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    pub(super) fn snapshot(&mut self) -> io::Result<(OwnedFd, u64)> {
        let lost = self.ring.lost()?;
        if lost > 0 {
            let text = format!("the wire had no room for {lost} packets");
            return Err(io::Error::other(text));
        }
        self.capture.snapshot()
    }

    fn wait(&self, bell: &EventFd) -> io::Result<()> {
        let next = self.delayed.peek().map(|Reverse(next)| next.due);
        let due = [next, self.boxes.due()].into_iter().flatten().min();
        let timeout = due.map(|due| TimeSpec::from(due.saturating_duration_since(Instant::now())));
        let mut set = [
            PollFd::new(self.ring.descriptor(), PollFlags::POLLIN),
            PollFd::new(bell.as_fd(), PollFlags::POLLIN),
        ];
        match ppoll(&mut set, timeout, None) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        match bell.read() {
            Ok(_) | Err(nix::Error::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Forwards what waits, at most a ring full, so that due frames and commands get their turn.
    fn forward_waiting(&mut self) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        for _ in 0..ring::SLOTS {
            let Some(arrival) = self.ring.take(&mut frame) else {
                break;
            };
            if let Some(port) = self.ports.get(&arrival.index).cloned() {
                self.forward(&port, arrival, &frame)?;
            }
        }
        self.frame = frame;
        Ok(())
    }

    fn forward(&mut self, port: &Port, arrival: Arrival, frame: &[u8]) -> io::Result<()> {
        if !self.rules.is_empty()
            && let Some(packet) = Packet::parse(frame)
            && let Some(decision) = self.rules.decide(port.path, &port.host, &packet, frame)
        {
            return self.apply(port, arrival, frame, &packet, decision);
        }
        if self.boxes.stand_on(port.path) {
            return self.through_boxes(port, arrival, frame, frame.to_vec(), Fate::default());
        }
        self.record(port, arrival, frame, None)?;
        self.send(port.path, port.end.other(), frame);
        Ok(())
    }

    fn apply(
        &mut self,
        port: &Port,
        arrival: Arrival,
        frame: &[u8],
        packet: &Packet,
        Decision { rule, action }: Decision,
    ) -> io::Result<()> {
        let mut going = frame.to_vec();
        let mut fate = Fate::default();
        match action {
            Action::Pass => {}
            Action::Delay(delay) => {
                fate.delay = delay;
                fate.did = Some(("delay", rule));
            }
            Action::Drop => return self.record(port, arrival, frame, Some(("drop", &rule))),
            Action::Duplicate => {
                fate.twice = true;
                fate.did = Some(("duplicate", rule));
            }
            Action::Reset => {
                self.record(port, arrival, frame, Some(("reset", &rule)))?;
                if let Some(reset) = packet.reset(frame) {
                    self.forge(port.path, port.end, arrival.time, &reset, &rule)?;
                }
                return Ok(());
            }
            Action::Rewrite(rewrite) => {
                if packet.rewrite(&mut going, rewrite) {
                    fate.did = Some(("rewrite", rule));
                }
            }
        }
        self.through_boxes(port, arrival, frame, going, fate)
    }

    /// Sends `going`, which is what rules made of the frame `sent`, through the boxes of its path and on.
    fn through_boxes(
        &mut self,
        port: &Port,
        arrival: Arrival,
        sent: &[u8],
        going: Vec<u8>,
        fate: Fate,
    ) -> io::Result<()> {
        let passage = self
            .boxes
            .pass(port.path, port.end, going, Instant::now())?;
        let Passage { leaving, kept_by } = passage;
        if let Some(name) = kept_by {
            self.record(port, arrival, sent, Some(("drop", &name)))?;
        }
        let (heirs, made): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|leaving| leaving.heir);
        for Leaving { parcel, by, .. } in heirs {
            let frame = parcel.frame;
            if frame == sent {
                let did = fate.did.as_ref().map(|(verb, rule)| (*verb, rule.as_str()));
                self.record(
                    port,
                    arrival,
                    sent,
                    did.filter(|(verb, _)| *verb != "rewrite"),
                )?;
            } else {
                let rule = fate.did.as_ref().map(|(_, rule)| Arc::from(rule.as_str()));
                let names = rule.into_iter().chain(by).collect::<Vec<_>>().join("+");
                self.record(port, arrival, sent, Some(("rewrite", &names)))?;
                let length = frame.len();
                let arrived = Arrival { length, ..arrival };
                self.record(port, arrived, &frame, Some(("rewritten", &names)))?;
            }
            if fate.twice {
                self.send(parcel.path, parcel.towards, &frame);
            }
            self.send_after(fate.delay, parcel.path, parcel.towards, frame);
        }
        for leaving in made {
            self.deliver_forged(&leaving, arrival.time)?;
        }
        Ok(())
    }

    /// Sends a frame that a box made.
    fn deliver_forged(&mut self, leaving: &Leaving, time: u64) -> io::Result<()> {
        let (parcel, name) = (&leaving.parcel, leaving.by.join("+"));
        self.forge(parcel.path, parcel.towards, time, &parcel.frame, &name)
    }

    /// Records and sends a frame that nobody sent.
    fn forge(
        &mut self,
        path: u8,
        towards: End,
        time: u64,
        frame: &[u8],
        name: &str,
    ) -> io::Result<()> {
        let record = Record {
            path,
            direction: direction(towards.other()),
            time,
            frame,
            length: frame.len(),
        };
        self.capture.packet(record, Some(("forged", name)))?;
        self.send(path, towards, frame);
        Ok(())
    }

    fn record(
        &mut self,
        port: &Port,
        arrival: Arrival,
        frame: &[u8],
        did: Option<(&str, &str)>,
    ) -> io::Result<()> {
        let record = Record {
            path: port.path,
            direction: direction(port.end),
            time: arrival.time,
            frame,
            length: arrival.length,
        };
        self.capture.packet(record, did)
    }

    fn deliver_due(&mut self) -> io::Result<()> {
        while let Some(Reverse(next)) = self.delayed.peek() {
            if next.due > Instant::now() {
                break;
            }
            if let Some(Reverse(Delayed { index, frame, .. })) = self.delayed.pop() {
                self.offer(index, &frame);
            }
        }
        let now = Instant::now();
        if self.boxes.due().is_some_and(|due| due <= now) {
            let time = nanoseconds_since_epoch();
            for leaving in self.boxes.tick(now)? {
                self.deliver_forged(&leaving, time)?;
            }
        }
        Ok(())
    }

    fn send_after(&mut self, delay: Duration, path: u8, towards: End, frame: Vec<u8>) {
        if delay.is_zero() {
            return self.send(path, towards, &frame);
        }
        let Some(&index) = self.ends.get(&(path, towards)) else {
            return;
        };
        self.order += 1;
        self.delayed.push(Reverse(Delayed {
            due: Instant::now() + delay,
            order: self.order,
            index,
            frame,
        }));
    }

    /// Sends a frame out at an end of a path.
    fn send(&self, path: u8, towards: End, frame: &[u8]) {
        if let Some(&index) = self.ends.get(&(path, towards)) {
            self.offer(index, frame);
        }
    }

    /// Sends a frame. An interface that is down loses it, as a cable does that is cut.
    fn offer(&self, index: u32, frame: &[u8]) {
        for _ in 0..OFFERS {
            match self.ring.send(index, frame) {
                Err(error)
                    if matches!(
                        error.raw_os_error(),
                        Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR)
                    ) =>
                {
                    thread::yield_now();
                }
                _ => return,
            }
        }
    }
}

/// Direction of what comes from this end.
fn direction(from: End) -> Direction {
    match from {
        End::First => Direction::Outbound,
        End::Second => Direction::Inbound,
    }
}

/// The clock by which the kernel stamps packets.
fn nanoseconds_since_epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
