//! The loop of the wire, and the way of a frame: rules, middleboxes, link, capture, and out at the
//! other end.

use super::boxes::{Boxes, Made, WentOn};
use super::capture::{Capture, Direction, Place, Record};
use super::clock::{self, Clock};
use super::icmp;
use super::in_flight::InFlight;
use super::link::{Link, Outcome, Question};
use super::packet::{self, Packet};
use super::port::Port;
use super::ring::{Arrival, Ring};
use super::rules::{Decision, Rules};
use crate::rule::Action;
use crate::shape::Shape;
use crate::topology::{End, MAX_PATHS, Recording};
use mpws_packet::{Act, Actor, By, Did, Due, Quality};
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

/// Something to do between two packets, after all that wait at the time.
pub(super) type Command = Box<dyn FnOnce(&mut Forwarder) + Send>;

pub(crate) struct Forwarder {
    ring: Ring,
    /// By interface index; the wire's interfaces are among the first of their namespace.
    ports: Vec<Option<Arc<Port>>>,
    /// By [`side`].
    sides: [Side; 2 * MAX_PATHS as usize],
    pub(super) rules: Rules,
    pub(super) boxes: Boxes,
    capture: Capture,
    in_flight: InFlight,
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

impl Sent<'_> {
    /// A frame that somebody on the path makes in answer, and sends back.
    fn answer(&self, frame: Vec<u8>, by: By) -> Made {
        Made {
            path: self.port.path,
            towards: self.port.end,
            frame,
            by,
        }
    }
}

/// What a rule decided about a frame that goes on.
#[derive(Default)]
struct Decided {
    /// What it did to a frame that it left as it was.
    did: Did,
    /// The rule that changed the frame.
    changed_by: Option<By>,
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
            in_flight: InFlight::default(),
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

    pub(super) fn run(&mut self, commands: &Receiver<Command>, wake: &EventFd) -> io::Result<()> {
        loop {
            self.forward_waiting()?;
            match commands.try_recv() {
                Ok(command) => {
                    // What was sent before the command was given is in the ring by now.
                    self.forward_waiting()?;
                    command(self);
                }
                Err(TryRecvError::Empty) => self.wait(wake)?,
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

    /// Takes note that a host takes its interface down or has taken it up. What is on its way on
    /// the path when it goes down is lost.
    pub(super) fn set_link(&mut self, path: u8, end: End, up: bool) -> io::Result<()> {
        self.sides[side(path, end)].down = !up;
        if !up {
            let now = Instant::now();
            for from in [End::First, End::Second] {
                if let Some(link) = &mut self.sides[side(path, from)].link {
                    link.clear(now);
                }
            }
            for frame in self.in_flight.cut(path) {
                if let Some(place) = frame.place {
                    self.capture.lost_with_link(place)?;
                }
            }
        }
        Ok(())
    }

    fn wait(&self, wake: &EventFd) -> io::Result<()> {
        let due = [self.in_flight.due(), self.boxes.due()]
            .into_iter()
            .flatten()
            .min();
        let timeout = due.map(|due| TimeSpec::from(due.saturating_duration_since(Instant::now())));
        let mut set = [
            PollFd::new(self.ring.descriptor(), PollFlags::POLLIN),
            PollFd::new(wake.as_fd(), PollFlags::POLLIN),
        ];
        match ppoll(&mut set, timeout, None) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        match wake.read() {
            Ok(_) | Err(nix::Error::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Forwards what waits, at most a ring full, so that commands get their turn, and delivers what
    /// is due meanwhile.
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
            self.record(sent, &Act::default())?;
            self.offer(port.path, port.end.other(), frame);
            return Ok(());
        }
        self.through_boxes(sent, frame.to_vec(), Decided::default())
    }

    fn apply(
        &mut self,
        sent: Sent<'_>,
        packet: &Packet,
        Decision { rule, action }: Decision,
    ) -> io::Result<()> {
        let mut going = sent.frame.to_vec();
        let mut decided = Decided::default();
        let by = By::from(rule);
        match action {
            Action::Pass => {}
            Action::Delay(delay) => {
                decided.delay = delay;
                decided.did = Did::Delayed(by);
            }
            Action::Drop => return self.record_end(sent, Did::Dropped(by)),
            Action::Duplicate => {
                decided.twice = true;
                decided.did = Did::Duplicated(by);
            }
            Action::Reset => {
                self.record_end(sent, Did::Reset(by.clone()))?;
                return match packet.reset(sent.frame) {
                    Some(reset) => self.forge(sent.answer(reset, by), sent.arrival.time),
                    None => Ok(()),
                };
            }
            Action::Rewrite(rewrite) => {
                if packet.rewrite(&mut going, rewrite) {
                    decided.changed_by = Some(by);
                }
            }
        }
        self.through_boxes(sent, going, decided)
    }

    /// Sends `going`, which is what rules made of a frame, through the boxes of its path and on.
    fn through_boxes(
        &mut self,
        sent: Sent<'_>,
        going: Vec<u8>,
        decided: Decided,
    ) -> io::Result<()> {
        let Port { path, end, .. } = *sent.port;
        let mut changed_by: Vec<Actor> = Vec::new();
        changed_by.extend(decided.changed_by.iter().flat_map(By::actors).cloned());
        if !self.boxes.stand_on(path) {
            return self.carry(sent, going, changed_by, decided);
        }
        let passage = self.boxes.pass(path, end, going, Instant::now())?;
        if let Some(name) = passage.kept_by {
            self.record_end(sent, Did::Dropped(name.into()))?;
        }
        if let Some(WentOn {
            frame,
            changed_by: by,
        }) = passage.went_on
        {
            changed_by.extend(by.iter().flat_map(By::actors).cloned());
            self.carry(sent, frame, changed_by, decided)?;
        }
        for made in passage.made {
            self.forge(made, sent.arrival.time)?;
        }
        Ok(())
    }

    /// Lets the link carry `going`, which is what became of a frame at the hands of `changed_by`.
    fn carry(
        &mut self,
        sent: Sent<'_>,
        mut going: Vec<u8>,
        mut changed_by: Vec<Actor>,
        decided: Decided,
    ) -> io::Result<()> {
        let Port { path, end, .. } = *sent.port;
        let now = self.clock.moment(sent.arrival.time);
        let arrival = match self.ask_link(path, end, &going, now) {
            Outcome::Lost(quality) => {
                return self.record_end(sent, Did::Dropped(quality.into()));
            }
            Outcome::TooBig(told) => {
                let by = By::from(Quality::Mtu);
                self.record_end(sent, Did::Dropped(by.clone()))?;
                return match told.and_then(|mtu| icmp::too_big(&going, mtu)) {
                    Some(answer) => self.forge(sent.answer(answer, by), sent.arrival.time),
                    None => Ok(()),
                };
            }
            Outcome::Arrives(arrival) => arrival,
        };
        if let Some(place) = arrival.corrupt
            && Packet::parse(&going).is_some_and(|packet| packet.corrupt(&mut going, place))
        {
            changed_by.push(Quality::Corrupt.into());
        }
        let due = arrival.due + decided.delay;
        let waits = due.saturating_duration_since(now);
        let waits = (!waits.is_zero()).then_some(waits);
        let place = if going == sent.frame {
            let did = match (decided.did, arrival.twice, arrival.overtakes) {
                (Did::Nothing, true, _) => Did::Duplicated(Quality::Shape.into()),
                (Did::Nothing, _, true) => Did::Passed(Quality::Reorder.into()),
                (Did::Nothing, ..) if waits.is_some() => Did::Delayed(Quality::Shape.into()),
                (did, ..) => did,
            };
            self.record(sent, &act(did, waits)?)?
        } else {
            let changed = "a packet was changed, but by no rule, box or link";
            let by = By::all(changed_by).ok_or_else(|| io::Error::other(changed))?;
            self.record_end(sent, Did::Rewritten(by.clone()))?;
            let replacement = Sent {
                frame: &going,
                arrival: Arrival {
                    length: going.len(),
                    ..sent.arrival
                },
                ..sent
            };
            self.record(replacement, &act(Did::Replacement(by), waits)?)?
        };
        let towards = end.other();
        if decided.twice || arrival.twice {
            self.deliver(waits.map(|_| due), path, towards, going.clone(), None)?;
        }
        self.deliver(waits.map(|_| due), path, towards, going, place)
    }

    /// Records a frame that nobody sent, and lets the link carry it.
    fn forge(&mut self, made: Made, time: u64) -> io::Result<()> {
        let Made {
            path,
            towards,
            frame,
            by,
        } = made;
        let from = towards.other();
        let now = self.clock.moment(time);
        // Chance is for what hosts send; what is made on the way just takes its time.
        let outcome = self.ask_link_about(path, from, None, frame.len(), now);
        let (lost_by, due) = match outcome {
            Outcome::Lost(quality) => (Some(quality), now),
            Outcome::TooBig(_) => (Some(Quality::Mtu), now),
            Outcome::Arrives(arrival) => (None, arrival.due),
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
        let mut act = act(Did::Forged(by), waits)?;
        if let Some(quality) = lost_by {
            act = act.lost(quality.into()).map_err(io::Error::other)?;
        }
        let place = self.capture.packet(record, &act)?;
        if lost_by.is_some() {
            return Ok(());
        }
        self.deliver(waits.map(|_| due), path, towards, frame, place)
    }

    fn ask_link(&mut self, path: u8, from: End, frame: &[u8], now: Instant) -> Outcome {
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
    ) -> Outcome {
        let outcome = match &mut self.sides[side(path, from)].link {
            Some(link) => link.take(Question {
                now,
                length,
                packet,
            }),
            None => Outcome::at_once(now),
        };
        match outcome {
            Outcome::Arrives(_) if self.sides[side(path, from.other())].down => {
                Outcome::Lost(Quality::Down)
            }
            outcome => outcome,
        }
    }

    /// Records a frame that does not go on.
    fn record_end(&mut self, sent: Sent<'_>, did: Did) -> io::Result<()> {
        self.record(sent, &Act::new(did)).map(drop)
    }

    fn record(
        &mut self,
        Sent {
            port,
            arrival,
            frame,
        }: Sent<'_>,
        act: &Act,
    ) -> io::Result<Option<Place>> {
        let record = Record {
            path: port.path,
            direction: direction(port.end),
            time: arrival.time,
            frame,
            length: arrival.length,
        };
        self.capture.packet(record, act)
    }

    fn deliver_due(&mut self) -> io::Result<()> {
        while let Some(due) = self.in_flight.due() {
            if due > Instant::now() {
                break;
            }
            if let Some(frame) = self.in_flight.pop(due) {
                self.offer(frame.path, frame.towards, &frame.bytes);
            }
        }
        if let Some(due) = self.boxes.due() {
            let now = Instant::now();
            if due <= now {
                let time = clock::nanoseconds_since_epoch();
                for made in self.boxes.tick(now)? {
                    self.forge(made, time)?;
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
        place: Option<Place>,
    ) -> io::Result<()> {
        match due {
            Some(due) => self.in_flight.push(due, path, towards, frame, place),
            None => {
                self.offer(path, towards, &frame);
                Ok(())
            }
        }
    }

    /// Sends a frame out at an end of a path now. An interface that is down loses it, as a cable
    /// does that is cut.
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

/// What happened to a frame that goes on, and arrives at once or later.
fn act(did: Did, waits: Option<Duration>) -> io::Result<Act> {
    let act = Act::new(did);
    match waits {
        Some(time) => act.due(Due::after(time)).map_err(io::Error::other),
        None => Ok(act),
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
