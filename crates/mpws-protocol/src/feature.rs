//! What a peer can do, or cannot: the words of `features` in a `peer.toml`.

use std::fmt;
use std::str::FromStr;

/// Which end of a connection a feature is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureSide {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Both.
    Both,
}

macro_rules! features {
    ($($variant:ident $word:literal $side:ident $what:literal;)*) => {
        /// What a peer can do, or, where the word begins with `no-`, cannot.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Feature {
            $(
                #[doc = concat!("`", $word, "`: ", $what, ".")]
                $variant,
            )*
        }

        impl Feature {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its word in a `peer.toml`.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Which end it is about.
            pub fn side(self) -> FeatureSide {
                match self {
                    $(Self::$variant => FeatureSide::$side,)*
                }
            }

            /// What it includes or leaves out, in one line.
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$variant => $what,)*
                }
            }
        }
    };
}

features! {
    SockHandover "sock-handover" Both "takes a socket that is connected or listens already; without it, cases that hand one over are left out";
    ConstantByName "constant-by-name" Client "names MPTCP by the runtime's own constant, which a case takes away";
    AsyncioLoop "asyncio-loop" Client "runs on asyncio: ways to connect that only its event loop has; without it, sockets are put into blocking mode first";
    Asyncio "asyncio" Client "is the asyncio client of websockets: cases on its keepalive pings";
    TopLevelApi "top-level-api" Both "is what the top-level names of the library stand for; `top-level` of a version in peer.toml sets it";
    Deflate "deflate" Both "compresses by permessage-deflate (RFC 7692): cases on compression";
    Tls "tls" Both "speaks TLS: cases with wss:// URIs";
    Script "script" Both "follows a script frame by frame, legal or not: cases that need an other end that misbehaves; only the fixture does";
    VaryingChains "varying-chains" Both "reports the same error by another chain of exceptions from run to run: the chain is recorded and not compared";
    NoOwnSockets "no-own-sockets" Both "makes no socket by itself: cases in which the library connects or binds are left out";
    NoSubprotocols "no-subprotocols" Both "negotiates no subprotocol: cases on subprotocols are left out";
    NoUnix "no-unix" Both "takes no AF_UNIX sockets: cases on them are left out";
    NoFragments "no-fragments" Both "cannot send one message in a given number of frames: such steps send one frame, and cases on fragments are left out";
    NoIterator "no-iterator" Client "has no client that connects anew by iteration: cases on it are left out";
    NoBareDescriptors "no-bare-descriptors" Client "is never handed the number of a descriptor: the case on it is left out";
    NoMaxSize "no-max-size" Server "has no limit for the size of a message: cases on it are left out";
    NoLog "no-log" Client "has no debug log: what only a log can tell is not asked for";
    NoReadAhead "no-read-ahead" Client "reads from the socket only while a message is waited for: what has to be read by itself is not expected";
    StandIn "stand-in" Both "stands in the fixture's place; for tests of mpws itself";
}

/// A word that is no feature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a feature")]
pub struct NotAFeature {
    word: String,
}

impl FromStr for Feature {
    type Err = NotAFeature;

    fn from_str(word: &str) -> Result<Self, NotAFeature> {
        let mut all = Self::ALL.iter().copied();
        all.find(|feature| feature.word() == word)
            .ok_or_else(|| NotAFeature {
                word: word.to_owned(),
            })
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for FeatureSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Both => "both",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_read_as_it_is_written() {
        for feature in Feature::ALL {
            assert_eq!(feature.to_string().parse(), Ok(*feature));
        }
        assert!("sock-handovr".parse::<Feature>().is_err());
    }
}
