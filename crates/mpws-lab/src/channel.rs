//! The socket between a lab and its owner: whole messages, bounded, descriptors beside them.

use crate::message::{Answer, Envelope, Failure, MAX_DESCRIPTORS, MAX_MESSAGE, Request};
use crate::topology::Topology;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A message and what came beside it.
#[derive(Debug)]
pub(crate) struct Message<T> {
    pub(crate) id: u64,
    pub(crate) body: T,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Sends one message.
pub(crate) fn send<T: Serialize>(
    socket: BorrowedFd<'_>,
    id: u64,
    body: T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = serde_json::to_vec(&Envelope { id, body })?;
    if text.len() > MAX_MESSAGE || descriptors.len() > MAX_DESCRIPTORS {
        return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
    }
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[] } else { &rights[..] };
    let parts = [IoSlice::new(&text)];
    loop {
        let flags = MsgFlags::MSG_NOSIGNAL;
        match sendmsg::<UnixAddr>(socket.as_raw_fd(), &parts, control, flags, None) {
            Ok(_) => return Ok(()),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives one message; `None` when the other side is gone.
pub(crate) fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
) -> io::Result<Option<Message<T>>> {
    let mut text = vec![0; MAX_MESSAGE];
    let mut control = nix::cmsg_space!([RawFd; MAX_DESCRIPTORS]);
    let mut parts = [IoSliceMut::new(&mut text)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let (length, descriptors, whole) = loop {
        let control = Some(control.as_mut_slice());
        match recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut parts, control, flags) {
            Ok(received) => {
                let mut descriptors = Vec::new();
                for message in received.cmsgs()? {
                    if let ControlMessageOwned::ScmRights(raw) = message {
                        descriptors.extend(raw.into_iter().map(crate::sys::own));
                    }
                }
                let cut = MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC;
                break (received.bytes, descriptors, !received.flags.intersects(cut));
            }
            Err(nix::Error::EINTR) => {}
            Err(nix::Error::ECONNRESET) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    };
    if length == 0 {
        return Ok(None);
    }
    if !whole {
        return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
    }
    let Envelope { id, body } = serde_json::from_slice(&text[..length])?;
    Ok(Some(Message {
        id,
        body,
        descriptors,
    }))
}

/// What a request brought back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// The owner's end, shared by the lab and all its hosts and processes.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) topology: Topology,
    socket: OwnedFd,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: u64,
    /// Set when a reply was missed: what comes next would answer another request.
    broken: bool,
}

/// A lab answers at once; one that takes longer than this hangs, and would hang its owner.
const PATIENCE: Duration = Duration::from_secs(20);

impl Shared {
    pub(crate) fn new(topology: Topology, socket: OwnedFd) -> io::Result<Self> {
        socket2::SockRef::from(&socket).set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            topology,
            socket,
            state: Mutex::new(State {
                next: 1,
                broken: false,
            }),
        })
    }

    /// Asks and waits for the answer. Requests of several threads take turns.
    pub(crate) fn ask(
        &self,
        request: &Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<Reply> {
        self.ask_for_step(request, descriptors)?
            .map_err(Failure::into_error)
    }

    /// The same; the outer error is that of the conversation, the inner that of the lab.
    pub(crate) fn ask_for_step(
        &self,
        request: &Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<Result<Reply, Failure>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.broken {
            return Err(Self::ended());
        }
        let id = state.next;
        state.next += 1;
        match send(self.socket.as_fd(), id, request, descriptors) {
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => return Err(Self::ended()),
            sent => sent?,
        }
        let received = receive::<Result<Answer, Failure>>(self.socket.as_fd());
        state.broken = true;
        let message = received?.ok_or_else(Self::ended)?;
        if message.id != id {
            return Err(Self::out_of_step());
        }
        state.broken = false;
        Ok(message.body.map(|answer| Reply {
            answer,
            descriptors: message.descriptors,
        }))
    }

    /// Ends the conversation, and with it the lab. Every later request is answered by an error.
    pub(crate) fn close(&self) {
        // Fails only when the other side is gone already.
        let _ = socket2::SockRef::from(&self.socket).shutdown(std::net::Shutdown::Both);
    }

    fn ended() -> io::Error {
        io::Error::new(io::ErrorKind::BrokenPipe, "the lab has ended")
    }

    pub(crate) fn out_of_step() -> io::Error {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the lab answered another question",
        )
    }
}
