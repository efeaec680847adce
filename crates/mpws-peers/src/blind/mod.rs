//! Blind peers: programs that know nothing of the adapter protocol. Our own executable stands beside one, in the same host
//! and under the same policy, and speaks the protocol for it: it starts the program's commands, looks at the sockets
//! that the kernel lists, and answers `unsupported` to all that cannot be had in this way (`docs/design/blind-peers.md`).

mod child;
mod client;
mod server;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::UnixStream;

use crate::catalogue::{BlindLines, BlindProgram, MPTCP_PLACE, filled};
use crate::environment::BlindMade;
use crate::fixture::{Adapter, Failure, FixtureAdapter, answered, serve};
use crate::protocol::{
    ClientOpen, ConnectionClose, ConnectionEnded, ConnectionLook, ConnectionReceive,
    ConnectionSend, Hello, Operation, PROTOCOL, ProcessDescriptors, Request, Response, ServerStart,
    ServerStop, SocketCreate, SocketProtocol,
};
use client::Clients;
use server::Servers;

/// The variable that holds the [`Orders`].
pub(crate) const ORDERS: &str = "MPWS_BLIND";

/// What the driver has to know of its program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orders {
    name: String,
    version: String,
    mptcp: Option<Vec<String>>,
    client: Option<Vec<String>>,
    lines: Option<BlindLines>,
    server: Option<Vec<String>>,
    env: BTreeMap<String, String>,
    dir: String,
    /// What the program may take to start, in milliseconds.
    start_ms: u64,
}

/// What a program may take to start.
pub(crate) const START: Duration = Duration::from_secs(10);

/// The same in a container: a machine that starts many at a time reads each program from a file system of its own, with some
/// engines in user space. With the limit of an opening handshake it is still within that of a call.
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
    fn start(&self) -> Duration {
        Duration::from_millis(self.start_ms)
    }

    /// How the program is put on MPTCP, in words.
    fn put_on_mptcp(&self) -> String {
        match &self.mptcp {
            Some(words) => words.join(" "),
            None => "by itself".to_owned(),
        }
    }

    /// The command for a protocol, with its places filled in.
    fn command(
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

/// Answers for a blind program.
#[derive(Debug)]
struct BlindAdapter {
    orders: Orders,
    clients: Clients,
    servers: Servers,
    /// Makes sockets as any program could in this place.
    own: FixtureAdapter,
}

impl BlindAdapter {
    async fn dispatch(&self, op: &str, args: Value) -> Result<Value, Failure> {
        let Self {
            orders,
            clients,
            servers,
            ..
        } = self;
        match op {
            ServerStart::NAME => reply::<ServerStart>(servers.start(orders, parse(args)?).await?),
            ServerStop::NAME => reply::<ServerStop>(servers.stop(parse(args)?).await?),
            ClientOpen::NAME => reply::<ClientOpen>(clients.open(orders, parse(args)?).await?),
            ConnectionSend::NAME => reply::<ConnectionSend>(clients.send(parse(args)?).await?),
            ConnectionReceive::NAME => {
                reply::<ConnectionReceive>(clients.receive(parse(args)?).await?)
            }
            ConnectionClose::NAME => reply::<ConnectionClose>(clients.close(parse(args)?).await?),
            ConnectionEnded::NAME => reply::<ConnectionEnded>(clients.ended(parse(args)?).await?),
            ConnectionLook::NAME => reply::<ConnectionLook>(clients.look(parse(args)?)?),
            _ => Err(Failure::unsupported("the program is blind")),
        }
    }
}

impl Adapter for BlindAdapter {
    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            name: self.orders.name.clone(),
            version: self.orders.version.clone(),
            implementation: "blind".to_owned(),
            runtime: format!("blind, on MPTCP {}", self.orders.put_on_mptcp()),
            libc: crate::fixture::libc_version(),
        }
    }

    async fn handle(&self, request: Request) -> Response {
        if [SocketCreate::NAME, ProcessDescriptors::NAME].contains(&request.op.as_str()) {
            return self.own.handle(request).await;
        }
        let start = Instant::now();
        let done = self.dispatch(&request.op, request.args).await;
        answered(request.id, start, done)
    }
}

/// Is the driver: connects to `$MPWS_CONTROL` and serves until it is closed. Returns the exit code of the process.
pub(crate) fn run() -> i32 {
    match try_run() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("mpws: {error}");
            1
        }
    }
}

fn try_run() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::var_os(crate::launch::CONTROL).ok_or("MPWS_CONTROL is not set")?;
    let orders: Orders = serde_json::from_str(&std::env::var(ORDERS)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let control = UnixStream::connect(path).await?;
        let adapter = BlindAdapter {
            orders,
            clients: Clients::default(),
            servers: Servers::default(),
            own: FixtureAdapter::new(),
        };
        serve(adapter, control).await?;
        Ok(())
    });
    // What still runs of the program is killed when its task goes.
    runtime.shutdown_background();
    served
}

/// Arguments that are not exactly the operation's are unsupported.
fn parse<T: DeserializeOwned>(args: Value) -> Result<T, Failure> {
    serde_json::from_value(args).map_err(|error| Failure::unsupported(error.to_string()))
}

/// The reply of operation `O`, as data.
fn reply<O: Operation>(reply: O::Reply) -> Result<Value, Failure>
where
    O::Reply: Serialize,
{
    serde_json::to_value(reply)
        .map_err(|error| Failure::plain("serde_json::Error", &error.to_string()))
}

/// Refuses what is asked for and cannot be had.
fn refuse(asked: &[(bool, &str)]) -> Result<(), Failure> {
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Failure::unsupported(format!(
            "a blind program is not asked for {what}"
        ))),
        None => Ok(()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
