//! Builders of demands and testimonies, for tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use mptcp::counters::{CounterDelta, Counters};
use mpws_model::result::Check;
use mpws_trace::TransportTruth;

use crate::testimony::{Kernel, MptcpSocket, Peer, PeerConnection, Sides, Steps, Testimony};
use crate::wire::{
    SeenConnection, SeenContent, SeenDirection, SeenKind, SeenMessage, SeenSubflow, Wire,
};

/// An MPTCP connection with one subflow on the first path, and nothing remarkable about it.
pub fn connection() -> SeenConnection {
    SeenConnection {
        client: address("10.0.1.1:40000"),
        server: address("10.0.1.2:8765"),
        transport: TransportTruth::Mptcp { subflows: 1 },
        subflows: vec![SeenSubflow {
            paths: vec!["path1".to_owned()],
            bytes: 1000,
            ..SeenSubflow::default()
        }],
        to_server: SeenDirection::default(),
        to_client: SeenDirection::default(),
    }
}

/// The same, carried by something else.
pub fn carried_by(transport: TransportTruth) -> SeenConnection {
    SeenConnection {
        transport,
        ..connection()
    }
}

/// A message that the first path carried. Its digest is the content itself in hexadecimal digits.
pub fn message(kind: SeenKind, content: &[u8]) -> SeenMessage {
    SeenMessage {
        kind,
        compressed: false,
        last_ns: 0,
        paths: vec!["path1".to_owned()],
        content: Some(SeenContent {
            length: content.len() as u64,
            sha256: content.iter().map(|byte| format!("{byte:02x}")).collect(),
        }),
    }
}

/// Counters that moved by so much; all others are there and did not move.
///
/// # Panics
///
/// For a name that is no name of a counter.
pub fn moved(by: &[(&str, i64)]) -> CounterDelta {
    let by: BTreeMap<&str, i64> = by.iter().copied().collect();
    let mut names = vec!["MPCapableSYNRX", "MPCapableSYNACKRX", "MPCapableACKRX"];
    names.extend(["MPCapableSYNTXDisabled", "MPJoinSynAckRx", "MPJoinAckRx"]);
    names.extend(
        by.keys()
            .filter(|name| !names.contains(*name))
            .copied()
            .collect::<Vec<_>>(),
    );
    let reading = |value: &dyn Fn(&str) -> i64| {
        let values: Vec<String> = names.iter().map(|name| value(name).to_string()).collect();
        let text = format!(
            "MPTcpExt: {}\nMPTcpExt: {}\n",
            names.join(" "),
            values.join(" ")
        );
        Counters::parse(&text).expect("names and values pair up")
    };
    let before = reading(&|_| 0);
    reading(&|name| by.get(name).copied().unwrap_or(0)).delta(&before)
}

/// No counters at all, as of a kernel without MPTCP.
pub fn uncounted() -> CounterDelta {
    CounterDelta::default()
}

/// A check of the steps that held.
pub fn held() -> Check {
    Check {
        name: "echo".to_owned(),
        expected: "the same".to_owned(),
        observed: "the same".to_owned(),
        held: true,
    }
}

/// A cell whose steps went through, with one MPTCP connection on which all witnesses agree.
pub fn testimony() -> Testimony {
    let kernel = |name| Kernel {
        moved: moved(&[(name, 1)]),
        sockets: Some(vec![MptcpSocket {
            local: address("10.0.1.1:40000"),
            remote: address("10.0.1.2:8765"),
            fallback: Some(false),
        }]),
    };
    let peer = || Peer {
        connections: Some(vec![PeerConnection {
            open: true,
            so_protocol: Some(libc::IPPROTO_MPTCP),
            is_mptcp: Some(true),
            nodelay: Some(true),
            api_protocol: None,
        }]),
        exit: Some(crate::Exit::Code(0)),
    };
    Testimony {
        steps: Steps {
            checks: vec![held()],
            end: None,
        },
        wire: Wire {
            any_tcp: true,
            connections: vec![connection()],
            ..Wire::default()
        },
        kernels: Sides {
            client: kernel("MPCapableSYNACKRX"),
            server: kernel("MPCapableACKRX"),
        },
        peers: Sides {
            client: peer(),
            server: peer(),
        },
        ..Testimony::default()
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address with a port")
}
