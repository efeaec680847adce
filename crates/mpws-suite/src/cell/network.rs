//! The network of a cell, and its witnesses.

use std::sync::PoisonError;

use mptcp::counters::CounterDelta;
use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::Rule;
use mpws_lab::{BoxId, RuleId};
use mpws_peers::protocol::{ConnectionId, ConnectionLook};

use super::{Cell, CellEnd};
use crate::case::Side;
use crate::deadline;
use crate::sabotage::Sabotage;
use crate::witness::{InUse, Snapshot};

/// The network.
impl Cell {
    /// Installs a rule on the wire.
    pub fn rule(&self, mut rule: Rule) -> Result<RuleId, CellEnd> {
        self.note_on_the_wire(&rule.name);
        if self.sabotage == Some(Sabotage::RuleLeftOut) {
            rule.then = mpws_lab::rule::Action::Pass;
        }
        let name = rule.name.clone();
        self.lab
            .install(&rule)
            .map_err(|error| CellEnd::broken(format!("rule {name} was not installed"), &error))
    }

    /// Installs the rule of a fault on purpose, which is no rule of the case.
    pub(crate) fn spoil(&self, rule: &Rule) -> Result<(), CellEnd> {
        let installed = self.lab.install(rule);
        installed
            .map(drop)
            .map_err(|error| CellEnd::broken("the wire was not spoiled", &error))
    }

    /// Places a middlebox on a path, behind those that stand there.
    pub fn place(&self, path: u8, middlebox: &Middlebox) -> Result<BoxId, CellEnd> {
        self.note_on_the_wire(middlebox.name());
        let placed = match self.sabotage {
            Some(Sabotage::RuleLeftOut) => &Middlebox::Bridge,
            _ => middlebox,
        };
        self.lab.place(path, placed).map_err(|error| {
            CellEnd::broken(format!("box {} was not placed", middlebox.name()), &error)
        })
    }

    fn note_on_the_wire(&self, name: &str) {
        let names = self.on_the_wire.lock();
        names
            .unwrap_or_else(PoisonError::into_inner)
            .push(name.to_owned());
    }

    /// How many packets a middlebox has done something to.
    pub fn box_hits(&self, id: BoxId) -> Result<u64, CellEnd> {
        self.lab
            .box_hits(id)
            .map_err(|error| CellEnd::broken("a box's hits were not read", &error))
    }

    /// Checks that a middlebox has done something to at least one packet.
    pub fn box_was_hit(&mut self, middlebox: &Middlebox, id: BoxId) -> Result<(), CellEnd> {
        let hits = self.box_hits(id)?;
        self.check(
            &format!("box {} changed packets", middlebox.name()),
            "at least one",
            if hits > 0 { "at least one" } else { "none" },
            hits > 0,
        );
        Ok(())
    }

    /// Takes a rule away.
    pub fn lift(&self, rule: RuleId) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::RuleLeftIn) {
            return Ok(());
        }
        self.lab
            .remove(rule)
            .map_err(|error| CellEnd::broken("a rule was not removed", &error))
    }

    /// How many packets a rule has decided.
    pub fn hits(&self, rule: RuleId) -> Result<u64, CellEnd> {
        self.lab
            .hits(rule)
            .map_err(|error| CellEnd::broken("a rule's hits were not read", &error))
    }

    /// Checks that a rule has decided at least one packet: otherwise the case has shown nothing.
    pub fn rule_was_hit(&mut self, name: &str, rule: RuleId) -> Result<(), CellEnd> {
        let hits = self.hits(rule)?;
        self.check(
            &format!("rule {name} decided packets"),
            "at least one",
            if hits > 0 { "at least one" } else { "none" },
            hits > 0,
        );
        Ok(())
    }

    /// Whether the kernel has a sysctl.
    pub fn knows_sysctl(&self, side: Side, key: &str) -> bool {
        self.host(side).sysctl(key).is_ok()
    }

    /// Sets a sysctl in a side's network namespace.
    pub fn sysctl(&self, side: Side, key: &str, value: &str) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::SysctlLeftOn) {
            return Ok(());
        }
        self.host(side).set_sysctl(key, value).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                CellEnd::Unprovable(format!("this kernel has no sysctl {key}"))
            } else {
                CellEnd::broken(format!("sysctl {key} was not set"), &error)
            }
        })
    }

    /// What the counters of client and server have moved by since the beginning.
    pub fn counters(&mut self) -> Result<(CounterDelta, CounterDelta), CellEnd> {
        self.witness.deltas()
    }

    /// The stream sockets that both kernels have, client then server.
    pub fn sockets_in_use(&mut self) -> Result<[InUse; 2], CellEnd> {
        self.witness.in_use()
    }

    /// How many MPTCP sockets both kernels have together, listeners left out.
    pub fn mptcp_sockets(&mut self) -> Result<usize, CellEnd> {
        let now = self.witness.snapshot()?;
        Ok(now.client_sockets.len() + now.server_sockets.len())
    }

    /// `SO_MARK` of each established subflow of a side, as far as its kernel tells.
    pub fn subflow_marks(&mut self, side: Side) -> Result<Vec<Option<u32>>, CellEnd> {
        let [client, server] = self.witness.subflows()?;
        let subflows = match side {
            Side::Client => client,
            Side::Server => server,
        };
        Ok(subflows.iter().map(|subflow| subflow.mark).collect())
    }

    /// Kills the process of a peer, and waits until it is gone.
    pub fn kill(&mut self, side: Side) -> Result<(), CellEnd> {
        let process = self.peer(side).process();
        let broken = |error: std::io::Error| CellEnd::broken("a peer was not killed", &error);
        process.kill(SIGKILL).map_err(broken)?;
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

    /// Reads counter deltas of both sides and the state of their MPTCP sockets, while a connection stands.
    pub fn witness(&mut self, connection: Option<ConnectionId>) -> Result<(), CellEnd> {
        let mut snapshot = self.witness.snapshot()?;
        if let Some(connection) = connection {
            let facts = self.ask(Side::Client, &ConnectionLook { connection })?;
            snapshot.client_facts.push(facts.facts);
        }
        self.snapshots.push(snapshot);
        Ok(())
    }
}

/// `include/uapi/asm-generic/signal.h`.
const SIGKILL: i32 = 9;
