//! A lab, as its owner sees it.

use crate::channel::Shared;
use crate::entry::LAB_ENTRY;
use crate::error::{InstallError, PathError, StartError, StartStep};
use crate::host::Host;
use crate::message::{Answer, Failure, Request};
use crate::middlebox::Middlebox;
use crate::reexec;
use crate::rule::Rule;
use crate::shape::Shape;
use crate::sys;
use crate::topology::{MAX_BACKLOG, Recording, Topology};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an ended lab may take to go before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// A rule that a lab applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleId(u64);

/// A middlebox that stands on a path of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BoxId(u64);

/// Describes a lab: its hosts, its paths, and what of their packets is recorded.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    hosts: Vec<(String, Option<Arc<OwnedFd>>)>,
    paths: Vec<(String, String)>,
    recording: Recording,
    backlog: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            paths: Vec::new(),
            recording: Recording::default(),
            backlog: MAX_BACKLOG,
        }
    }
}

impl Builder {
    /// Adds a host. Names are 1 to 32 characters of `a-z`, `0-9` and `-`.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push((name.into(), None));
        self
    }

    /// Adds a host that lives in a network namespace which somebody else made, such as a
    /// container's: its ends of paths are put there, and the kernel takes them away soon after the
    /// lab has ended.
    ///
    /// The namespace must be fresh: without any interface that a new one does not have by itself,
    /// and not the caller's own. Only root without a user namespace can do this
    /// ([`StartError::remedy`] says so where it fails for that).
    pub fn host_in(mut self, name: impl Into<String>, network: OwnedFd) -> Self {
        self.hosts.push((name.into(), Some(Arc::new(network))));
        self
    }

    /// Adds a path between two hosts. Paths are numbered from 1 in the order in which they were
    /// added.
    pub fn path(mut self, first: impl Into<String>, second: impl Into<String>) -> Self {
        self.paths.push((first.into(), second.into()));
        self
    }

    /// Keeps only the first so many bytes of each packet in the capture, at least
    /// [`MIN_SNAPLEN`](crate::MIN_SNAPLEN): for bulk transfers, of which the headers tell enough.
    pub fn snaplen(mut self, bytes: u32) -> Self {
        self.recording.snaplen = Some(bytes);
        self
    }

    /// Bounds the capture, and with it the memory that the lab takes; 1 GiB without this. Traffic
    /// goes on when the capture is full, but [`Lab::capture`] then is an error.
    pub fn capture_limit(mut self, bytes: u64) -> Self {
        self.recording.limit = bytes;
        self
    }

    /// Gives the wire room for at least so many frames of 2 KiB that wait while its thread has no
    /// processor, 1 to [`MAX_BACKLOG`], which it has without this. Less makes a lab cheaper to
    /// start: 16 MiB take some 6 ms of processor time. What may be on its way at once has to fit;
    /// where it does not, [`Lab::capture`] is an error.
    pub fn backlog(mut self, frames: u32) -> Self {
        self.backlog = frames;
        self
    }

    /// Starts the lab. When it returns, all hosts are up and all paths carry traffic.
    ///
    /// # Errors
    /// [`StartError::Topology`] where hosts or paths are more than a lab has, or cannot be;
    /// [`StartError::Unsupported`] where this machine cannot have labs, with what helps;
    /// [`StartError::Failed`] for what should not happen.
    pub fn start(self) -> Result<Lab, StartError> {
        let topology = self.topology()?;
        topology.check().map_err(StartError::Topology)?;
        let entered: Vec<_> = self
            .hosts
            .iter()
            .filter_map(|(_, fd)| fd.as_ref())
            .collect();
        let entered: Vec<_> = entered.into_iter().map(|fd| fd.as_fd()).collect();
        Lab::launch(topology, &entered)
    }

    fn topology(&self) -> Result<Topology, StartError> {
        let hosts = self.hosts.iter().enumerate();
        let mut topology = Topology {
            hosts: self.hosts.iter().map(|(name, _)| name.clone()).collect(),
            entered: hosts
                .filter_map(|(host, (_, fd))| fd.as_ref().map(|_| host))
                .collect(),
            paths: Vec::new(),
            recording: self.recording,
            backlog: self.backlog,
        };
        for (first, second) in &self.paths {
            let index = |name: &str| {
                topology.host_index(name).ok_or_else(|| {
                    StartError::Topology(format!("a path names the unknown host {name:?}"))
                })
            };
            let path = (index(first)?, index(second)?);
            topology.paths.push(path);
        }
        Ok(topology)
    }
}

/// Hosts, paths and a wire that live as long as this value. All methods may be called from many
/// threads.
///
/// Everything in the lab is killed on drop.
#[derive(Debug)]
#[must_use]
pub struct Lab {
    shared: Arc<Shared>,
    outer: Child,
    inner: u32,
}

impl Lab {
    /// Starts with nothing; add hosts and paths.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Two hosts, `client` and `server`, and so many paths between them, 0 to 8.
    ///
    /// # Errors
    /// Those of [`Builder::start`]; [`StartError::Topology`] for more than 8 paths.
    pub fn two_hosts(paths: u8) -> Result<Self, StartError> {
        let hosts = Self::builder().host("client").host("server");
        (0..paths)
            .fold(hosts, |lab, _| lab.path("client", "server"))
            .start()
    }

    fn launch(topology: Topology, entered: &[BorrowedFd<'_>]) -> Result<Self, StartError> {
        let failed = |step| move |source| StartError::Failed { step, source };
        let (ours, theirs) = sys::socket_pair().map_err(failed(StartStep::Launch))?;
        let outer = reexec::command(LAB_ENTRY)
            .and_then(|mut command| {
                command
                    .stdin(Stdio::from(theirs))
                    .stdout(Stdio::null())
                    .spawn()
            })
            .map_err(|source| StartError::new(StartStep::Launch, source))?;
        let shared = Shared::new(topology.clone(), ours).map_err(failed(StartStep::Launch))?;
        let mut lab = Self {
            shared: Arc::new(shared),
            outer,
            inner: 0,
        };
        let reply = lab
            .shared
            .ask_for_step(&Request::Start(topology), entered)
            .map_err(failed(StartStep::Protocol))?;
        match reply.map(|reply| reply.answer) {
            Ok(Answer::Up { inner }) => lab.inner = inner,
            Ok(_) => return Err(failed(StartStep::Protocol)(Shared::out_of_step())),
            Err(failure) => {
                let step = failure.step.unwrap_or(StartStep::Protocol);
                return Err(StartError::new(step, Failure::into_error(failure)));
            }
        }
        Ok(lab)
    }

    /// The host of this name.
    ///
    /// # Panics
    /// When the lab has no host of this name.
    pub fn host(&self, name: &str) -> Host {
        match self.find_host(name) {
            Some(host) => host,
            None => panic!("the lab has no host named {name:?}"),
        }
    }

    /// A host, if there is one of this name.
    pub fn find_host(&self, name: &str) -> Option<Host> {
        let index = self.shared.topology.host_index(name)?;
        Some(Host::new(Arc::clone(&self.shared), index))
    }

    /// All hosts, in the order in which they were added.
    pub fn hosts(&self) -> impl Iterator<Item = Host> + '_ {
        (0..self.shared.topology.hosts.len())
            .map(|index| Host::new(Arc::clone(&self.shared), index))
    }

    /// How many paths it has.
    pub fn paths(&self) -> u8 {
        u8::try_from(self.shared.topology.paths.len()).unwrap_or(u8::MAX)
    }

    /// Applies a rule, after all that are installed, to every packet that the wire takes from now
    /// on.
    ///
    /// # Errors
    /// [`InstallError::NoSuchHost`] or [`InstallError::NoSuchPath`] where the lab lacks what the
    /// rule names, [`InstallError::Senseless`] where it can never do what it says,
    /// [`InstallError::Lab`] when the lab has ended.
    pub fn install(&self, rule: &Rule) -> Result<RuleId, InstallError> {
        self.check(rule)?;
        match self
            .shared
            .ask(&Request::Install(rule.clone()), &[])?
            .answer
        {
            Answer::Installed(id) => Ok(RuleId(id)),
            _ => Err(Shared::out_of_step().into()),
        }
    }

    /// Takes a rule away. Packets that it has delayed still arrive.
    ///
    /// # Errors
    /// `NotFound` for a rule that is not installed; `BrokenPipe` when the lab has ended.
    pub fn remove(&self, rule: RuleId) -> io::Result<()> {
        match self.shared.ask(&Request::Remove(rule.0), &[])?.answer {
            Answer::Done => Ok(()),
            _ => Err(Shared::out_of_step()),
        }
    }

    /// How many packets a rule has decided so far, of all that were sent before this call.
    ///
    /// # Errors
    /// `NotFound` for a rule that is not installed; `BrokenPipe` when the lab has ended.
    pub fn hits(&self, rule: RuleId) -> io::Result<u64> {
        match self.shared.ask(&Request::Hits(rule.0), &[])?.answer {
            Answer::Hits(count) => Ok(count),
            _ => Err(Shared::out_of_step()),
        }
    }

    /// Places a middlebox on a path, behind those that stand there: the first is the nearest to the
    /// host that the path named first.
    ///
    /// # Errors
    /// [`PathError::NoSuchPath`] where the lab lacks the path or the one that the box names,
    /// [`PathError::Senseless`] where the box can never do there what it says, [`PathError::Lab`]
    /// when the lab has ended.
    pub fn place(&self, path: u8, what: &Middlebox) -> Result<BoxId, PathError> {
        if !self.shared.topology.has_path(path) {
            return Err(PathError::NoSuchPath { path });
        }
        what.check(&self.shared.topology, path)?;
        let what = what.clone();
        match self.shared.ask(&Request::Place { path, what }, &[])?.answer {
            Answer::Installed(id) => Ok(BoxId(id)),
            _ => Err(Shared::out_of_step().into()),
        }
    }

    /// Takes a middlebox away. What it remembers is forgotten, what it holds back is lost.
    ///
    /// # Errors
    /// `NotFound` for a box that does not stand on a path any more; `BrokenPipe` when the lab has
    /// ended.
    pub fn remove_box(&self, id: BoxId) -> io::Result<()> {
        match self.shared.ask(&Request::RemoveBox(id.0), &[])?.answer {
            Answer::Done => Ok(()),
            _ => Err(Shared::out_of_step()),
        }
    }

    /// How many packets a middlebox did not just let by, of all that were sent before this call;
    /// what it sent on its own, when a time had come, counts too.
    ///
    /// # Errors
    /// `NotFound` for a box that does not stand on a path any more; `BrokenPipe` when the lab has
    /// ended.
    pub fn box_hits(&self, id: BoxId) -> io::Result<u64> {
        match self.shared.ask(&Request::BoxHits(id.0), &[])?.answer {
            Answer::Hits(count) => Ok(count),
            _ => Err(Shared::out_of_step()),
        }
    }

    /// Gives a path a shape, from now on: what comes from the host `from`, or both directions, each
    /// with a queue of its own. It takes the place of the shape before; [`Shape::default`] takes a
    /// shape away. Packets that are on their way arrive as they would have, and before those that
    /// come after them.
    ///
    /// # Errors
    /// [`PathError::NoSuchPath`] where the lab lacks the path, [`PathError::NoSuchHost`] where the
    /// path does not reach that host, [`PathError::Senseless`] where the shape cannot be
    /// ([`Shape::check`]), [`PathError::Lab`] when the lab has ended.
    pub fn shape(&self, path: u8, from: Option<&str>, shape: &Shape) -> Result<(), PathError> {
        let topology = &self.shared.topology;
        if !topology.has_path(path) {
            return Err(PathError::NoSuchPath { path });
        }
        shape
            .check()
            .map_err(|reason| PathError::Senseless { reason })?;
        let index = |name: &str| {
            let index = topology.host_index(name);
            index
                .filter(|&host| topology.end_of(host, path).is_some())
                .ok_or_else(|| {
                    let host = name.to_owned();
                    PathError::NoSuchHost { path, host }
                })
        };
        let from = from.map(index).transpose()?;
        let shape = *shape;
        let request = Request::Shape { path, from, shape };
        match self.shared.ask(&request, &[])?.answer {
            Answer::Done => Ok(()),
            _ => Err(Shared::out_of_step().into()),
        }
    }

    /// All that crossed the wire up to this call, as pcapng in a memory file of its own that stands
    /// at its start.
    ///
    /// Each path is an interface (`path1`, …). Packets stand as their sender sent them, outbound
    /// when they come from the host that its path named first. Packet comments say what happened to
    /// a packet: [`mpws_packet::Act::of_comments`] reads them.
    ///
    /// A packet that was changed stands there as it was sent ([`Did::Rewritten`]), and what was
    /// delivered instead follows at once ([`Did::Replacement`]).
    ///
    /// [`Did::Rewritten`]: mpws_packet::Did::Rewritten
    /// [`Did::Replacement`]: mpws_packet::Did::Replacement
    ///
    /// # Errors
    /// An error of kind `Other`, which says so, when the wire lost packets for want of room
    /// ([`Builder::backlog`]) or the capture grew past [`Builder::capture_limit`]: it would not be
    /// the truth. `BrokenPipe` when the lab has ended.
    pub fn capture(&self) -> io::Result<File> {
        let mut reply = self.shared.ask(&Request::Capture, &[])?;
        match (reply.answer, reply.descriptors.pop()) {
            (Answer::Capture { length }, Some(memory)) => snapshot(&File::from(memory), length),
            _ => Err(Shared::out_of_step()),
        }
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.shared.topology
    }

    /// Process ids of the lab: the outer process, child of this one, and the inner, first of the
    /// PID namespace. Useful with `nsenter`.
    pub fn process_ids(&self) -> [u32; 2] {
        [self.outer.id(), self.inner]
    }

    /// Ends the lab and waits for its processes to go.
    ///
    /// # Errors
    /// An error of kind `Other`, with the exit status, when it had ended before or had to be
    /// killed; the kernel's own where it cannot be waited for.
    pub fn stop(mut self) -> io::Result<()> {
        let status = self.end()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "the lab process ended with {status}"
            )))
        }
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        self.shared.close();
        let outer: OwnedFd = match self.outer.try_wait()? {
            Some(status) => return Ok(status),
            None => sys::pidfd_open(self.outer.id())?,
        };
        if !sys::readable(outer.as_fd(), Instant::now().checked_add(STOP_PATIENCE))? {
            self.outer.kill()?;
        }
        self.outer.wait()
    }

    fn check(&self, rule: &Rule) -> Result<(), InstallError> {
        let topology = &self.shared.topology;
        let name = || rule.name.clone();
        if let Some(host) = &rule.when.from
            && topology.host_index(host).is_none()
        {
            let (rule, host) = (name(), host.clone());
            return Err(InstallError::NoSuchHost { rule, host });
        }
        if let Some(path) = rule.when.path
            && !topology.has_path(path)
        {
            return Err(InstallError::NoSuchPath { rule: name(), path });
        }
        rule.check().map_err(|reason| InstallError::Senseless {
            rule: name(),
            reason,
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.end().is_err() {
            // Last resort; a process that is gone already is no trouble.
            let _ = self.outer.kill();
            let _ = self.outer.wait();
        }
    }
}

/// Copies the first `length` bytes, so that what the wire records later cannot appear in it.
fn snapshot(memory: &File, length: u64) -> io::Result<File> {
    use std::io::{Seek, Write};
    use std::os::unix::fs::FileExt;
    let mut copy = sys::memory_file("capture")?;
    let mut buffer = vec![0; 256 * 1024];
    let mut offset = 0;
    while offset < length {
        let rest = usize::try_from(length - offset).unwrap_or(usize::MAX);
        let part = &mut buffer[..rest.min(256 * 1024)];
        memory.read_exact_at(part, offset)?;
        copy.write_all(part)?;
        offset += part.len() as u64;
    }
    copy.rewind()?;
    Ok(copy)
}
