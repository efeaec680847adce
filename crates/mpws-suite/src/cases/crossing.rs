//! Steps that the families of several paths share: a connection that stands on two paths, numbered
//! messages, the way out.

use std::time::Instant;

use mptcp::pm::EndpointFlags;
use mpws_fixture::payload::{Digested, Payload};
use mpws_peers::protocol::{ConnectionId, ConnectionReceive, ConnectionSend, Nothing};

use crate::case::{Ip, Side};
use crate::cell::{Cell, CellEnd, Connect, Count, Outcome, Serve, describe};
use crate::deadline;

/// Least, first and largest size of receive buffers, in bytes.
const RECEIVE_BUFFER: &str = "net.ipv4.tcp_rmem";
/// 4 MiB to begin with, in place of 128 KiB. Linux stalls for good where data out of order fills
/// the buffer before the gap is closed (`docs/findings/receive-buffer-deadlock`); with 128 KiB that
/// was one in about 1500 cells whose path dies. These cases are not about it, and here is room for
/// all of their messages but the frame of 16 MiB in the profile `full`.
const RECEIVE_BUFFER_SIZES: &str = "4096 4194304 33554432";

/// A server and a connection to it.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Number of the server.
    pub server: u32,
    /// The connection.
    pub connection: ConnectionId,
}

/// An echo server on every address of its host: a join to an announced address needs a listener
/// there.
pub fn echo_everywhere(cell: &Cell) -> Serve {
    everywhere(cell, Serve::echo())
}

/// The same server, on every address of its host.
pub fn everywhere(cell: &Cell, serve: Serve) -> Serve {
    let host = match cell.ip() {
        Ip::V4 => "0.0.0.0",
        Ip::V6 => "::",
    };
    Serve {
        host: Some(host.to_owned()),
        ..serve
    }
}

/// Limits that let both sides have so many subflows besides the first.
///
/// # Errors
///
/// [`CellEnd::Broken`] where the path manager refuses, or cannot be asked.
pub fn allow(cell: &Cell, subflows: u32) -> Result<(), CellEnd> {
    cell.limits(Side::Client, subflows, subflows)?;
    cell.limits(Side::Server, subflows, subflows)
}

/// Serves, connects and waits for so many joins.
///
/// # Errors
///
/// [`CellEnd::Failed`] where a peer does not do as it must, or a join does not come in time; what
/// [`Cell::serve`] and [`Cell::connect`] end with.
pub fn connect_and_join(
    cell: &mut Cell,
    serve: Serve,
    connect: Connect,
    joins: u32,
) -> Result<Session, CellEnd> {
    cell.expect_joins(Count::Exactly(joins));
    for side in [Side::Client, Side::Server] {
        cell.sysctl(side, RECEIVE_BUFFER, RECEIVE_BUFFER_SIZES)?;
    }
    cell.hear_paths()?;
    let server = cell.serve(serve)?;
    let connection = cell.connect(connect)?.connection;
    cell.until_joined(joins as usize)?;
    Ok(Session { server, connection })
}

/// A connection over path 1 that a second subflow joined over path 2, which the server announced.
///
/// # Errors
///
/// Those of [`connect_and_join`], and [`CellEnd::Broken`] where a path manager does not do it.
pub fn on_two_paths(cell: &mut Cell, serve: Serve, connect: Connect) -> Result<Session, CellEnd> {
    allow(cell, 2)?;
    cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
    let serve = everywhere(cell, serve);
    connect_and_join(cell, serve, connect, 1)
}

/// The same with an echo server; the wire must show that nothing was lost or doubled.
///
/// # Errors
///
/// Those of [`on_two_paths`].
pub fn echo_on_two_paths(cell: &mut Cell) -> Result<Session, CellEnd> {
    cell.expect_echoes();
    on_two_paths(cell, Serve::echo(), Connect::default())
}

/// Sends numbered messages, each when the one before has come back, and judges that each comes back
/// once, unchanged and in order. How long the slowest took is recorded.
///
/// # Errors
///
/// Those of [`Cell::ask`]; what came back wrong is a check that fails.
pub fn talk(
    cell: &mut Cell,
    connection: ConnectionId,
    numbers: std::ops::Range<u64>,
) -> Result<(), CellEnd> {
    let name = format!(
        "messages {} to {} come back once each, in order",
        numbers.start,
        numbers.end.saturating_sub(1)
    );
    let slowest = format!("slowest of messages from {}, ms", numbers.start);
    let mut slowest_ms = 0;
    for seed in numbers {
        let message = Payload::Text { size: 200, seed };
        let expected = message.digested();
        let began = Instant::now();
        send(cell, connection, message, 1)?;
        let received = receive(cell, connection, &name, deadline::SWITCH_MS)?;
        if received != expected {
            cell.check(&name, "all", &format!("another in place of {seed}"), false);
            return Err(CellEnd::Failed(format!("{name}: not so message {seed}")));
        }
        slowest_ms = slowest_ms.max(began.elapsed().as_millis());
    }
    cell.check(&name, "all", "all", true);
    cell.record_volatile(&slowest, u64::try_from(slowest_ms).unwrap_or(u64::MAX));
    Ok(())
}

/// Sends a message without waiting for an answer.
///
/// # Errors
///
/// Those of [`Cell::ask`].
pub fn send(
    cell: &mut Cell,
    connection: ConnectionId,
    message: Payload,
    fragments: u8,
) -> Result<(), CellEnd> {
    let send = ConnectionSend {
        connection,
        message: cell.fitting(Side::Client, message),
        fragments: cell.fitting_frames(Side::Client, fragments),
        deadline_ms: deadline::TRANSFER_MS,
    };
    let _: Nothing = cell.ask(Side::Client, &send)?;
    Ok(())
}

/// Receives a message; that none comes within the deadline is judged under this name.
///
/// # Errors
///
/// [`CellEnd::Failed`] where no message comes within the deadline, and those of [`Cell::attempt`].
pub fn receive(
    cell: &mut Cell,
    connection: ConnectionId,
    name: &str,
    deadline_ms: u64,
) -> Result<Digested, CellEnd> {
    let receive = ConnectionReceive {
        connection,
        deadline_ms,
    };
    match cell.attempt(Side::Client, &receive)? {
        Outcome::Done(received) => Ok(received),
        Outcome::Refused(record, _) => {
            let why = describe(&record);
            cell.check(name, "a message", &why, false);
            Err(CellEnd::Failed(format!("{name}: {why}")))
        }
    }
}

/// Receives a message that must be this one.
///
/// # Errors
///
/// Those of [`receive`]; another message is a check that fails.
pub fn receive_this(
    cell: &mut Cell,
    connection: ConnectionId,
    name: &str,
    message: &Payload,
) -> Result<(), CellEnd> {
    let received = receive(cell, connection, name, deadline::SWITCH_MS)?;
    let message = cell.fitting(Side::Client, message.clone());
    cell.equal(name, &message.digested(), &received);
    Ok(())
}

/// Closes with 1000, and judges that the server's program has seen one connection in all that time.
///
/// # Errors
///
/// Those of [`Cell::finish`].
pub fn leave(cell: &mut Cell, session: Session) -> Result<(), CellEnd> {
    cell.finish(session.server, session.connection)?;
    if cell.is_blind(Side::Server) {
        // The wire tells, once the cell is over.
        return Ok(());
    }
    let state = cell.server_state(session.server)?;
    cell.equal(
        "connections that the server's API reports",
        &1,
        &state.connections.len(),
    );
    Ok(())
}
