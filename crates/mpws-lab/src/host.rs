//! One host of a lab, as its owner sees it.

use crate::channel::Shared;
use crate::message::{Answer, Request};
use crate::process::{Namespaces, Process, Spawn};
use crate::reexec;
use crate::topology;
use mptcp::counters::Counters;
use mptcp::diag::{Diag, MptcpSocket};
use mptcp::pm::{EventSocket, PathManager};
use mpws_packet::Ip;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// A host: a network namespace of its own. Clones are the same host.
///
/// All errors are those of the system call that failed inside the host, or `BrokenPipe` when the
/// lab has ended.
#[derive(Clone, Debug)]
pub struct Host {
    shared: Arc<Shared>,
    index: usize,
}

impl Host {
    pub(crate) fn new(shared: Arc<Shared>, index: usize) -> Self {
        Self { shared, index }
    }

    /// Its name, as the lab's builder was given it.
    pub fn name(&self) -> &str {
        &self.shared.topology.hosts[self.index]
    }

    /// Numbers of the paths that end here.
    pub fn paths(&self) -> impl Iterator<Item = u8> + '_ {
        let topology = &self.shared.topology;
        topology.paths_of(self.index).map(|(number, _)| number)
    }

    /// Its own address on a path: 10.`path`.0.1 or fd00:`path`::1 if it was named first, else .2.
    ///
    /// # Panics
    /// When the path does not end here.
    pub fn address(&self, path: u8, ip: Ip) -> IpAddr {
        let Some(end) = self.shared.topology.end_of(self.index, path) else {
            panic!("path {path} does not end at host {}", self.name());
        };
        topology::address(path, end, ip)
    }

    /// Name of its interface on a path, which need not exist.
    pub fn interface(&self, path: u8) -> String {
        topology::interface(path)
    }

    /// Sets a sysctl of this host, for example `net.mptcp.enabled`. Only `net.` names belong to a
    /// host.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is none of a host, `NotFound` where the kernel has no such
    /// sysctl, the kernel's own error where it refuses the value; `BrokenPipe` when the lab has
    /// ended.
    pub fn set_sysctl(&self, name: &str, value: &str) -> io::Result<()> {
        let request = Request::SetSysctl {
            host: self.index,
            name: name.to_owned(),
            value: value.to_owned(),
        };
        self.done(&request, &[])
    }

    /// Reads a sysctl of this host, without the final newline.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is none of a host, `NotFound` where the kernel has no such
    /// sysctl; `BrokenPipe` when the lab has ended.
    pub fn sysctl(&self, name: &str) -> io::Result<String> {
        let request = Request::Sysctl {
            host: self.index,
            name: name.to_owned(),
        };
        match self.shared.ask(&request, &[])?.answer {
            Answer::Text(text) => Ok(text),
            _ => Err(Shared::out_of_step()),
        }
    }

    /// Makes a socket in this host. It stays there wherever it is used. It is close-on-exec.
    ///
    /// The numbers are those of socket(2), for example `AF_INET`, `SOCK_STREAM` and
    /// `IPPROTO_MPTCP` of `libc`.
    ///
    /// # Errors
    /// What socket(2) says in the host, for example `EPROTONOSUPPORT` or `ENOPROTOOPT` where it has
    /// no MPTCP; `BrokenPipe` when the lab has ended.
    pub fn socket(&self, domain: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
        self.descriptor(&Request::Socket {
            host: self.index,
            domain,
            kind,
            protocol,
        })
    }

    /// Opens a file of the host's `/proc/net` for reading, for example `net/netstat`.
    ///
    /// # Errors
    /// `InvalidInput` for a path that is not below `net`, `NotFound` where there is no such file;
    /// `BrokenPipe` when the lab has ended.
    pub fn open_proc(&self, path: &str) -> io::Result<File> {
        let request = Request::OpenProc {
            host: self.index,
            path: path.to_owned(),
        };
        self.descriptor(&request).map(File::from)
    }

    /// The host's network counters, MPTCP's among them, as they are now.
    ///
    /// # Errors
    /// Those of [`Host::open_proc`]; an error of [`Counters::read_from`] inside, where the kernel's
    /// text cannot be read as counters.
    pub fn counters(&self) -> io::Result<Counters> {
        let mut file = self.open_proc("net/netstat")?;
        Counters::read_from(&mut file).map_err(io::Error::other)
    }

    /// All MPTCP sockets of the host, as the kernel's socket diagnosis shows them.
    ///
    /// # Errors
    /// A [`mptcp::NetlinkError`] inside, where that is not the error of making the socket.
    pub fn mptcp_sockets(&self) -> io::Result<Vec<MptcpSocket>> {
        self.diag()?.mptcp_sockets().map_err(io::Error::other)
    }

    /// The kernel's socket diagnosis for this host.
    ///
    /// # Errors
    /// Those of [`Host::socket`].
    pub fn diag(&self) -> io::Result<Diag> {
        let kind = libc::SOCK_RAW;
        let socket = self.socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG)?;
        Ok(Diag::from_fd(socket))
    }

    /// The MPTCP path manager of the host: endpoints, limits, subflows.
    ///
    /// # Errors
    /// A [`mptcp::NetlinkError`] inside, where that is not the error of making the socket.
    pub fn path_manager(&self) -> io::Result<PathManager> {
        PathManager::from_fd(self.generic_netlink()?).map_err(io::Error::other)
    }

    /// The MPTCP events of the host from now on.
    ///
    /// # Errors
    /// A [`mptcp::NetlinkError`] inside, where that is not the error of making the socket.
    pub fn events(&self) -> io::Result<EventSocket> {
        EventSocket::from_fd(self.generic_netlink()?).map_err(io::Error::other)
    }

    /// The network namespace itself, for `setns` or a container launcher.
    ///
    /// # Errors
    /// What open(2) says of the file in `/proc`; `BrokenPipe` when the lab has ended.
    pub fn namespace(&self) -> io::Result<OwnedFd> {
        self.descriptor(&Request::Namespace { host: self.index })
    }

    /// All namespaces that a program of this host is in, for a process that enters them by itself
    /// and is then [adopted](Self::adopt).
    ///
    /// # Errors
    /// What open(2) says of the files in `/proc`; `BrokenPipe` when the lab has ended.
    pub fn namespaces(&self) -> io::Result<Namespaces> {
        let reply = self
            .shared
            .ask(&Request::Namespaces { host: self.index }, &[])?;
        let mut descriptors = reply.descriptors.into_iter();
        match (reply.answer, descriptors.next(), descriptors.next()) {
            (Answer::Namespaces, Some(net), Some(pid)) => Ok(Namespaces {
                net,
                pid,
                user: descriptors.next(),
            }),
            _ => Err(Shared::out_of_step()),
        }
    }

    /// Takes charge of a process that was not spawned by the lab but has entered this host and the
    /// lab's PID namespace, so that it can be waited for and killed as if it had been.
    ///
    /// `pid` is its id in the lab's PID namespace. The process has to hold still until this
    /// returns: one that ends before is not found.
    ///
    /// # Errors
    /// `ECHILD` for a process that is no child of the lab's first process (its parent must
    /// have ended), and `InvalidInput` for one that is not in this host;
    /// `BrokenPipe` when the lab has ended.
    pub fn adopt(&self, pid: i32) -> io::Result<Process> {
        let host = self.index;
        self.process(&Request::Adopt { host, pid }, &[])
    }

    /// Takes the host's end of a path down or up again, as `ip link set` does. Other hosts are not
    /// told.
    ///
    /// # Errors
    /// `ENODEV` for a path that does not end here; `BrokenPipe` when the lab has ended.
    pub fn set_link(&self, path: u8, up: bool) -> io::Result<()> {
        let request = Request::SetLink {
            host: self.index,
            path,
            up,
        };
        self.done(&request, &[])
    }

    /// Takes the host's own address on a path away, as `ip address del` does. Routes and neighbours
    /// stay, and so do sockets that use it.
    ///
    /// # Errors
    /// `AddrNotAvailable` when it is gone already, `ENODEV` for a path that does not end here;
    /// `BrokenPipe` when the lab has ended.
    pub fn remove_address(&self, path: u8, ip: Ip) -> io::Result<()> {
        let request = Request::RemoveAddress {
            host: self.index,
            path,
            ip,
        };
        self.done(&request, &[])
    }

    /// Runs a program in this host and in the lab's PID namespace; standard input is `/dev/null`.
    ///
    /// It sees the file system of the caller, `/proc` included, in which its process id is another
    /// than it thinks. To itself it is root; outside it has no more rights than the caller.
    ///
    /// # Errors
    /// `NotFound` for a program that is not there and for an entry point that this executable
    /// lacks, `PermissionDenied` for a file that may not be executed, `InvalidInput` where
    /// [`Spawn::deny_mptcp`] is no errno, `EMSGSIZE` where arguments and environment have more than
    /// 128 KiB; `BrokenPipe` when the lab has ended.
    pub fn spawn(&self, spawn: Spawn) -> io::Result<Process> {
        if spawn.program.as_os_str() == reexec::SELF {
            let names = spawn
                .env
                .iter()
                .filter(|(name, _)| name == reexec::VARIABLE);
            names
                .into_iter()
                .try_for_each(|(_, name)| reexec::check(name))?;
        }
        let current_dir = match spawn.current_dir {
            Some(directory) => directory,
            None => std::env::current_dir()?,
        };
        let request = Request::Spawn {
            host: self.index,
            program: spawn.program,
            args: spawn.args,
            env: spawn.env,
            current_dir,
            deny_mptcp: spawn.deny_mptcp,
        };
        let descriptors = [spawn.stdout.as_fd(), spawn.stderr.as_fd()];
        self.process(&request, &descriptors)
    }

    fn process(
        &self,
        request: &Request,
        descriptors: &[std::os::fd::BorrowedFd<'_>],
    ) -> io::Result<Process> {
        let mut reply = self.shared.ask(request, descriptors)?;
        match (reply.answer, reply.descriptors.pop()) {
            (Answer::Started { pid }, Some(pidfd)) => {
                Ok(Process::new(Arc::clone(&self.shared), pid, pidfd))
            }
            _ => Err(Shared::out_of_step()),
        }
    }

    fn generic_netlink(&self) -> io::Result<OwnedFd> {
        let kind = libc::SOCK_RAW;
        self.socket(libc::AF_NETLINK, kind, libc::NETLINK_GENERIC)
    }

    fn done(
        &self,
        request: &Request,
        descriptors: &[std::os::fd::BorrowedFd<'_>],
    ) -> io::Result<()> {
        match self.shared.ask(request, descriptors)?.answer {
            Answer::Done => Ok(()),
            _ => Err(Shared::out_of_step()),
        }
    }

    fn descriptor(&self, request: &Request) -> io::Result<OwnedFd> {
        let mut reply = self.shared.ask(request, &[])?;
        match (reply.answer, reply.descriptors.pop()) {
            (Answer::Done, Some(descriptor)) => Ok(descriptor),
            _ => Err(Shared::out_of_step()),
        }
    }
}
