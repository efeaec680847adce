//! `socket.*`: one call each; and the sockets that this process has open.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mptcp::facts::SocketFacts as Facts;
use mptcp::sockopt;
use mpws_protocol::{
    BlockingMode, ConnectWay, Descriptors, Failure, Half, Nothing, SocketBind, SocketBlocking,
    SocketBound, SocketClose, SocketConnect, SocketConnected, SocketCreate, SocketCreated,
    SocketFacts, SocketFamily, SocketId, SocketKind, SocketListen, SocketLook, SocketPair,
    SocketProtocol, SocketSet, SocketShutdown, SocketsCreated,
};
use nix::libc;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::failure::{late, refuse};

/// The sockets that were made, by number.
#[derive(Debug, Default)]
pub struct Sockets(Mutex<Vec<Slot>>);

/// What became of a socket that was made.
#[derive(Debug)]
enum Slot {
    Held(Arc<Socket>),
    /// The library has it.
    Given(Inode),
    Closed,
}

/// What tells a socket from every other: its name in `/proc/self/fd`, such as `socket:[4711]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inode(String);

impl Sockets {
    pub(crate) fn create(&self, args: SocketCreate) -> Result<SocketCreated, Failure> {
        refuse(&[(args.by_constant, "constants that can be missing")])?;
        let domain = match args.family {
            SocketFamily::V4 => Domain::IPV4,
            SocketFamily::V6 => Domain::IPV6,
            SocketFamily::Unix => return Err(Failure::unsupported("only internet sockets")),
        };
        let socket = match (args.kind, args.protocol) {
            (SocketKind::Datagram, _) => Socket::new(domain, Type::DGRAM, None)?,
            (SocketKind::Stream, SocketProtocol::Tcp) => {
                Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?
            }
            (SocketKind::Stream, SocketProtocol::Mptcp) => {
                Socket::new(domain, Type::STREAM, Some(Protocol::MPTCP))?
            }
        };
        Ok(SocketCreated {
            socket: self.keep(socket),
        })
    }

    pub(crate) fn pair(&self, SocketPair {}: SocketPair) -> Result<SocketsCreated, Failure> {
        let (one, other) = Socket::pair(Domain::UNIX, Type::STREAM, None)?;
        Ok(SocketsCreated {
            sockets: vec![self.keep(one), self.keep(other)],
        })
    }

    pub(crate) fn set(&self, args: SocketSet) -> Result<Nothing, Failure> {
        let socket = self.held(args.socket)?;
        let (level, option) = args.option.level_and_number();
        sockopt::set_bytes(&*socket, level, option, &args.value.to_ne_bytes())?;
        Ok(Nothing {})
    }

    pub(crate) fn blocking(&self, args: SocketBlocking) -> Result<Nothing, Failure> {
        let socket = self.held(args.socket)?;
        let limit = (args.mode == BlockingMode::Timeout).then_some(Duration::from_millis(500));
        socket.set_nonblocking(args.mode == BlockingMode::Nonblocking)?;
        socket.set_read_timeout(limit)?;
        socket.set_write_timeout(limit)?;
        Ok(Nothing {})
    }

    pub(crate) fn bind(&self, args: SocketBind) -> Result<SocketBound, Failure> {
        let socket = self.held(args.socket)?;
        socket.bind(&address(&args.host, args.port)?)?;
        let bound = socket.local_addr()?.as_socket();
        Ok(SocketBound {
            port: bound.map_or(0, |bound| bound.port()),
        })
    }

    pub(crate) fn listen(&self, args: SocketListen) -> Result<Nothing, Failure> {
        self.held(args.socket)?.listen(args.backlog)?;
        Ok(Nothing {})
    }

    pub(crate) fn connect(&self, args: SocketConnect) -> Result<SocketConnected, Failure> {
        let socket = self.held(args.socket)?;
        let target = address(&args.host, args.port)?;
        match args.how {
            ConnectWay::Blocking => {
                let limit = Duration::from_millis(args.deadline_ms);
                match socket.connect_timeout(&target, limit) {
                    Ok(()) => Ok(SocketConnected { errno: 0 }),
                    // The kernel's own ETIMEDOUT has a number.
                    Err(error)
                        if error.kind() == io::ErrorKind::TimedOut
                            && error.raw_os_error().is_none() =>
                    {
                        Err(late("socket.connect"))
                    }
                    Err(error) => Err(error.into()),
                }
            }
            ConnectWay::Start => {
                socket.set_nonblocking(true)?;
                let started = socket.connect(&target);
                let errno = started.err().map_or(Some(0), |error| error.raw_os_error());
                Ok(SocketConnected {
                    errno: errno.unwrap_or(libc::EIO),
                })
            }
            ConnectWay::SockConnect | ConnectWay::Executor | ConnectWay::AddWriter => {
                Err(Failure::unsupported("a way of asyncio"))
            }
        }
    }

    pub(crate) fn shutdown(&self, args: SocketShutdown) -> Result<Nothing, Failure> {
        let half = match args.half {
            Half::Read => Shutdown::Read,
            Half::Write => Shutdown::Write,
        };
        self.held(args.socket)?.shutdown(half)?;
        Ok(Nothing {})
    }

    pub(crate) fn close(&self, args: SocketClose) -> Result<Nothing, Failure> {
        match self.slots().get_mut(index(args.socket)) {
            Some(Slot::Given(_)) => Err(Failure::unsupported("the library owns this socket")),
            Some(slot) => {
                *slot = Slot::Closed;
                Ok(Nothing {})
            }
            None => Err(unknown(args.socket)),
        }
    }

    pub(crate) fn look(&self, args: SocketLook) -> Result<SocketFacts, Failure> {
        match self.slots().get(index(args.socket)) {
            Some(Slot::Held(socket)) => Ok(facts(&**socket)),
            Some(Slot::Given(inode)) => Ok(inode.facts()),
            Some(Slot::Closed) => Ok(SocketFacts::default()),
            None => Err(unknown(args.socket)),
        }
    }

    /// Takes a socket out, for the library.
    pub(crate) fn give(&self, number: SocketId) -> Result<(Socket, Inode), Failure> {
        let mut slots = self.slots();
        let slot = slots
            .get_mut(index(number))
            .ok_or_else(|| unknown(number))?;
        let Slot::Held(socket) = slot else {
            return Err(closed());
        };
        let inode = Inode::of(&**socket)?;
        let Slot::Held(socket) = std::mem::replace(slot, Slot::Given(inode.clone())) else {
            return Err(closed());
        };
        // Another operation may still hold it; a duplicate is the same socket.
        let socket = Arc::try_unwrap(socket).or_else(|held| held.try_clone())?;
        Ok((socket, inode))
    }

    fn keep(&self, socket: Socket) -> SocketId {
        let mut slots = self.slots();
        slots.push(Slot::Held(Arc::new(socket)));
        SocketId::try_from(slots.len()).unwrap_or(SocketId::MAX)
    }

    fn held(&self, number: SocketId) -> Result<Arc<Socket>, Failure> {
        match self.slots().get(index(number)) {
            Some(Slot::Held(socket)) => Ok(Arc::clone(socket)),
            Some(_) => Err(closed()),
            None => Err(unknown(number)),
        }
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inode {
    fn of(socket: &impl AsRawFd) -> io::Result<Self> {
        Self::of_number(socket.as_raw_fd())
    }

    fn of_number(number: i32) -> io::Result<Self> {
        let name = std::fs::read_link(format!("/proc/self/fd/{number}"))?;
        Ok(Self(name.to_string_lossy().into_owned()))
    }

    /// Facts of the socket, whichever descriptor holds it now; closed where none does.
    pub(crate) fn facts(&self) -> SocketFacts {
        let found = all().ok().and_then(|mut all| all.remove(self));
        found.map_or_else(SocketFacts::default, |socket| facts(&socket))
    }
}

/// The internet sockets of this process, each once.
pub(crate) fn open() -> Result<Descriptors, Failure> {
    let sockets = all()?.into_values().filter(|socket| {
        let domain = socket2::SockRef::from(socket).domain().ok();
        domain == Some(Domain::IPV4) || domain == Some(Domain::IPV6)
    });
    Ok(Descriptors {
        sockets: sockets.map(|socket| facts(&socket)).collect(),
    })
}

/// What the kernel says of a socket.
pub fn facts(socket: &impl std::os::fd::AsFd) -> SocketFacts {
    Facts::of(socket).map_or_else(|_| SocketFacts::default(), |facts| (&facts).into())
}

/// All sockets of this process, as duplicates.
fn all() -> io::Result<BTreeMap<Inode, OwnedFd>> {
    let itself = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        // A descriptor may go, or become another, at any time: only the duplicate stays what it is.
        let copy = number.map(|number| pidfd_getfd(&itself, number, PidfdGetfdFlags::empty()));
        let Some(Ok(copy)) = copy else {
            continue;
        };
        match Inode::of(&copy) {
            Ok(inode) if inode.0.starts_with("socket:") => {
                found.entry(inode).or_insert(copy);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn address(host: &str, port: u16) -> Result<SockAddr, Failure> {
    let host: IpAddr = host
        .parse()
        .map_err(|_| Failure::unsupported(format!("{host} is not a numeric address")))?;
    Ok(SocketAddr::new(host, port).into())
}

/// Where a socket stands; numbers begin with 1.
fn index(number: SocketId) -> usize {
    usize::try_from(number)
        .unwrap_or(usize::MAX)
        .wrapping_sub(1)
}

fn closed() -> Failure {
    io::Error::from_raw_os_error(libc::EBADF).into()
}

fn unknown(number: SocketId) -> Failure {
    Failure::unsupported(format!("there is no socket {number}"))
}
