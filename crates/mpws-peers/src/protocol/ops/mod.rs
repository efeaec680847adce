//! The operations: arguments and replies.
//!
//! | module | operations |
//! |---|---|
//! | `socket` | `socket.*` |
//! | `client` | `client.*` |
//! | `connection` | `connection.*` |
//! | `server` | `server.*` |
//! | `process` | `process.*` |

mod client;
mod connection;
mod process;
mod server;
mod socket;

pub use client::*;
pub use connection::*;
pub use process::*;
pub use server::*;
pub use socket::*;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use mpws_fixture::payload::Digested;

use super::{ConnectionEnd, ErrorRecord, Operation, SocketFacts};

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

/// Error of an operation, for adapters.
pub type OperationResult<T> = Result<T, ErrorRecord>;
