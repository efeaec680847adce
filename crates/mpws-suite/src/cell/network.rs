//! Settings of the hosts, and the witnesses.

use mptcp::counters::CounterDelta;
use mpws_harness::InUse;
use mpws_model::Side;
use mpws_peers::kernel::KernelSocket;
use mpws_peers::protocol::{ConnectionId, ConnectionLook, SocketFacts};

use super::end::CellEnd;
use super::running::{Cell, PORT};
use crate::deadline;
use crate::witness::Snapshot;

/// Hosts and witnesses.
impl Cell {
    /// Whether the kernel has a sysctl.
    pub fn knows_sysctl(&self, side: Side, key: &str) -> bool {
        self.host(side).sysctl(key).is_ok()
    }

    /// Sets a sysctl in a side's network namespace.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Unprovable`] where this kernel has no such sysctl, [`CellEnd::Broken`] where it
    /// cannot be set.
    pub fn sysctl(&self, side: Side, key: &str, value: &str) -> Result<(), CellEnd> {
        let set = self.effects.set_sysctl(&self.host(side), key, value);
        set.map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                CellEnd::Unprovable(format!("this kernel has no sysctl {key}"))
            } else {
                CellEnd::broken(format!("sysctl {key} was not set"), &error)
            }
        })
    }

    /// What the counters of client and server have moved by since the beginning.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where a kernel cannot be asked.
    pub fn counters(&mut self) -> Result<(CounterDelta, CounterDelta), CellEnd> {
        Ok(self.kernels.deltas()?)
    }

    /// The stream sockets that both kernels have, client then server.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where a kernel cannot be asked.
    pub fn sockets_in_use(&mut self) -> Result<[InUse; 2], CellEnd> {
        Ok(self.kernels.in_use()?)
    }

    /// The connections of a side to or from the port of cells, as its kernel lists them now.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where a kernel cannot be asked.
    pub fn connections_now(&mut self, side: Side) -> Result<Vec<SocketFacts>, CellEnd> {
        let all = self.kernels.sockets(side)?;
        let ours = |one: &KernelSocket| {
            one.connected && [one.local.port(), one.remote.port()].contains(&PORT)
        };
        Ok(all.into_iter().filter(ours).map(|one| one.facts).collect())
    }

    /// Whether a connect of a side is under way: a SYN that is not yet answered.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where a kernel cannot be asked.
    pub fn connecting(&mut self, side: Side) -> Result<bool, CellEnd> {
        Ok(self.kernels.connecting(side)?)
    }

    /// How many MPTCP sockets both kernels have together, listeners left out.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where a kernel cannot be asked.
    pub fn mptcp_sockets(&mut self) -> Result<usize, CellEnd> {
        let [client, server] = self.kernels.mptcp_sockets()?;
        Ok(client.len() + server.len())
    }

    /// `SO_MARK` of each established subflow of a side, as far as its kernel tells.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where a kernel cannot be asked.
    pub fn subflow_marks(&mut self, side: Side) -> Result<Vec<Option<u32>>, CellEnd> {
        let [client, server] = self.kernels.subflows()?;
        let subflows = match side {
            Side::Client => client,
            Side::Server => server,
        };
        Ok(subflows.iter().map(|subflow| subflow.mark).collect())
    }

    /// Kills the process of a peer, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where it cannot be killed, or is still there after
    /// [`deadline::PEER_EXIT_MS`].
    pub fn kill(&mut self, side: Side) -> Result<(), CellEnd> {
        let process = self.peer(side).process();
        let broken = |error: std::io::Error| CellEnd::broken("a peer was not killed", &error);
        process.kill(libc::SIGKILL).map_err(broken)?;
        let limit = std::time::Duration::from_millis(deadline::PEER_EXIT_MS);
        match process.wait(limit).map_err(broken)? {
            Some(_) => Ok(()),
            None => Err(CellEnd::Broken(format!(
                "the {} outlived SIGKILL by {} ms",
                side.word(),
                limit.as_millis()
            ))),
        }
    }

    /// What the witnesses said last.
    pub fn last_snapshot(&self) -> Option<&Snapshot> {
        self.snapshots.last()
    }

    /// Reads counter deltas of both sides and the state of their MPTCP sockets, while a connection
    /// stands.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where a kernel cannot be asked, and those of [`Cell::ask`].
    pub fn witness(&mut self, connection: Option<ConnectionId>) -> Result<(), CellEnd> {
        let [client_sockets, server_sockets] = self.kernels.mptcp_sockets()?;
        let mut snapshot = Snapshot {
            client_sockets,
            server_sockets,
            ..Snapshot::default()
        };
        if let Some(connection) = connection {
            let facts = self.ask(Side::Client, &ConnectionLook { connection })?;
            snapshot.client_facts.push(facts.facts);
        }
        self.snapshots.push(snapshot);
        Ok(())
    }
}
