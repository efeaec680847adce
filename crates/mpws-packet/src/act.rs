//! What happened to a packet.

use crate::by::{By, Quality};
use crate::due::{self, Due};
use crate::error::UnreadableAct;
use std::fmt;
use std::str::FromStr;

/// All that happened to one packet on the wire, as its record in a capture says it.
///
/// As text its parts are joined by `; `: `delay by shape; due +0.010000000 s`. Of a packet that
/// passed there is nothing to say: the text is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Act {
    did: Did,
    lost_by: Option<By>,
    due: Option<Due>,
}

/// Declares what can be done to a packet, each with its word in captures.
macro_rules! did {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// What was done to a packet, and by what.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        pub enum Did {
            /// Nothing: it passed at once.
            #[default]
            Nothing,
            $($(#[$doc])* $variant(By),)*
        }

        impl Did {
            #[cfg(test)]
            const MAKES: &[fn(By) -> Self] = &[$(Self::$variant,)*];

            fn word_and_by(&self) -> Option<(&'static str, &By)> {
                match self {
                    Self::Nothing => None,
                    $(Self::$variant(by) => Some(($word, by)),)*
                }
            }

            fn named(word: &str) -> Option<fn(By) -> Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

did! {
    /// `pass`: it passed unchanged, but not in its turn.
    Passed = "pass",
    /// `delay`: it passed unchanged, late.
    Delayed = "delay",
    /// `duplicate`: it passed unchanged, twice.
    Duplicated = "duplicate",
    /// `drop`: it was lost.
    Dropped = "drop",
    /// `reset`: it was lost, and its sender got a TCP reset in answer, which is a record of its
    /// own.
    Reset = "reset",
    /// `rewrite`: it was changed; the next record is what went on, [`Did::Replacement`].
    Rewritten = "rewrite",
    /// `rewritten`: it went on in place of the packet of the record before.
    Replacement = "rewritten",
    /// `forged`: nobody sent it.
    Forged = "forged",
}

/// What an [`Act`] comes to at both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was sent and arrived unchanged; somebody may have made it late, or early, or twice.
    Arrived(Option<By>),
    /// It was sent and did not arrive.
    Lost(By),
    /// It was sent, and what the next record holds arrived instead.
    Rewritten(By),
    /// It arrived instead of what the record before holds.
    Replacement(By),
    /// It would have arrived instead of what the record before holds, but was lost.
    LostReplacement(By),
    /// Nobody sent it, and it arrived.
    Forged(By),
    /// Nobody sent it, and nobody got it.
    LostForgery(By),
}

impl Act {
    /// Something was done to a packet, which arrived at once where it arrived.
    pub fn new(did: Did) -> Self {
        Self {
            did,
            lost_by: None,
            due: None,
        }
    }

    /// The packet is on its way until then.
    ///
    /// # Errors
    /// [`UnreadableAct::Contradiction`] where it does not go on, or already is due.
    pub fn due(mut self, due: Due) -> Result<Self, UnreadableAct> {
        if !self.goes_on() || self.due.is_some() {
            return Err(UnreadableAct::Contradiction(due.to_string()));
        }
        self.due = Some(due);
        Ok(self)
    }

    /// The packet was lost after what was done to it.
    ///
    /// # Errors
    /// [`UnreadableAct::Contradiction`] where it does not go on.
    pub fn lost(mut self, by: By) -> Result<Self, UnreadableAct> {
        if !self.goes_on() || self.due.is_some() {
            return Err(UnreadableAct::Contradiction(Did::Dropped(by).to_string()));
        }
        match self.did {
            Did::Nothing => self.did = Did::Dropped(by),
            _ => self.lost_by = Some(by),
        }
        Ok(self)
    }

    /// What was done to it first.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// When it arrives; `None` where it arrives at once or never.
    pub fn due_time(&self) -> Option<Due> {
        self.due
    }

    /// What lost it, at first or after something else was done to it.
    pub fn lost_by(&self) -> Option<&By> {
        match &self.did {
            Did::Dropped(by) | Did::Reset(by) => Some(by),
            _ => self.lost_by.as_ref(),
        }
    }

    /// Whether it was lost by chance, and not by a rule, a box or a bound.
    pub fn is_lost_by_chance(&self) -> bool {
        self.lost_by().is_some_and(|by| by.includes(Quality::Loss))
    }

    /// What all that comes to.
    pub fn delivery(&self) -> Delivery {
        match (&self.did, &self.lost_by) {
            (Did::Nothing, _) => Delivery::Arrived(None),
            (Did::Dropped(by) | Did::Reset(by), _) => Delivery::Lost(by.clone()),
            (Did::Passed(by) | Did::Delayed(by) | Did::Duplicated(by), None) => {
                Delivery::Arrived(Some(by.clone()))
            }
            (Did::Passed(_) | Did::Delayed(_) | Did::Duplicated(_), Some(by)) => {
                Delivery::Lost(by.clone())
            }
            (Did::Rewritten(by), _) => Delivery::Rewritten(by.clone()),
            (Did::Replacement(by), None) => Delivery::Replacement(by.clone()),
            (Did::Replacement(_), Some(by)) => Delivery::LostReplacement(by.clone()),
            (Did::Forged(by), None) => Delivery::Forged(by.clone()),
            (Did::Forged(_), Some(by)) => Delivery::LostForgery(by.clone()),
        }
    }

    /// Its parts, each a text of its own, in the order in which [`Act::add`] takes them.
    pub(crate) fn parts(&self) -> impl Iterator<Item = String> {
        let did = (self.did != Did::Nothing).then(|| self.did.to_string());
        let lost = self.lost_by.as_ref();
        let lost = lost.map(|by| Did::Dropped(by.clone()).to_string());
        let due = self.due.map(|due| due.to_string());
        [did, lost, due].into_iter().flatten()
    }

    /// With one part more.
    pub(crate) fn add(mut self, part: &str) -> Result<Self, UnreadableAct> {
        if part.starts_with(due::BEFORE) {
            return self.due(part.parse()?);
        }
        match part.parse()? {
            Did::Dropped(by) => self.lost(by),
            did if self == Self::default() => {
                self.did = did;
                Ok(self)
            }
            _ => Err(UnreadableAct::Contradiction(part.to_owned())),
        }
    }

    /// Whether it may yet be lost.
    fn goes_on(&self) -> bool {
        let ends = matches!(
            self.did,
            Did::Dropped(_) | Did::Reset(_) | Did::Rewritten(_)
        );
        !ends && self.lost_by.is_none()
    }
}

impl Did {
    /// Who did it; `None` where nothing was done.
    pub fn by(&self) -> Option<&By> {
        self.word_and_by().map(|(_, by)| by)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word_and_by() {
            Some((word, by)) => write!(f, "{word} by {by}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Did {
    type Err = UnreadableAct;

    fn from_str(text: &str) -> Result<Self, UnreadableAct> {
        let unknown = || UnreadableAct::Unknown(text.to_owned());
        let (word, by) = text.split_once(" by ").ok_or_else(unknown)?;
        let make = Self::named(word).ok_or_else(unknown)?;
        by.parse().map(make)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts().enumerate() {
            let between = if at == 0 { "" } else { BETWEEN };
            write!(f, "{between}{part}")?;
        }
        Ok(())
    }
}

impl FromStr for Act {
    type Err = UnreadableAct;

    fn from_str(text: &str) -> Result<Self, UnreadableAct> {
        let mut parts = text.split(BETWEEN).filter(|_| !text.is_empty());
        parts.try_fold(Self::default(), Self::add)
    }
}

const BETWEEN: &str = "; ";

#[cfg(test)]
#[path = "act_tests.rs"]
mod tests;
