//! What is remembered of a connection.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mptcp::facts::SocketFacts;
use serde::Serialize;

use crate::handshake::Agreed;
use crate::policy::{FellBack, Moment, Policy, Transport};
use crate::stream::Watch;
use crate::transcript::{Entry, Happening, Transcript, Way};
use mpws_protocol::payload::{Digested, MessageKind};

pub use crate::causes::{MAX_CHAIN, chain, class};
pub use crate::end::{Cause, ConnectionEnd, TransportEnd};

/// Most messages of a connection that are remembered one by one.
pub const MAX_RECEIVED: usize = 64;

/// What a fixture knows of one connection.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionReport {
    /// Server: in the order of accepting, from 1. Client: 1.
    pub number: u32,
    /// Address of this end, where it is known.
    pub local: Option<SocketAddr>,
    /// Address of the other end, where it is known.
    pub remote: Option<SocketAddr>,
    /// What was asked for.
    pub policy: Policy,
    /// Why MPTCP was not even asked for, under [`Policy::Prefer`].
    pub unavailable: Option<String>,
    /// What carries it, when last looked at.
    pub transport: Transport,
    /// The socket when it was accepted or connected; absent where it could not be looked at.
    pub facts: Option<SocketFacts>,
    /// The socket after the first bytes of the other side.
    pub facts_after_data: Option<SocketFacts>,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Whether the upgrade was completed.
    pub upgraded: bool,
    /// Negotiated subprotocol.
    pub subprotocol: Option<String>,
    /// Negotiated extensions with their parameters, such as `permessage-deflate;
    /// server_max_window_bits=12`.
    pub extensions: Vec<String>,
    /// Header fields of the other side's request or response, at most 64.
    pub headers: Vec<(String, String)>,
    /// The first [`MAX_RECEIVED`] messages received.
    pub received: Vec<Digested>,
    /// Messages received.
    pub received_count: u64,
    /// Messages sent.
    pub sent_count: u64,
    /// Bytes that the socket yielded before or without an upgrade, TLS records included.
    pub raw_bytes: u64,
    /// How it ended, where it has.
    pub end: Option<ConnectionEnd>,
    /// What the script did so far, where there is one.
    pub transcript: Option<Transcript>,
}

/// The report of a connection that may still be open, shared with who works on it.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    report: Arc<Mutex<ConnectionReport>>,
    watch: Watch,
    start: Instant,
}

impl Recorder {
    pub(crate) fn new(report: ConnectionReport, watch: Watch) -> Self {
        Self {
            report: Arc::new(Mutex::new(report)),
            watch,
            start: Instant::now(),
        }
    }

    pub(crate) fn edit(&self) -> MutexGuard<'_, ConnectionReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(crate) fn snapshot(&self) -> ConnectionReport {
        let mut report = self.edit();
        if !report.upgraded {
            report.raw_bytes = self.watch.read();
        }
        report.clone()
    }

    /// Looks at the socket and judges it; the first look and the one after the first data are kept.
    pub(crate) fn look(&self, asked: bool, moment: Moment) -> Result<(), FellBack> {
        let Some(Ok(facts)) = self.watch.with(|fd| SocketFacts::of(fd)) else {
            return Ok(());
        };
        let mut report = self.edit();
        let judged = report.policy.judge(asked, &facts, moment);
        match moment {
            Moment::Accepted | Moment::Connected => {
                report.local = facts.local;
                report.remote = facts.remote;
                report.facts = Some(facts);
            }
            Moment::FirstData => report.facts_after_data = Some(facts),
        }
        let before = report.transport;
        report.transport = match judged {
            // The first sighting stays.
            Ok(Transport::Fallback { .. }) if matches!(before, Transport::Fallback { .. }) => {
                before
            }
            Ok(transport) => transport,
            Err(_) => Transport::Fallback { seen: moment },
        };
        judged.map(|_| ())
    }

    pub(crate) fn upgraded(&self, agreed: &Agreed) {
        let read = self.watch.read();
        let mut report = self.edit();
        report.upgraded = true;
        report.subprotocol.clone_from(&agreed.subprotocol);
        report.extensions = agreed.deflate.iter().map(ToString::to_string).collect();
        report.raw_bytes = read;
    }

    /// Counts a message; describes it where it is one of those that are kept.
    pub(crate) fn received(&self, kind: MessageKind, content: &[u8]) -> Option<Digested> {
        let kept = {
            let mut report = self.edit();
            report.received_count += 1;
            report.received_count <= MAX_RECEIVED as u64
        };
        // Outside the lock: it may take long.
        let digested = kept.then(|| Digested::of(kind, content))?;
        self.edit().received.push(digested.clone());
        Some(digested)
    }

    pub(crate) fn sent(&self) {
        self.edit().sent_count += 1;
    }

    /// Adds to the transcript.
    pub(crate) fn note(&self, way: Way, what: Happening) {
        let at_us = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut report = self.edit();
        let transcript = report.transcript.get_or_insert_default();
        transcript.push(Entry { at_us, way, what });
    }

    /// Writes down how it ended; only the first time counts.
    ///
    /// `fallback` is used where nothing was seen of the other side's end.
    pub(crate) fn end(
        &self,
        close: Option<(u16, String)>,
        fallback: TransportEnd,
        error: Option<&(dyn Error + 'static)>,
    ) {
        let read = self.watch.read();
        let transport = self.watch.end().unwrap_or(fallback);
        let mut report = self.edit();
        if report.end.is_some() {
            return;
        }
        if !report.upgraded {
            report.raw_bytes = read;
        }
        let (code, reason) = close.unwrap_or((ABNORMAL, String::new()));
        report.end = Some(ConnectionEnd {
            code,
            reason,
            transport,
            error: error.map(chain).unwrap_or_default(),
        });
    }
}

/// RFC 6455 section 7.1.5: no close frame was received.
const ABNORMAL: u16 = 1006;

impl ConnectionReport {
    pub(crate) fn new(number: u32, policy: Policy) -> Self {
        Self {
            number,
            local: None,
            remote: None,
            policy,
            unavailable: None,
            transport: Transport::Tcp,
            facts: None,
            facts_after_data: None,
            tls: false,
            upgraded: false,
            subprotocol: None,
            extensions: Vec::new(),
            headers: Vec::new(),
            received: Vec::new(),
            received_count: 0,
            sent_count: 0,
            raw_bytes: 0,
            end: None,
            transcript: None,
        }
    }
}
