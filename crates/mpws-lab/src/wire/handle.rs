//! The wire as the rest of the lab process knows it: a thread that is told what to do.

use super::boxes;
use super::forward::{Command, Forwarder};
use super::port::Port;
use crate::exit;
use crate::middlebox::Middlebox;
use crate::rule::Rule;
use crate::shape::Shape;
use crate::sys;
use crate::topology::{End, Topology};
use mpws_packet::Name;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// The handle of the wire's thread.
pub(crate) struct Wire {
    commands: SyncSender<Command>,
    wake: Arc<EventFd>,
}

impl Wire {
    /// Opens the packet socket in the current network namespace and starts to forward.
    pub(crate) fn start(topology: &Topology, ports: Vec<Port>) -> io::Result<Self> {
        let paths = u8::try_from(topology.paths.len())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let wake = Arc::new(wake);
        let (commands, queue) = sync_channel(1);
        let mut forwarder = Forwarder::new(paths, ports, topology.recording, topology.backlog)?;
        let wakes = Arc::clone(&wake);
        thread::Builder::new()
            .name("wire".to_owned())
            .spawn(move || {
                sys::be_prompt();
                let run = AssertUnwindSafe(|| forwarder.run(&queue, &wakes));
                // Hosts that talk over a dead wire would look like hosts behind a bad network.
                match catch_unwind(run) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => sys::exit_now(exit::complain(&error)),
                    Err(_) => sys::exit_now(exit::BROKEN),
                }
            })?;
        Ok(Self { commands, wake })
    }

    pub(crate) fn install(&self, rule: Rule) -> io::Result<u64> {
        self.ask(move |forwarder| forwarder.rules.install(rule))
    }

    pub(crate) fn remove(&self, id: u64) -> io::Result<()> {
        self.ask(move |forwarder| known(forwarder.rules.remove(id).then_some(())))
    }

    pub(crate) fn hits(&self, id: u64) -> io::Result<u64> {
        self.ask(move |forwarder| known(forwarder.rules.hits(id)))
    }

    /// Places a middlebox, as the description says, behind those that the path has.
    pub(crate) fn place(
        &self,
        topology: &Topology,
        path: u8,
        description: &Middlebox,
    ) -> io::Result<u64> {
        let invalid = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
        let name = Name::new(description.name()).map_err(invalid)?;
        let machines = boxes::build(description, topology, path)?;
        self.ask(move |forwarder| Ok(forwarder.boxes.place_all(&name, machines)))
    }

    pub(crate) fn remove_box(&self, id: u64) -> io::Result<()> {
        self.ask(move |forwarder| known(forwarder.boxes.remove(id).then_some(())))
    }

    pub(crate) fn box_hits(&self, id: u64) -> io::Result<u64> {
        self.ask(move |forwarder| known(forwarder.boxes.hits(id)))
    }

    /// Gives what comes from these ends of a path another shape.
    pub(crate) fn shape(&self, path: u8, from: Vec<End>, shape: Shape) -> io::Result<()> {
        self.ask(move |forwarder| {
            for end in from {
                forwarder.shape(path, end, shape);
            }
            Ok(())
        })
    }

    /// Takes note that the host at this end takes its interface down or has taken it up.
    pub(crate) fn set_link(&self, path: u8, end: End, up: bool) -> io::Result<()> {
        self.ask(move |forwarder| forwarder.set_link(path, end, up))
    }

    /// The capture so far: a memory file, and how many of its bytes.
    pub(crate) fn capture(&self) -> io::Result<(OwnedFd, u64)> {
        self.ask(Forwarder::snapshot)
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
        self.wake.write(1)?;
        outcome.recv().map_err(|_| gone())?
    }
}

fn known<T>(found: Option<T>) -> io::Result<T> {
    found.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
}
