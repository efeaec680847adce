//! The wire: takes every frame that a host sends, asks the rules, records, and hands it to the other end.
//!
//! One thread does all of it, in the order in which the kernel received the frames.

mod capture;
mod packet;
mod ring;
mod rules;

use crate::rule::{Action, Rule};
use crate::sys;
use crate::topology::{End, Topology};
use capture::{Capture, Direction, Record};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use packet::Packet;
use ring::{Arrival, Ring};
use rules::{Decision, Rules};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Instant;

/// How often a frame is offered to an interface whose other end is behind with its work.
const OFFERS: u32 = 64;

/// One of the wire's interfaces.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) path: u8,
    /// Of the path, on whose side the interface is.
    pub(crate) end: End,
    /// Name of the host on that side.
    pub(crate) host: String,
    pub(crate) index: u32,
    /// Index of the interface at the other end of the path.
    pub(crate) opposite: u32,
}

/// The handle of the wire's thread.
pub(crate) struct Wire {
    commands: SyncSender<Command>,
    bell: Arc<EventFd>,
}

/// Something to do between two packets, after all that wait at the time.
type Command = Box<dyn FnOnce(&mut Forwarder) + Send>;

impl Wire {
    /// Opens the packet socket in the current network namespace and starts to forward.
    pub(crate) fn start(topology: &Topology, ports: Vec<Port>) -> io::Result<Self> {
        let paths = u8::try_from(topology.paths.len())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let bell = Arc::new(bell);
        let (commands, queue) = sync_channel(1);
        let mut forwarder = Forwarder {
            ring: Ring::open()?,
            ports: ports.into_iter().map(|port| (port.index, port)).collect(),
            rules: Rules::default(),
            capture: Capture::new(paths)?,
            delayed: BinaryHeap::new(),
            order: 0,
            frame: Vec::with_capacity(2048),
        };
        let ring_bell = Arc::clone(&bell);
        thread::Builder::new()
            .name("wire".to_owned())
            .spawn(move || {
                let run = AssertUnwindSafe(|| forwarder.run(&queue, &ring_bell));
                // Hosts that talk over a dead wire would look like hosts behind a bad network.
                match catch_unwind(run) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => sys::exit_now(crate::inside::complain(&error)),
                    Err(_) => sys::exit_now(crate::inside::BROKEN),
                }
            })?;
        Ok(Self { commands, bell })
    }

    pub(crate) fn install(&self, rule: Rule) -> io::Result<u64> {
        self.ask(move |forwarder| Ok(forwarder.rules.install(rule)))
    }

    pub(crate) fn remove(&self, id: u64) -> io::Result<()> {
        self.ask(move |forwarder| {
            if forwarder.rules.remove(id) {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(libc::ENOENT))
            }
        })
    }

    pub(crate) fn hits(&self, id: u64) -> io::Result<u64> {
        self.ask(move |forwarder| {
            let unknown = || io::Error::from_raw_os_error(libc::ENOENT);
            forwarder.rules.hits(id).ok_or_else(unknown)
        })
    }

    /// The capture so far: a memory file, and how many of its bytes.
    pub(crate) fn capture(&self) -> io::Result<(OwnedFd, u64)> {
        self.ask(|forwarder| {
            let lost = forwarder.ring.lost()?;
            if lost > 0 {
                let text = format!("the wire had no room for {lost} packets");
                return Err(io::Error::other(text));
            }
            forwarder.capture.snapshot()
        })
    }

    fn ask<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Forwarder) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        let gone = || io::Error::other("the thread of the wire is gone");
        let (done, outcome) = sync_channel(1);
        let job = move |forwarder: &mut Forwarder| {
            // The other side waits for exactly this.
            let _ = done.send(job(forwarder));
        };
        self.commands.send(Box::new(job)).map_err(|_| gone())?;
        self.bell.write(1)?;
        outcome.recv().map_err(|_| gone())?
    }
}

struct Forwarder {
    ring: Ring,
    ports: HashMap<u32, Port>,
    rules: Rules,
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

impl Forwarder {
    fn run(&mut self, commands: &Receiver<Command>, bell: &EventFd) -> io::Result<()> {
        loop {
            self.forward_waiting()?;
            self.deliver_due();
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

    fn wait(&self, bell: &EventFd) -> io::Result<()> {
        let timeout = self.delayed.peek().map(|Reverse(next)| {
            TimeSpec::from(next.due.saturating_duration_since(Instant::now()))
        });
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
                self.forward(&port, arrival, &mut frame)?;
            }
        }
        self.frame = frame;
        Ok(())
    }

    fn forward(&mut self, port: &Port, arrival: Arrival, frame: &mut [u8]) -> io::Result<()> {
        if !self.rules.is_empty()
            && let Some(packet) = Packet::parse(frame)
            && let Some(decision) = self.rules.decide(port.path, &port.host, &packet, frame)
        {
            return self.apply(port, arrival, frame, &packet, decision);
        }
        self.record(port, arrival, frame, None)?;
        self.send(port.opposite, frame);
        Ok(())
    }

    fn apply(
        &mut self,
        port: &Port,
        arrival: Arrival,
        frame: &mut [u8],
        packet: &Packet,
        Decision { rule, action }: Decision,
    ) -> io::Result<()> {
        match action {
            Action::Pass => {
                self.record(port, arrival, frame, None)?;
                self.send(port.opposite, frame);
            }
            Action::Delay(time) => {
                self.record(port, arrival, frame, Some(("delay", &rule)))?;
                self.order += 1;
                self.delayed.push(Reverse(Delayed {
                    due: Instant::now() + time,
                    order: self.order,
                    index: port.opposite,
                    frame: frame.to_vec(),
                }));
            }
            Action::Drop => self.record(port, arrival, frame, Some(("drop", &rule)))?,
            Action::Duplicate => {
                self.record(port, arrival, frame, Some(("duplicate", &rule)))?;
                self.send(port.opposite, frame);
                self.send(port.opposite, frame);
            }
            Action::Reset => {
                self.record(port, arrival, frame, Some(("reset", &rule)))?;
                if let Some(reset) = packet.reset(frame) {
                    let forged = Record {
                        path: port.path,
                        direction: direction(port.end.other()),
                        time: arrival.time,
                        frame: &reset,
                        length: reset.len(),
                    };
                    self.capture.packet(forged, Some(("forged", &rule)))?;
                    self.send(port.index, &reset);
                }
            }
            Action::Rewrite(rewrite) => {
                let original = frame.to_vec();
                if packet.rewrite(frame, rewrite) {
                    self.record(port, arrival, &original, Some(("rewrite", &rule)))?;
                    self.record(port, arrival, frame, Some(("rewritten", &rule)))?;
                } else {
                    self.record(port, arrival, frame, None)?;
                }
                self.send(port.opposite, frame);
            }
        }
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

    fn deliver_due(&mut self) {
        while let Some(Reverse(next)) = self.delayed.peek() {
            if next.due > Instant::now() {
                return;
            }
            if let Some(Reverse(Delayed { index, frame, .. })) = self.delayed.pop() {
                self.send(index, &frame);
            }
        }
    }

    /// Sends a frame. An interface that is down loses it, as a cable does that is cut.
    fn send(&self, index: u32, frame: &[u8]) {
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
