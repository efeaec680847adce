//! The operations: arguments and replies.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use mpws_fixture::payload::{Digested, Payload};
use mpws_fixture::script::Behaviour;

use super::{
    ConnectionEnd, ConnectionId, ConnectionRecord, ErrorRecord, Operation, ServerId, SocketFacts,
    SocketId,
};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:literal $args:ident -> $reply:ty;)*) => {
        $(impl Operation for $args {
            const NAME: &'static str = $name;
            type Reply = $reply;
        })*

        /// Calls `visit` with name, argument schema and reply schema of each operation.
        pub(super) fn each(visit: &mut dyn FnMut(&str, Schema, Schema)) {
            $(visit($name, schemars::schema_for!($args), schemars::schema_for!($reply));)*
        }

        /// The names of all operations.
        pub const OPERATIONS: &[&str] = &[$($name),*];
    };
}

operations! {
    "socket.create" SocketCreate -> SocketCreated;
    "socket.pair" SocketPair -> SocketsCreated;
    "socket.set" SocketSet -> Nothing;
    "socket.blocking" SocketBlocking -> Nothing;
    "socket.bind" SocketBind -> SocketBound;
    "socket.listen" SocketListen -> Nothing;
    "socket.connect" SocketConnect -> SocketConnected;
    "socket.shutdown" SocketShutdown -> Nothing;
    "socket.rewrap" SocketRewrap -> SocketCreated;
    "socket.close" SocketClose -> Nothing;
    "socket.facts" SocketLook -> SocketFacts;
    "client.open" ClientOpen -> ClientOpened;
    "client.iterate" ClientIterate -> ClientIterated;
    "connection.send" ConnectionSend -> Nothing;
    "connection.receive" ConnectionReceive -> Digested;
    "connection.burst" ConnectionBurst -> BurstDone;
    "connection.ping" ConnectionPing -> PingDone;
    "connection.close" ConnectionClose -> ConnectionEnd;
    "connection.ended" ConnectionEnded -> ConnectionEnd;
    "connection.facts" ConnectionLook -> ConnectionFacts;
    "server.start" ServerStart -> ServerStarted;
    "server.state" ServerLook -> ServerState;
    "server.wait" ServerWait -> ServerState;
    "server.stop" ServerStop -> ServerStopped;
    "process.descriptors" ProcessDescriptors -> Descriptors;
    "process.limit" ProcessLimit -> Limited;
    "process.log" ProcessLog -> LogLines;
}

/// No result beyond "it worked".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SocketFamily {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
    /// `AF_UNIX`; the protocol is then the family's default.
    Unix,
}

/// Type of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SocketKind {
    /// `SOCK_STREAM`.
    #[default]
    Stream,
    /// `SOCK_DGRAM`; the protocol is then the family's default.
    Datagram,
}

/// Protocol of a socket.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SocketProtocol {
    /// `IPPROTO_MPTCP`, 262.
    Mptcp,
    /// `IPPROTO_TCP`, 6.
    Tcp,
}

/// Make a socket, without any fallback. An errno comes back as an error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketCreate {
    /// Address family.
    pub family: SocketFamily,
    /// Type.
    #[serde(default)]
    pub kind: SocketKind,
    /// Protocol.
    pub protocol: SocketProtocol,
    /// Name the protocol by the runtime's own constant (`socket.IPPROTO_MPTCP`) instead of by number.
    #[serde(default)]
    pub by_constant: bool,
}

/// A socket was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketCreated {
    /// Its number.
    pub socket: SocketId,
}

/// Make a connected pair of `AF_UNIX` stream sockets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketPair {}

/// Sockets were made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketsCreated {
    /// Their numbers.
    pub sockets: Vec<SocketId>,
}

/// Set an option.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketSet {
    /// The socket.
    pub socket: SocketId,
    /// Which option.
    pub option: SocketOption,
    /// Its value.
    pub value: i32,
}

/// An option that takes a whole number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SocketOption {
    /// `TCP_NODELAY`.
    Nodelay,
    /// `SO_KEEPALIVE`.
    Keepalive,
    /// `SO_REUSEADDR`.
    Reuseaddr,
    /// `SO_REUSEPORT`.
    Reuseport,
    /// `IPV6_V6ONLY`.
    V6only,
    /// `TCP_QUICKACK`.
    Quickack,
    /// `TCP_USER_TIMEOUT`, milliseconds.
    UserTimeout,
    /// `TCP_SYNCNT`.
    Syncnt,
    /// `TCP_KEEPIDLE`, seconds.
    Keepidle,
    /// `TCP_KEEPINTVL`, seconds.
    Keepintvl,
    /// `TCP_KEEPCNT`.
    Keepcnt,
    /// `SO_RCVBUF`, bytes; the kernel reports twice as many.
    Rcvbuf,
    /// `SO_SNDBUF`, bytes; the kernel reports twice as many.
    Sndbuf,
    /// `SO_PRIORITY`.
    Priority,
    /// `IP_TOS`.
    Tos,
}

/// Set the blocking mode.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketBlocking {
    /// The socket.
    pub socket: SocketId,
    /// The mode.
    pub mode: BlockingMode,
}

/// How calls on a socket wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockingMode {
    /// For ever.
    Blocking,
    /// Not at all.
    Nonblocking,
    /// Half a second (`settimeout(0.5)` in Python).
    Timeout,
}

/// `bind`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketBind {
    /// The socket.
    pub socket: SocketId,
    /// Numeric address; of an `AF_UNIX` socket its abstract name (unix(7)) without the NUL before it.
    pub host: String,
    /// Port; 0 lets the kernel choose. Without meaning for `AF_UNIX`.
    pub port: u16,
}

/// A socket is bound.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketBound {
    /// The port; 0 for `AF_UNIX`.
    pub port: u16,
}

/// `listen`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketListen {
    /// The socket.
    pub socket: SocketId,
    /// Backlog.
    pub backlog: i32,
}

/// `connect`, one of the ways in which programs do it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketConnect {
    /// The socket.
    pub socket: SocketId,
    /// Numeric address; of an `AF_UNIX` socket the abstract name as in `socket.bind`.
    pub host: String,
    /// Port. Without meaning for `AF_UNIX`.
    pub port: u16,
    /// The way.
    pub how: ConnectWay,
    /// Milliseconds after which the adapter gives up (`mpws.Deadline`).
    pub deadline_ms: u64,
}

/// A way to connect a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectWay {
    /// The blocking call, on a socket in blocking mode; the mode is put back afterwards.
    Blocking,
    /// Non-blocking, started and not waited for: the reply holds the errno (EINPROGRESS).
    Start,
    /// asyncio: `await loop.sock_connect(sock, (host, port))`, as published.
    SockConnect,
    /// asyncio: the blocking call in the default executor.
    Executor,
    /// asyncio: `connect_ex`, then `loop.add_writer`, then `SO_ERROR`.
    AddWriter,
}

/// A connect call came back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketConnected {
    /// Errno of the call; 0 when connected, 115 while in progress.
    pub errno: i32,
}

/// `shutdown`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketShutdown {
    /// The socket.
    pub socket: SocketId,
    /// Which half.
    pub half: Half,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Half {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
}

/// Hand the descriptor to a new object that says it is TCP; the old number is closed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketRewrap {
    /// The socket.
    pub socket: SocketId,
}

/// `close`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketClose {
    /// The socket.
    pub socket: SocketId,
}

/// Look at a socket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketLook {
    /// The socket.
    pub socket: SocketId,
}

/// TLS of a client.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// Path of a PEM file with the authority to trust.
    pub ca: String,
    /// Name to check and send, instead of the URI's host.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// TLS of a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// Path of a PEM file with the certificate chain.
    pub certificate: String,
    /// Path of a PEM file with the private key.
    pub key: String,
}

/// Open a WebSocket connection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientOpen {
    /// `ws://` or `wss://` URI.
    pub uri: String,
    /// Socket to hand over (`sock=`); without it the library makes its own.
    #[serde(default)]
    pub socket: Option<SocketId>,
    /// Hand over the bare descriptor number instead of the socket object.
    #[serde(default)]
    pub as_descriptor: bool,
    /// `host=`, beside or instead of `sock=`.
    #[serde(default)]
    pub host: Option<String>,
    /// `port=`.
    #[serde(default)]
    pub port: Option<u16>,
    /// Pass `host=None, port=None`.
    #[serde(default)]
    pub null_host: bool,
    /// Protocol that the library shall use for a socket of its own (`proto=` in asyncio; the fixture's policy `require`).
    #[serde(default)]
    pub protocol: Option<SocketProtocol>,
    /// Limit for the opening handshake in milliseconds.
    pub open_timeout_ms: u64,
    /// Limit for closing in milliseconds.
    pub close_timeout_ms: u64,
    /// Offer permessage-deflate.
    #[serde(default)]
    pub deflate: bool,
    /// Subprotocols to offer.
    #[serde(default)]
    pub subprotocols: Vec<String>,
    /// Largest message to accept in bytes; the library's default where absent.
    #[serde(default)]
    pub max_size: Option<u64>,
    /// TLS.
    #[serde(default)]
    pub tls: Option<ClientTls>,
    /// Use the top-level name (`websockets.connect`) instead of the full module path.
    #[serde(default)]
    pub top_level: bool,
    /// Further keyword arguments of the library, as they are (for the API cases).
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A connection is open.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientOpened {
    /// Its number.
    pub connection: ConnectionId,
    /// Its socket.
    pub facts: SocketFacts,
    /// Negotiated subprotocol.
    #[serde(default)]
    pub subprotocol: Option<String>,
    /// Negotiated extensions, as the API names them.
    #[serde(default)]
    pub extensions: Vec<String>,
}

/// `async for connection in connect(..)`: go round until `attempts` or the deadline; each connection is closed at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientIterate {
    /// URI.
    pub uri: String,
    /// Socket to hand over.
    #[serde(default)]
    pub socket: Option<SocketId>,
    /// Stop after so many connections or logged failures.
    pub attempts: u32,
    /// Stop after so many milliseconds.
    pub deadline_ms: u64,
}

/// What the iterator did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientIterated {
    /// Connections that it yielded.
    pub connections: u32,
    /// Failures that it swallowed and retried (from the library's log).
    pub retries: Vec<ErrorRecord>,
    /// The error that ended it, where one did.
    #[serde(default)]
    pub error: Option<ErrorRecord>,
}

/// Send a message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSend {
    /// The connection.
    pub connection: ConnectionId,
    /// The message.
    pub message: Payload,
    /// Number of frames, 1 to 64.
    pub fragments: u8,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// Receive a message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionReceive {
    /// The connection.
    pub connection: ConnectionId,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// Send several messages without waiting, then receive the answers; so many rounds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionBurst {
    /// The connection.
    pub connection: ConnectionId,
    /// Messages sent in a round.
    pub writes: u8,
    /// Answers awaited in a round.
    pub answers: u8,
    /// Frames that each message is split into.
    pub fragments: u8,
    /// Size of a message in bytes.
    pub size: u64,
    /// Number of rounds.
    pub rounds: u32,
    /// Milliseconds for all of it.
    pub deadline_ms: u64,
}

/// A burst is over.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstDone {
    /// Microseconds of each round.
    pub rounds_us: Vec<u64>,
}

/// Send a ping and wait for the pong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionPing {
    /// The connection.
    pub connection: ConnectionId,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// The pong came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PingDone {
    /// Microseconds from ping to pong.
    pub rtt_us: u64,
}

/// Close with a code.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionClose {
    /// The connection.
    pub connection: ConnectionId,
    /// Close code.
    pub code: u16,
    /// Close reason.
    pub reason: String,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// Wait until the connection has ended (reading and dropping what still comes).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionEnded {
    /// The connection.
    pub connection: ConnectionId,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// Look at a connection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionLook {
    /// The connection.
    pub connection: ConnectionId,
}

/// What is known of a connection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionFacts {
    /// Its socket.
    pub facts: SocketFacts,
    /// The API's word for its state, such as `OPEN`.
    pub state: String,
}

/// Start a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerStart {
    /// Socket to hand over (`sock=`); without it the library makes its own.
    #[serde(default)]
    pub socket: Option<SocketId>,
    /// `host=`.
    #[serde(default)]
    pub host: Option<String>,
    /// `port=`.
    #[serde(default)]
    pub port: Option<u16>,
    /// Protocol of a socket that the peer makes itself (fixture).
    #[serde(default)]
    pub protocol: Option<SocketProtocol>,
    /// What it does with connections.
    pub behaviour: Behaviour,
    /// Limit for the opening handshake in milliseconds.
    pub open_timeout_ms: u64,
    /// Limit for closing in milliseconds.
    pub close_timeout_ms: u64,
    /// Accept permessage-deflate.
    #[serde(default)]
    pub deflate: bool,
    /// Subprotocols to accept.
    #[serde(default)]
    pub subprotocols: Vec<String>,
    /// Largest message to accept in bytes; the library's default where absent.
    #[serde(default)]
    pub max_size: Option<u64>,
    /// TLS.
    #[serde(default)]
    pub tls: Option<ServerTls>,
    /// `reuse_port=True`.
    #[serde(default)]
    pub reuse_port: bool,
    /// Use the top-level name (`websockets.serve`) instead of the full module path.
    #[serde(default)]
    pub top_level: bool,
    /// Name of a handler or hook form to use instead of the ordinary one (for the API cases):
    /// `handler-with-path`, `hook-path-equals`, `hook-path-in`, `hook-path-startswith`, `hook-headers-get`,
    /// `hook-returns-tuple`, `hook-new-style`.
    #[serde(default)]
    pub form: Option<String>,
    /// Further keyword arguments of the library, as they are.
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A server was started.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerStarted {
    /// Its number.
    pub server: ServerId,
    /// Where it listens, `ADDR:PORT`, as its API or socket tells.
    pub addresses: Vec<String>,
}

/// Look at a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerLook {
    /// The server.
    pub server: ServerId,
}

/// Wait until so many connections have been opened and so many have ended, or the deadline (no error).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerWait {
    /// The server.
    pub server: ServerId,
    /// Connections seen.
    pub seen: u32,
    /// Connections ended.
    pub ended: u32,
    /// Also wait until serving has ended by itself.
    #[serde(default)]
    pub serving_ended: bool,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// The state of a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerState {
    /// Still serving: `serve_forever` has not returned, `is_serving()` is true.
    pub serving: bool,
    /// The error with which serving ended, where it did with one.
    #[serde(default)]
    pub error: Option<ErrorRecord>,
    /// Its listening sockets.
    pub sockets: Vec<SocketFacts>,
    /// Its connections so far.
    pub connections: Vec<ConnectionRecord>,
}

/// Stop a server: close, and wait until it is closed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerStop {
    /// The server.
    pub server: ServerId,
    /// Milliseconds.
    pub deadline_ms: u64,
}

/// A server has stopped.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerStopped {
    /// Its connections.
    pub connections: Vec<ConnectionRecord>,
}

/// Count the process's open sockets, after a garbage collection and one turn of the event loop; the control socket is left out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessDescriptors {}

/// Open sockets of a process.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Descriptors {
    /// TCP and MPTCP sockets: by descriptor, with local and remote address.
    pub sockets: Vec<SocketFacts>,
}

/// Let the process open only so many descriptors more than it has now, or again as many as it may (`RLIMIT_NOFILE`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessLimit {
    /// How many more; the limit with which the process started where absent.
    #[serde(default)]
    pub free: Option<u32>,
}

/// A limit is set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limited {
    /// The limit now: no descriptor gets this number or a higher one.
    pub limit: u64,
}

/// Lines that the library logged (debug level), oldest first, at most 500.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessLog {
    /// Only lines that contain this.
    #[serde(default)]
    pub containing: Option<String>,
}

/// Log lines.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLines {
    /// The lines, each at most 500 characters.
    pub lines: Vec<String>,
}

/// Error of an operation, for adapters.
pub type OperationResult<T> = Result<T, ErrorRecord>;
