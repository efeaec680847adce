//! What can be wrong with texts about packets.

use std::error::Error;
use std::fmt;

/// The text is no version of the Internet protocol: neither `v4` nor `v6`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownIp(pub String);

/// Why a text cannot be the name of a rule or box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidName {
    /// It has not 1 to 100 bytes.
    Length,
    /// It has a control character, a plus sign or a semicolon.
    Character,
    /// It is a property of links, such as `loss`: nobody could tell who did it.
    Taken,
}

/// Why a text does not say what happened to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadableAct {
    /// The comment is of another version of the wire; the text is all of it.
    Version(String),
    /// Nothing of the kind can be done to a packet.
    Unknown(String),
    /// A name in it cannot be one.
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: InvalidName,
    },
    /// It is no time at which a packet is due.
    Time(String),
    /// It cannot have happened to a packet of which the rest is true.
    Contradiction(String),
}

impl fmt::Display for UnknownIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no version of IP: v4 or v6", self.0)
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl InvalidName {
    /// What is wrong, as a sentence without its full stop.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Length => "a name is 1 to 100 bytes long",
            Self::Character => "a name has no control character, plus sign or semicolon",
            Self::Taken => "the name is that of a property of links",
        }
    }
}

impl fmt::Display for UnreadableAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(text) => write!(f, "{text:?} is of another version of the wire"),
            Self::Unknown(text) => write!(f, "{text:?} is nothing that a wire does to a packet"),
            Self::Name { name, why } => write!(f, "{name:?} names no rule or box: {why}"),
            Self::Time(text) => write!(f, "{text:?} is no time at which a packet is due"),
            Self::Contradiction(text) => {
                write!(f, "{text:?} contradicts what else is said of the packet")
            }
        }
    }
}

impl Error for UnknownIp {}
impl Error for InvalidName {}
impl Error for UnreadableAct {}
