//! From a cell whose steps are over to what all witnesses say of it.

use std::fs::File;
use std::io::BufReader;
use std::net::IpAddr;
use std::time::Duration;

use mptcp::counters::CounterDelta;
use mpws_judge::testimony::{
    Kernel, MptcpSocket, Peer as PeerSaid, PeerConnection, Refusal, Steps,
};
use mpws_judge::{Demands, End, Exit, Parties, Sides, Testimony, Wire};
use mpws_lab::Host;
use mpws_model::{Ip, Side};
use mpws_peers::Peer;
use mpws_peers::protocol::SocketFacts;

use crate::cell::{Cell, CellEnd, Counted, PORT};
use crate::deadline;
use crate::witness::Snapshot;

/// What there is to judge of a cell, and the capture that the wire's part was read from.
pub(crate) struct Gathered {
    pub(crate) parties: Parties,
    pub(crate) demands: Demands,
    pub(crate) testimony: Testimony,
    pub(crate) capture: File,
}

/// Asks the wire, both kernels, this host and both peers for the last time, and ends the peers.
///
/// `Broken` where one of them cannot be asked.
pub(crate) fn gather(cell: &mut Cell, end: Result<(), CellEnd>) -> Result<Gathered, CellEnd> {
    let mut capture = cell
        .lab
        .capture()
        .map_err(|error| CellEnd::broken("the wire gave no capture", &error))?;
    // After the capture: what the wire has handed on by then has reached its kernel.
    let (client_moved, server_moved) = cell.kernels.deltas()?;
    let (placed, came) = placed(cell)?;
    let refusal = refusal(cell);
    let exits = [Side::Client, Side::Server].map(|side| end_peer(cell.peer(side)));
    let packets = mpws_trace::read_pcapng(BufReader::new(&mut capture))
        .map_err(|error| CellEnd::broken("the capture cannot be read", &error))?;
    let trace = mpws_trace::analyse(&packets);
    let parties = parties(cell);
    let wire = Wire::of(&trace, &packets, &parties);
    let [client_exit, server_exit] = exits;
    let last = cell.snapshots.last();
    let testimony = Testimony {
        steps: Steps {
            checks: std::mem::take(&mut cell.checks),
            end: end.err().map(End::from),
        },
        wire,
        came,
        kernels: Sides {
            client: kernel(
                client_moved,
                last.map(|last| last.client_sockets.as_slice()),
            ),
            server: kernel(
                server_moved,
                last.map(|last| last.server_sockets.as_slice()),
            ),
        },
        peers: Sides {
            client: peer(
                last.map(|last: &Snapshot| last.client_facts.as_slice()),
                client_exit,
            ),
            server: peer(last.map(|last| last.server_facts.as_slice()), server_exit),
        },
        refusal,
    };
    Ok(Gathered {
        parties,
        demands: Demands {
            placed,
            ..cell.demands.clone()
        },
        testimony,
        capture,
    })
}

/// The client's addresses on the first path, of both IP versions, and the port of cells.
fn parties(cell: &Cell) -> Parties {
    let address = |ip| -> IpAddr { cell.path_address_in(Side::Client, 1, ip) };
    Parties {
        client: [Ip::V4, Ip::V6].map(address).to_vec(),
        port: PORT,
    }
}

/// What the case put on the wire, and how many packets came for each.
fn placed(cell: &Cell) -> Result<(Vec<mpws_judge::Placed>, Vec<u64>), CellEnd> {
    let all = cell.on_the_wire().clone();
    let mut came = Vec::with_capacity(all.len());
    for one in &all {
        came.push(match one.counted {
            Counted::Lifted(before) => before,
            Counted::Rule(id) => cell.hits(id)?,
            Counted::Box(id) => cell.box_hits(id)?,
        });
    }
    Ok((all.into_iter().map(|one| one.placed).collect(), came))
}

/// The client's first refusal, and whether its host refuses others too.
fn refusal(cell: &Cell) -> Option<Refusal> {
    let mut refusals = cell.refusals.iter();
    let (_, errno) = *refusals.find(|(side, _)| *side == Side::Client)?;
    let host = cell.host(Side::Client);
    Some(Refusal {
        errno,
        given_to_others: gives_mptcp(&host, cell.ip()),
        enabled: host
            .sysctl("net.mptcp.enabled")
            .ok()
            .map(|value| value != "0"),
    })
}

fn gives_mptcp(host: &Host, ip: Ip) -> bool {
    let family = match ip {
        Ip::V4 => libc::AF_INET,
        Ip::V6 => libc::AF_INET6,
    };
    host.socket(family, libc::SOCK_STREAM, libc::IPPROTO_MPTCP)
        .is_ok()
}

fn end_peer(peer: &Peer) -> Exit {
    match peer.shutdown(Duration::from_millis(deadline::PEER_EXIT_MS)) {
        Ok(mpws_lab::Exit::Code(code)) => Exit::Code(code),
        Ok(mpws_lab::Exit::Signal(signal)) => Exit::Signal(signal),
        Err(error) => Exit::Not(error.to_string()),
    }
}

fn kernel(moved: CounterDelta, sockets: Option<&[mptcp::diag::MptcpSocket]>) -> Kernel {
    let sockets = sockets.map(|all| {
        let all = all.iter().map(|socket| MptcpSocket {
            local: socket.local,
            remote: socket.remote,
            fallback: socket.fallback(),
        });
        all.collect()
    });
    Kernel { moved, sockets }
}

fn peer(facts: Option<&[SocketFacts]>, exit: Exit) -> PeerSaid {
    let connections = facts.map(|facts| {
        let all = facts.iter().map(|one| PeerConnection {
            open: one.open,
            so_protocol: one.so_protocol,
            is_mptcp: one.is_mptcp,
            nodelay: one.nodelay,
            api_protocol: one.api_protocol,
        });
        all.collect()
    });
    PeerSaid {
        connections,
        exit: Some(exit),
    }
}

impl From<CellEnd> for End {
    fn from(end: CellEnd) -> Self {
        match end {
            CellEnd::Failed(reason) => Self::Failed(reason),
            CellEnd::Unsupported(reason) => Self::Unsupported(reason),
            CellEnd::Unprovable(reason) => Self::Unprovable(reason),
            CellEnd::Broken(reason) => Self::Broken(reason),
        }
    }
}
