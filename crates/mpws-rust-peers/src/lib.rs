//! Adapter peers on Rust WebSocket libraries that the fixture is not made of: tungstenite, used blocking, and
//! tokio-websockets.
//!
//! For: programs that a user of such a library would write, over sockets that they make themselves, MPTCP by socket2.
//! Not for: anything of the fixture; of this project they use the types of the adapter protocol, and the `mptcp` crate to
//! look at sockets.
//!
//! | module | what it is |
//! |---|---|
//! | [`control`] | the control socket: hello, requests in, answers out, a thread for each |
//! | [`adapter`] | from operations to sockets, connections and servers |
//! | [`sockets`] | `socket.*`, and the sockets that this process has open |
//! | [`connections`] | `client.*` and `connection.*` |
//! | [`limit`] | `process.limit` |
//! | [`servers`] | `server.*`, and what a server remembers |
//! | [`failure`] | errors as the protocol reports them |
//!
//! A library is a [`Library`]; each of the two programs in `src/bin` has one.

#![forbid(unsafe_code)]

pub mod adapter;
pub mod connections;
pub mod control;
pub mod failure;
pub mod limit;
pub mod servers;
pub mod sockets;

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mpws_fixture::payload::MessageKind;
use mpws_peers::protocol::SocketFacts;

pub use failure::Failure;
pub use servers::History;

/// How long an accept loop waits after an error: without descriptors the next `accept()` fails at once.
pub const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);

/// What a program does with its library.
pub trait Library: Send + Sync + 'static {
    /// Name of the library.
    const NAME: &'static str;
    /// Its version, as built in.
    const VERSION: &'static str;
    /// How it is used: `sync` or `tokio`.
    const IMPLEMENTATION: &'static str;

    /// The opening handshake of a client on a connected socket in blocking mode.
    ///
    /// # Errors
    ///
    /// What the library reports; the socket is closed then.
    fn open(&self, socket: TcpStream, wanted: &Opening) -> Result<Box<dyn Talk>, Failure>;

    /// Accepts on a listening socket in blocking mode and answers each connection as the history says, in the background.
    ///
    /// # Errors
    ///
    /// When the library cannot take the socket.
    fn serve(&self, listener: TcpListener, serving: Serving) -> Result<Box<dyn Stop>, Failure>;
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Opening {
    /// `ws://` URI.
    pub uri: String,
    /// Limit for the handshake.
    pub limit: Duration,
    /// Largest message in bytes; the library's default where absent.
    pub max_size: Option<usize>,
}

/// What a server is to do.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Limit for the handshake.
    pub limit: Duration,
    /// Largest message in bytes; the library's default where absent.
    pub max_size: Option<usize>,
    /// Where its connections go, and what it answers.
    pub history: Arc<History>,
}

/// One open connection of a client, used by one thread at a time.
pub trait Talk: Send {
    /// Sends a message in so many frames.
    ///
    /// # Errors
    ///
    /// What the library reports, [`Failure::deadline`] where it was not over in time, unsupported where the library has no
    /// such frames.
    fn send(&mut self, message: Message, frames: u8, until: Instant) -> Result<(), Failure>;

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As [`Talk::send`].
    fn ping(&mut self, content: &[u8], until: Instant) -> Result<(), Failure>;

    /// Begins the closing handshake.
    ///
    /// # Errors
    ///
    /// As [`Talk::send`].
    fn close(&mut self, code: u16, reason: &str, until: Instant) -> Result<(), Failure>;

    /// Waits for what comes next. [`Event::Closed`] comes last, when the closing handshake is over as far as the library goes.
    ///
    /// # Errors
    ///
    /// As [`Talk::send`].
    fn next(&mut self, until: Instant) -> Result<Event, Failure>;

    /// What the kernel says of the socket.
    fn facts(&self) -> SocketFacts;
}

/// What a library reports of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Message),
    /// A pong with its content.
    Pong(Vec<u8>),
    /// Anything else that needs no answer of the user.
    Other,
    /// The end.
    Closed(Closed),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Text or binary.
    pub kind: MessageKind,
    /// Its content; text is UTF-8.
    pub content: Vec<u8>,
}

/// The close frame of the other end; code 1005 where it had none, 1006 where there was no close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its code.
    pub code: u16,
    /// Its reason.
    pub reason: String,
}

impl Closed {
    /// The connection ended without a close frame.
    pub fn without_frame() -> Self {
        Self {
            code: 1006,
            reason: String::new(),
        }
    }

    /// A close frame with this code and reason, or without.
    pub fn with(frame: Option<(u16, String)>) -> Self {
        let (code, reason) = frame.unwrap_or((1005, String::new()));
        Self { code, reason }
    }
}

/// A server that runs in the background.
pub trait Stop: Send {
    /// Ends accepting and closes the listener. Connections go on.
    ///
    /// # Errors
    ///
    /// [`Failure::deadline`] where it is not over in time.
    fn stop(&mut self, until: Instant) -> Result<(), Failure>;
}
