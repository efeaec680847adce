//! What can go wrong, for users of servers, clients and scripts. Errors of one layer alone stand
//! with it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio_tungstenite::tungstenite;

use crate::deflate::{AnswerError, CompressError, DecompressError, ListError};
use crate::end::ConnectionEnd;
use crate::policy::{FellBack, Policy, SocketError};

/// Longest request or response head in bytes.
pub const MAX_HEAD: usize = 16 * 1024;

/// There is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URI is not one that can be connected to.
    #[error("cannot use the URI: {0}")]
    Uri(&'static str),
    /// The name could not be looked up.
    #[error("cannot look up {host}")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No socket could be made under the policy.
    #[error("no socket for {address}")]
    Socket {
        /// Where it should connect to.
        address: SocketAddr,
        /// Why.
        #[source]
        source: SocketError,
    },
    /// `connect` failed. It was not tried again with another protocol.
    #[error("cannot connect to {address}")]
    Connect {
        /// The address that was tried last.
        address: SocketAddr,
        /// Its error with its errno.
        #[source]
        source: io::Error,
        /// Addresses of the same name that were tried before, with their errors.
        before: Vec<(SocketAddr, io::Error)>,
    },
    /// The socket that was handed over cannot be used.
    #[error("cannot use the socket that was handed over")]
    HandedOver(#[from] HandedOverError),
    /// MPTCP is required, and the connection is not MPTCP.
    #[error("MPTCP is required")]
    FellBack(#[from] FellBack),
    /// The TLS handshake failed.
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The opening handshake failed.
    #[error("opening handshake failed")]
    Handshake(#[from] HandshakeError),
    /// Something took too long.
    #[error("deadline of {after:?} for opening, while waiting for {what}")]
    Deadline {
        /// What was waited for.
        what: &'static str,
        /// The limit for opening.
        after: Duration,
    },
}

/// The socket that was handed over cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandedOverError {
    /// It could not be looked at or prepared.
    #[error("cannot look at it")]
    Look(#[source] io::Error),
    /// It is not a stream socket.
    #[error("it is not a stream socket")]
    NotStream,
    /// It is neither IPv4 nor IPv6.
    #[error("it is neither IPv4 nor IPv6")]
    NotInternet,
    /// It listens.
    #[error("it listens")]
    Listening,
    /// No connect was ever started on it, or it failed and the error was taken.
    #[error("it is not connected")]
    NotConnected(#[source] io::Error),
    /// Its connect failed.
    #[error("its connect failed")]
    Failed(#[source] io::Error),
    /// The policy requires MPTCP, and it is a TCP socket.
    #[error("MPTCP is required, and it is a TCP socket")]
    NotMptcp,
    /// The policy is TCP, and it is an MPTCP socket.
    #[error("TCP is required, and it is an MPTCP socket")]
    NotTcp,
}

/// Something could not be sent, or its answer did not come.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection has ended.
    #[error("the connection has ended{}", shown(.end))]
    Ended {
        /// How, where that is known yet.
        end: Option<ConnectionEnd>,
        /// The errno of the transport, where it failed.
        #[source]
        source: Option<io::Error>,
    },
    /// WebSocket or the transport below it failed.
    #[error("cannot send")]
    WebSocket(#[from] tungstenite::Error),
    /// It took too long.
    #[error("deadline of {after:?} for {what}")]
    Deadline {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
}

/// No message was received.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The connection has ended.
    #[error("the connection has ended{}", shown(.end))]
    Ended {
        /// How, where that is known yet.
        end: Option<ConnectionEnd>,
        /// The errno of the transport, where it failed.
        #[source]
        source: Option<io::Error>,
    },
    /// It took too long.
    #[error("deadline of {after:?} for a message")]
    Deadline {
        /// How long.
        after: Duration,
    },
}

/// The server cannot be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Not called on a tokio runtime.
    #[error("not on a tokio runtime")]
    NoRuntime,
    /// Neither an address nor a listening socket.
    #[error("nothing to listen on")]
    NoAddress,
    /// A listening socket could not be made under the policy.
    #[error("cannot make a listening socket for {address}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: SocketError,
    },
    /// `setsockopt`, `bind` or `listen` failed.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The error with its errno.
        #[source]
        source: io::Error,
    },
    /// The socket that was handed over could not be looked at or used.
    #[error("cannot use the socket that was handed over")]
    HandedOver(#[source] io::Error),
    /// The socket that was handed over is neither IPv4 nor IPv6.
    #[error("the socket that was handed over is neither IPv4 nor IPv6")]
    NotInternet,
    /// The socket that was handed over does not listen.
    #[error("the socket that was handed over does not listen")]
    NotListening,
    /// The socket that was handed over contradicts the policy.
    #[error(
        "the socket that was handed over has SO_PROTOCOL {so_protocol}, the policy is {policy:?}"
    )]
    WrongProtocol {
        /// 262 MPTCP, 6 TCP.
        so_protocol: i32,
        /// The policy.
        policy: Policy,
    },
}

/// The error that ended a connection of a server.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// MPTCP is required, and the connection is not MPTCP.
    #[error("MPTCP is required")]
    FellBack(#[from] FellBack),
    /// Something took too long.
    #[error("deadline of {after:?} for {what}")]
    Deadline {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The TLS handshake failed.
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The opening handshake failed.
    #[error("opening handshake failed")]
    Handshake(#[from] HandshakeError),
    /// WebSocket or the transport below it failed.
    #[error("connection failed")]
    WebSocket(#[from] tungstenite::Error),
    /// The script failed.
    #[error("script failed")]
    Script(#[from] ScriptError),
    /// The fixture itself failed: a fault of this crate.
    #[error("the fixture panicked")]
    Panicked,
}

/// The opening handshake failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The other side closed before its head was complete.
    #[error("end of file after {bytes} bytes of the head")]
    Eof {
        /// Bytes of the head that had come.
        bytes: usize,
    },
    /// Reading or writing failed.
    #[error("the connection failed during the opening handshake")]
    Io(#[from] io::Error),
    /// The head is too long.
    #[error("the head is longer than {MAX_HEAD} bytes")]
    TooLong,
    /// The head is not HTTP, or has more than [`crate::handshake::MAX_FIELDS`] fields.
    #[error("the head is not valid HTTP")]
    Syntax(#[from] httparse::Error),
    /// A request that is not an opening handshake.
    #[error("not an opening handshake: {0}")]
    Request(&'static str),
    /// The server answered with another status than 101.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// A 101 answer that does not complete the handshake.
    #[error("not a valid answer: {0}")]
    Response(&'static str),
    /// The `Sec-WebSocket-Extensions` of a request does not follow the grammar.
    #[error("not an opening handshake")]
    Offer(#[from] ListError),
    /// An answer with extensions that a client must not accept (RFC 7692 sections 5 and 7).
    #[error("not a valid answer")]
    Answer(#[from] AnswerError),
    /// A value for the request holds a line break or another control character.
    #[error("{0} holds a control character")]
    Unsendable(&'static str),
}

/// A script failed at a step.
#[derive(Debug, Error)]
#[error("step {number} ({name})")]
pub struct ScriptError {
    /// Which step, from 1; of an inner step, its outer one's number.
    pub number: u32,
    /// Its name as in the script's data.
    pub name: &'static str,
    /// Why.
    #[source]
    pub source: StepError,
}

/// Why a step failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StepError {
    /// It took too long.
    #[error("deadline of {after:?} for {what}")]
    Deadline {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// Reading or writing failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The opening handshake failed.
    #[error("the opening handshake failed")]
    Handshake(#[from] HandshakeError),
    /// MPTCP is required, and the connection is not MPTCP.
    #[error("MPTCP is required")]
    FellBack(#[from] FellBack),
    /// The other side closed the transport.
    #[error("the other side closed the connection")]
    Eof,
    /// The other side sent a close frame.
    #[error("the other side sent a close frame with code {code}")]
    Closed {
        /// Its code; 1005 where it had none.
        code: u16,
    },
    /// The other side sent a frame that cannot be handled.
    #[error("cannot handle what came: {0}")]
    Unexpected(&'static str),
    /// A compressed message cannot be read.
    #[error("cannot decompress a message")]
    Decompress(#[from] DecompressError),
    /// A message cannot be compressed.
    #[error("cannot compress a message")]
    Compress(#[from] CompressError),
    /// A frame or message is longer than the limit.
    #[error("{length} bytes announced, at most {limit} are accepted")]
    TooLong {
        /// Announced length.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// The step makes no sense here, such as a request from a server.
    #[error("the step cannot be done here: {0}")]
    Misplaced(&'static str),
}

fn shown(end: &Option<ConnectionEnd>) -> String {
    end.as_ref().map_or_else(String::new, |end| {
        format!(" (close code {}, {})", end.code, end.transport.word())
    })
}
