//! What sessions and server share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::deflate::{Deflate, Preferences};
use crate::end::{Cause, TransportEnd};
use crate::policy::Policy;
use crate::report::{ConnectionReport, Recorder};
use crate::stream::Socket;
use mpws_protocol::script::Behaviour;

/// Most connections whose reports are kept.
pub const MAX_REPORTS: usize = 4096;

/// What sessions and server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Settings,
    pub(super) asked: bool,
    pub(super) unavailable: Option<String>,
    pub(super) connections: Mutex<Vec<Recorder>>,
    pub(super) progress: watch::Sender<Progress>,
}

/// The part of the configuration that sessions need.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) policy: Policy,
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    pub(super) subprotocols: Vec<String>,
    pub(super) deflate: Deflate<Preferences>,
    pub(super) max_message: usize,
    pub(super) open_deadline: Duration,
    pub(super) close_deadline: Duration,
    pub(super) step_deadline: Duration,
    pub(super) connection_limit: usize,
    pub(super) behaviour: Behaviour,
    pub(super) nodelay: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) seen: u64,
    pub(super) ended: u64,
    pub(super) refused: u64,
    pub(super) over: bool,
    pub(super) error: Vec<Cause>,
}

impl Shared {
    pub(super) fn connections(&self) -> std::sync::MutexGuard<'_, Vec<Recorder>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks every connection that is still open as cut off; returns how many.
    pub(super) fn abort_open(&self) -> usize {
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
    pub(super) fn admit(&self, socket: &Socket) -> Recorder {
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
