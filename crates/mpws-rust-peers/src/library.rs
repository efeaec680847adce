//! What a program does with its library. Each of the two programs in `src/bin` has a [`Library`].

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mpws_protocol::{Failure, SocketFacts};

use crate::history::History;
use crate::message::{Event, Message};

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

    /// Accepts on a listening socket in blocking mode and answers each connection as the history
    /// says, in the background.
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
    /// What the library reports, [`Failure::deadline`] where it was not over in time, unsupported
    /// where the library has no such frames.
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

    /// Waits for what comes next. [`Event::Closed`] comes last, when the closing handshake is over
    /// as far as the library goes.
    ///
    /// # Errors
    ///
    /// As [`Talk::send`].
    fn next(&mut self, until: Instant) -> Result<Event, Failure>;

    /// What the kernel says of the socket.
    fn facts(&self) -> SocketFacts;
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
