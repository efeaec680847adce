//! From operations to sockets, connections and servers.

use mpws_protocol::limit::Limit;
use mpws_protocol::payload::Digested;
use mpws_protocol::{
    BurstDone, ClientOpen, ClientOpened, ConnectionBurst, ConnectionClose, ConnectionEnd,
    ConnectionEnded, ConnectionFacts, ConnectionLook, ConnectionPing, ConnectionReceive,
    ConnectionSend, Descriptors, Failure, Hello, Limited, Nothing, PROTOCOL, PingDone,
    ProcessDescriptors, ProcessLimit, ServerLook, ServerStart, ServerStarted, ServerState,
    ServerStop, ServerStopped, ServerWait, SocketBind, SocketBlocking, SocketBound, SocketClose,
    SocketConnect, SocketConnected, SocketCreate, SocketCreated, SocketFacts, SocketListen,
    SocketLook, SocketPair, SocketSet, SocketShutdown, SocketsCreated, blocking, libc_version,
};

use crate::connections::Connections;
use crate::library::Library;
use crate::servers::Servers;
use crate::sockets::{self, Sockets};

/// Is the peer: serves the suite until it hangs up. Returns the exit code of the process: 0, or 1
/// with a line on standard error.
pub fn run<L: Library>(library: L) -> i32 {
    match blocking::run(Adapter::new(library)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{}: {}", L::NAME, mpws_protocol::chain::in_one_line(&error));
            1
        }
    }
}

/// Answers with a library. Its methods block: each request has a thread of its own.
pub struct Adapter<L> {
    library: L,
    sockets: Sockets,
    connections: Connections,
    servers: Servers,
    limit: Limit,
}

impl<L: Library> Adapter<L> {
    /// An adapter with nothing open.
    pub fn new(library: L) -> Self {
        Self {
            library,
            sockets: Sockets::default(),
            connections: Connections::default(),
            servers: Servers::default(),
            limit: Limit::default(),
        }
    }
}

impl<L: Library> mpws_protocol::Adapter for Adapter<L> {
    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            name: L::NAME.to_owned(),
            version: L::VERSION.to_owned(),
            implementation: L::IMPLEMENTATION.to_owned(),
            runtime: concat!("Rust >= ", env!("CARGO_PKG_RUST_VERSION")).to_owned(),
            libc: libc_version(),
        }
    }

    async fn socket_create(&self, args: SocketCreate) -> Result<SocketCreated, Failure> {
        self.sockets.create(args)
    }

    async fn socket_pair(&self, args: SocketPair) -> Result<SocketsCreated, Failure> {
        self.sockets.pair(args)
    }

    async fn socket_set(&self, args: SocketSet) -> Result<Nothing, Failure> {
        self.sockets.set(args)
    }

    async fn socket_blocking(&self, args: SocketBlocking) -> Result<Nothing, Failure> {
        self.sockets.blocking(args)
    }

    async fn socket_bind(&self, args: SocketBind) -> Result<SocketBound, Failure> {
        self.sockets.bind(args)
    }

    async fn socket_listen(&self, args: SocketListen) -> Result<Nothing, Failure> {
        self.sockets.listen(args)
    }

    async fn socket_connect(&self, args: SocketConnect) -> Result<SocketConnected, Failure> {
        self.sockets.connect(args)
    }

    async fn socket_shutdown(&self, args: SocketShutdown) -> Result<Nothing, Failure> {
        self.sockets.shutdown(args)
    }

    async fn socket_close(&self, args: SocketClose) -> Result<Nothing, Failure> {
        self.sockets.close(args)
    }

    async fn socket_facts(&self, args: SocketLook) -> Result<SocketFacts, Failure> {
        self.sockets.look(args)
    }

    async fn client_open(&self, args: ClientOpen) -> Result<ClientOpened, Failure> {
        self.connections.open(&self.library, &self.sockets, args)
    }

    async fn connection_send(&self, args: ConnectionSend) -> Result<Nothing, Failure> {
        self.connections.send(args)
    }

    async fn connection_receive(&self, args: ConnectionReceive) -> Result<Digested, Failure> {
        self.connections.receive(args)
    }

    async fn connection_burst(&self, args: ConnectionBurst) -> Result<BurstDone, Failure> {
        self.connections.burst(args)
    }

    async fn connection_ping(&self, args: ConnectionPing) -> Result<PingDone, Failure> {
        self.connections.ping(args)
    }

    async fn connection_close(&self, args: ConnectionClose) -> Result<ConnectionEnd, Failure> {
        self.connections.close(args)
    }

    async fn connection_ended(&self, args: ConnectionEnded) -> Result<ConnectionEnd, Failure> {
        self.connections.ended(args)
    }

    async fn connection_facts(&self, args: ConnectionLook) -> Result<ConnectionFacts, Failure> {
        self.connections.look(args)
    }

    async fn server_start(&self, args: ServerStart) -> Result<ServerStarted, Failure> {
        self.servers.start(&self.library, &self.sockets, args)
    }

    async fn server_state(&self, args: ServerLook) -> Result<ServerState, Failure> {
        self.servers.look(args)
    }

    async fn server_wait(&self, args: ServerWait) -> Result<ServerState, Failure> {
        self.servers.wait(args)
    }

    async fn server_stop(&self, args: ServerStop) -> Result<ServerStopped, Failure> {
        self.servers.stop(args)
    }

    async fn process_limit(&self, args: ProcessLimit) -> Result<Limited, Failure> {
        self.limit.set(args)
    }

    async fn process_descriptors(
        &self,
        ProcessDescriptors {}: ProcessDescriptors,
    ) -> Result<Descriptors, Failure> {
        sockets::open()
    }
}
