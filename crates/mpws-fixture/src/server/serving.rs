//! A running server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use mptcp::facts::SocketFacts;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::config::ServerConfig;
use super::shared::{Progress, Settings, Shared};
use super::{listen, session};
use crate::causes::chain;
use crate::end::{Cause, TransportEnd};
use crate::errors::{BindError, SessionError};
use crate::policy::Moment;
use crate::report::{ConnectionReport, Recorder};
use crate::stream::Socket;
use crate::websocket::begun;

/// Before the next try to accept when the last one failed, not to spin while there are no
/// descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

impl Server {
    /// Binds, listens and starts to serve on the current tokio runtime. When this returns, clients
    /// can connect.
    ///
    /// # Errors
    ///
    /// Outside of a tokio runtime, without an address, when a socket cannot be made, bound or
    /// listened on, or when the one that was handed over does not fit the policy: the variants of
    /// [`BindError`].
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

    /// Its connections so far, in the order of accepting, at most 4096.
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

    /// Waits until `seen` connections were accepted and `ended` have ended; false where `deadline`
    /// came first.
    pub async fn wait(&self, seen: u64, ended: u64, deadline: Duration) -> bool {
        self.until(deadline, |p| p.seen >= seen && p.ended >= ended)
            .await
    }

    /// Waits until serving has ended by itself or by [`Self::stop`]; false where `deadline` came
    /// first.
    pub async fn wait_over(&self, deadline: Duration) -> bool {
        self.until(deadline, |p| p.over).await
    }

    /// Closes the listening sockets, sends close code 1001 on every connection (a script is cut
    /// off), and waits until all have ended. Those that have not after `deadline` are cut off, and
    /// the answer is false.
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
