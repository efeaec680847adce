//! `AF_UNIX` sockets, which programs hand over beside those of the network.

use mpws_peers::protocol::{
    ConnectWay, SocketBind, SocketConnect, SocketCreate, SocketFamily, SocketId, SocketKind,
    SocketListen, SocketProtocol,
};

use crate::case::Side;
use crate::cell::{Cell, CellEnd};
use crate::deadline;

/// Abstract name of the listener; a side's host has it for itself.
const NAME: &str = "mpws";

/// A listening socket in a side's process.
pub(crate) fn listener(cell: &mut Cell, side: Side) -> Result<SocketId, CellEnd> {
    let socket = socket(cell, side)?;
    let (host, port) = (NAME.to_owned(), 0);
    cell.ask(side, &SocketBind { socket, host, port })?;
    let backlog = 8;
    cell.ask(side, &SocketListen { socket, backlog })?;
    Ok(socket)
}

/// A socket that is connected to the listener of the same side.
pub(crate) fn connected(cell: &mut Cell, side: Side) -> Result<SocketId, CellEnd> {
    let socket = socket(cell, side)?;
    let connect = SocketConnect {
        socket,
        host: NAME.to_owned(),
        port: 0,
        how: ConnectWay::Blocking,
        deadline_ms: deadline::STEP_MS,
    };
    cell.ask(side, &connect)?;
    Ok(socket)
}

fn socket(cell: &mut Cell, side: Side) -> Result<SocketId, CellEnd> {
    let create = SocketCreate {
        family: SocketFamily::Unix,
        kind: SocketKind::Stream,
        protocol: SocketProtocol::Tcp,
        by_constant: false,
    };
    Ok(cell.ask(side, &create)?.socket)
}
