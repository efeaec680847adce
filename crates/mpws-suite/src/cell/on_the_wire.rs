//! Rules and middleboxes that a case puts on the wire.
//!
//! Each of them must do something to a packet, as the capture shows it: the oracle judges that once the cell is over, so no case
//! need ask for it.

use std::sync::{MutexGuard, PoisonError};

use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::{Action, Rule};
use mpws_lab::{BoxId, RuleId};

use super::{Cell, CellEnd};
use crate::sabotage::Sabotage;

/// A rule or box that the case put on the wire.
#[derive(Clone, Debug)]
pub(crate) struct OnTheWire {
    pub(crate) mark: Mark,
    pub(crate) counted: Counted,
    /// There may be no packet for it.
    pub(crate) may_idle: bool,
}

/// How the capture shows what a rule or box did.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// The name that stands beside each packet that it did something to.
    pub(crate) name: String,
    /// The path that it is for; all where absent.
    pub(crate) path: Option<u8>,
    /// What a rule does; none for a box.
    pub(crate) action: Option<Action>,
}

/// Where it is counted how many packets came for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    /// A rule of the lab.
    Rule(RuleId),
    /// A rule that was taken away, after so many.
    Lifted(u64),
    /// A middlebox of the lab.
    Box(BoxId),
}

impl Mark {
    /// `rule NAME` or `box NAME`.
    pub(crate) fn describe(&self) -> String {
        let kind = if self.action.is_some() { "rule" } else { "box" };
        format!("{kind} {}", self.name)
    }
}

impl Cell {
    /// Installs a rule on the wire. It must do something to a packet until the cell is over; in a control only if the packets
    /// that it is for are there over TCP too.
    pub fn rule(&self, rule: Rule) -> Result<RuleId, CellEnd> {
        let only_mptcp = rule.when.mptcp.is_some() || rule.when.path.is_some_and(|path| path > 1);
        self.install(rule, !self.over_mptcp() && only_mptcp)
    }

    /// Installs a rule for which there may be no packet.
    pub fn rule_that_may_idle(&self, rule: Rule) -> Result<RuleId, CellEnd> {
        self.install(rule, true)
    }

    fn install(&self, mut rule: Rule, may_idle: bool) -> Result<RuleId, CellEnd> {
        let mark = Mark {
            name: rule.name.clone(),
            path: rule.when.path,
            action: Some(rule.then.clone()),
        };
        if self.sabotage == Some(Sabotage::RuleLeftOut) {
            rule.then = Action::Pass;
        }
        let id = self.lab.install(&rule).map_err(|error| {
            CellEnd::broken(format!("rule {} was not installed", mark.name), &error)
        })?;
        self.on_the_wire().push(OnTheWire {
            mark,
            counted: Counted::Rule(id),
            may_idle,
        });
        Ok(id)
    }

    /// Installs the rule of a fault on purpose, which is no rule of the case.
    pub(crate) fn spoil(&self, rule: &Rule) -> Result<(), CellEnd> {
        let installed = self.lab.install(rule);
        installed
            .map(drop)
            .map_err(|error| CellEnd::broken("the wire was not spoiled", &error))
    }

    /// Places a middlebox on a path, behind those that stand there. It must do something to a packet until the cell is over.
    pub fn place(&self, path: u8, middlebox: &Middlebox) -> Result<BoxId, CellEnd> {
        let placed = match self.sabotage {
            Some(Sabotage::RuleLeftOut) => &Middlebox::Bridge,
            _ => middlebox,
        };
        let name = middlebox.name();
        let id = self.lab.place(path, placed);
        let id =
            id.map_err(|error| CellEnd::broken(format!("box {name} was not placed"), &error))?;
        self.on_the_wire().push(OnTheWire {
            mark: Mark {
                name: name.to_owned(),
                path: Some(path),
                action: None,
            },
            counted: Counted::Box(id),
            may_idle: !self.over_mptcp() && path > 1,
        });
        Ok(id)
    }

    /// Takes a rule away.
    pub fn lift(&self, rule: RuleId) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::RuleLeftIn) {
            return Ok(());
        }
        let decided = self.hits(rule)?;
        for one in self.on_the_wire().iter_mut() {
            if matches!(one.counted, Counted::Rule(id) if id == rule) {
                one.counted = Counted::Lifted(decided);
            }
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

    /// How many packets a middlebox has done something to.
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
