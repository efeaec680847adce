//! Steps and judgements that the cases of this family share.

use mpws_fixture::payload::Payload;
use mpws_fixture::script::Behaviour;
use mpws_peers::protocol::{
    BlockingMode, ServerStart, ServerWait, SocketBind, SocketBlocking, SocketId, SocketOption,
    SocketProtocol, SocketSet,
};
use mpws_trace::Cause;

use crate::case::{Expect, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Connect, Outcome, PORT, classes};

pub(super) fn start(cell: &Cell, socket: Option<SocketId>) -> ServerStart {
    let mut start = cell.server_start(Behaviour::Echo);
    start.socket = socket;
    start
}

pub(super) fn bound(cell: &mut Cell) -> Result<SocketId, CellEnd> {
    let protocol = cell.protocol();
    let socket = cell
        .socket(Side::Server, protocol)?
        .done("making the server's socket")?;
    for option in [SocketOption::Reuseaddr, SocketOption::Nodelay] {
        cell.ask(
            Side::Server,
            &SocketSet {
                socket,
                option,
                value: 1,
            },
        )?;
    }
    let host = cell.address(Side::Server);
    cell.ask(
        Side::Server,
        &SocketBind {
            socket,
            host,
            port: PORT,
        },
    )?;
    Ok(socket)
}

pub(super) fn listening_in_mode(cell: &mut Cell, mode: BlockingMode) -> Result<(), CellEnd> {
    let host = cell.address(Side::Server);
    let socket = cell.listening_socket(cell.protocol(), &host, true)?;
    cell.ask(Side::Server, &SocketBlocking { socket, mode })?;
    let server = cell.ask(Side::Server, &start(cell, Some(socket)))?.server;
    let protocol = cell.protocol();
    serves(cell, server, protocol, 1)?;
    serves(cell, server, SocketProtocol::Tcp, 2)?;
    if cell.over_mptcp() {
        cell.expect_each(vec![Expect::Mptcp, Expect::Tcp(Cause::NeverAsked)]);
    }
    Ok(())
}

/// A client of this protocol gets its echo; it is the server's `number`th connection.
pub(super) fn serves(
    cell: &mut Cell,
    server: u32,
    protocol: SocketProtocol,
    number: u32,
) -> Result<(), CellEnd> {
    let opened = cell.connect(Connect {
        protocol: Some(protocol),
        ..Connect::default()
    })?;
    cell.check(
        "the server serves",
        "an open connection",
        "an open connection",
        true,
    );
    cell.echo(opened.connection, Payload::Text { size: 100, seed: 5 }, 1)?;
    cell.witness(Some(opened.connection))?;
    support::close_cleanly(cell, opened.connection)?;
    cell.server_saw(server, number, number)?;
    Ok(())
}

/// Starting on this socket must either serve a client or end with an error.
pub(super) fn serves_or_says_so(cell: &mut Cell, socket: SocketId) -> Result<(), CellEnd> {
    match cell.attempt(Side::Server, &start(cell, Some(socket)))? {
        Outcome::Refused(record, _) => {
            cell.record("start", classes(&record));
            cell.check("serves or says why not", "either", "an error", true);
            Ok(())
        }
        Outcome::Done(started) => {
            cell.record("start", "no error");
            match cell.try_connect(Connect::default())? {
                Outcome::Done(opened) => {
                    cell.check("serves or says why not", "either", "it serves", true);
                    support::small_talk(cell, opened.connection)?;
                    support::close_cleanly(cell, opened.connection)
                }
                Outcome::Refused(record, _) => {
                    cell.record("client", classes(&record));
                    ended(cell, started.server)
                }
            }
        }
    }
}

/// Starting cannot lead to a served client: an error must say so.
pub(super) fn says_so<T>(cell: &mut Cell, outcome: Outcome<T>) -> Result<(), CellEnd>
where
    T: Into<StartedServer>,
{
    match outcome {
        Outcome::Refused(record, _) => {
            cell.record("start", classes(&record));
            cell.check("serves or says why not", "an error", "an error", true);
            Ok(())
        }
        Outcome::Done(started) => {
            let started: StartedServer = started.into();
            cell.record("start", "no error");
            let port_only: Vec<String> = started
                .addresses
                .iter()
                .map(|address| match address.rsplit_once(':') {
                    Some((host, port)) if port != PORT.to_string() => format!("{host}:(chosen)"),
                    _ => address.clone(),
                })
                .collect();
            cell.record("listens on", port_only);
            ended(cell, started.server)
        }
    }
}

/// The part of a started server that is needed here.
pub(super) struct StartedServer {
    server: u32,
    addresses: Vec<String>,
}

impl From<mpws_peers::protocol::ServerStarted> for StartedServer {
    fn from(started: mpws_peers::protocol::ServerStarted) -> Self {
        Self {
            server: started.server,
            addresses: started.addresses,
        }
    }
}

/// Serving must have ended with an error: going on, or ending without a word, is a silent success.
pub(super) fn ended(cell: &mut Cell, server: u32) -> Result<(), CellEnd> {
    let state = cell.ask(
        Side::Server,
        &ServerWait {
            server,
            seen: 0,
            ended: 0,
            serving_ended: true,
            deadline_ms: 300,
        },
    )?;
    let observed = match (&state.error, state.serving) {
        (Some(error), _) => {
            cell.record("serving", classes(error));
            "an error"
        }
        (None, true) => {
            cell.record("serving", "goes on, serving nobody");
            "it pretends to serve"
        }
        (None, false) => {
            cell.record("serving", "ended without a word");
            "it ended without a word"
        }
    };
    cell.check(
        "serves or says why not",
        "an error",
        observed,
        state.error.is_some(),
    );
    Ok(())
}
