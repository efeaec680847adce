//! The loop of the wire, and the way of a frame: rules, middleboxes, link, capture, and out at the other end.

use super::boxes::{Boxes, Leaving, Passage};
use super::capture::{Capture, Direction, LINK_DOWN, Notes, Record};
use super::clock::{self, Clock};
use super::held::Held;
use super::icmp;
use super::link::{Course, Link, Question};
use super::packet::{self, Packet};
use super::ring::{Arrival, Ring};
use super::rules::{Decision, Rules};
use super::{Command, Port};
use crate::rule::Action;
use crate::shape::Shape;
use crate::topology::{End, MAX_PATHS, Recording};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a frame is offered to an interface whose other end is behind with its work.
const OFFERS: u32 = 64;

/// So many frames are forwarded before the wire looks whether others are due.
const TURN: usize = 32;

pub(crate) struct Forwarder {
    ring: Ring,
    /// By interface index; the wire's interfaces are among the first of their namespace.
    ports: Vec<Option<Arc<Port>>>,
    /// By [`side`].
    sides: [Side; 2 * MAX_PATHS as usize],
    pub(super) rules: Rules,
    pub(super) boxes: Boxes,
    capture: Capture,
    held: Held,
    clock: Clock,
    frame: Vec<u8>,
}

/// One end of a path.
#[derive(Debug, Default)]
struct Side {
    /// Of the wire's interface.
    index: u32,
    /// Whether the host took its interface down.
    down: bool,
    /// What carries frames that come from this end.
    link: Option<Link>,
}

/// A frame as its sender sent it.
#[derive(Clone, Copy)]
struct Sent<'a> {
    port: &'a Port,
    arrival: Arrival,
    frame: &'a [u8],
}

/// What a rule decided about a frame that goes on.
#[derive(Default)]
struct Fate {
    /// Verb and name for the capture.
    did: Option<(&'static str, String)>,
    delay: Duration,
    twice: bool,
}

impl Forwarder {
    pub(super) fn new(
        paths: u8,
        ports: Vec<Port>,
        recording: Recording,
        backlog: u32,
    ) -> io::Result<Self> {
        let mut forwarder = Self {
            ring: Ring::open(backlog)?,
            ports: Vec::new(),
            sides: Default::default(),
            rules: Rules::default(),
            boxes: Boxes::default(),
            capture: Capture::new(paths, recording)?,
            held: Held::default(),
            clock: Clock::new(),
            frame: Vec::with_capacity(2048),
        };
        for port in ports {
            forwarder.sides[side(port.path, port.end)].index = port.index;
            let index = port.index as usize;
            let length = forwarder.ports.len().max(index + 1);
            forwarder.ports.resize(length, None);
            forwarder.ports[index] = Some(Arc::new(port));
        }
        Ok(forwarder)
    }

    pub(super) fn run(&mut self, commands: &Receiver<Command>, bell: &EventFd) -> io::Result<()> {
        loop {
            self.forward_waiting()?;
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

    /// Gives what comes from this end another shape.
    pub(super) fn shape(&mut self, path: u8, from: End, shape: Shape) {
        let now = Instant::now();
        let link = &mut self.sides[side(path, from)].link;
        *link = Some(match link {
            Some(before) => before.reshaped(path, from, shape, now),
            None => Link::new(path, from, shape, now),
        });
    }

    /// Takes note that a host takes its interface down or has taken it up. What is on its way on the path when it
    /// goes down is lost.
    pub(super) fn set_link(&mut self, path: u8, end: End, up: bool) -> io::Result<()> {
        self.sides[side(path, end)].down = !up;
        if !up {
            let now = Instant::now();
            for from in [End::First, End::Second] {
                if let Some(link) = &mut self.sides[side(path, from)].link {
                    link.clear(now);
                }
            }
            for frame in self.held.cut(path) {
                if let Some(place) = frame.place {
                    self.capture.lost_with_link(place)?;
                }
            }
        }
        Ok(())
    }

    fn wait(&self, bell: &EventFd) -> io::Result<()> {
        let due = [self.held.due(), self.boxes.due()]
            .into_iter()
            .flatten()
            .min();
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

    /// Forwards what waits, at most a ring full, so that commands get their turn, and delivers what is due meanwhile.
    fn forward_waiting(&mut self) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        for turn in 1..=self.ring.slots() {
            let Some(arrival) = self.ring.take(&mut frame) else {
                break;
            };
            if let Some(port) = self.ports.get(arrival.index as usize).cloned().flatten() {
                let (port, frame) = (&*port, &*frame);
                self.forward(Sent {
                    port,
                    arrival,
                    frame,
                })?;
            }
            if turn % TURN == 0 {
                self.deliver_due()?;
            }
        }
        self.frame = frame;
        self.deliver_due()
    }

    fn forward(&mut self, sent: Sent<'_>) -> io::Result<()> {
        let Sent { port, frame, .. } = sent;
        self.rules.see(frame);
        if !self.rules.is_empty()
            && let Some(packet) = Packet::parse(frame)
            && let Some(decision) = self.rules.decide(port.path, &port.host, &packet, frame)
        {
            return self.apply(sent, &packet, decision);
        }
        let plain = self.sides[side(port.path, port.end)].link.is_none()
            && !self.sides[side(port.path, port.end.other())].down
            && !self.boxes.stand_on(port.path);
        if plain {
            self.record(sent, Notes::default())?;
            self.offer(port.path, port.end.other(), frame);
            return Ok(());
        }
        self.through_boxes(sent, frame.to_vec(), Fate::default())
    }

    fn apply(
        &mut self,
        sent: Sent<'_>,
        packet: &Packet,
        Decision { rule, action }: Decision,
    ) -> io::Result<()> {
        let mut going = sent.frame.to_vec();
        let mut fate = Fate::default();
        match action {
            Action::Pass => {}
            Action::Delay(delay) => {
                fate.delay = delay;
                fate.did = Some(("delay", rule));
            }
            Action::Drop => return self.record_done(sent, "drop", &rule),
            Action::Duplicate => {
                fate.twice = true;
                fate.did = Some(("duplicate", rule));
            }
            Action::Reset => {
                self.record_done(sent, "reset", &rule)?;
                return match packet.reset(sent.frame) {
                    Some(reset) => {
                        let Port { path, end, .. } = *sent.port;
                        self.forge(path, end, sent.arrival.time, reset, &rule)
                    }
                    None => Ok(()),
                };
            }
            Action::Rewrite(rewrite) => {
                if packet.rewrite(&mut going, rewrite) {
                    fate.did = Some(("rewrite", rule));
                }
            }
        }
        self.through_boxes(sent, going, fate)
    }

    /// Sends `going`, which is what rules made of a frame, through the boxes of its path and on.
    fn through_boxes(&mut self, sent: Sent<'_>, going: Vec<u8>, fate: Fate) -> io::Result<()> {
        let Port { path, end, .. } = *sent.port;
        let rule = match &fate.did {
            Some(("rewrite", rule)) => vec![Arc::from(rule.as_str())],
            _ => Vec::new(),
        };
        if !self.boxes.stand_on(path) {
            return self.carry(sent, going, rule, fate);
        }
        let Passage { leaving, kept_by } = self.boxes.pass(path, end, going, Instant::now())?;
        if let Some(name) = kept_by {
            self.record_done(sent, "drop", &name)?;
        }
        let (heirs, made): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|one| one.heir);
        if let Some(Leaving { parcel, by, .. }) = heirs.into_iter().next() {
            let names = rule.into_iter().chain(by).collect();
            self.carry(sent, parcel.frame, names, fate)?;
        }
        for one in made {
            self.send_made(one, sent.arrival.time)?;
        }
        Ok(())
    }

    /// Lets the link carry `going`, which is what became of a frame at the hands of `names`.
    fn carry(
        &mut self,
        sent: Sent<'_>,
        mut going: Vec<u8>,
        mut names: Vec<Arc<str>>,
        fate: Fate,
    ) -> io::Result<()> {
        let Port { path, end, .. } = *sent.port;
        let now = self.clock.moment(sent.arrival.time);
        let arrival = match self.ask_link(path, end, &going, now) {
            Course::Lost(name) => return self.record_done(sent, "drop", name),
            Course::TooBig(told) => {
                self.record_done(sent, "drop", "mtu")?;
                return match told.and_then(|mtu| icmp::too_big(&going, mtu)) {
                    Some(answer) => self.forge(path, end, sent.arrival.time, answer, "mtu"),
                    None => Ok(()),
                };
            }
            Course::Arrives(arrival) => arrival,
        };
        if let Some(place) = arrival.corrupt
            && Packet::parse(&going).is_some_and(|packet| packet.corrupt(&mut going, place))
        {
            names.push(Arc::from("corrupt"));
        }
        let due = arrival.due + fate.delay;
        let waits = due.saturating_duration_since(now);
        let waits = (!waits.is_zero()).then_some(waits);
        let timing = match (arrival.twice, arrival.overtakes, waits) {
            (true, ..) => Some(("duplicate", "shape")),
            (_, true, _) => Some(("pass", "reorder")),
            (.., Some(_)) => Some(("delay", "shape")),
            _ => None,
        };
        let place = if going == sent.frame {
            let rule = match &fate.did {
                Some((verb, rule)) if *verb != "rewrite" => Some((*verb, rule.as_str())),
                _ => None,
            };
            let did = rule.or(timing);
            self.record(
                sent,
                Notes {
                    did,
                    due: waits,
                    ..Notes::default()
                },
            )?
        } else {
            let names = names.join("+");
            self.record_done(sent, "rewrite", &names)?;
            let rewritten = Sent {
                frame: &going,
                arrival: Arrival {
                    length: going.len(),
                    ..sent.arrival
                },
                ..sent
            };
            let did = Some(("rewritten", names.as_str()));
            self.record(
                rewritten,
                Notes {
                    did,
                    due: waits,
                    ..Notes::default()
                },
            )?
        };
        let towards = end.other();
        if fate.twice || arrival.twice {
            self.deliver(waits.map(|_| due), path, towards, going.clone(), None)?;
        }
        self.deliver(waits.map(|_| due), path, towards, going, place)
    }

    /// Sends a frame that a box made.
    fn send_made(&mut self, made: Leaving, time: u64) -> io::Result<()> {
        let Leaving { parcel, by, .. } = made;
        self.forge(
            parcel.path,
            parcel.towards,
            time,
            parcel.frame,
            &by.join("+"),
        )
    }

    /// Records a frame that nobody sent, and lets the link carry it.
    fn forge(
        &mut self,
        path: u8,
        towards: End,
        time: u64,
        frame: Vec<u8>,
        name: &str,
    ) -> io::Result<()> {
        let from = towards.other();
        let now = self.clock.moment(time);
        // Chance is for what hosts send; what is made on the way just takes its time.
        let course = self.ask_link_about(path, from, None, frame.len(), now);
        let (lost_by, due) = match course {
            Course::Lost(name) => (Some(name), now),
            Course::TooBig(_) => (Some("mtu"), now),
            Course::Arrives(arrival) => (None, arrival.due),
        };
        let waits = due.saturating_duration_since(now);
        let waits = (!waits.is_zero()).then_some(waits);
        let record = Record {
            path,
            direction: direction(from),
            time,
            frame: &frame,
            length: frame.len(),
        };
        let notes = Notes {
            did: Some(("forged", name)),
            lost_by,
            due: waits,
        };
        let place = self.capture.packet(record, notes)?;
        if lost_by.is_some() {
            return Ok(());
        }
        self.deliver(waits.map(|_| due), path, towards, frame, place)
    }

    fn ask_link(&mut self, path: u8, from: End, frame: &[u8], now: Instant) -> Course {
        let packet = packet::length(frame);
        self.ask_link_about(path, from, packet, frame.len(), now)
    }

    fn ask_link_about(
        &mut self,
        path: u8,
        from: End,
        packet: Option<usize>,
        length: usize,
        now: Instant,
    ) -> Course {
        let course = match &mut self.sides[side(path, from)].link {
            Some(link) => link.take(Question {
                now,
                length,
                packet,
            }),
            None => Course::at_once(now),
        };
        match course {
            Course::Arrives(_) if self.sides[side(path, from.other())].down => {
                Course::Lost(LINK_DOWN)
            }
            course => course,
        }
    }

    fn record_done(&mut self, sent: Sent<'_>, verb: &str, name: &str) -> io::Result<()> {
        let did = Some((verb, name));
        let notes = Notes {
            did,
            ..Notes::default()
        };
        self.record(sent, notes).map(drop)
    }

    fn record(
        &mut self,
        Sent {
            port,
            arrival,
            frame,
        }: Sent<'_>,
        notes: Notes<'_>,
    ) -> io::Result<Option<super::capture::Place>> {
        let record = Record {
            path: port.path,
            direction: direction(port.end),
            time: arrival.time,
            frame,
            length: arrival.length,
        };
        self.capture.packet(record, notes)
    }

    fn deliver_due(&mut self) -> io::Result<()> {
        while let Some(due) = self.held.due() {
            if due > Instant::now() {
                break;
            }
            if let Some(frame) = self.held.pop(due) {
                self.offer(frame.path, frame.towards, &frame.bytes);
            }
        }
        if let Some(due) = self.boxes.due() {
            let now = Instant::now();
            if due <= now {
                let time = clock::nanoseconds_since_epoch();
                for made in self.boxes.tick(now)? {
                    self.send_made(made, time)?;
                }
            }
        }
        Ok(())
    }

    /// Sends a frame out at an end of a path, at once or when it is due.
    fn deliver(
        &mut self,
        due: Option<Instant>,
        path: u8,
        towards: End,
        frame: Vec<u8>,
        place: Option<super::capture::Place>,
    ) -> io::Result<()> {
        match due {
            Some(due) => self.held.push(due, path, towards, frame, place),
            None => {
                self.offer(path, towards, &frame);
                Ok(())
            }
        }
    }

    /// Sends a frame out at an end of a path now. An interface that is down loses it, as a cable does that is cut.
    fn offer(&self, path: u8, towards: End, frame: &[u8]) {
        let index = self.sides[side(path, towards)].index;
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

/// Place of an end of a path among all; 0 for a path that cannot be, which the lab refuses before.
fn side(path: u8, end: End) -> usize {
    let path = usize::from(path).saturating_sub(1) % usize::from(MAX_PATHS);
    2 * path + usize::from(end.number() - 1)
}

/// Direction of what comes from this end.
fn direction(from: End) -> Direction {
    match from {
        End::First => Direction::Outbound,
        End::Second => Direction::Inbound,
    }
}
