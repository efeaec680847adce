//! Getting a connected socket: an own one, or one that is handed over.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

use super::config::{ClientConfig, Limit, Target};
use crate::errors::{ConnectError, HandedOverError};
use crate::policy::{Policy, asked};

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
        // An unconnected socket is writable at once (it has hung up); one that connects is when
        // that is decided.
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
