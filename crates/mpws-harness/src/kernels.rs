//! Counters and sockets, as the kernels of both hosts list them.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::OnceLock;

use mptcp::counters::{CounterDelta, Counters};
use mptcp::diag::{Diag, Family, MptcpSocket, State, TcpSubflow};
use mpws_lab::{Host, Lab};
use mpws_model::Side;
use mpws_peers::kernel::{self, KernelSocket};
use serde::Serialize;

/// Stream sockets of a host, by `/proc/net/protocols`: IPv4 and IPv6 together, listeners included.
/// A socket in `TIME_WAIT` is none any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InUse {
    /// TCP, subflows of MPTCP included.
    pub tcp: u64,
    /// MPTCP.
    pub mptcp: u64,
}

/// Why a kernel was not asked, or gave no answer that can be read.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct KernelError {
    what: String,
    source: Box<dyn Error + Send + Sync>,
}

/// A view into the kernels of both hosts.
pub struct Kernels {
    client: Kernel,
    server: Kernel,
}

/// The kernel of one host, through files and sockets that were opened there.
struct Kernel {
    netstat: File,
    protocols: File,
    tables: Vec<File>,
    diag: Diag,
    before: Counters,
}

impl Kernels {
    /// Opens them and reads the counters for the first time.
    ///
    /// # Errors
    ///
    /// [`KernelError`]: the host's files or netlink sockets cannot be opened or read, or answer
    /// otherwise than expected.
    pub fn open(lab: &Lab) -> Result<Self, KernelError> {
        Ok(Self {
            client: Kernel::open(&lab.host("client"))?,
            server: Kernel::open(&lab.host("server"))?,
        })
    }

    /// The MPTCP sockets of both hosts, client then server, listeners left out.
    ///
    /// # Errors
    ///
    /// [`KernelError`]: the host's files or netlink sockets cannot be opened or read, or answer
    /// otherwise than expected.
    pub fn mptcp_sockets(&mut self) -> Result<[Vec<MptcpSocket>; 2], KernelError> {
        Ok([self.client.sockets()?, self.server.sockets()?])
    }

    /// The stream sockets of both hosts, client then server.
    ///
    /// # Errors
    ///
    /// [`KernelError`]: the host's files or netlink sockets cannot be opened or read, or answer
    /// otherwise than expected.
    pub fn in_use(&mut self) -> Result<[InUse; 2], KernelError> {
        Ok([self.client.in_use()?, self.server.in_use()?])
    }

    /// The established subflows of client and server.
    ///
    /// # Errors
    ///
    /// [`KernelError`]: the host's files or netlink sockets cannot be opened or read, or answer
    /// otherwise than expected.
    pub fn subflows(&mut self) -> Result<[Vec<TcpSubflow>; 2], KernelError> {
        Ok([self.client.subflows()?, self.server.subflows()?])
    }

    /// The TCP and MPTCP sockets of a side.
    ///
    /// # Errors
    ///
    /// [`KernelError`]: the host's files or netlink sockets cannot be opened or read, or answer
    /// otherwise than expected.
    pub fn sockets(&mut self, side: Side) -> Result<Vec<KernelSocket>, KernelError> {
        match side {
            Side::Client => self.client.all(),
            Side::Server => self.server.all(),
        }
    }

    /// Whether a connect of a side is under way: a SYN that is not yet answered.
    ///
    /// # Errors
    ///
    /// [`KernelError`]: the host's files or netlink sockets cannot be opened or read, or answer
    /// otherwise than expected.
    pub fn connecting(&mut self, side: Side) -> Result<bool, KernelError> {
        match side {
            Side::Client => self.client.connecting(),
            Side::Server => self.server.connecting(),
        }
    }

    /// What the counters of client and server have moved by since the beginning.
    ///
    /// # Errors
    ///
    /// [`KernelError`]: the host's files or netlink sockets cannot be opened or read, or answer
    /// otherwise than expected.
    pub fn deltas(&mut self) -> Result<(CounterDelta, CounterDelta), KernelError> {
        Ok((self.client.delta()?, self.server.delta()?))
    }
}

impl KernelError {
    fn new(what: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            what: what.into(),
            source: Box::new(source),
        }
    }
}

impl Kernel {
    fn open(host: &Host) -> Result<Self, KernelError> {
        let broken = |error: std::io::Error| {
            KernelError::new(
                format!("the kernel of host {} was not asked", host.name()),
                error,
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
            .socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_SOCK_DIAG)
            .map_err(broken)?;
        Ok(Self {
            netstat,
            protocols,
            tables,
            diag: Diag::from_fd(socket),
            before,
        })
    }

    fn sockets(&mut self) -> Result<Vec<MptcpSocket>, KernelError> {
        let mut all = Vec::new();
        for family in self.families()? {
            let listed = self.diag.mptcp_connections_of(family);
            all.extend(
                listed.map_err(|error| KernelError::new("MPTCP sockets were not listed", error))?,
            );
        }
        all.retain(|socket| socket.remote.port() != 0);
        Ok(all)
    }

    /// The families of which there are MPTCP sockets. To list those of a family takes the kernel a
    /// part of a millisecond even where there are none; to tell their number, nothing.
    fn families(&mut self) -> Result<Vec<Family>, KernelError> {
        let mut families = vec![Family::Inet, Family::Inet6];
        if kernel_counts_mptcp() {
            let text = self.protocols()?;
            families.retain(|family| sockets_of(&text, mptcp_name(*family)) > 0);
        }
        Ok(families)
    }

    fn subflows(&mut self) -> Result<Vec<TcpSubflow>, KernelError> {
        let all = self
            .diag
            .tcp_subflows()
            .map_err(|error| KernelError::new("subflows were not listed", error))?;
        Ok(all
            .into_iter()
            .filter(|subflow| subflow.state == State::Established)
            .collect())
    }

    fn all(&mut self) -> Result<Vec<KernelSocket>, KernelError> {
        let broken = |error| KernelError::new("sockets were not listed", error);
        let mptcp = self.diag.mptcp_sockets().map_err(broken)?;
        let subflows = self.diag.tcp_subflows().map_err(broken)?;
        let text = self.tables()?;
        Ok(kernel::sockets(&mptcp, &subflows, &text))
    }

    fn connecting(&mut self) -> Result<bool, KernelError> {
        Ok(kernel::connecting(&self.tables()?))
    }

    fn tables(&mut self) -> Result<String, KernelError> {
        let mut text = String::new();
        for table in &mut self.tables {
            table
                .rewind()
                .and_then(|()| table.read_to_string(&mut text))
                .map_err(|error| KernelError::new("TCP sockets were not listed", error))?;
        }
        Ok(text)
    }

    fn in_use(&mut self) -> Result<InUse, KernelError> {
        Ok(InUse::parse(&self.protocols()?))
    }

    fn protocols(&mut self) -> Result<String, KernelError> {
        let mut text = String::new();
        self.protocols
            .rewind()
            .and_then(|()| self.protocols.read_to_string(&mut text))
            .map_err(|error| KernelError::new("/proc/net/protocols was not read", error))?;
        Ok(text)
    }

    fn delta(&mut self) -> Result<CounterDelta, KernelError> {
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

/// Whether this kernel counts MPTCP sockets in `/proc/net/protocols`, as it does since 6.2: the
/// number moves when one is made.
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

fn read(netstat: &mut File) -> Result<Counters, KernelError> {
    Counters::read_from(netstat).map_err(|error| KernelError::new("counters were not read", error))
}

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
