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

use crate::facts::SocketFacts;
use crate::operation::Operation;
use crate::payload::Digested;
use crate::records::ConnectionEnd;

/// Gives the table of all operations to a macro: name, method of [`crate::Adapter`], arguments,
/// reply.
macro_rules! operations {
    ($then:ident) => {
        $then! {
            "socket.create" socket_create SocketCreate -> SocketCreated;
            "socket.pair" socket_pair SocketPair -> SocketsCreated;
            "socket.set" socket_set SocketSet -> Nothing;
            "socket.blocking" socket_blocking SocketBlocking -> Nothing;
            "socket.bind" socket_bind SocketBind -> SocketBound;
            "socket.listen" socket_listen SocketListen -> Nothing;
            "socket.connect" socket_connect SocketConnect -> SocketConnected;
            "socket.shutdown" socket_shutdown SocketShutdown -> Nothing;
            "socket.rewrap" socket_rewrap SocketRewrap -> SocketCreated;
            "socket.close" socket_close SocketClose -> Nothing;
            "socket.facts" socket_facts SocketLook -> SocketFacts;
            "client.open" client_open ClientOpen -> ClientOpened;
            "client.iterate" client_iterate ClientIterate -> ClientIterated;
            "connection.send" connection_send ConnectionSend -> Nothing;
            "connection.receive" connection_receive ConnectionReceive -> Digested;
            "connection.burst" connection_burst ConnectionBurst -> BurstDone;
            "connection.ping" connection_ping ConnectionPing -> PingDone;
            "connection.close" connection_close ConnectionClose -> ConnectionEnd;
            "connection.ended" connection_ended ConnectionEnded -> ConnectionEnd;
            "connection.facts" connection_facts ConnectionLook -> ConnectionFacts;
            "server.start" server_start ServerStart -> ServerStarted;
            "server.state" server_state ServerLook -> ServerState;
            "server.wait" server_wait ServerWait -> ServerState;
            "server.stop" server_stop ServerStop -> ServerStopped;
            "process.descriptors" process_descriptors ProcessDescriptors -> Descriptors;
            "process.limit" process_limit ProcessLimit -> Limited;
            "process.log" process_log ProcessLog -> LogLines;
        }
    };
}

pub(crate) use operations;

macro_rules! describe {
    ($($name:literal $method:ident $args:ident -> $reply:ty;)*) => {
        $(impl Operation for $args {
            const NAME: &'static str = $name;
            type Reply = $reply;
        })*

        /// Calls `visit` with name, argument schema and reply schema of each operation.
        pub(crate) fn each(visit: &mut dyn FnMut(&str, Schema, Schema)) {
            $(visit($name, schemars::schema_for!($args), schemars::schema_for!($reply));)*
        }

        /// The names of all operations.
        pub const OPERATIONS: &[&str] = &[$($name),*];
    };
}

operations!(describe);

/// No result beyond "it worked".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
