//! The kernels' word: counters and MPTCP sockets of both hosts.

use std::fs::File;

use mptcp::counters::{CounterDelta, Counters};
use mptcp::diag::{Diag, MptcpSocket};
use mpws_lab::{Host, Lab};
use mpws_peers::protocol::SocketFacts;

use crate::cell::CellEnd;

/// What kernels and peers said at one moment, while a connection stood.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// MPTCP sockets of the client's host, listeners left out.
    pub client_sockets: Vec<MptcpSocket>,
    /// MPTCP sockets of the server's host, listeners left out.
    pub server_sockets: Vec<MptcpSocket>,
    /// What the client said of its sockets.
    pub client_facts: Vec<SocketFacts>,
    /// What the server said of the sockets that it accepted.
    pub server_facts: Vec<SocketFacts>,
}

/// Eyes in both hosts.
pub struct Witness {
    client: Eyes,
    server: Eyes,
}

struct Eyes {
    netstat: File,
    diag: Diag,
    before: Counters,
}

impl Witness {
    /// Opens them and reads the counters for the first time.
    pub fn open(lab: &Lab) -> Result<Self, CellEnd> {
        Ok(Self {
            client: Eyes::open(&lab.host("client"))?,
            server: Eyes::open(&lab.host("server"))?,
        })
    }

    /// The MPTCP sockets of both hosts.
    pub fn snapshot(&mut self) -> Result<Snapshot, CellEnd> {
        Ok(Snapshot {
            client_sockets: self.client.sockets()?,
            server_sockets: self.server.sockets()?,
            ..Snapshot::default()
        })
    }

    /// What the counters of client and server have moved by since the beginning.
    pub fn deltas(&mut self) -> Result<(CounterDelta, CounterDelta), CellEnd> {
        Ok((self.client.delta()?, self.server.delta()?))
    }
}

impl Eyes {
    fn open(host: &Host) -> Result<Self, CellEnd> {
        let broken = |error: std::io::Error| {
            CellEnd::broken(
                format!("the kernel of host {} was not asked", host.name()),
                &error,
            )
        };
        let mut netstat = host.open_proc("net/netstat").map_err(broken)?;
        let before = read(&mut netstat)?;
        let socket = host
            .socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
            .map_err(broken)?;
        Ok(Self {
            netstat,
            diag: Diag::from_fd(socket),
            before,
        })
    }

    fn sockets(&mut self) -> Result<Vec<MptcpSocket>, CellEnd> {
        let all = self
            .diag
            .mptcp_sockets()
            .map_err(|error| CellEnd::broken("MPTCP sockets were not listed", &error))?;
        Ok(all
            .into_iter()
            .filter(|socket| socket.remote.port() != 0)
            .collect())
    }

    fn delta(&mut self) -> Result<CounterDelta, CellEnd> {
        Ok(read(&mut self.netstat)?.delta(&self.before))
    }
}

fn read(netstat: &mut File) -> Result<Counters, CellEnd> {
    Counters::read_from(netstat).map_err(|error| CellEnd::broken("counters were not read", &error))
}

/// `include/linux/socket.h`.
const AF_NETLINK: i32 = 16;
/// `include/linux/net.h`.
const SOCK_RAW: i32 = 3;
/// `include/uapi/linux/netlink.h`.
const NETLINK_SOCK_DIAG: i32 = 4;
