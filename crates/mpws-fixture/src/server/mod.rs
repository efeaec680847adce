//! The server: listens under a policy and does with each connection what its behaviour says.

mod behaviour;
mod listen;
mod session;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use mptcp::facts::SocketFacts;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::deflate::{Deflate, Preferences};
use crate::policy::{Moment, Policy, SocketError};
use crate::report::{Cause, ConnectionReport, Recorder, TransportEnd, chain};
use crate::script::Behaviour;
use crate::stream::Socket;
use crate::websocket::begun;

pub use session::SessionError;

/// Most connections whose reports are kept.
pub const MAX_REPORTS: usize = 4096;

/// Before the next try to accept when the last one failed, not to spin while there are no descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

/// The server cannot be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Not called on a tokio runtime.
    #[error("not on a tokio runtime")]
    NoRuntime,
    /// Neither an address nor a listening socket.
    #[error("nothing to listen on")]
    NoAddress,
    /// A listening socket could not be made under the policy.
    #[error("cannot make a listening socket for {address}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: SocketError,
    },
    /// `setsockopt`, `bind` or `listen` failed.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The error with its errno.
        #[source]
        source: std::io::Error,
    },
    /// The socket that was handed over could not be looked at or used.
    #[error("cannot use the socket that was handed over")]
    HandedOver(#[source] std::io::Error),
    /// The socket that was handed over is neither IPv4 nor IPv6.
    #[error("the socket that was handed over is neither IPv4 nor IPv6")]
    NotInternet,
    /// The socket that was handed over does not listen.
    #[error("the socket that was handed over does not listen")]
    NotListening,
    /// The socket that was handed over contradicts the policy.
    #[error(
        "the socket that was handed over has SO_PROTOCOL {so_protocol}, the policy is {policy:?}"
    )]
    WrongProtocol {
        /// 262 MPTCP, 6 TCP.
        so_protocol: i32,
        /// The policy.
        policy: Policy,
    },
}

/// A running server. Dropping it closes the listening sockets and every connection.
#[derive(Debug)]
#[must_use = "dropping a server stops it"]
pub struct Server {
    shared: Arc<Shared>,
    stop: watch::Sender<Option<Instant>>,
    main: Mutex<Option<JoinHandle<()>>>,
    addresses: Vec<SocketAddr>,
    listeners: Vec<Weak<TcpListener>>,
}

/// Whether a server serves.
#[derive(Clone, Debug)]
pub struct ServerState {
    /// It still accepts.
    pub serving: bool,
    /// The error with which accepting ended, outermost first; empty where there was none.
    pub error: Vec<Cause>,
    /// Its listening sockets.
    pub listening: Vec<SocketFacts>,
    /// Connections closed at once because of the limit.
    pub refused: u64,
}

/// What sessions and server share.
#[derive(Debug)]
struct Shared {
    config: Settings,
    asked: bool,
    unavailable: Option<String>,
    connections: Mutex<Vec<Recorder>>,
    progress: watch::Sender<Progress>,
}

/// The part of the configuration that sessions need.
#[derive(Debug)]
struct Settings {
    policy: Policy,
    tls: Option<Arc<rustls::ServerConfig>>,
    subprotocols: Vec<String>,
    deflate: Deflate<Preferences>,
    max_message: usize,
    open_deadline: Duration,
    close_deadline: Duration,
    step_deadline: Duration,
    connection_limit: usize,
    behaviour: Behaviour,
    nodelay: bool,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    seen: u64,
    ended: u64,
    refused: u64,
    over: bool,
    error: Vec<Cause>,
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

impl Server {
    /// Binds, listens and starts to serve on the current tokio runtime. When this returns, clients can connect.
    pub fn bind(mut config: ServerConfig) -> Result<Self, BindError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BindError::NoRuntime)?;
        let listening = listen::listen(&mut config)?;
        let settings = Settings {
            policy: config.policy,
            tls: config.tls,
            subprotocols: config.subprotocols,
            deflate: config.deflate,
            max_message: config.max_message,
            open_deadline: config.open_deadline,
            close_deadline: config.close_deadline,
            step_deadline: config.step_deadline,
            connection_limit: config.connection_limit,
            behaviour: config.behaviour,
            nodelay: config.nodelay,
        };
        let shared = Arc::new(Shared {
            config: settings,
            asked: listening.asked,
            unavailable: listening.unavailable,
            connections: Mutex::default(),
            progress: watch::Sender::default(),
        });
        let listeners: Vec<_> = listening.listeners.into_iter().map(Arc::new).collect();
        let weak = listeners.iter().map(Arc::downgrade).collect();
        let stop = watch::Sender::new(None);
        let main = runtime.spawn(serve(Arc::clone(&shared), listeners, stop.subscribe()));
        tracing::info!(addresses = ?listening.addresses, policy = ?shared.config.policy, "listening");
        Ok(Self {
            shared,
            stop,
            main: Mutex::new(Some(main)),
            addresses: listening.addresses,
            listeners: weak,
        })
    }

    /// The first address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.addresses
            .first()
            .copied()
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// All addresses that it listens on.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Why its sockets are TCP although MPTCP is preferred, where they are.
    pub fn unavailable(&self) -> Option<&str> {
        self.shared.unavailable.as_deref()
    }

    /// Its connections so far, in the order of accepting, at most [`MAX_REPORTS`].
    pub fn connections(&self) -> Vec<ConnectionReport> {
        let connections = self.shared.connections();
        connections.iter().map(Recorder::snapshot).collect()
    }

    /// Whether it serves.
    pub fn state(&self) -> ServerState {
        let progress = self.shared.progress.borrow().clone();
        let listening = self.listeners.iter().filter_map(Weak::upgrade);
        ServerState {
            serving: !progress.over,
            error: progress.error,
            listening: listening
                .filter_map(|l| SocketFacts::of(&*l).ok())
                .collect(),
            refused: progress.refused,
        }
    }

    /// Waits until `seen` connections were accepted and `ended` have ended; false where `deadline` came first.
    pub async fn wait(&self, seen: u64, ended: u64, deadline: Duration) -> bool {
        self.until(deadline, |p| p.seen >= seen && p.ended >= ended)
            .await
    }

    /// Waits until serving has ended by itself or by [`Self::stop`]; false where `deadline` came first.
    pub async fn wait_over(&self, deadline: Duration) -> bool {
        self.until(deadline, |p| p.over).await
    }

    /// Closes the listening sockets, sends close code 1001 on every connection (a script is cut off), and waits until
    /// all have ended. Those that have not after `deadline` are cut off, and the answer is false.
    pub async fn stop(&self, deadline: Duration) -> bool {
        let main = {
            let mut main = self.main.lock().unwrap_or_else(PoisonError::into_inner);
            main.take()
        };
        let until = Instant::now() + deadline;
        self.stop.send_replace(Some(until));
        if let Some(main) = main {
            // It keeps the deadline itself; an error is a panic or the end of the runtime.
            if let Err(error) = main.await {
                tracing::error!(%error, "the server task failed");
            }
        }
        let aborted = self.shared.abort_open();
        self.shared.progress.send_modify(|p| p.over = true);
        aborted == 0
    }

    async fn until(&self, deadline: Duration, mut done: impl FnMut(&Progress) -> bool) -> bool {
        let mut progress = self.shared.progress.subscribe();
        let waited = tokio::time::timeout(deadline, progress.wait_for(|p| done(p))).await;
        matches!(waited, Ok(Ok(_)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let main = self.main.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(main) = main.take() {
            main.abort();
        }
    }
}

impl Shared {
    fn connections(&self) -> std::sync::MutexGuard<'_, Vec<Recorder>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks every connection that is still open as cut off; returns how many.
    fn abort_open(&self) -> usize {
        let connections = self.connections();
        let open: Vec<_> = connections
            .iter()
            .filter(|c| c.edit().end.is_none())
            .collect();
        for recorder in &open {
            recorder.end(None, TransportEnd::Aborted, None);
        }
        let count = open.len();
        self.progress.send_modify(|p| p.ended += count as u64);
        count
    }

    /// Writes down a new connection.
    fn admit(&self, socket: &Socket) -> Recorder {
        let mut connections = self.connections();
        let mut number = 0;
        self.progress.send_modify(|p| {
            p.seen += 1;
            number = u32::try_from(p.seen).unwrap_or(u32::MAX);
        });
        let mut report = ConnectionReport::new(number, self.config.policy);
        report.unavailable.clone_from(&self.unavailable);
        let recorder = Recorder::new(report, socket.watch());
        if connections.len() < MAX_REPORTS {
            connections.push(recorder.clone());
        }
        recorder
    }
}

/// Accepts until told to stop, then waits for the sessions.
async fn serve(
    shared: Arc<Shared>,
    listeners: Vec<Arc<TcpListener>>,
    mut stop: watch::Receiver<Option<Instant>>,
) {
    let mut sessions = JoinSet::new();
    loop {
        while sessions.try_join_next().is_some() {}
        tokio::select! {
            _ = begun(&mut stop) => break,
            accepted = listen::accept(&listeners) => match accepted {
                Ok(tcp) => begin(&shared, tcp, &mut sessions, &stop),
                Err(error) if listen::passes(&error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(%error, "accepting ended");
                    shared.progress.send_modify(|p| {
                        p.error = chain(&error);
                        p.over = true;
                    });
                    break;
                }
            },
        }
    }
    drop(listeners);
    let Some(until) = begun(&mut stop).await else {
        return;
    };
    let all = async { while sessions.join_next().await.is_some() {} };
    if tokio::time::timeout_at(until, all).await.is_err() {
        tracing::warn!(open = sessions.len(), "connections are cut off");
    }
    sessions.shutdown().await;
}

fn begin(
    shared: &Arc<Shared>,
    tcp: TcpStream,
    sessions: &mut JoinSet<()>,
    stop: &watch::Receiver<Option<Instant>>,
) {
    if sessions.len() >= shared.config.connection_limit {
        tracing::warn!("connection refused: the limit is reached");
        shared.progress.send_modify(|p| p.refused += 1);
        return;
    }
    if let Err(error) = tcp.set_nodelay(shared.config.nodelay) {
        tracing::warn!(%error, "cannot set TCP_NODELAY");
    }
    let socket = Socket::new(tcp);
    let recorder = shared.admit(&socket);
    let looked = recorder.look(shared.asked, Moment::Accepted);
    let session = session::run(
        Arc::clone(shared),
        socket,
        recorder.clone(),
        looked,
        stop.clone(),
    );
    let shared = Arc::clone(shared);
    sessions.spawn(async move {
        let session = std::panic::AssertUnwindSafe(session).catch_unwind();
        if session.await.is_err() {
            recorder.end(None, TransportEnd::Local, Some(&SessionError::Panicked));
        }
        shared.progress.send_modify(|p| p.ended += 1);
    });
}
