//! Sockets of the suite's own in the hosts, for what is asked of the kernel alone.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mpws_lab::Host;
use mpws_model::{Ip, Side};
use mpws_peers::protocol::SocketProtocol;
use socket2::{SockAddr, Socket};

use super::end::CellEnd;
use super::running::{Cell, PORT};
use crate::deadline;

/// A connection between two sockets of the suite's own. The bytes that crossed it while it was made
/// are read on both sides.
#[derive(Debug)]
pub struct Wired {
    /// The side that connected.
    pub client: Socket,
    /// What was accepted.
    pub server: Socket,
    /// What accepted it.
    pub listener: Socket,
}

/// Making sockets of the suite's own.
impl Cell {
    /// A fresh socket in a side's host; its reads and writes end after [`deadline::STEP_MS`].
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the kernel refuses it.
    pub fn own_socket(&self, side: Side, protocol: SocketProtocol) -> Result<Socket, CellEnd> {
        self.raw(side, self.effects.own_socket(protocol))
    }

    fn raw(&self, side: Side, protocol: SocketProtocol) -> Result<Socket, CellEnd> {
        let protocol = match protocol {
            SocketProtocol::Mptcp => libc::IPPROTO_MPTCP,
            SocketProtocol::Tcp => libc::IPPROTO_TCP,
        };
        let family = match self.ip {
            Ip::V4 => libc::AF_INET,
            Ip::V6 => libc::AF_INET6,
        };
        let descriptor = self.host(side).socket(family, libc::SOCK_STREAM, protocol);
        let socket = Socket::from(descriptor.map_err(refused("making a socket"))?);
        limit_waits(&socket)?;
        Ok(socket)
    }

    /// A fresh TCP socket in the client's host, whatever fault is injected: what the kernel can is
    /// asked of it.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the kernel refuses it.
    pub fn plain_socket(&self) -> Result<Socket, CellEnd> {
        self.raw(Side::Client, SocketProtocol::Tcp)
    }

    /// A fresh `AF_UNIX` stream socket in a side's host: abstract names belong to the network
    /// namespace.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where it cannot be made, [`CellEnd::Failed`] where the kernel refuses
    /// its time limits.
    pub fn own_unix_socket(&self, side: Side) -> Result<Socket, CellEnd> {
        let descriptor = self.host(side).socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
        let broken = |error| CellEnd::broken("no AF_UNIX socket was made", &error);
        let socket = Socket::from(descriptor.map_err(broken)?);
        limit_waits(&socket)?;
        Ok(socket)
    }

    /// A socket of the suite's own that listens on the server's address at [`PORT`], after
    /// `prepare` has had it.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the kernel refuses it, and those of `prepare`.
    pub fn own_listener(
        &self,
        protocol: SocketProtocol,
        backlog: i32,
        prepare: impl FnOnce(&Socket) -> Result<(), CellEnd>,
    ) -> Result<Socket, CellEnd> {
        let socket = self.own_socket(Side::Server, protocol)?;
        prepare(&socket)?;
        let target = self.server_at(PORT)?;
        socket
            .set_reuse_address(true)
            .and_then(|()| socket.bind(&target))
            .and_then(|()| socket.listen(backlog))
            .map_err(refused("listening"))?;
        Ok(socket)
    }

    /// The server's address on the first path, with this port.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the address of the lab is none.
    pub fn server_at(&self, port: u16) -> Result<SockAddr, CellEnd> {
        let address = self.address(Side::Server);
        let address = address
            .parse()
            .map_err(|error| CellEnd::broken(format!("address {address}"), &error))?;
        Ok(SocketAddr::new(address, port).into())
    }

    /// A connection to a listener of the suite's own; a byte goes each way.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where it is refused or the byte does not arrive.
    pub fn own_dial(&self, client: Socket, listener: Socket) -> Result<Wired, CellEnd> {
        client
            .connect(&self.server_at(PORT)?)
            .map_err(refused("connecting"))?;
        let server = accept(&listener)?;
        let wired = Wired {
            client,
            server,
            listener,
        };
        wired.exchange(1)?;
        Ok(wired)
    }

    /// A connection between two fresh sockets of the suite's own.
    ///
    /// # Errors
    ///
    /// Those of [`Cell::own_listener`] and [`Cell::own_dial`].
    pub fn wired(&self, client: SocketProtocol, server: SocketProtocol) -> Result<Wired, CellEnd> {
        let listener = self.own_listener(server, 8, |_| Ok(()))?;
        let client = self.own_socket(Side::Client, client)?;
        self.own_dial(client, listener)
    }

    /// Asks again and again until there is an answer. `what` is waited for; without it the cell
    /// fails.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where there is none within [`deadline::STEP_MS`], and those of `ask`.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        mut ask: impl FnMut(&mut Self) -> Result<Option<T>, CellEnd>,
    ) -> Result<T, CellEnd> {
        let limit = Duration::from_millis(deadline::STEP_MS);
        let started = Instant::now();
        loop {
            if let Some(answer) = ask(self)? {
                return Ok(answer);
            }
            if started.elapsed() > limit {
                return Err(CellEnd::Failed(format!(
                    "waited {} ms for {what}",
                    limit.as_millis()
                )));
            }
            std::thread::sleep(POLL);
        }
    }
}

/// Packets that no socket sends.
impl Cell {
    /// Sends the server an ACK by a path, of a connection that does not exist; its checksum is
    /// wrong, so no kernel looks at it.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where it cannot be sent.
    pub fn stray_ack(&self, path: u8) -> Result<(), CellEnd> {
        let server = SocketAddr::new(self.path_address(Side::Server, path), STRAY_PORT);
        stray(&self.host(Side::Client), STRAY_PORT, server, [1; 4])
    }
}

impl Wired {
    /// Sends so many bytes each way, the client first, and checks that they arrive unchanged.
    ///
    /// # Errors
    ///
    /// Those of [`carry`].
    pub fn exchange(&self, bytes: usize) -> Result<(), CellEnd> {
        carry(&self.client, &self.server, bytes)?;
        carry(&self.server, &self.client, bytes)
    }
}

/// Takes a connection from a listener's queue within [`deadline::STEP_MS`].
///
/// `SO_RCVTIMEO` of an MPTCP listener does not limit `accept()`: Linux waits on the TCP socket
/// below it.
///
/// # Errors
///
/// [`CellEnd::Failed`] where none comes in time, or the kernel refuses it.
pub fn accept(listener: &Socket) -> Result<Socket, CellEnd> {
    let limit = Duration::from_millis(deadline::STEP_MS);
    let started = Instant::now();
    listener
        .set_nonblocking(true)
        .map_err(refused("non-blocking mode"))?;
    loop {
        match listener.accept() {
            Ok((socket, _)) => {
                limit_waits(&socket)?;
                return Ok(socket);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && started.elapsed() < limit => {
                std::thread::sleep(POLL);
            }
            Err(error) => return Err(refused("accepting")(error)),
        }
    }
}

fn limit_waits(socket: &Socket) -> Result<(), CellEnd> {
    let limit = Some(Duration::from_millis(deadline::STEP_MS));
    socket
        .set_read_timeout(limit)
        .and_then(|()| socket.set_write_timeout(limit))
        .map_err(refused("setting time limits"))
}

/// Sends so many bytes from one socket to the other, all of which must fit the buffers.
///
/// # Errors
///
/// [`CellEnd::Failed`] where they are not sent, do not arrive or arrive changed.
pub fn carry(from: &Socket, to: &Socket, bytes: usize) -> Result<(), CellEnd> {
    let sent: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
    let (mut from, mut to) = (from, to);
    from.write_all(&sent).map_err(refused("sending"))?;
    let mut received = vec![0; bytes];
    to.read_exact(&mut received).map_err(refused("receiving"))?;
    if sent == received {
        Ok(())
    } else {
        Err(CellEnd::Failed(format!(
            "{bytes} bytes did not arrive as they were sent"
        )))
    }
}

/// Sends a TCP packet with these options from a host. Its checksum is wrong, so no kernel looks at
/// it.
pub(crate) fn stray(
    from: &Host,
    port: u16,
    to: SocketAddr,
    options: [u8; 4],
) -> Result<(), CellEnd> {
    let mut packet = Vec::new();
    packet.extend(port.to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    // Sequence and acknowledgement numbers, header of six words, ACK, window, checksum, urgent
    // pointer.
    packet.extend([0, 0, 0, 0, 0, 0, 0, 0, 6 << 4, 0x10, 0, 0, 0, 0, 0, 0]);
    packet.extend(options);
    let family = if to.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let broken = |error: std::io::Error| CellEnd::broken("no stray packet was sent", &error);
    let descriptor = from.socket(family, libc::SOCK_RAW, libc::IPPROTO_TCP);
    let socket = Socket::from(descriptor.map_err(broken)?);
    let address = SocketAddr::new(to.ip(), 0).into();
    socket.send_to(&packet, &address).map_err(broken)?;
    Ok(())
}

/// A refusal of the kernel where it must not refuse.
pub fn refused(what: &str) -> impl Fn(std::io::Error) -> CellEnd {
    move |error| CellEnd::Failed(format!("the kernel refused {what}: {error}"))
}

/// The pause between two questions of [`Cell::wait_for`] and [`accept`]. Nothing is judged by it.
const POLL: Duration = Duration::from_millis(5);

/// A port that nobody uses.
const STRAY_PORT: u16 = 9;
