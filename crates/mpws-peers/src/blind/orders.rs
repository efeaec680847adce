//! What the driver of a blind program has to know of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalogue::{BlindLines, BlindProgram, MPTCP_PLACE, filled};
use crate::environment::BlindMade;
use crate::protocol::{Failure, SocketProtocol, failure};

/// The variable that holds the [`Orders`].
pub(crate) const ORDERS: &str = "MPWS_BLIND";

/// What the driver has to know of its program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(super) name: String,
    pub(super) version: String,
    mptcp: Option<Vec<String>>,
    pub(super) client: Option<Vec<String>>,
    pub(super) lines: Option<BlindLines>,
    pub(super) server: Option<Vec<String>>,
    pub(super) env: BTreeMap<String, String>,
    dir: String,
    /// What the program may take to start, in milliseconds.
    start_ms: u64,
}

/// What a program may take to start.
pub(crate) const START: Duration = Duration::from_secs(10);

/// The same in a container: a machine that starts many at a time reads each program from a file
/// system of its own, with some engines in user space. With the limit of an opening handshake it is
/// still within that of a call.
#[cfg(feature = "containers")]
pub(crate) const START_IN_CONTAINER: Duration = Duration::from_secs(18);

impl Orders {
    pub(crate) fn of(
        name: &str,
        program: &BlindProgram,
        made: &BlindMade,
        start: Duration,
    ) -> Self {
        let dir = made.dir.display().to_string();
        let values = [("dir", dir.as_str())];
        let env = program.env.iter();
        Self {
            name: name.to_owned(),
            version: made.version.clone(),
            mptcp: program.mptcp.clone(),
            client: program.client.clone(),
            lines: program.lines.clone(),
            server: program.server.clone(),
            env: env
                .map(|(name, value)| (name.clone(), filled(value, &values)))
                .collect(),
            dir,
            start_ms: u64::try_from(start.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// What the program may take to start.
    pub(super) fn start(&self) -> Duration {
        Duration::from_millis(self.start_ms)
    }

    /// How the program is put on MPTCP, in words.
    pub(super) fn put_on_mptcp(&self) -> String {
        match &self.mptcp {
            Some(words) => words.join(" "),
            None => "by itself".to_owned(),
        }
    }

    /// The command for a protocol, with its places filled in.
    pub(super) fn command(
        &self,
        argv: &[String],
        protocol: Option<SocketProtocol>,
        values: &[(&str, &str)],
    ) -> Vec<String> {
        let mut values = values.to_vec();
        values.push(("dir", &self.dir));
        let words = match protocol {
            Some(SocketProtocol::Tcp) => [].as_slice(),
            _ => self.mptcp.as_deref().unwrap_or_default(),
        };
        let place = argv.iter().position(|word| word == MPTCP_PLACE);
        let (before, behind) = match place {
            Some(place) => (&argv[..place], &argv[place + 1..]),
            None => (&argv[..0], argv),
        };
        let words = before.iter().chain(words).chain(behind);
        words.map(|word| filled(word, &values)).collect()
    }
}

/// Refuses what is asked for and cannot be had.
pub(super) fn refuse(asked: &[(bool, &str)]) -> Result<(), Failure> {
    failure::refuse("a blind program is not asked for", asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(mptcp: &[&str], argv: &[&str], protocol: Option<SocketProtocol>) -> Vec<String> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let argv: Vec<String> = owned(argv);
        let orders = Orders {
            name: "mine".to_owned(),
            version: "1".to_owned(),
            mptcp: Some(owned(mptcp)),
            client: None,
            lines: None,
            server: None,
            env: BTreeMap::new(),
            dir: "/made".to_owned(),
            start_ms: 0,
        };
        orders.command(&argv, protocol, &[("port", "80")])
    }

    #[test]
    fn a_command_is_put_on_mptcp_unless_tcp_is_asked_for() {
        let words = |protocol| words(&["mptcpize", "run"], &["{dir}/echo", "{port}"], protocol);
        assert_eq!(words(None), ["mptcpize", "run", "/made/echo", "80"]);
        assert_eq!(words(Some(SocketProtocol::Tcp)), ["/made/echo", "80"]);
    }

    #[test]
    fn words_for_mptcp_stand_where_the_command_has_a_place_for_them() {
        let argv = ["curl", "{mptcp}", "-N", "{port}"];
        let words = |protocol| words(&["--mptcp"], &argv, protocol);
        assert_eq!(words(None), ["curl", "--mptcp", "-N", "80"]);
        assert_eq!(words(Some(SocketProtocol::Tcp)), ["curl", "-N", "80"]);
    }
}
