//! What a server shall be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::deflate::{Deflate, Preferences};
use crate::policy::Policy;
use mpws_protocol::script::Behaviour;

/// What a server shall be.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where to listen; port 0 lets the kernel choose. Not used with `listener`.
    pub addresses: Vec<SocketAddr>,
    /// Protocol of the listening sockets, and what is demanded of accepted ones.
    pub policy: Policy,
    /// A listening socket that already exists.
    pub listener: Option<socket2::Socket>,
    /// Set `SO_REUSEPORT` on sockets that the server makes.
    pub reuse_port: bool,
    /// TLS (see [`crate::tls::server`]).
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Subprotocols to accept, best first.
    pub subprotocols: Vec<String>,
    /// Whether messages are compressed (RFC 7692), and how.
    pub deflate: Deflate<Preferences>,
    /// Largest message to accept, in bytes, after decompression.
    pub max_message: usize,
    /// Limit for TLS and opening handshake together.
    pub open_deadline: Duration,
    /// Limit from the first close frame, either way, to the end of the transport.
    pub close_deadline: Duration,
    /// Limit for each step of a script.
    pub step_deadline: Duration,
    /// Connections that are open at the same time; more are closed at once.
    pub connection_limit: usize,
    /// What to do with connections.
    pub behaviour: Behaviour,
    /// TCP_NODELAY on connections; without it small writes wait for acknowledgements.
    pub nodelay: bool,
}

impl ServerConfig {
    /// Listen on one address, with the defaults: MPTCP preferred, echo, no
    /// compression, messages up to 16 MiB, 10 s for opening, closing
    /// and steps, 256 connections.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            addresses: vec![address],
            policy: Policy::default(),
            listener: None,
            reuse_port: false,
            tls: None,
            subprotocols: Vec::new(),
            deflate: Deflate::Off,
            max_message: 16 << 20,
            open_deadline: Duration::from_secs(10),
            close_deadline: Duration::from_secs(10),
            step_deadline: Duration::from_secs(10),
            connection_limit: 256,
            behaviour: Behaviour::Echo,
            nodelay: true,
        }
    }

    /// Use a socket that listens already, otherwise with the defaults.
    pub fn from_listener(listener: impl Into<socket2::Socket>) -> Self {
        let mut config = Self::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        config.addresses.clear();
        config.listener = Some(listener.into());
        config
    }
}
