//! The network of a cell, and its witnesses.

use mpws_lab::RuleId;
use mpws_lab::rule::Rule;
use mpws_peers::protocol::{ConnectionId, ConnectionLook};

use super::{Cell, CellEnd};
use crate::case::Side;
use crate::sabotage::Sabotage;

/// The network.
impl Cell {
    /// Installs a rule on the wire.
    pub fn rule(&self, mut rule: Rule) -> Result<RuleId, CellEnd> {
        if self.sabotage == Some(Sabotage::RuleLeftOut) {
            rule.then = mpws_lab::rule::Action::Pass;
        }
        let name = rule.name.clone();
        self.lab
            .install(&rule)
            .map_err(|error| CellEnd::broken(format!("rule {name} was not installed"), &error))
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

    /// Checks that a rule has decided at least one packet: otherwise the case has shown nothing.
    pub fn rule_was_hit(&mut self, name: &str, rule: RuleId) -> Result<(), CellEnd> {
        let hits = self
            .lab
            .hits(rule)
            .map_err(|error| CellEnd::broken("a rule's hits were not read", &error))?;
        self.check(
            &format!("rule {name} decided packets"),
            "at least one",
            if hits > 0 { "at least one" } else { "none" },
            hits > 0,
        );
        Ok(())
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
