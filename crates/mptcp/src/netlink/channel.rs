//! One way to ask the kernel over netlink: a question, its answers, the end or the refusal.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP,
};
use netlink_sys::{Socket, SocketAddr};

use super::error::NetlinkError;
use super::message::{Message, decode, encode};
use super::refusal::refusal;
use crate::sys;

/// A netlink socket, with one question at a time.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: Socket,
    /// Messages of the last datagram that were not looked at yet.
    unread: VecDeque<Message>,
}

impl Channel {
    /// Opens a socket of the protocol in the calling thread's network namespace.
    pub(crate) fn new(protocol: isize) -> Result<Self, NetlinkError> {
        let socket =
            Socket::new(protocol).map_err(|source| NetlinkError::io("open the socket", source))?;
        Ok(Self::over(socket))
    }

    /// Takes a socket made elsewhere. Netlink answers for the network namespace in which the socket
    /// was made.
    pub(crate) fn from_fd(fd: OwnedFd) -> Self {
        Self::over(sys::netlink_socket(fd))
    }

    fn over(socket: Socket) -> Self {
        // Both only make refusals say more; kernels too old for them still refuse with a number.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        Self {
            socket,
            unread: VecDeque::new(),
        }
    }

    /// Joins a multicast group.
    pub(crate) fn join(&self, group: u32) -> Result<(), NetlinkError> {
        self.socket
            .add_membership(group)
            .map_err(|source| NetlinkError::io("join a group", source))
    }

    /// Asks for something to be done or told, and waits until the kernel says that it is done.
    pub(crate) fn ask(&mut self, kind: u16, payload: &[u8]) -> Result<Vec<Message>, NetlinkError> {
        let sequence = self.send(kind, NLM_F_REQUEST | NLM_F_ACK, payload)?;
        Ok(self.answers(sequence)?.0)
    }

    /// Asks for a list.
    pub(crate) fn list(&mut self, kind: u16, payload: &[u8]) -> Result<Vec<Message>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.send(kind, NLM_F_REQUEST | NLM_F_DUMP, payload)?;
            let (messages, interrupted) = self.answers(sequence)?;
            if !interrupted {
                return Ok(messages);
            }
        }
        Err(NetlinkError::Unsteady)
    }

    /// Waits for a message that nobody asked for, until the deadline (then `None`).
    pub(crate) fn news(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<Message>, NetlinkError> {
        loop {
            while let Some(message) = self.unread.pop_front() {
                // Answers to earlier questions carry their number; news carries none.
                if message.sequence == 0 && message.kind >= FIRST_OWN_KIND {
                    return Ok(Some(message));
                }
            }
            if !self.receive(deadline)? {
                return Ok(None);
            }
        }
    }

    fn send(&self, kind: u16, flags: u16, payload: &[u8]) -> Result<u32, NetlinkError> {
        let sequence = next_sequence();
        let bytes = encode(kind, flags, sequence, payload);
        self.socket
            .send_to(&bytes, &SocketAddr::new(0, 0), 0)
            .map_err(|source| NetlinkError::io("send a request", source))?;
        Ok(sequence)
    }

    /// Collects what answers the question, up to its end. Says also whether a list changed while it
    /// was told.
    fn answers(&mut self, sequence: u32) -> Result<(Vec<Message>, bool), NetlinkError> {
        let deadline = Some(Instant::now() + PATIENCE);
        let mut answers = Vec::new();
        let mut interrupted = false;
        loop {
            while let Some(message) = self.unread.pop_front() {
                if message.sequence != sequence {
                    continue;
                }
                interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
                match message.kind {
                    NLMSG_ERROR | NLMSG_DONE => {
                        return match refusal(&message)? {
                            Some(refusal) => Err(NetlinkError::Refused(refusal)),
                            None => Ok((answers, interrupted)),
                        };
                    }
                    NLMSG_NOOP => {}
                    _ => answers.push(message),
                }
            }
            if !self.receive(deadline)? {
                return Err(NetlinkError::NoAnswer {
                    seconds: PATIENCE.as_secs(),
                });
            }
        }
    }

    /// Reads one datagram from the kernel into `unread`; `false` if none came before the deadline.
    fn receive(&mut self, deadline: Option<Instant>) -> Result<bool, NetlinkError> {
        loop {
            let readable = sys::wait_readable(self.socket.as_fd(), deadline)
                .map_err(|source| NetlinkError::io("wait for the kernel", source))?;
            if !readable {
                return Ok(false);
            }
            let mut datagram = Vec::with_capacity(DATAGRAM);
            match self
                .socket
                .recv_from(&mut datagram, libc::MSG_TRUNC | libc::MSG_DONTWAIT)
            {
                // Only the kernel has port 0; other processes may send to us as well.
                Ok((_, from)) if from.port_number() != 0 => {}
                Ok((length, _)) if length > datagram.len() => {
                    return Err(NetlinkError::Malformed {
                        what: "a datagram longer than the buffer",
                    });
                }
                Ok(_) => {
                    self.unread.extend(decode(&datagram)?);
                    return Ok(true);
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Err(NetlinkError::Overrun);
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(source) => return Err(NetlinkError::io("receive", source)),
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Numbers that no two questions of this process share, since descriptors may be shared between
/// channels.
fn next_sequence() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    loop {
        match NEXT.fetch_add(1, Ordering::Relaxed) {
            // Zero marks news.
            0 => {}
            sequence => return sequence,
        }
    }
}

/// Longer than the kernel makes a datagram for a reader with this much room (32 KiB).
const DATAGRAM: usize = 128 * 1024;
/// The kernel answers at once; this long only if it is in trouble.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a list that changed while it was told is asked for.
const DUMP_ATTEMPTS: usize = 5;
/// `NLMSG_MIN_TYPE`: kinds below are the protocol's own.
const FIRST_OWN_KIND: u16 = 0x10;
