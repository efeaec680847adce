//! From operations to sockets, connections and servers.

use mpws_peers::protocol::{
    ClientOpen, ConnectionBurst, ConnectionClose, ConnectionEnded, ConnectionLook, ConnectionPing,
    ConnectionReceive, ConnectionSend, Operation, ProcessDescriptors, ProcessLimit, Request,
    ServerLook, ServerStart, ServerStop, ServerWait, SocketBind, SocketBlocking, SocketClose,
    SocketConnect, SocketCreate, SocketListen, SocketLook, SocketPair, SocketSet, SocketShutdown,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::connections::Connections;
use crate::limit::Limit;
use crate::servers::Servers;
use crate::sockets::{self, Sockets};
use crate::{Failure, Library};

/// Answers with a library.
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

    /// Carries a request out.
    ///
    /// # Errors
    ///
    /// The error of the operation; unsupported where it is not known, or not with these arguments.
    pub fn handle(&self, request: Request) -> Result<Value, Failure> {
        let Self {
            library,
            sockets,
            connections,
            servers,
            limit,
        } = self;
        let args = request.args;
        match request.op.as_str() {
            SocketCreate::NAME => done(args, |args| sockets.create(args)),
            SocketPair::NAME => done(args, |args| sockets.pair(args)),
            SocketSet::NAME => done(args, |args| sockets.set(args)),
            SocketBlocking::NAME => done(args, |args| sockets.blocking(args)),
            SocketBind::NAME => done(args, |args| sockets.bind(args)),
            SocketListen::NAME => done(args, |args| sockets.listen(args)),
            SocketConnect::NAME => done(args, |args| sockets.connect(args)),
            SocketShutdown::NAME => done(args, |args| sockets.shutdown(args)),
            SocketClose::NAME => done(args, |args| sockets.close(args)),
            SocketLook::NAME => done(args, |args| sockets.look(args)),
            ClientOpen::NAME => done(args, |args| connections.open(library, sockets, args)),
            ConnectionSend::NAME => done(args, |args| connections.send(args)),
            ConnectionReceive::NAME => done(args, |args| connections.receive(args)),
            ConnectionBurst::NAME => done(args, |args| connections.burst(args)),
            ConnectionPing::NAME => done(args, |args| connections.ping(args)),
            ConnectionClose::NAME => done(args, |args| connections.close(args)),
            ConnectionEnded::NAME => done(args, |args| connections.ended(args)),
            ConnectionLook::NAME => done(args, |args| connections.look(args)),
            ServerStart::NAME => done(args, |args| servers.start(library, sockets, args)),
            ServerLook::NAME => done(args, |args| servers.look(args)),
            ServerWait::NAME => done(args, |args| servers.wait(args)),
            ServerStop::NAME => done(args, |args| servers.stop(args)),
            ProcessDescriptors::NAME => done(args, |ProcessDescriptors {}| sockets::open()),
            ProcessLimit::NAME => done(args, |args| limit.set(args)),
            other => Err(Failure::unsupported(format!("{other} is not known"))),
        }
    }
}

/// Arguments that are not exactly the operation's are unsupported.
fn done<O>(args: Value, work: impl FnOnce(O) -> Result<O::Reply, Failure>) -> Result<Value, Failure>
where
    O: Operation + DeserializeOwned,
    O::Reply: Serialize,
{
    let args =
        serde_json::from_value(args).map_err(|error| Failure::unsupported(error.to_string()))?;
    let reply = work(args)?;
    serde_json::to_value(reply)
        .map_err(|error| Failure::plain("serde_json::Error", &error.to_string()))
}
