//! Getting a connected socket: an own one, or one that is handed over.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpSocket, TcpStream};

use super::{ClientConfig, ConnectError, Limit, Target};
use crate::policy::{Policy, asked};

/// The socket that was handed over cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandedOverError {
    /// It could not be looked at or prepared.
    #[error("cannot look at it")]
    Look(#[source] io::Error),
    /// It is not a stream socket.
    #[error("it is not a stream socket")]
    NotStream,
    /// It is neither IPv4 nor IPv6.
    #[error("it is neither IPv4 nor IPv6")]
    NotInternet,
    /// It listens.
    #[error("it listens")]
    Listening,
    /// No connect was ever started on it, or it failed and the error was taken.
    #[error("it is not connected")]
    NotConnected(#[source] io::Error),
    /// Its connect failed.
    #[error("its connect failed")]
    Failed(#[source] io::Error),
    /// The policy requires MPTCP, and it is a TCP socket.
    #[error("MPTCP is required, and it is a TCP socket")]
    NotMptcp,
    /// The policy is TCP, and it is an MPTCP socket.
    #[error("TCP is required, and it is an MPTCP socket")]
    NotTcp,
}

/// A connected socket.
pub(super) struct Dialled {
    pub(super) tcp: TcpStream,
    pub(super) asked: bool,
    pub(super) unavailable: Option<String>,
}

/// Connects to the addresses of the name one after the other, all under the same policy.
pub(super) async fn dial(
    config: &ClientConfig,
    target: &Target,
    limit: Limit,
) -> Result<Dialled, ConnectError> {
    let resolve = |source| ConnectError::Resolve {
        host: target.host.clone(),
        source,
    };
    let addresses: Vec<SocketAddr> = match config.address {
        Some(address) => vec![address],
        None => {
            let lookup = tokio::net::lookup_host((target.host.as_str(), target.port));
            let found = limit.within("the name lookup", lookup).await?;
            found.map_err(resolve)?.collect()
        }
    };
    let mut before = Vec::new();
    let mut last = None;
    for address in addresses {
        before.extend(last.take());
        let made = config
            .policy
            .socket(address)
            .map_err(|source| ConnectError::Socket { address, source })?;
        let connecting = connect(made.socket, address);
        match limit.within("the connect", connecting).await? {
            Ok(tcp) => {
                return Ok(Dialled {
                    tcp,
                    asked: made.asked,
                    unavailable: made.unavailable,
                });
            }
            Err(error) => last = Some((address, error)),
        }
    }
    match last {
        Some((address, source)) => Err(ConnectError::Connect {
            address,
            source,
            before,
        }),
        None => Err(resolve(io::ErrorKind::NotFound.into())),
    }
}

/// Takes a socket over; waits for a connect that is under way, never starts one.
pub(super) async fn adopt(socket: Socket, policy: Policy) -> Result<Dialled, HandedOverError> {
    use HandedOverError as E;
    if socket.r#type().map_err(E::Look)? != Type::STREAM {
        return Err(E::NotStream);
    }
    if ![Domain::IPV4, Domain::IPV6].contains(&socket.domain().map_err(E::Look)?) {
        return Err(E::NotInternet);
    }
    if socket.is_listener().map_err(E::Look)? {
        return Err(E::Listening);
    }
    let asked = asked(&socket);
    match policy {
        Policy::Require if !asked => return Err(E::NotMptcp),
        Policy::Never if asked => return Err(E::NotTcp),
        _ => {}
    }
    socket.set_nonblocking(true).map_err(E::Look)?;
    let tcp = TcpStream::from_std(socket.into()).map_err(E::Look)?;
    if tcp.peer_addr().is_err() {
        // An unconnected socket is writable at once (it has hung up); one that connects is when that is decided.
        tcp.writable().await.map_err(E::Look)?;
        if let Some(error) = tcp.take_error().map_err(E::Look)? {
            return Err(E::Failed(error));
        }
        tcp.peer_addr().map_err(E::NotConnected)?;
    }
    Ok(Dialled {
        tcp,
        asked,
        unavailable: None,
    })
}

async fn connect(socket: Socket, address: SocketAddr) -> io::Result<TcpStream> {
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    TcpSocket::from_std_stream(socket.into())
        .connect(address)
        .await
}
