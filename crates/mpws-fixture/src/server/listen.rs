//! Listening sockets.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use mptcp::facts::SocketFacts;
use socket2::{Domain, SockRef};
use tokio::net::{TcpListener, TcpStream};

use super::config::ServerConfig;
use crate::errors::BindError;
use crate::policy::{Policy, asked};

const BACKLOG: i32 = 128;

pub(super) struct Listening {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) asked: bool,
    pub(super) unavailable: Option<String>,
}

pub(super) fn listen(config: &mut ServerConfig) -> Result<Listening, BindError> {
    let mut listening = Listening {
        listeners: Vec::new(),
        addresses: Vec::new(),
        asked: false,
        unavailable: None,
    };
    if let Some(socket) = config.listener.take() {
        check(&socket, config.policy)?;
        listening.asked = asked(&socket);
        listening.add(socket).map_err(BindError::HandedOver)?;
        return Ok(listening);
    }
    for &address in &config.addresses {
        let made = config
            .policy
            .socket(address)
            .map_err(|source| BindError::Socket { address, source })?;
        listening.asked = made.asked;
        listening.unavailable = made.unavailable;
        prepare(&made.socket, address, config.reuse_port)
            .and_then(|()| listening.add(made.socket))
            .map_err(|source| BindError::Listen { address, source })?;
    }
    if listening.listeners.is_empty() {
        return Err(BindError::NoAddress);
    }
    Ok(listening)
}

/// The next connection on any of the listeners.
pub(super) async fn accept(listeners: &[Arc<TcpListener>]) -> io::Result<TcpStream> {
    poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(tcp, _)| tcp));
            }
        }
        Poll::Pending
    })
    .await
}

/// Whether accepting may work again after this error (accept(2), "Error handling").
pub(super) fn passes(error: &io::Error) -> bool {
    !matches!(
        error.raw_os_error(),
        Some(libc::EBADF | libc::EINVAL | libc::ENOTSOCK | libc::EOPNOTSUPP | libc::EFAULT)
    )
}

impl Listening {
    fn add(&mut self, socket: socket2::Socket) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(socket.into())?;
        self.addresses.push(listener.local_addr()?);
        self.listeners.push(listener);
        Ok(())
    }
}

fn prepare(socket: &socket2::Socket, address: SocketAddr, reuse_port: bool) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    // Accepted sockets inherit it, so that no answer can be held back before it is set on them.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)
}

fn check(socket: &socket2::Socket, policy: Policy) -> Result<(), BindError> {
    let looked = SockRef::from(socket);
    let domain = socket.domain().map_err(BindError::HandedOver)?;
    if ![Domain::IPV4, Domain::IPV6].contains(&domain) {
        return Err(BindError::NotInternet);
    }
    if !looked.is_listener().map_err(BindError::HandedOver)? {
        return Err(BindError::NotListening);
    }
    let so_protocol = SocketFacts::of(socket)
        .map_err(BindError::HandedOver)?
        .so_protocol;
    let wrong = match policy {
        Policy::Require => !asked(socket),
        Policy::Prefer => false,
        Policy::Never => asked(socket),
    };
    if wrong {
        return Err(BindError::WrongProtocol {
            so_protocol,
            policy,
        });
    }
    // Nagle on a listener would be inherited by every connection; they set it themselves, too.
    if let Err(error) = looked.set_tcp_nodelay(true) {
        tracing::warn!(%error, "cannot set TCP_NODELAY on the listening socket");
    }
    Ok(())
}
