//! Who did something to a packet: rules, boxes, and the link itself.

use crate::error::{InvalidName, UnreadableAct};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Name of a rule or middlebox: 1 to 100 bytes without control character, `+` or `;`, and none of
/// the words of [`Quality`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Declares the properties of links, each with its word in captures.
macro_rules! qualities {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// A property of a link that does something to a packet by itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Quality { $($(#[$doc])* $variant,)* }

        impl Quality {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its word, as it stands in captures.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

qualities! {
    /// `queue`: there was no room before the rate's bottleneck.
    Queue = "queue",
    /// `loss`: the chance of loss.
    Loss = "loss",
    /// `mtu`: the packet is larger than the link carries.
    Mtu = "mtu",
    /// `link-down`: a host's interface was down, or went down before the packet had arrived.
    Down = "link-down",
    /// `shape`: rate and delay, which take time, and the chance of a second copy.
    Shape = "shape",
    /// `reorder`: the chance to overtake others.
    Reorder = "reorder",
    /// `corrupt`: the chance of a changed bit.
    Corrupt = "corrupt",
}

/// One who did something to a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A rule or a middlebox.
    Named(Name),
    /// The link that the packet was on.
    Link(Quality),
}

/// All who had a hand in it, in their order; at least one. As text they are joined by `+`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct By(Vec<Actor>);

impl Name {
    /// A name.
    ///
    /// # Errors
    /// [`InvalidName`] says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        if !(1..=100).contains(&text.len()) {
            return Err(InvalidName::Length);
        }
        let splits = |letter: char| letter.is_control() || matches!(letter, '+' | ';');
        if text.contains(splits) {
            return Err(InvalidName::Character);
        }
        if Quality::named(text).is_some() {
            return Err(InvalidName::Taken);
        }
        Ok(Self(Arc::from(text)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Quality {
    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|link| link.word() == word)
    }
}

impl By {
    /// All of these; `None` where there is nobody.
    pub fn all(actors: impl IntoIterator<Item = Actor>) -> Option<Self> {
        let actors: Vec<_> = actors.into_iter().collect();
        (!actors.is_empty()).then_some(Self(actors))
    }

    /// These, and then one more.
    pub fn and(mut self, actor: impl Into<Actor>) -> Self {
        self.0.push(actor.into());
        self
    }

    /// Who they are, in their order.
    pub fn actors(&self) -> &[Actor] {
        &self.0
    }

    /// Whether a rule or box of this name is among them.
    pub fn names(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|actor| matches!(actor, Actor::Named(one) if one.as_str() == name))
    }

    /// Whether this property of the link is among them.
    pub fn includes(&self, link: Quality) -> bool {
        self.0.contains(&Actor::Link(link))
    }
}

impl<A: Into<Actor>> From<A> for By {
    fn from(one: A) -> Self {
        Self(vec![one.into()])
    }
}

impl From<Name> for Actor {
    fn from(name: Name) -> Self {
        Self::Named(name)
    }
}

impl From<Quality> for Actor {
    fn from(link: Quality) -> Self {
        Self::Link(link)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Named(name) => name.as_str(),
            Self::Link(link) => link.word(),
        })
    }
}

impl FromStr for Actor {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match Quality::named(text) {
            Some(link) => Ok(Self::Link(link)),
            None => Name::new(text).map(Self::Named),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, actor) in self.0.iter().enumerate() {
            let plus = if at == 0 { "" } else { "+" };
            write!(f, "{plus}{actor}")?;
        }
        Ok(())
    }
}

impl FromStr for By {
    type Err = UnreadableAct;

    fn from_str(text: &str) -> Result<Self, UnreadableAct> {
        let actor = |text: &str| {
            text.parse().map_err(|why| UnreadableAct::Name {
                name: text.to_owned(),
                why,
            })
        };
        text.split('+')
            .map(actor)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_told_from_other_names_and_from_the_link() {
        for name in ["cut", "strip=mp_join", "ein Name mit Ü", "a by b", "due"] {
            let name = Name::new(name).expect(name);
            assert_eq!(name.to_string().parse(), Ok(Actor::Named(name)));
        }
        assert_eq!(Name::new(""), Err(InvalidName::Length));
        assert!(Name::new(&"x".repeat(100)).is_ok());
        assert_eq!(Name::new(&"x".repeat(101)), Err(InvalidName::Length));
        for name in ["a+b", "a;b", "a\nb", "\u{7f}"] {
            assert_eq!(Name::new(name), Err(InvalidName::Character), "{name:?}");
        }
        for &link in Quality::ALL {
            assert_eq!(Name::new(link.word()), Err(InvalidName::Taken));
            assert_eq!(link.word().parse(), Ok(Actor::Link(link)));
        }
    }

    #[test]
    fn several_are_told_apart_and_found_by_name() {
        let by: By = "cut+nat+corrupt".parse().expect("three");
        assert_eq!(by.actors().len(), 3);
        assert!(by.names("cut") && by.names("nat") && !by.names("cutter"));
        assert!(by.includes(Quality::Corrupt) && !by.names("corrupt"));
        for text in ["", "cut+", "+cut", "cut++nat"] {
            assert!(text.parse::<By>().is_err(), "{text:?}");
        }
    }
}
