//! A cell while it runs: what it is about, and what was judged and recorded so far.

use mpws_peers::protocol::Feature;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use mptcp::pm::{Event, EventSocket};
use mpws_fixture::payload::Payload;
use mpws_harness::Kernels;
use mpws_judge::Placed;
use mpws_judge::demands::{Demands, Illegal, NoHolding};
use mpws_lab::{BoxId, Host, Lab, RuleId};
use mpws_model::{Expect, Ip, Side, shown};
use mpws_peers::catalogue::Kind;
use mpws_peers::protocol::{ClientTls, ServerTls, SocketFamily, SocketProtocol};
use mpws_peers::{Peer, PeerSpec};
use mpws_trace::Rule;
use serde::Serialize;
use serde_json::Value;

use super::effects::Effects;
use super::end::CellEnd;
use crate::result::{Check, Recorded};
use crate::witness::Snapshot;

/// The port that servers of cells listen on.
pub const PORT: u16 = 8765;

/// A cell while it runs.
pub struct Cell {
    /// What must be seen, once the cell is over. Rules and boxes are in `on_the_wire` until then.
    pub(crate) demands: Demands,
    pub(crate) lab: Lab,
    pub(crate) client: Peer,
    pub(crate) server: Peer,
    pub(crate) client_spec: Arc<PeerSpec>,
    pub(crate) server_spec: Arc<PeerSpec>,
    pub(crate) ip: Ip,
    pub(crate) protocol: SocketProtocol,
    pub(crate) scratch: PathBuf,
    /// Rules and boxes that the case put on the wire.
    pub(crate) on_the_wire: Mutex<Vec<OnTheWire>>,
    /// Events of the paths.
    pub(crate) paths: Paths,
    pub(crate) kernels: Kernels,
    pub(crate) effects: &'static dyn Effects,
    pub(crate) checks: Vec<Check>,
    pub(crate) recorded: BTreeMap<String, Recorded>,
    pub(crate) snapshots: Vec<Snapshot>,
    /// The server that was started last.
    pub(crate) server_number: Option<u32>,
    /// Errno with which a side's socket was refused.
    pub(crate) refusals: Vec<(Side, i32)>,
}

/// A rule or box that the case put on the wire.
#[derive(Clone, Debug)]
pub(crate) struct OnTheWire {
    pub(crate) placed: Placed,
    pub(crate) counted: Counted,
}

/// Where it is counted how many packets came for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    /// A rule of the lab.
    Rule(RuleId),
    /// A rule that was taken away, after so many.
    Lifted(u64),
    /// A middlebox of the lab.
    Box(BoxId),
}

/// What a cell has heard of its paths.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    pub(super) client: PathEvents,
    pub(super) server: PathEvents,
}

/// The events of one host.
#[derive(Debug, Default)]
pub(super) struct PathEvents {
    pub(super) socket: Option<EventSocket>,
    pub(super) heard: Vec<Event>,
}

/// What the cell is about.
impl Cell {
    /// The protocol asked for: MPTCP, or TCP in a control.
    pub fn protocol(&self) -> SocketProtocol {
        self.protocol
    }

    /// Whether this is the subject, not the TCP control.
    pub fn over_mptcp(&self) -> bool {
        self.protocol == SocketProtocol::Mptcp
    }

    /// The IP version.
    pub fn ip(&self) -> Ip {
        self.ip
    }

    /// Goes on with the other IP version (dual-stack cases).
    pub fn set_ip(&mut self, ip: Ip) {
        self.ip = ip;
    }

    /// What must carry the bytes.
    pub fn expect(&self) -> Expect {
        self.demands.transport
    }

    /// Says what must carry each connection, in the order of their SYNs, instead of one word for
    /// all.
    pub fn expect_each(&mut self, each: Vec<Expect>) {
        self.demands.each = each;
    }

    /// Segments of this side must not have waited for an ACK in half of so many rounds or more; the
    /// wire tells, once the cell is over.
    ///
    /// A program that was not scheduled for as long as a delayed ACK takes looks held for that one
    /// round. Nagle's algorithm holds a segment in every round.
    pub fn must_not_hold(&mut self, side: Side, rounds: u32) {
        self.demands.no_holding.push(NoHolding { side, rounds });
    }

    /// No reset may have crossed the wire; it tells, once the cell is over.
    pub fn must_not_reset(&mut self) {
        self.demands.no_reset = true;
    }

    /// Every message, either way, must be compressed (RFC 7692) on the wire; the wire tells, once
    /// the cell is over.
    pub fn must_compress(&mut self) {
        self.demands.compressed = true;
    }

    /// An end breaks this rule because the case makes it; the wire must show that, once the cell is
    /// over. Without this, a broken rule is a failure.
    pub fn breaks(&mut self, rule: Rule) {
        self.demands.illegal.push(Illegal::Sure(rule));
    }

    /// The case may make an end break this rule; whether it does depends on chance or on the peer.
    pub fn may_break(&mut self, rule: Rule) {
        self.demands.illegal.push(Illegal::Possible(rule));
    }

    /// A certificate for the server's addresses, made for this cell, as files for both sides.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where no certificate is made, or its files cannot be written.
    pub fn tls(&self) -> Result<(ServerTls, ClientTls), CellEnd> {
        let names = [Ip::V4, Ip::V6].map(|ip| self.address_in(Side::Server, ip));
        let authority = mpws_fixture::tls::authority(&[&names[0], &names[1]])
            .map_err(|error| CellEnd::broken("no certificate was made", &error))?;
        let write = |name: &str, text: &str| {
            let path = self.scratch.join(name);
            std::fs::write(&path, text)
                .map(|()| path.to_string_lossy().into_owned())
                .map_err(|error| CellEnd::broken(format!("{name} was not written"), &error))
        };
        let server = ServerTls {
            certificate: write("certificate.pem", &authority.certificate)?,
            key: write("key.pem", &authority.key)?,
        };
        Ok((
            server,
            ClientTls {
                ca: write("authority.pem", &authority.ca)?,
                server_name: None,
            },
        ))
    }

    /// Address family of the cell's sockets.
    pub fn family(&self) -> SocketFamily {
        match self.ip {
            Ip::V4 => SocketFamily::V4,
            Ip::V6 => SocketFamily::V6,
        }
    }

    /// Numeric address of a side on the first path.
    pub fn address(&self, side: Side) -> String {
        self.address_in(side, self.ip)
    }

    /// Numeric address of a side on the first path, of this IP version.
    pub fn address_in(&self, side: Side, ip: Ip) -> String {
        self.host(side).address(1, ip).to_string()
    }

    /// `ws://` URI of the server.
    pub fn uri(&self, resource: &str) -> String {
        self.uri_with("ws", self.ip, resource)
    }

    /// URI of the server with this scheme and IP version.
    pub fn uri_with(&self, scheme: &str, ip: Ip, resource: &str) -> String {
        let address = self.address_in(Side::Server, ip);
        match ip {
            Ip::V4 => format!("{scheme}://{address}:{PORT}{resource}"),
            Ip::V6 => format!("{scheme}://[{address}]:{PORT}{resource}"),
        }
    }

    /// Whether the peer on a side has a feature of the catalogue.
    pub fn has(&self, side: Side, feature: Feature) -> bool {
        self.spec(side).has(feature)
    }

    /// The version that the peer on a side says it loaded.
    pub fn version(&self, side: Side) -> &str {
        &self.peer(side).hello().version
    }

    /// The implementation that the peer on a side runs.
    pub fn implementation(&self, side: Side) -> &str {
        &self.peer(side).hello().implementation
    }

    /// Whether the peer on a side cannot be asked what it saw.
    pub fn is_blind(&self, side: Side) -> bool {
        self.spec(side).kind() == Kind::Blind
    }

    /// The message, or one of the same size that the peer on a side can send: a blind client has
    /// lines of text alone.
    pub fn fitting(&self, side: Side, message: Payload) -> Payload {
        match message {
            Payload::Binary { size, seed } if self.is_blind(side) => Payload::Text { size, seed },
            message => message,
        }
    }

    /// Into how many frames the peer on a side can cut a message: one where its library sends whole
    /// messages only.
    pub fn fitting_frames(&self, side: Side, fragments: u8) -> u8 {
        if self.has(side, Feature::NoFragments) {
            1
        } else {
            fragments
        }
    }

    pub(crate) fn host(&self, side: Side) -> Host {
        self.lab.host(side.word())
    }

    pub(crate) fn spec(&self, side: Side) -> &PeerSpec {
        match side {
            Side::Client => &self.client_spec,
            Side::Server => &self.server_spec,
        }
    }

    pub(crate) fn peer(&self, side: Side) -> &Peer {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

/// Judging and recording.
impl Cell {
    /// Notes a judgement.
    pub fn check(&mut self, name: &str, expected: &str, observed: &str, held: bool) {
        self.checks.push(Check {
            name: name.to_owned(),
            expected: expected.to_owned(),
            observed: observed.to_owned(),
            held,
        });
    }

    /// Judges that two values are equal.
    pub fn equal<T: PartialEq + Serialize>(&mut self, name: &str, expected: &T, observed: &T) {
        let held = expected == observed;
        self.check(name, &shown(expected), &shown(observed), held);
    }

    /// Records behaviour that is compared with the control and between versions, not judged.
    pub fn record(&mut self, name: &str, value: impl Into<Value>) {
        self.recorded
            .insert(name.to_owned(), Recorded::steady(value));
    }

    /// Records a value that changes from run to run: kept, never compared.
    pub fn record_volatile(&mut self, name: &str, value: impl Into<Value>) {
        self.recorded
            .insert(name.to_owned(), Recorded::volatile(value));
    }
}
