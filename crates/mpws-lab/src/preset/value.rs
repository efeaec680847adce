//! What stands behind the `=` of a key: words, and numbers with their units and bounds.

use super::units::{self, Wrong};
use std::fmt;
use std::time::Duration;

/// A kind of value.
pub(super) trait Value: fmt::Display + PartialEq + Sized {
    /// What would be a value, for people; empty where there is none.
    const WANTS: &'static str;

    /// What the key means without a value, where it can stand alone.
    const ALONE: Option<Self> = None;

    /// Reads what stands behind the `=`.
    fn parse(text: &str) -> Result<Self, Wrong>;
}

/// No value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bare;

/// `TEXT/OTHER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replacing {
    pub(super) search: String,
    pub(super) with: String,
}

/// Path to another server; none where the load balancer speaks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server(pub(super) Option<u8>);

/// Declares a closed set of words as a type, with the text that tells them all.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident $(, alone $alone:ident)? {
            $first:ident = $first_word:literal $($first_note:literal)?
            $(, $more:ident = $word:literal $($note:literal)?)*
            ; or $last:ident = $last_word:literal
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $first, $($more,)* $last }

        impl $name {
            pub(super) const ALL: &[Self] = &[Self::$first, $(Self::$more,)* Self::$last];

            pub(super) fn word(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$more => $word,)*
                    Self::$last => $last_word,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl Value for $name {
            const WANTS: &'static str = concat!(
                $first_word, $(" (", $first_note, ")",)?
                $(", ", $word, $(" (", $note, ")",)?)*
                " or ", $last_word,
            );
            $(const ALONE: Option<Self> = Some(Self::$alone);)?

            fn parse(text: &str) -> Result<Self, Wrong> {
                let found = Self::ALL.iter().find(|one| one.word() == text);
                found.copied().ok_or("the word is unknown")
            }
        }
    };
}

words! {
    /// Which options are overwritten, and on which packets.
    Strip, alone All {
        All = "all" "also without value",
        Syn = "syn",
        SynAck = "syn-ack",
        DataUp = "data-up",
        DataDown = "data-down",
        MpCapable = "mp_capable",
        MpJoin = "mp_join",
        Dss = "dss",
        AddAddr = "add_addr",
        RemoveAddr = "remove_addr",
        MpPrio = "mp_prio",
        MpFail = "mp_fail",
        MpFastclose = "mp_fastclose",
        MpTcprst = "mp_tcprst",
        Timestamps = "timestamps",
        Sack = "sack",
        WindowScale = "window-scale"
        ; or TcpOptions = "tcp-options"
    }
}

words! {
    /// Which packets of MPTCP connections are lost.
    Drop {
        Syn = "syn",
        SynAck = "syn-ack",
        Data = "data",
        MpJoin = "mp_join",
        AddAddr = "add_addr"
        ; or RemoveAddr = "remove_addr"
    }
}

words! {
    /// Which packets of MPTCP connections are answered by a reset.
    Reset {
        Syn = "syn",
        Data = "data"
        ; or MpJoin = "mp_join"
    }
}

words! {
    /// In which directions nothing passes.
    Blackhole, alone Both {
        Both = "both" "also without value",
        Up = "up" "from the client"
        ; or Down = "down"
    }
}

words! {
    /// Whether something is done.
    Switch { On = "on" ; or Off = "off" }
}

/// Declares numbers, each a type of its own with its bounds and units.
macro_rules! numbers {
    ($(
        $(#[$doc:meta])*
        $name:ident($number:ty): $wants:expr, $parse:expr, $write:expr;
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct $name(pub(super) $number);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let write: fn(&mut fmt::Formatter<'_>, $number) -> fmt::Result = $write;
                write(f, self.0)
            }
        }

        impl Value for $name {
            const WANTS: &'static str = $wants;

            fn parse(text: &str) -> Result<Self, Wrong> {
                let parse: fn(&str) -> Result<$number, Wrong> = $parse;
                parse(text).map(Self)
            }
        }
    )* };
}

numbers! {
    /// Packets, 0 to 1,000,000.
    Count(u64): COUNT, many, plain;
    /// Packets, at least 1; 0 is taken for 1.
    CountFromOne(u64): COUNT, |text| many(text).map(|count| count.max(1)), plain;
    /// Most payload of a packet, in bytes.
    Size(u16): "a whole number of bytes, 1 to 1460", |text| small(text, 1, 1460), plain;
    /// Maximum segment size, in bytes.
    Mss(u16): "a whole number of bytes, 88 to 1460", |text| small(text, 88, 1460), plain;
    /// Largest IP packet, in bytes.
    Mtu(u16): "a whole number of bytes, 576 to 1500", |text| small(text, 576, 1500), plain;
    /// How long packets are held back, at most 1 second.
    Wait(Duration): units::DURATION, wait, units::write_duration;
    /// Up to 1 hour.
    Time(Duration): units::DURATION, units::duration, units::write_duration;
    /// Bits a second.
    Rate(u64): units::RATE, units::rate, units::write_rate;
    /// Bytes.
    Bytes(u32): units::BYTES, units::bytes, units::write_bytes;
    /// Parts of a million.
    Share(u32): units::SHARE, units::share, units::write_share;
    /// Of random decisions.
    Seed(u64): "a whole number", |text| units::count(text, 0, u64::MAX), plain;
}

impl fmt::Display for Bare {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Value for Bare {
    const WANTS: &'static str = "";
    const ALONE: Option<Self> = Some(Self);

    fn parse(_: &str) -> Result<Self, Wrong> {
        Err("it takes no value")
    }
}

impl fmt::Display for Replacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.search, self.with)
    }
}

impl Value for Replacing {
    const WANTS: &'static str =
        "TEXT/OTHER, both without comma and slash, 1 to 100 and 0 to 100 bytes";

    fn parse(text: &str) -> Result<Self, Wrong> {
        let (search, with) = text.split_once('/').ok_or("the slash is missing")?;
        if search.is_empty() || search.len() > 100 || with.len() > 100 || with.contains('/') {
            return Err("it is too short, too long, or has a second slash");
        }
        if text.chars().any(char::is_control) {
            return Err("it has a control character");
        }
        Ok(Self {
            search: search.to_owned(),
            with: with.to_owned(),
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |path| write!(f, "{path}"))
    }
}

impl Value for Server {
    const WANTS: &'static str = "nothing, or the number of a path that leads to another host";
    const ALONE: Option<Self> = Some(Self(None));

    fn parse(text: &str) -> Result<Self, Wrong> {
        let path = units::count(text, 1, u64::from(crate::MAX_PATHS))?;
        let path = u8::try_from(path).map_err(|_| units::RANGE)?;
        Ok(Self(Some(path)))
    }
}

fn many(text: &str) -> Result<u64, Wrong> {
    units::count(text, 0, 1_000_000)
}

fn small(text: &str, from: u64, to: u64) -> Result<u16, Wrong> {
    u16::try_from(units::count(text, from, to)?).map_err(|_| units::RANGE)
}

fn wait(text: &str) -> Result<Duration, Wrong> {
    match units::duration(text)? {
        wait if wait > Duration::from_secs(1) => Err("it is longer than 1s"),
        wait => Ok(wait),
    }
}

fn plain<N: fmt::Display>(f: &mut fmt::Formatter<'_>, number: N) -> fmt::Result {
    write!(f, "{number}")
}

const COUNT: &str = "a whole number, 0 to 1000000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_set_of_words_tells_each_once_and_what_stands_for_none() {
        assert_eq!(
            Blackhole::WANTS,
            "both (also without value), up (from the client) or down"
        );
        assert_eq!(Reset::WANTS, "syn, data or mp_join");
        assert_eq!(Switch::WANTS, "on or off");
        for word in Strip::ALL {
            assert_eq!(
                Strip::WANTS
                    .split([',', ' '])
                    .filter(|w| *w == word.word())
                    .count(),
                1
            );
            assert_eq!(Strip::parse(word.word()), Ok(*word));
        }
    }
}
