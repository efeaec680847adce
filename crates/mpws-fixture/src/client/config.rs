//! What a client connects to, and how.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::http::Uri;

use crate::deflate::{Deflate, Offer};
use crate::errors::ConnectError;
use crate::policy::Policy;

/// What to connect to, and how.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// `ws://` or `wss://` URI.
    pub uri: String,
    /// Protocol of the socket, and what is demanded of the connection.
    pub policy: Policy,
    /// A socket to use instead of an own one: connected, or with a connect under way. Nothing is
    /// ever connected on it.
    pub socket: Option<socket2::Socket>,
    /// Connect to this address instead of the URI's host and port.
    pub address: Option<SocketAddr>,
    /// TLS; `wss://` needs it.
    pub tls: Option<ClientTls>,
    /// Further header fields of the request.
    pub headers: Vec<(String, String)>,
    /// Subprotocols to offer, best first.
    pub subprotocols: Vec<String>,
    /// Whether compression (RFC 7692) is offered, and how.
    pub deflate: Deflate<Offer>,
    /// Largest message to accept, in bytes, after decompression.
    pub max_message: usize,
    /// Limit for name lookup, connect, TLS and opening handshake together.
    pub open_deadline: Duration,
    /// Limit from the first close frame, either way, to the end of the transport.
    pub close_deadline: Duration,
    /// Limit for each step of a script.
    pub step_deadline: Duration,
    /// TCP_NODELAY; without it small writes wait for acknowledgements, as a library that forgets it
    /// makes them.
    pub nodelay: bool,
    /// Number of writes that `Client::connect` sends the upgrade request in, 1 to 64, each in a
    /// segment of its own.
    pub upgrade_parts: u8,
}

/// TLS of a client.
#[derive(Clone, Debug)]
pub struct ClientTls {
    /// Whom to trust (see [`crate::tls::client`]).
    pub config: Arc<rustls::ClientConfig>,
    /// Name to send and check instead of the URI's host.
    pub server_name: Option<String>,
}

/// The parts of a URI that a client needs.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authority: String,
    pub(super) path: String,
}

/// One limit for all phases of opening.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) until: Instant,
    pub(super) after: Duration,
}

impl ClientConfig {
    /// Connect to a URI, with the defaults: MPTCP preferred, no compression, messages up to 16 MiB,
    /// 10 s for opening, closing and steps.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            policy: Policy::default(),
            socket: None,
            address: None,
            tls: None,
            headers: Vec::new(),
            subprotocols: Vec::new(),
            deflate: Deflate::Off,
            max_message: 16 << 20,
            open_deadline: Duration::from_secs(10),
            close_deadline: Duration::from_secs(10),
            step_deadline: Duration::from_secs(10),
            nodelay: true,
            upgrade_parts: 1,
        }
    }
}

impl Target {
    pub(super) fn parse(config: &ClientConfig) -> Result<Self, ConnectError> {
        let uri: Uri = config
            .uri
            .parse()
            .map_err(|_| ConnectError::Uri("it is not a URI"))?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") if config.tls.is_some() => true,
            Some("wss") => return Err(ConnectError::Uri("wss needs to know whom to trust")),
            _ => return Err(ConnectError::Uri("the scheme is neither ws nor wss")),
        };
        let authority = uri.authority().ok_or(ConnectError::Uri("it has no host"))?;
        let host = authority.host();
        if host.is_empty() {
            return Err(ConnectError::Uri("it has no host"));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let shown = authority.as_str();
        Ok(Self {
            secure,
            host: bare.to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
            // Without user information (RFC 9110 section 7.2).
            authority: shown
                .rsplit_once('@')
                .map_or(shown, |(_, host)| host)
                .to_owned(),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }
}

impl Limit {
    pub(super) fn new(after: Duration) -> Self {
        Self {
            until: Instant::now() + after,
            after,
        }
    }

    pub(super) async fn within<T>(
        self,
        what: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        timeout_at(self.until, work)
            .await
            .map_err(|_| ConnectError::Deadline {
                what,
                after: self.after,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Result<Target, ConnectError> {
        Target::parse(&ClientConfig::new(uri))
    }

    #[test]
    fn a_bracketed_address_is_looked_up_without_and_sent_with_brackets() {
        let target = target("ws://user@[::1]:81/a?b").expect("target");
        assert_eq!(target.host, "::1");
        assert_eq!(target.port, 81);
        assert_eq!(target.authority, "[::1]:81");
        assert_eq!(target.path, "/a?b");
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!(matches!(target("http://h/"), Err(ConnectError::Uri(_))));
        assert!(matches!(target("wss://h/"), Err(ConnectError::Uri(_))));
        assert!(matches!(target("nothing"), Err(ConnectError::Uri(_))));
    }
}
