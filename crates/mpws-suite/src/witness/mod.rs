//! The kernels' word: counters and MPTCP sockets of both hosts.

pub(crate) mod gather;

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::OnceLock;

use mptcp::counters::{CounterDelta, Counters};
use mptcp::diag::{Diag, Family, MptcpSocket, State, TcpSubflow};
use mpws_lab::{Host, Lab};
use mpws_peers::kernel::{self, KernelSocket};
use mpws_peers::protocol::SocketFacts;
use serde::Serialize;

use crate::case::Side;
use crate::cell::CellEnd;

/// What kernels and peers said at one moment, while a connection stood.
#[derive(Clone, Debug, Default, serde::Serialize)]
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

/// Stream sockets of a host, by `/proc/net/protocols`: IPv4 and IPv6 together, listeners included. A socket in `TIME_WAIT`
/// is none any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InUse {
    /// TCP, subflows of MPTCP included.
    pub tcp: u64,
    /// MPTCP.
    pub mptcp: u64,
}

/// Eyes in both hosts.
pub struct Witness {
    client: Eyes,
    server: Eyes,
}

struct Eyes {
    netstat: File,
    protocols: File,
    tables: Vec<File>,
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

    /// The stream sockets of both hosts, client then server.
    pub fn in_use(&mut self) -> Result<[InUse; 2], CellEnd> {
        Ok([self.client.in_use()?, self.server.in_use()?])
    }

    /// The established subflows of client and server.
    pub fn subflows(&mut self) -> Result<[Vec<TcpSubflow>; 2], CellEnd> {
        Ok([self.client.subflows()?, self.server.subflows()?])
    }

    /// The TCP and MPTCP sockets of a side.
    pub fn sockets(&mut self, side: Side) -> Result<Vec<KernelSocket>, CellEnd> {
        match side {
            Side::Client => self.client.all(),
            Side::Server => self.server.all(),
        }
    }

    /// Whether a connect of a side is under way: a SYN that is not yet answered.
    pub fn connecting(&mut self, side: Side) -> Result<bool, CellEnd> {
        match side {
            Side::Client => self.client.connecting(),
            Side::Server => self.server.connecting(),
        }
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
        let protocols = host.open_proc("net/protocols").map_err(broken)?;
        let tables = kernel::TABLES.map(|name| host.open_proc(name));
        let tables = tables
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(broken)?;
        let socket = host
            .socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
            .map_err(broken)?;
        Ok(Self {
            netstat,
            protocols,
            tables,
            diag: Diag::from_fd(socket),
            before,
        })
    }

    fn sockets(&mut self) -> Result<Vec<MptcpSocket>, CellEnd> {
        let mut all = Vec::new();
        for family in self.families()? {
            let listed = self.diag.mptcp_connections_of(family);
            all.extend(
                listed.map_err(|error| CellEnd::broken("MPTCP sockets were not listed", &error))?,
            );
        }
        all.retain(|socket| socket.remote.port() != 0);
        Ok(all)
    }

    /// The families of which there are MPTCP sockets. To list those of a family takes the kernel a part of a millisecond even
    /// where there are none; to tell their number, nothing.
    fn families(&mut self) -> Result<Vec<Family>, CellEnd> {
        let mut families = vec![Family::Inet, Family::Inet6];
        if kernel_counts_mptcp() {
            let text = self.protocols()?;
            families.retain(|family| sockets_of(&text, mptcp_name(*family)) > 0);
        }
        Ok(families)
    }

    fn subflows(&mut self) -> Result<Vec<TcpSubflow>, CellEnd> {
        let all = self
            .diag
            .tcp_subflows()
            .map_err(|error| CellEnd::broken("subflows were not listed", &error))?;
        Ok(all
            .into_iter()
            .filter(|subflow| subflow.state == State::Established)
            .collect())
    }

    fn all(&mut self) -> Result<Vec<KernelSocket>, CellEnd> {
        let broken = |error| CellEnd::broken("sockets were not listed", &error);
        let mptcp = self.diag.mptcp_sockets().map_err(broken)?;
        let subflows = self.diag.tcp_subflows().map_err(broken)?;
        let text = self.tables()?;
        Ok(kernel::sockets(&mptcp, &subflows, &text))
    }

    fn connecting(&mut self) -> Result<bool, CellEnd> {
        Ok(kernel::connecting(&self.tables()?))
    }

    fn tables(&mut self) -> Result<String, CellEnd> {
        let mut text = String::new();
        for table in &mut self.tables {
            table
                .rewind()
                .and_then(|()| table.read_to_string(&mut text))
                .map_err(|error| CellEnd::broken("TCP sockets were not listed", &error))?;
        }
        Ok(text)
    }

    fn in_use(&mut self) -> Result<InUse, CellEnd> {
        Ok(InUse::parse(&self.protocols()?))
    }

    fn protocols(&mut self) -> Result<String, CellEnd> {
        let mut text = String::new();
        self.protocols
            .rewind()
            .and_then(|()| self.protocols.read_to_string(&mut text))
            .map_err(|error| CellEnd::broken("/proc/net/protocols was not read", &error))?;
        Ok(text)
    }

    fn delta(&mut self) -> Result<CounterDelta, CellEnd> {
        Ok(read(&mut self.netstat)?.delta(&self.before))
    }
}

impl InUse {
    /// Reads the table: name, size and number of sockets stand first in each line.
    fn parse(text: &str) -> Self {
        let both = |names: [&str; 2]| names.iter().map(|name| sockets_of(text, name)).sum();
        Self {
            tcp: both(["TCP", "TCPv6"]),
            mptcp: both([Family::Inet, Family::Inet6].map(mptcp_name)),
        }
    }
}

/// Sockets of a protocol in the table; 0 where it is not there.
fn sockets_of(table: &str, protocol: &str) -> u64 {
    let mut lines = table.lines().map(str::split_whitespace);
    lines
        .find_map(|mut fields| (fields.next() == Some(protocol)).then(|| fields.nth(1)))
        .flatten()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// What the table calls MPTCP of a family.
fn mptcp_name(family: Family) -> &'static str {
    match family {
        Family::Inet => "MPTCP",
        Family::Inet6 => "MPTCPv6",
    }
}

/// Whether this kernel counts MPTCP sockets in `/proc/net/protocols`, as it does since 6.2: the number moves when one is made.
fn kernel_counts_mptcp() -> bool {
    static COUNTS: OnceLock<bool> = OnceLock::new();
    *COUNTS.get_or_init(|| {
        let now = || {
            let table = std::fs::read_to_string("/proc/thread-self/net/protocols");
            table.map_or(0, |table| sockets_of(&table, mptcp_name(Family::Inet)))
        };
        let before = now();
        let one = mptcp::stream(socket2::Domain::IPV4);
        one.is_ok() && now() > before
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_both_ip_versions_are_added_up() {
        let text = "protocol  size sockets  memory press maxhdr\n\
            MPTCPv6   2000      1       0   no       0\n\
            MPTCP     1900      2       0   no       0\n\
            TCPv6     2400      3       1   no     320\n\
            UDP       1200      9       1   NI       0\n\
            TCP       2300      4       1   no     320\n";
        assert_eq!(InUse::parse(text), InUse { tcp: 7, mptcp: 3 });
    }
}
