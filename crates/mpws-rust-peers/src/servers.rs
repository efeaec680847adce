//! `server.*`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mpws_protocol::script::Behaviour;
use mpws_protocol::{
    Failure, ServerId, ServerLook, ServerStart, ServerStarted, ServerState, ServerStop,
    ServerStopped, ServerWait, SocketFacts,
};

use crate::failure::refuse;
use crate::history::History;
use crate::library::{Library, Serving, Stop};
use crate::limits::{after, size};
use crate::sockets::{Inode, Sockets};

/// The servers that were started, by number.
#[derive(Default)]
pub struct Servers(Mutex<Vec<Arc<Server>>>);

struct Server {
    /// `None` once it has stopped.
    running: Mutex<Option<Box<dyn Stop>>>,
    listener: Inode,
    history: Arc<History>,
}

impl Servers {
    pub(crate) fn start(
        &self,
        library: &impl Library,
        sockets: &Sockets,
        args: ServerStart,
    ) -> Result<ServerStarted, Failure> {
        refuse(&[
            (args.host.is_some() || args.port.is_some(), "host and port"),
            (args.protocol.is_some(), "sockets of its own"),
            (args.deflate, "permessage-deflate"),
            (!args.subprotocols.is_empty(), "subprotocols"),
            (args.tls.is_some(), "TLS"),
            (args.reuse_port, "reuse_port"),
            (args.top_level, "top-level names"),
            (args.form.is_some(), "forms of handlers"),
            (!args.extra.is_empty(), "further arguments"),
            (!is_known(&args.behaviour), "such behaviour"),
        ])?;
        let number = args
            .socket
            .ok_or_else(|| Failure::unsupported("this peer has no sockets of its own"))?;
        let history = Arc::new(History::new(args.behaviour));
        let (socket, listener) = sockets
            .give(number)
            .map_err(|failure| failure.socket_after(SocketFacts::default()))?;
        let serving = Serving {
            limit: Duration::from_millis(args.open_timeout_ms),
            max_size: args.max_size.map(size),
            history: Arc::clone(&history),
        };
        let running = library
            .serve(socket.into(), serving)
            .map_err(|failure| failure.socket_after(listener.facts()))?;
        let addresses = listener.facts().local.into_iter().collect();
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.push(Arc::new(Server {
            running: Mutex::new(Some(running)),
            listener,
            history,
        }));
        Ok(ServerStarted {
            server: ServerId::try_from(servers.len()).unwrap_or(ServerId::MAX),
            addresses,
        })
    }

    pub(crate) fn look(&self, args: ServerLook) -> Result<ServerState, Failure> {
        Ok(self.of(args.server)?.state())
    }

    pub(crate) fn wait(&self, args: ServerWait) -> Result<ServerState, Failure> {
        let server = self.of(args.server)?;
        let until = after(args.deadline_ms);
        server.history.wait(&args, until);
        Ok(server.state())
    }

    pub(crate) fn stop(&self, args: ServerStop) -> Result<ServerStopped, Failure> {
        let server = self.of(args.server)?;
        if let Some(running) = &mut *server.running() {
            running.stop(after(args.deadline_ms))?;
        }
        *server.running() = None;
        Ok(ServerStopped {
            connections: server.history.connections().clone(),
        })
    }

    fn of(&self, number: ServerId) -> Result<Arc<Server>, Failure> {
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        servers
            .get(index.wrapping_sub(1))
            .cloned()
            .ok_or_else(|| Failure::unsupported(format!("there is no server {number}")))
    }
}

impl Server {
    fn state(&self) -> ServerState {
        let error = self.history.error().clone();
        ServerState {
            serving: self.running().is_some() && error.is_none(),
            error,
            sockets: vec![self.listener.facts()],
            connections: self.history.connections().clone(),
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Box<dyn Stop>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_known(behaviour: &Behaviour) -> bool {
    matches!(
        behaviour,
        Behaviour::Echo
            | Behaviour::AnswerTwice
            | Behaviour::AnswerPairs
            | Behaviour::AnswerWith { .. }
            | Behaviour::Close { .. }
    )
}
