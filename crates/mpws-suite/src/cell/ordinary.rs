//! What careful users do: serve, connect, echo, close.

use mpws_fixture::payload::Payload;
use mpws_fixture::script::Behaviour;
use mpws_model::{Side, shown};
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{
    ClientOpen, ClientOpened, ClientTls, ConnectWay, ConnectionClose, ConnectionEnd, ConnectionId,
    ConnectionReceive, ConnectionSend, Nothing, ServerLook, ServerStart, ServerStarted,
    ServerState, ServerTls, ServerWait, SocketBind, SocketConnect, SocketFacts, SocketId,
    SocketListen, SocketOption, SocketProtocol, SocketSet,
};

use super::end::{CellEnd, Outcome, describe};
use super::running::{Cell, PORT};
use crate::deadline;

/// How an ordinary server is started.
#[derive(Clone, Debug)]
pub struct Serve {
    /// What it does.
    pub behaviour: Behaviour,
    /// Protocol of its listener; the cell's where absent.
    pub protocol: Option<SocketProtocol>,
    /// Address to bind; the server host's on the first path where absent.
    pub host: Option<String>,
    /// Whether TCP_NODELAY is set on the listener (accepted sockets inherit it).
    pub nodelay: bool,
    /// Accept permessage-deflate.
    pub deflate: bool,
    /// Subprotocols.
    pub subprotocols: Vec<String>,
    /// Largest message in bytes.
    pub max_size: Option<u64>,
    /// TLS.
    pub tls: Option<ServerTls>,
    /// Name of a handler or hook form.
    pub form: Option<&'static str>,
}

/// How an ordinary client connects.
#[derive(Clone, Debug)]
pub struct Connect {
    /// Protocol of its socket; the cell's where absent.
    pub protocol: Option<SocketProtocol>,
    /// Whether TCP_NODELAY is set on the socket.
    pub nodelay: bool,
    /// Offer permessage-deflate.
    pub deflate: bool,
    /// Subprotocols to offer.
    pub subprotocols: Vec<String>,
    /// Largest message in bytes.
    pub max_size: Option<u64>,
    /// TLS.
    pub tls: Option<ClientTls>,
    /// Path and query of the URI.
    pub resource: &'static str,
    /// `open_timeout`, in milliseconds.
    pub open_timeout_ms: u64,
    /// Refuse a connection that fell back (the fixture's policy `require`).
    pub strict: bool,
    /// Further keyword arguments of the library: name and number.
    pub extra: &'static [(&'static str, f64)],
}

impl Serve {
    /// An echo server with TCP_NODELAY, as a careful user writes it.
    pub fn echo() -> Self {
        Self::with(Behaviour::Echo)
    }

    /// A server that does this.
    pub fn with(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            protocol: None,
            host: None,
            nodelay: true,
            deflate: false,
            subprotocols: Vec::new(),
            max_size: None,
            tls: None,
            form: None,
        }
    }
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            protocol: None,
            nodelay: true,
            deflate: false,
            subprotocols: Vec::new(),
            max_size: None,
            tls: None,
            resource: "/",
            open_timeout_ms: deadline::OPEN_TIMEOUT_MS,
            strict: false,
            extra: &[],
        }
    }
}

/// Serving and connecting.
impl Cell {
    /// A connected client socket, made the way that works everywhere, ready to be handed over.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the socket is refused or does not connect, and those of
    /// [`Cell::ask`].
    pub fn connected_socket(
        &mut self,
        protocol: SocketProtocol,
        nodelay: bool,
    ) -> Result<SocketId, CellEnd> {
        let socket = self
            .socket(Side::Client, protocol)?
            .done("making the client's socket")?;
        if nodelay {
            self.ask(
                Side::Client,
                &SocketSet {
                    socket,
                    option: SocketOption::Nodelay,
                    value: 1,
                },
            )?;
        }
        let how = self.way();
        self.ask(Side::Client, &self.connect_to_server(socket, how))?;
        Ok(socket)
    }

    /// The way of connecting a socket that works on the client's runtime.
    pub fn way(&self) -> ConnectWay {
        if self.has(Side::Client, Feature::AsyncioLoop) {
            ConnectWay::Executor
        } else {
            ConnectWay::Blocking
        }
    }

    /// The operation that connects a socket to the server.
    pub fn connect_to_server(&self, socket: SocketId, how: ConnectWay) -> SocketConnect {
        SocketConnect {
            socket,
            host: self.address(Side::Server),
            port: PORT,
            how,
            deadline_ms: deadline::STEP_MS,
        }
    }

    /// A listening socket on the server's side, with SO_REUSEADDR, as users make it.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the socket is refused or cannot listen, and those of
    /// [`Cell::ask`].
    pub fn listening_socket(
        &mut self,
        protocol: SocketProtocol,
        host: &str,
        nodelay: bool,
    ) -> Result<SocketId, CellEnd> {
        let socket = self
            .socket(Side::Server, protocol)?
            .done("making the server's socket")?;
        self.bind_and_listen(socket, host, nodelay)?;
        Ok(socket)
    }

    fn bind_and_listen(
        &mut self,
        socket: SocketId,
        host: &str,
        nodelay: bool,
    ) -> Result<(), CellEnd> {
        let side = Side::Server;
        self.ask(
            side,
            &SocketSet {
                socket,
                option: SocketOption::Reuseaddr,
                value: 1,
            },
        )?;
        if nodelay {
            self.ask(
                side,
                &SocketSet {
                    socket,
                    option: SocketOption::Nodelay,
                    value: 1,
                },
            )?;
        }
        self.ask(
            side,
            &SocketBind {
                socket,
                host: host.to_owned(),
                port: PORT,
            },
        )?;
        self.ask(
            side,
            &SocketListen {
                socket,
                backlog: 100,
            },
        )?;
        Ok(())
    }

    /// Starts an ordinary server.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where it does not start, and those of [`Cell::ask`].
    pub fn serve(&mut self, serve: Serve) -> Result<u32, CellEnd> {
        let protocol = serve.protocol.unwrap_or(self.protocol);
        let host = serve
            .host
            .clone()
            .unwrap_or_else(|| self.address(Side::Server));
        let mut start = self.server_start(serve.behaviour);
        start.deflate = serve.deflate;
        start.subprotocols = serve.subprotocols;
        start.max_size = serve.max_size;
        start.tls = serve.tls;
        start.form = serve.form.map(str::to_owned);
        if self.has(Side::Server, Feature::SockHandover) {
            start.socket = Some(self.listening_socket(protocol, &host, serve.nodelay)?);
        } else {
            start.host = Some(host);
            start.port = Some(PORT);
            // MPTCP is preferred, not required: a required one would refuse plain TCP clients.
            start.protocol = (protocol == SocketProtocol::Tcp).then_some(protocol);
        }
        let started: ServerStarted = self.ask(Side::Server, &start)?;
        self.server_number = Some(started.server);
        Ok(started.server)
    }

    /// The bare operation that starts a server.
    pub fn server_start(&self, behaviour: Behaviour) -> ServerStart {
        ServerStart {
            socket: None,
            host: None,
            port: None,
            protocol: None,
            behaviour,
            open_timeout_ms: deadline::OPEN_TIMEOUT_MS,
            close_timeout_ms: deadline::CLOSE_TIMEOUT_MS,
            deflate: false,
            subprotocols: Vec::new(),
            max_size: None,
            tls: None,
            reuse_port: false,
            top_level: false,
            form: None,
            extra: serde_json::Map::new(),
        }
    }

    /// The bare operation that opens a connection.
    pub fn client_open(&self, socket: Option<SocketId>) -> ClientOpen {
        ClientOpen {
            uri: self.uri("/"),
            socket,
            as_descriptor: false,
            host: None,
            port: None,
            null_host: false,
            protocol: None,
            open_timeout_ms: deadline::OPEN_TIMEOUT_MS,
            close_timeout_ms: deadline::CLOSE_TIMEOUT_MS,
            deflate: false,
            subprotocols: Vec::new(),
            max_size: None,
            tls: None,
            top_level: false,
            extra: serde_json::Map::new(),
        }
    }

    /// Connects as a careful user does, and expects success.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where it does not connect, and those of [`Cell::try_connect`].
    pub fn connect(&mut self, connect: Connect) -> Result<ClientOpened, CellEnd> {
        match self.try_connect(connect)? {
            Outcome::Done(opened) => Ok(opened),
            Outcome::Refused(record, _) => Err(CellEnd::Failed(format!(
                "the connection was not opened: {}",
                describe(&record)
            ))),
        }
    }

    /// Connects as a careful user does.
    ///
    /// # Errors
    ///
    /// Those of [`Cell::attempt`] and [`Cell::connected_socket`].
    pub fn try_connect(&mut self, connect: Connect) -> Result<Outcome<ClientOpened>, CellEnd> {
        let protocol = connect.protocol.unwrap_or(self.protocol);
        let mut open = self.client_open(None);
        open.deflate = connect.deflate;
        open.subprotocols = connect.subprotocols;
        open.max_size = connect.max_size;
        open.open_timeout_ms = connect.open_timeout_ms;
        open.extra = connect
            .extra
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.into()))
            .collect();
        let scheme = if connect.tls.is_some() { "wss" } else { "ws" };
        open.uri = self.uri_with(scheme, self.ip, connect.resource);
        open.tls = connect.tls;
        if self.has(Side::Client, Feature::SockHandover) {
            let socket = match self.socket(Side::Client, protocol)? {
                Outcome::Done(socket) => socket,
                Outcome::Refused(record, elapsed) => return Ok(Outcome::Refused(record, elapsed)),
            };
            if connect.nodelay {
                self.ask(
                    Side::Client,
                    &SocketSet {
                        socket,
                        option: SocketOption::Nodelay,
                        value: 1,
                    },
                )?;
            }
            let how = self.way();
            let mut call = self.connect_to_server(socket, how);
            call.deadline_ms = connect.open_timeout_ms;
            if let Outcome::Refused(record, elapsed) = self.attempt(Side::Client, &call)? {
                return Ok(Outcome::Refused(record, elapsed));
            }
            open.socket = Some(socket);
        } else {
            // Without `strict` the fixture prefers MPTCP, and what came of it is judged from
            // outside.
            open.protocol = match protocol {
                SocketProtocol::Mptcp if !connect.strict => None,
                named => Some(named),
            };
        }
        self.attempt(Side::Client, &open)
    }

    /// Looks at a server.
    ///
    /// # Errors
    ///
    /// Those of [`Cell::ask`].
    pub fn server_state(&mut self, server: u32) -> Result<ServerState, CellEnd> {
        self.ask(Side::Server, &ServerLook { server })
    }

    /// Waits until the server has seen so many connections and so many of them have ended.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where it has not seen them within [`deadline::STEP_MS`], and those of
    /// [`Cell::ask`].
    pub fn server_saw(
        &mut self,
        server: u32,
        seen: u32,
        ended: u32,
    ) -> Result<ServerState, CellEnd> {
        self.ask(
            Side::Server,
            &ServerWait {
                server,
                seen,
                ended,
                serving_ended: false,
                deadline_ms: deadline::STEP_MS,
            },
        )
    }

    /// Sends a message and checks that exactly this message comes back.
    ///
    /// # Errors
    ///
    /// Those of [`Cell::echo_from`].
    pub fn echo(
        &mut self,
        connection: ConnectionId,
        message: Payload,
        fragments: u8,
    ) -> Result<(), CellEnd> {
        self.echo_from(Side::Client, connection, message, fragments)
    }

    /// The same for a client in the process of either side.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where no answer comes, and those of [`Cell::ask`]; another answer is a
    /// check that fails.
    pub fn echo_from(
        &mut self,
        side: Side,
        connection: ConnectionId,
        message: Payload,
        fragments: u8,
    ) -> Result<(), CellEnd> {
        let message = self.fitting(side, message);
        let fragments = self.fitting_frames(side, fragments);
        let expected = message.digested();
        let what = match fragments {
            1 => format!(
                "echo of {} bytes of {}",
                expected.size,
                shown(&expected.kind)
            ),
            n => format!(
                "echo of {} bytes of {} in {n} fragments",
                expected.size,
                shown(&expected.kind)
            ),
        };
        let deadline_ms = deadline::TRANSFER_MS;
        let send = ConnectionSend {
            connection,
            message,
            fragments,
            deadline_ms,
        };
        let _: Nothing = self.ask(side, &send)?;
        match self.attempt(
            side,
            &ConnectionReceive {
                connection,
                deadline_ms,
            },
        )? {
            Outcome::Done(received) => {
                self.equal(&what, &expected, &received);
                Ok(())
            }
            Outcome::Refused(record, _) => {
                self.check(&what, "the same message", &describe(&record), false);
                Err(CellEnd::Failed(format!(
                    "{what} did not come: {}",
                    describe(&record)
                )))
            }
        }
    }

    /// Closes with 1000 and checks that both sides saw a clean end; the kernel is asked before.
    ///
    /// # Errors
    ///
    /// Those of [`Cell::ask`] and [`Cell::witness_with_server`]; an end that is not clean is a
    /// check that fails.
    pub fn finish(&mut self, server: u32, connection: ConnectionId) -> Result<(), CellEnd> {
        self.witness_with_server(server, connection)?;
        let last = self.last_snapshot();
        let last = last.and_then(|last| last.client_sockets.last());
        self.effects.before_close(&self.host(Side::Client), last)?;
        let end: ConnectionEnd = self.ask(
            Side::Client,
            &ConnectionClose {
                connection,
                code: 1000,
                reason: String::new(),
                deadline_ms: deadline::STEP_MS,
            },
        )?;
        self.judge_client_end(&end);
        let Some(state) = self.server_let_go(server, 1)? else {
            return Ok(());
        };
        let seen = state
            .connections
            .last()
            .and_then(|last| last.end.as_ref())
            .and_then(|e| e.code);
        let name = "close code that the server's API reports";
        if self.is_blind(Side::Client) {
            // RFC 6455 section 7.1.5: 1005 stands for a close frame without a code, which is as
            // good.
            let held = matches!(seen, Some(1000 | 1005));
            self.check(name, "1000, or 1005 for none", &shown(&seen), held);
        } else {
            self.equal(name, &Some(1000), &seen);
        }
        Ok(())
    }

    /// Judges the close code that the client's API reports; a blind client reports none.
    pub fn judge_client_end(&mut self, end: &ConnectionEnd) {
        if !self.is_blind(Side::Client) {
            let name = "close code that the client's API reports";
            self.equal(name, &Some(1000), &end.code);
        }
    }

    /// Waits until the server is through with so many connections, and gives its state. A blind one
    /// gives none: its kernel must have no connection any more.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where it is not through with them within [`deadline::STEP_MS`], and
    /// those of [`Cell::ask`].
    pub fn server_let_go(
        &mut self,
        server: u32,
        connections: u32,
    ) -> Result<Option<ServerState>, CellEnd> {
        if !self.is_blind(Side::Server) {
            return self.server_saw(server, connections, connections).map(Some);
        }
        self.until("the server's kernel has no connection any more", |cell| {
            Ok(cell.connections_now(Side::Server)?.is_empty())
        })?;
        Ok(None)
    }

    /// The sockets that the server has accepted so far, at least one; of a blind server those that
    /// are open.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where there is none within [`deadline::STEP_MS`], and those of
    /// [`Cell::ask`].
    pub fn accepted(&mut self, server: u32) -> Result<Vec<SocketFacts>, CellEnd> {
        if !self.is_blind(Side::Server) {
            let state = self.server_saw(server, 1, 0)?;
            let all = state.connections.into_iter();
            return Ok(all.map(|connection| connection.facts).collect());
        }
        self.until("the server's kernel has a connection", |cell| {
            Ok(!cell.connections_now(Side::Server)?.is_empty())
        })?;
        self.connections_now(Side::Server)
    }

    /// A witness snapshot with both peers' own word.
    ///
    /// # Errors
    ///
    /// Those of [`Cell::witness`] and [`Cell::accepted`].
    pub fn witness_with_server(
        &mut self,
        server: u32,
        connection: ConnectionId,
    ) -> Result<(), CellEnd> {
        self.witness(Some(connection))?;
        let facts = if self.is_blind(Side::Server) {
            self.connections_now(Side::Server)?
        } else {
            let state = self.server_state(server)?;
            let all = state.connections.into_iter();
            all.map(|connection| connection.facts).collect()
        };
        if let Some(snapshot) = self.snapshots.last_mut() {
            snapshot.server_facts = facts;
        }
        Ok(())
    }
}
