//! The requests of the owner, answered one after the other.

use crate::channel::{self, Message};
use crate::error::StartStep;
use crate::inside::entered::Entered;
use crate::inside::hosts::{self, HostThread, Namespace};
use crate::inside::links;
use crate::inside::route::RouteSocket;
use crate::inside::spawn::{Children, Program};
use crate::message::{Answer, Failure, Request};
use crate::shape::Shape;
use crate::sys;
use crate::topology::{self, End, Topology};
use crate::wire::{Port, Wire};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// The whole lab, from within.
pub(crate) struct Server {
    topology: Topology,
    /// Whether it is in a user namespace of its own.
    own_user: bool,
    hosts: Vec<HostThread>,
    wire: Wire,
    children: Children,
}

/// An answer, and what goes beside it.
type Outcome = io::Result<(Answer, Vec<OwnedFd>)>;

impl Server {
    /// Makes hosts, paths and wire in the current namespaces.
    pub(crate) fn build(
        topology: Topology,
        mut entered: Entered,
        own_user: bool,
    ) -> Result<Self, Failure> {
        let at = |step| move |error: io::Error| Failure::at(step, &error);
        topology.check().map_err(|text| Failure {
            step: Some(StartStep::Protocol),
            errno: None,
            text,
        })?;
        // This namespace is new, so it has what every new one has by itself.
        let usual = links::names().map_err(at(StartStep::Host))?;
        let mut pending = Vec::new();
        for (host, name) in topology.hosts.iter().enumerate() {
            let namespace = match entered.take(host) {
                Some(file) => Namespace::Entered {
                    file,
                    usual: usual.clone(),
                },
                None => Namespace::New,
            };
            let step = namespace.step();
            let started = HostThread::start(name, namespace).map_err(at(step))?;
            pending.push((started, step));
        }
        // The wire's ends forward; they have no addresses and say nothing themselves.
        hosts::set_sysctl("net.ipv6.conf.default.disable_ipv6", "1")
            .map_err(at(StartStep::Host))?;
        let hosts = pending
            .into_iter()
            .map(|(host, step)| host.wait().map_err(at(step)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let route = RouteSocket::open().map_err(at(StartStep::Link))?;
        for (path, end, host) in sides(&topology, &hosts) {
            let name = links::wire_interface(path, end);
            host.run(|_| hosts::namespace())
                .and_then(|namespace| links::add_side(&route, path, end, namespace.as_fd()))
                .map_err(at(StartStep::Link))?;
            links::no_offloads(&name)
                .and_then(|()| host.run(move |_| links::no_offloads(&topology::interface(path))))
                .map_err(at(StartStep::Offload))?;
            links::set_up(&route, &name, true).map_err(at(StartStep::Link))?;
            host.run(move |inside| {
                links::set_up(&inside.route, &topology::interface(path), true)?;
                links::address(&inside.route, path, end)
            })
            .map_err(at(StartStep::Address))?;
        }
        let wire = ports(&topology)
            .and_then(|ports| Wire::start(&topology, ports))
            .map_err(at(StartStep::Wire))?;
        Ok(Self {
            topology,
            own_user,
            hosts,
            wire,
            children: Children::default(),
        })
    }

    /// Answers until the owner is gone.
    pub(crate) fn run(mut self, control: &OwnedFd) -> io::Result<()> {
        while let Some(message) = channel::receive::<Request>(control.as_fd())? {
            let Message {
                id,
                body,
                descriptors,
            } = message;
            self.children.reap();
            let sent = match self.answer(body, descriptors) {
                Ok((answer, descriptors)) => {
                    let beside: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
                    channel::send(control.as_fd(), id, Ok::<_, Failure>(answer), &beside)
                }
                Err(error) => {
                    let failure = Failure::from(&error);
                    channel::send(control.as_fd(), id, Err::<Answer, _>(failure), &[])
                }
            };
            match sent {
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => return Ok(()),
                other => other?,
            }
        }
        Ok(())
    }

    fn answer(&mut self, request: Request, descriptors: Vec<OwnedFd>) -> Outcome {
        let done = (Answer::Done, Vec::new());
        match request {
            Request::Start(_) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
            Request::Socket {
                host,
                domain,
                kind,
                protocol,
            } => {
                let socket = self
                    .host(host)?
                    .run(move |_| sys::socket(domain, kind, protocol))?;
                Ok((Answer::Done, vec![socket]))
            }
            Request::OpenProc { host, path } => {
                let file = self.host(host)?.run(move |_| hosts::open_proc(&path))?;
                Ok((Answer::Done, vec![file.into()]))
            }
            Request::Namespace { host } => {
                let file = self.host(host)?.run(|_| hosts::namespace())?;
                Ok((Answer::Done, vec![file.into()]))
            }
            Request::Namespaces { host } => {
                let net = self.host(host)?.run(|_| hosts::namespace())?;
                let mut namespaces = vec![net.into(), hosts::own_namespace("pid")?];
                if self.own_user {
                    namespaces.push(hosts::own_namespace("user")?);
                }
                Ok((Answer::Namespaces, namespaces))
            }
            Request::Sysctl { host, name } => {
                let value = self.host(host)?.run(move |_| hosts::sysctl(&name))?;
                Ok((Answer::Text(value), Vec::new()))
            }
            Request::SetSysctl { host, name, value } => {
                self.host(host)?
                    .run(move |_| hosts::set_sysctl(&name, &value))?;
                Ok(done)
            }
            Request::SetLink { host, path, up } => self.set_link(host, path, up).map(|()| done),
            Request::RemoveAddress { host, path, ip } => {
                let end = self.end_of(host, path)?;
                self.host(host)?
                    .run(move |inside| links::remove_address(&inside.route, path, end, ip))?;
                Ok(done)
            }
            Request::Spawn {
                host,
                program,
                args,
                env,
                current_dir,
                deny_mptcp,
            } => {
                let [stdout, stderr] = <[OwnedFd; 2]>::try_from(descriptors)
                    .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
                let program = Program {
                    program,
                    args,
                    env,
                    current_dir,
                    deny_mptcp,
                    stdout,
                    stderr,
                };
                self.spawn(host, program)
            }
            Request::Adopt { host, pid } => self.adopt(host, pid),
            Request::Exit { pid } => Ok((Answer::Exit(self.children.exit(pid)?), Vec::new())),
            Request::Install(rule) => Ok((Answer::Installed(self.wire.install(rule)?), Vec::new())),
            Request::Remove(id) => self.wire.remove(id).map(|()| done),
            Request::Hits(id) => Ok((Answer::Hits(self.wire.hits(id)?), Vec::new())),
            Request::Place { path, what } => {
                let id = self.wire.place(&self.topology, path, &what)?;
                Ok((Answer::Installed(id), Vec::new()))
            }
            Request::RemoveBox(id) => self.wire.remove_box(id).map(|()| done),
            Request::BoxHits(id) => Ok((Answer::Hits(self.wire.box_hits(id)?), Vec::new())),
            Request::Shape { path, from, shape } => self.shape(path, from, shape).map(|()| done),
            Request::Capture => {
                let (memory, length) = self.wire.capture()?;
                Ok((Answer::Capture { length }, vec![memory]))
            }
        }
    }

    fn host(&self, index: usize) -> io::Result<&HostThread> {
        let unknown = || io::Error::from(io::ErrorKind::InvalidInput);
        self.hosts.get(index).ok_or_else(unknown)
    }

    fn end_of(&self, host: usize, path: u8) -> io::Result<End> {
        self.topology
            .end_of(host, path)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))
    }

    fn set_link(&self, host: usize, path: u8, up: bool) -> io::Result<()> {
        let end = self.end_of(host, path)?;
        // The wire knows first that a link goes and last that it is there: whatever it sends
        // meanwhile is lost, and it must not say otherwise.
        if !up {
            self.wire.set_link(path, end, false)?;
        }
        self.host(host)?.run(move |inside| {
            links::set_up(&inside.route, &topology::interface(path), up)?;
            if up {
                // The kernel forgets all but the IPv4 address when an interface goes down.
                links::address(&inside.route, path, end)?;
            }
            Ok(())
        })?;
        // Again where it goes: an interface that is taken down says so to its neighbours, and
        // what it said would be on its way over a link that is not there.
        self.wire.set_link(path, end, up)
    }

    fn shape(&self, path: u8, from: Option<usize>, shape: Shape) -> io::Result<()> {
        let ends = match from {
            None => vec![End::First, End::Second],
            Some(host) => vec![
                self.topology
                    .end_of(host, path)
                    .ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))?,
            ],
        };
        self.wire.shape(path, ends, shape)
    }

    fn spawn(&mut self, host: usize, program: Program) -> Outcome {
        let pid = self.host(host)?.run(|_| program.start())?;
        self.children.add(pid);
        // It cannot have been reaped yet: that happens on this thread.
        let pidfd = sys::pidfd_open(pid.cast_unsigned())?;
        Ok((Answer::Started { pid }, vec![pidfd]))
    }

    fn adopt(&mut self, host: usize, pid: i32) -> Outcome {
        let pidfd = self.children.adopt(pid)?;
        let process = pidfd.try_clone()?;
        if !self
            .host(host)?
            .run(move |_| hosts::is_here(process.as_fd()))?
        {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        Ok((Answer::Started { pid }, vec![pidfd]))
    }
}

fn sides<'a>(
    topology: &'a Topology,
    hosts: &'a [HostThread],
) -> impl Iterator<Item = (u8, End, &'a HostThread)> {
    (1..)
        .zip(&topology.paths)
        .flat_map(|(path, &(first, second))| {
            [
                (path, End::First, &hosts[first]),
                (path, End::Second, &hosts[second]),
            ]
        })
}

fn ports(topology: &Topology) -> io::Result<Vec<Port>> {
    let mut ports = Vec::new();
    for (path, &(first, second)) in (1..).zip(&topology.paths) {
        for (end, host) in [(End::First, first), (End::Second, second)] {
            ports.push(Port {
                path,
                end,
                host: topology.hosts[host].clone(),
                index: links::index(&links::wire_interface(path, end))?,
            });
        }
    }
    Ok(ports)
}
