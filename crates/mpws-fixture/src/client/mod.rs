//! The client: connects under a policy, or on a socket that it is given, and speaks WebSocket or a script.

mod connection;
mod dial;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::conversation::{Conversation, ScriptError};
use crate::deflate::{Agreement, Deflate, Offer};
use crate::handshake::{Asked, HandshakeError, Response, read_head};
use crate::policy::{FellBack, Moment, Policy, SocketError};
use crate::report::{ConnectionReport, Recorder, TransportEnd};
use crate::script::Step;
use crate::stream::{Channel, Socket};
use crate::websocket;

pub use connection::{ClientConnection, ReceiveError, Received, SendError};
pub use dial::HandedOverError;

/// What to connect to, and how.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// `ws://` or `wss://` URI.
    pub uri: String,
    /// Protocol of the socket, and what is demanded of the connection.
    pub policy: Policy,
    /// A socket to use instead of an own one: connected, or with a connect under way. Nothing is ever connected on it.
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
    /// TCP_NODELAY; without it small writes wait for acknowledgements, as a library that forgets it makes them.
    pub nodelay: bool,
    /// Number of writes that [`Client::connect`] sends the upgrade request in, 1 to 64, each in a segment of its own.
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

/// There is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URI is not one that can be connected to.
    #[error("cannot use the URI: {0}")]
    Uri(&'static str),
    /// The name could not be looked up.
    #[error("cannot look up {host}")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No socket could be made under the policy.
    #[error("no socket for {address}")]
    Socket {
        /// Where it should connect to.
        address: SocketAddr,
        /// Why.
        #[source]
        source: SocketError,
    },
    /// `connect` failed. It was not tried again with another protocol.
    #[error("cannot connect to {address}")]
    Connect {
        /// The address that was tried last.
        address: SocketAddr,
        /// Its error with its errno.
        #[source]
        source: io::Error,
        /// Addresses of the same name that were tried before, with their errors.
        before: Vec<(SocketAddr, io::Error)>,
    },
    /// The socket that was handed over cannot be used.
    #[error("cannot use the socket that was handed over")]
    HandedOver(#[from] HandedOverError),
    /// MPTCP is required, and the connection is not MPTCP.
    #[error("MPTCP is required")]
    FellBack(#[from] FellBack),
    /// The TLS handshake failed.
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The opening handshake failed.
    #[error("opening handshake failed")]
    Handshake(#[from] HandshakeError),
    /// Something took too long.
    #[error("deadline of {after:?} for opening, while waiting for {what}")]
    Deadline {
        /// What was waited for.
        what: &'static str,
        /// The limit for opening.
        after: Duration,
    },
}

/// Opens connections.
#[derive(Debug)]
pub struct Client;

/// A script was run.
#[derive(Debug)]
pub struct ScriptRun {
    /// The connection, with the transcript.
    pub report: ConnectionReport,
    /// What the script failed of, where it did.
    pub error: Option<ScriptError>,
}

/// The parts of a URI that a client needs.
#[derive(Debug)]
struct Target {
    secure: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

/// A byte stream to the server.
struct Opened {
    channel: Channel,
    recorder: Recorder,
    asked: bool,
}

/// One limit for all phases of opening.
#[derive(Clone, Copy)]
struct Limit {
    until: Instant,
    after: Duration,
}

impl ClientConfig {
    /// Connect to a URI, with the defaults: MPTCP preferred, no compression, messages up to 16 MiB, 10 s for opening, closing and steps.
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

impl Client {
    /// Opens a connection on the current tokio runtime.
    pub async fn connect(mut config: ClientConfig) -> Result<ClientConnection, ConnectError> {
        let target = Target::parse(&config)?;
        let limit = Limit::new(config.open_deadline);
        let Opened {
            mut channel,
            recorder,
            asked,
        } = open(&mut config, &target, limit).await?;
        let request = request(&config, &target)?;
        let mut buffer = BytesMut::new();
        let upgrading = upgrade(
            &request,
            config.upgrade_parts,
            &mut channel,
            &mut buffer,
            &recorder,
            asked,
        );
        let agreed = limit.within("the opening handshake", upgrading).await??;
        let max = config.max_message;
        let (ws, deflating) =
            websocket::start(channel, buffer, Role::Client, max, agreed.as_ref()).await;
        let after = config.close_deadline;
        Ok(ClientConnection::new(ws, deflating, recorder, after))
    }

    /// Connects, with TLS where the URI says so, and runs the steps; no opening handshake is made but theirs.
    ///
    /// A step that fails is not an error of this function, it is in the answer.
    pub async fn run_script(
        mut config: ClientConfig,
        steps: &[Step],
    ) -> Result<ScriptRun, ConnectError> {
        let target = Target::parse(&config)?;
        let limit = Limit::new(config.open_deadline);
        let opened = open(&mut config, &target, limit).await?;
        let request = request(&config, &target)?;
        let recorder = opened.recorder.clone();
        let mut conversation = Conversation::client(
            opened.channel,
            opened.recorder,
            request,
            config.step_deadline,
            config.max_message,
        );
        conversation.asked = opened.asked;
        let error = conversation.run(steps).await.err();
        let shown = error
            .as_ref()
            .map(|e| e as &(dyn std::error::Error + 'static));
        recorder.end(conversation.close_seen(), TransportEnd::Local, shown);
        drop(conversation);
        Ok(ScriptRun {
            report: recorder.snapshot(),
            error,
        })
    }
}

/// Connects and, for `wss://`, makes the TLS handshake.
async fn open(
    config: &mut ClientConfig,
    target: &Target,
    limit: Limit,
) -> Result<Opened, ConnectError> {
    let dialled = match config.socket.take() {
        Some(socket) => {
            let adopting = dial::adopt(socket, config.policy);
            limit.within("the handed-over socket", adopting).await??
        }
        None => dial::dial(config, target, limit).await?,
    };
    if let Err(error) = dialled.tcp.set_nodelay(config.nodelay) {
        tracing::warn!(%error, "cannot set TCP_NODELAY");
    }
    let socket = Socket::new(dialled.tcp);
    let mut report = ConnectionReport::new(1, config.policy);
    report.unavailable = dialled.unavailable;
    report.tls = target.secure;
    let recorder = Recorder::new(report, socket.watch());
    recorder.look(dialled.asked, Moment::Connected)?;
    let channel = match &config.tls {
        Some(tls) if target.secure => {
            let name = tls
                .server_name
                .clone()
                .unwrap_or_else(|| target.host.clone());
            let name = ServerName::try_from(name)
                .map_err(|_| ConnectError::Uri("the host is not a name for TLS"))?;
            let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls.config));
            let connecting = connector.connect(name, socket);
            let tls = limit.within("the TLS handshake", connecting).await?;
            Channel::Tls(Box::new(tls.map_err(ConnectError::Tls)?.into()))
        }
        _ => Channel::Plain(socket),
    };
    Ok(Opened {
        channel,
        recorder,
        asked: dialled.asked,
    })
}

fn request(config: &ClientConfig, target: &Target) -> Result<Asked, HandshakeError> {
    Asked::new(
        &target.authority,
        &target.path,
        &config.subprotocols,
        config.deflate,
        &config.headers,
    )
}

async fn upgrade(
    request: &Asked,
    parts: u8,
    channel: &mut Channel,
    buffer: &mut BytesMut,
    recorder: &Recorder,
    asked: bool,
) -> Result<Option<Agreement>, ConnectError> {
    let sent = async {
        let size = request
            .bytes
            .len()
            .div_ceil(usize::from(parts.clamp(1, 64)))
            .max(1);
        for part in request.bytes.chunks(size) {
            channel.write_all(part).await?;
            channel.flush().await?;
        }
        Ok(())
    };
    sent.await.map_err(HandshakeError::Io)?;
    let head = read_head(channel, buffer).await;
    recorder.look(asked, Moment::FirstData)?;
    let answer = Response::parse(&head?)?;
    recorder.edit().headers.clone_from(&answer.fields);
    let agreed = request.check(&answer)?;
    recorder.upgraded(&agreed);
    Ok(agreed.deflate)
}

impl Target {
    fn parse(config: &ClientConfig) -> Result<Self, ConnectError> {
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
    fn new(after: Duration) -> Self {
        Self {
            until: Instant::now() + after,
            after,
        }
    }

    async fn within<T>(
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
