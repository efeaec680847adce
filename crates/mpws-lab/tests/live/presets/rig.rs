//! What the demonstrations share: a lab under a condition, and its witnesses.

use crate::common::*;
use crate::recorded::tcp_packets;
use mptcp::AddressId;
use mptcp::counters::Counters;
use mptcp::pm::{Endpoint, EndpointFlags, EventKind, EventSocket, Limits};
use mptcp::sockopt::{self, IsMptcp};
use mpws_lab::preset::{PathSpec, Preset};
use mpws_lab::{Applied, Builder, Ip, Lab};
use socket2::Socket;
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// A lab with MPTCP and so many paths, and its counters at the start.
pub struct Rig {
    pub lab: Lab,
    before: [Counters; 2],
}

/// Number of the server's address on path 2.
pub const ENDPOINT: AddressId = AddressId(7);

pub type Pair = (Socket, Socket);

impl Rig {
    /// Nothing where this host cannot have one.
    pub fn of(paths: u8) -> Option<Self> {
        let two = Lab::builder().host("client").host("server");
        Self::with((0..paths).fold(two, |lab, _| lab.path("client", "server")))
    }

    /// The same for another lab.
    pub fn with(lab: Builder) -> Option<Self> {
        let lab = started(lab).filter(|lab| has_mptcp(&lab.host("client")))?;
        let before = ["client", "server"].map(|host| lab.host(host).counters().expect("counters"));
        Some(Self { lab, before })
    }

    pub fn apply(&self, path: u8, preset: &str) -> Applied {
        let preset = Preset::named(preset).expect("a preset");
        let spec: PathSpec = preset.spec.parse().expect("a condition");
        self.lab.apply(path, &spec).expect("applied")
    }

    pub fn client(&self, counter: &str) -> Option<u64> {
        self.moved("client", counter)
    }

    pub fn server(&self, counter: &str) -> Option<u64> {
        self.moved("server", counter)
    }

    /// How far a counter has moved; `None` where the kernel has no such counter.
    fn moved(&self, host: &str, counter: &str) -> Option<u64> {
        let before = &self.before[usize::from(host == "server")];
        let now = self.lab.host(host).counters().expect("counters");
        Some(now.value(counter)? - before.value(counter)?)
    }

    /// Whether a packet stands in the capture with this comment.
    pub fn recorded(&self, comment: &str) -> bool {
        tcp_packets(&self.lab)
            .iter()
            .any(|packet| packet.comments.iter().any(|one| one == comment))
    }

    pub fn assert_recorded(&self, comment: &str) {
        assert!(self.recorded(comment), "{comment}: {:?}", self.comments());
    }

    /// The same where other boxes may have had a hand in the packet.
    pub fn assert_recorded_by(&self, verb: &str, name: &str) {
        let found = self.comments().iter().any(|comment| {
            let by = comment.split_once(" by ").filter(|(word, _)| *word == verb);
            by.is_some_and(|(_, names)| names.split('+').any(|one| one == name))
        });
        assert!(found, "{verb} by {name}: {:?}", self.comments());
    }

    fn comments(&self) -> Vec<String> {
        let packets = tcp_packets(&self.lab);
        packets
            .into_iter()
            .flat_map(|packet| packet.comments)
            .collect()
    }

    /// Waits until something holds that the network or the kernels bring about.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + LONG;
        while !holds() {
            assert!(
                Instant::now() < deadline,
                "not in time: {what}: {:?}",
                self.comments()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The server announces its address on path 2, and the client joins there: both directions take
    /// that path.
    pub fn announce_second_path(&self) {
        for host in self.lab.hosts() {
            let limits = Limits {
                subflows: 1,
                add_addr_accepted: 1,
            };
            let mut manager = host.path_manager().expect("path manager");
            manager.set_limits(limits).expect("limits");
        }
        let server = self.lab.host("server");
        let endpoint = Endpoint::new(server.address(2, Ip::V4))
            .id(ENDPOINT.0)
            .flags(EndpointFlags::SIGNAL);
        let mut manager = server.path_manager().expect("path manager");
        manager.add_endpoint(&endpoint).expect("endpoint");
    }

    /// A connection whose second subflow stands, its client's events, and the listeners, without
    /// which there is no join.
    pub fn joined(&self) -> (Pair, EventSocket, [Socket; 2]) {
        self.announce_second_path();
        let mut events = self.lab.host("client").events().expect("events");
        let (second, _) = listen(&self.lab, 2, Ip::V4, MPTCP);
        let (pair, listener) = self.connect();
        ping_pong(&pair);
        wait_for(&mut events, EventKind::SubflowEstablished);
        // The server may use the subflow only after the client's fourth packet.
        self.until("the join is known to the server", || {
            self.server("MPJoinAckRx") == Some(1)
        });
        (pair, events, [listener, second])
    }

    /// A connection over path 1 with its listener.
    pub fn connect(&self) -> (Pair, Socket) {
        let (listener, address) = listen(&self.lab, 1, Ip::V4, MPTCP);
        let client = socket(&self.lab.host("client"), Ip::V4, MPTCP);
        client.connect(&address).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(LONG)).expect("timeout");
            socket.set_write_timeout(Some(LONG)).expect("timeout");
        }
        ((client, server), listener)
    }
}

/// How long a recovery may take that retransmission timers bring about.
const LONG: Duration = Duration::from_secs(60);

/// Waits for an event of this kind.
pub fn wait_for(events: &mut EventSocket, kind: EventKind) {
    let deadline = Instant::now() + LONG;
    loop {
        let event = events.next(deadline).expect("events");
        let event = event.unwrap_or_else(|| panic!("no event {kind:?} in time"));
        if event.kind == kind {
            return;
        }
    }
}

/// Whether there was an event of this kind among those that nobody has looked at.
pub fn happened(events: &mut EventSocket, kind: EventKind) -> bool {
    let mut waiting = std::iter::from_fn(|| events.next(Instant::now()).expect("events"));
    waiting.any(|event| event.kind == kind)
}

pub fn is_mptcp(socket: &Socket) -> bool {
    sockopt::is_mptcp(socket).expect("is_mptcp") == IsMptcp::Yes
}

/// Sends many bytes both ways and expects them as they are.
pub fn transfer((client, server): &Pair, length: usize) {
    let sent: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
    for (mut from, mut to) in [(client, server), (server, client)] {
        let mut heard = vec![0; length];
        thread::scope(|scope| {
            scope.spawn(|| from.write_all(&sent).expect("write"));
            to.read_exact(&mut heard).expect("read");
        });
        assert!(heard == sent, "bytes differ");
    }
}

/// Several exchanges of small messages.
pub fn chat(pair: &Pair) {
    for _ in 0..10 {
        ping_pong(pair);
    }
}
