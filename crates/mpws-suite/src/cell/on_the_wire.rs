//! Rules and middleboxes that a case puts on the wire.
//!
//! Each of them must do something to a packet, as the capture shows it: the judge looks at that
//! once the cell is over, so no case need ask for it.

use std::sync::{MutexGuard, PoisonError};

use mpws_judge::wire::Deed;
use mpws_judge::{Placed, PlacedKind};
use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::{Action, Rule};
use mpws_lab::{BoxId, RuleId};

use super::end::CellEnd;
use super::running::{Cell, Counted, OnTheWire};

impl Cell {
    /// Installs a rule on the wire. It must do something to a packet until the cell is over; in a
    /// control only if the packets that it is for are there over TCP too.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn rule(&self, rule: Rule) -> Result<RuleId, CellEnd> {
        let only_mptcp = rule.when.mptcp.is_some() || rule.when.path.is_some_and(|path| path > 1);
        self.install(rule, !self.over_mptcp() && only_mptcp)
    }

    /// Installs a rule for which there may be no packet.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn rule_that_may_idle(&self, rule: Rule) -> Result<RuleId, CellEnd> {
        self.install(rule, true)
    }

    fn install(&self, rule: Rule, may_idle: bool) -> Result<RuleId, CellEnd> {
        let placed = Placed {
            name: rule.name.clone(),
            path: rule.when.path,
            kind: PlacedKind::Rule(deed_of(&rule.then)),
            may_idle,
        };
        let id = self.effects.install(&self.lab, &rule).map_err(|error| {
            CellEnd::broken(format!("rule {} was not installed", placed.name), &error)
        })?;
        self.on_the_wire().push(OnTheWire {
            placed,
            counted: Counted::Rule(id),
        });
        Ok(id)
    }

    /// Places a middlebox on a path, behind those that stand there. It must do something to a
    /// packet until the cell is over.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn place(&self, path: u8, middlebox: &Middlebox) -> Result<BoxId, CellEnd> {
        let name = middlebox.name();
        let id = self.effects.place(&self.lab, path, middlebox);
        let id =
            id.map_err(|error| CellEnd::broken(format!("box {name} was not placed"), &error))?;
        self.on_the_wire().push(OnTheWire {
            placed: Placed {
                name: name.to_owned(),
                path: Some(path),
                kind: PlacedKind::Box,
                may_idle: !self.over_mptcp() && path > 1,
            },
            counted: Counted::Box(id),
        });
        Ok(id)
    }

    /// Takes a rule away.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn lift(&self, rule: RuleId) -> Result<(), CellEnd> {
        let decided = self.hits(rule)?;
        let lifted = self.effects.lift(&self.lab, rule);
        let gone = lifted.map_err(|error| CellEnd::broken("a rule was not removed", &error))?;
        if !gone {
            return Ok(());
        }
        for one in self.on_the_wire().iter_mut() {
            if matches!(one.counted, Counted::Rule(id) if id == rule) {
                one.counted = Counted::Lifted(decided);
            }
        }
        Ok(())
    }

    /// How many packets a rule has decided.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn hits(&self, rule: RuleId) -> Result<u64, CellEnd> {
        self.lab
            .hits(rule)
            .map_err(|error| CellEnd::broken("a rule's hits were not read", &error))
    }

    /// How many packets a middlebox has done something to.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn box_hits(&self, id: BoxId) -> Result<u64, CellEnd> {
        self.lab
            .box_hits(id)
            .map_err(|error| CellEnd::broken("a box's hits were not read", &error))
    }

    /// What the case has put on the wire so far.
    pub(crate) fn on_the_wire(&self) -> MutexGuard<'_, Vec<OnTheWire>> {
        self.on_the_wire
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a rule with this action does to the packets that it is for.
fn deed_of(action: &Action) -> Deed {
    match action {
        Action::Pass => Deed::Pass,
        Action::Delay(_) => Deed::Delay,
        Action::Drop => Deed::Drop,
        Action::Duplicate => Deed::Duplicate,
        Action::Reset => Deed::Reset,
        Action::Rewrite(_) => Deed::Rewrite,
    }
}
