//! The driver: our own process, which speaks the protocol for a blind program.

use super::client::Clients;
use super::orders::{ORDERS, Orders};
use super::server::Servers;
use crate::fixture::FixtureAdapter;
use crate::protocol::{
    Adapter, ClientOpen, ClientOpened, ConnectionClose, ConnectionEnd, ConnectionEnded,
    ConnectionFacts, ConnectionLook, ConnectionReceive, ConnectionSend, Descriptors, Failure,
    Hello, Nothing, PROTOCOL, ProcessDescriptors, RunError, ServerStart, ServerStarted, ServerStop,
    ServerStopped, SocketCreate, SocketCreated, asynchronous, chain, libc_version,
    payload::Digested,
};

/// Answers for a blind program.
#[derive(Debug)]
struct BlindAdapter {
    orders: Orders,
    clients: Clients,
    servers: Servers,
    /// Makes sockets as any program could in this place.
    own: FixtureAdapter,
}

impl Adapter for BlindAdapter {
    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            name: self.orders.name.clone(),
            version: self.orders.version.clone(),
            implementation: "blind".to_owned(),
            runtime: format!("blind, on MPTCP {}", self.orders.put_on_mptcp()),
            libc: libc_version(),
        }
    }

    fn unknown(&self, _: &str) -> Failure {
        Failure::unsupported("the program is blind")
    }

    async fn socket_create(&self, args: SocketCreate) -> Result<SocketCreated, Failure> {
        self.own.socket_create(args).await
    }

    async fn process_descriptors(&self, args: ProcessDescriptors) -> Result<Descriptors, Failure> {
        self.own.process_descriptors(args).await
    }

    async fn server_start(&self, args: ServerStart) -> Result<ServerStarted, Failure> {
        self.servers.start(&self.orders, args).await
    }

    async fn server_stop(&self, args: ServerStop) -> Result<ServerStopped, Failure> {
        self.servers.stop(args).await
    }

    async fn client_open(&self, args: ClientOpen) -> Result<ClientOpened, Failure> {
        self.clients.open(&self.orders, args).await
    }

    async fn connection_send(&self, args: ConnectionSend) -> Result<Nothing, Failure> {
        self.clients.send(args).await
    }

    async fn connection_receive(&self, args: ConnectionReceive) -> Result<Digested, Failure> {
        self.clients.receive(args).await
    }

    async fn connection_close(&self, args: ConnectionClose) -> Result<ConnectionEnd, Failure> {
        self.clients.close(args).await
    }

    async fn connection_ended(&self, args: ConnectionEnded) -> Result<ConnectionEnd, Failure> {
        self.clients.ended(args).await
    }

    async fn connection_facts(&self, args: ConnectionLook) -> Result<ConnectionFacts, Failure> {
        self.clients.look(args)
    }
}

/// Is the driver: connects to `$MPWS_CONTROL` and serves until it is closed. Returns the exit code
/// of the process.
pub(crate) fn run() -> i32 {
    match try_run() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("mpws: {}", chain::in_one_line(&*error));
            1
        }
    }
}

fn try_run() -> Result<(), Box<dyn std::error::Error>> {
    let orders: Orders = serde_json::from_str(&std::env::var(ORDERS)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    let adapter = BlindAdapter {
        orders,
        clients: Clients::default(),
        servers: Servers::default(),
        own: FixtureAdapter::new(),
    };
    // What still runs of the program is killed when its task goes.
    Ok(asynchronous::run(adapter, runtime)?)
}
