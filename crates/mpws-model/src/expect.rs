//! What must carry the bytes of a cell.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Cause;

/// What must carry the bytes.
///
/// In JSON it is `{"kind": "fallback", "cause": "syn-dropped"}`, without `cause` where there is
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "cause", rename_all = "kebab-case")]
pub enum Expect {
    /// MPTCP on every connection of the cell, to the end.
    Mptcp,
    /// TCP where MPTCP was asked for, for this cause.
    Fallback(Cause),
    /// Plain TCP; MPTCP never appeared on the wire, for this cause.
    Tcp(Cause),
    /// No connection, for this cause.
    NoConnection(Cause),
    /// Not a packet between the hosts.
    Silence,
    /// The case is not about transport; what was seen is recorded.
    Recorded,
}

/// In words, as checks show it.
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mptcp => f.write_str("mptcp"),
            Self::Fallback(cause) => write!(f, "fallback ({cause})"),
            Self::Tcp(cause) => write!(f, "tcp ({cause})"),
            Self::NoConnection(cause) => write!(f, "no connection ({cause})"),
            Self::Silence => f.write_str("no packet at all"),
            Self::Recorded => f.write_str("recorded, not judged"),
        }
    }
}

impl Expect {
    /// In words, for checks.
    pub fn describe(self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_expectation_is_written_in_kebab_case_and_read_back() {
        let cause = Cause::SynDropped;
        for (expect, written) in [
            (Expect::Mptcp, json!({"kind": "mptcp"})),
            (
                Expect::Fallback(cause),
                json!({"kind": "fallback", "cause": "syn-dropped"}),
            ),
            (
                Expect::Tcp(cause),
                json!({"kind": "tcp", "cause": "syn-dropped"}),
            ),
            (
                Expect::NoConnection(cause),
                json!({"kind": "no-connection", "cause": "syn-dropped"}),
            ),
            (Expect::Silence, json!({"kind": "silence"})),
            (Expect::Recorded, json!({"kind": "recorded"})),
        ] {
            assert_eq!(serde_json::to_value(expect).expect("writes"), written);
            let read: Expect = serde_json::from_value(written).expect("reads");
            assert_eq!(read, expect);
        }
    }
}
