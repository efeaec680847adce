//! What becomes of a client socket that is handed to the library in this or that state.
//!
//! Judged is what a user needs: an error where one is due, in time, with its cause, and no
//! descriptor left open; never a silent success. The class of the error is recorded, so that
//! versions can be compared.

pub mod arguments;
pub mod remote;
pub mod state;
pub mod ways;

use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{ClientOpen, ClientOpened, ServerWait, SocketId, SocketProtocol};

use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Outcome, Serve};
use crate::deadline;
use crate::requirement::library;

/// Ground of the family: Python clients that take a socket, against the fixture.
pub(crate) const ORDERING: Case = Case {
    requirements: &[
        library("websockets", "connect(sock=)").says("an already made socket may be passed")
    ],
    pairs: Pairs::Clients,
    client_needs: &[Feature::SockHandover],
    transport: Expect::Recorded,
    ..Case::BASE
};

/// Not a packet, over either transport.
pub(crate) const SILENT: Case = Case {
    transport: Expect::Silence,
    ..ORDERING
};

/// A socket of the cell's protocol on the client's side.
pub(crate) fn fresh(cell: &mut Cell) -> Result<SocketId, CellEnd> {
    let protocol: SocketProtocol = cell.protocol();
    cell.socket(Side::Client, protocol)?
        .done("making the client's socket")
}

/// A connected socket of the cell's protocol, as the recipe wants it.
pub(crate) fn connected(cell: &mut Cell) -> Result<SocketId, CellEnd> {
    let protocol = cell.protocol();
    cell.connected_socket(protocol, true)
}

/// Opening with the short limits of this family.
pub(crate) fn open(cell: &Cell, socket: Option<SocketId>) -> ClientOpen {
    let mut open = cell.client_open(socket);
    open.open_timeout_ms = deadline::ORDERING_OPEN_MS;
    open.close_timeout_ms = deadline::ORDERING_CLOSE_MS;
    open
}

/// Longest time that a library may take when nothing answers: its opening limit and twice its
/// closing limit.
pub(crate) const LIMIT_MS: u64 = deadline::ORDERING_OPEN_MS + 2 * deadline::ORDERING_CLOSE_MS;

/// An error must come at once, keep one of these errnos, and leave nothing open.
pub(crate) fn at_once(errnos: &'static [i32]) -> support::Refusal {
    support::Refusal {
        within_ms: support::AT_ONCE_MS,
        errnos,
        words: &[],
        closes: true,
    }
}

/// Hands the socket over and expects a working WebSocket.
pub(crate) fn must_work(cell: &mut Cell, server: u32, open: &ClientOpen) -> Result<(), CellEnd> {
    const WORKS: &str = "the connection works";
    match cell.attempt(Side::Client, open)? {
        Outcome::Done(opened) => match works(cell, server, &opened) {
            Ok(()) => {
                cell.check(WORKS, "it opens and echoes", "it opens and echoes", true);
                Ok(())
            }
            // One implementation opens a connection now and then that dies at once.
            Err(CellEnd::Failed(reason)) => {
                cell.check(WORKS, "it opens and echoes", &reason, false);
                Ok(())
            }
            Err(other) => Err(other),
        },
        Outcome::Refused(record, elapsed_us) => {
            let text = crate::cell::describe(&record);
            cell.check(WORKS, "it opens and echoes", &text, false);
            support::judge_error(
                cell,
                &record,
                elapsed_us,
                support::Refusal {
                    within_ms: LIMIT_MS,
                    errnos: &[],
                    words: &[],
                    closes: true,
                },
            );
            Ok(())
        }
    }
}

/// The connection echoes, its kernel is asked, and it closes cleanly.
pub(crate) fn works(cell: &mut Cell, server: u32, opened: &ClientOpened) -> Result<(), CellEnd> {
    support::small_talk(cell, opened.connection)?;
    if cell.over_mptcp() {
        cell.expect_each(vec![Expect::Mptcp]);
    }
    cell.finish(server, opened.connection)
}

/// Records what the server saw of the client: nothing, or each connection with its bytes and its
/// end.
fn other_end(cell: &mut Cell) -> Result<(), CellEnd> {
    let Some(server) = cell.server_number else {
        return Ok(());
    };
    // A connection that is open still is recorded as such; nothing is judged by the time.
    let wait = ServerWait {
        server,
        seen: 0,
        ended: u32::from(cell.expect() != Expect::Silence),
        serving_ended: false,
        deadline_ms: deadline::GLANCE_MS,
    };
    let state = cell.ask(Side::Server, &wait)?;
    let seen: Vec<String> = state
        .connections
        .iter()
        .map(|one| {
            let bytes = one
                .raw_bytes
                .map_or_else(|| "unknown".to_owned(), |n| n.to_string());
            let end = one.end.as_ref().and_then(|end| end.transport.as_deref());
            format!(
                "{bytes} bytes before the upgrade, {}, {}",
                if one.upgraded {
                    "upgraded"
                } else {
                    "not upgraded"
                },
                end.unwrap_or("still open")
            )
        })
        .collect();
    cell.record_volatile("what the server saw", seen);
    Ok(())
}

/// An echo server of the fixture.
pub(crate) fn echo(cell: &mut Cell) -> Result<u32, CellEnd> {
    cell.serve(Serve::echo())
}

/// No TCP or MPTCP socket is left in the client's process. What the other end saw is recorded on
/// the way.
pub(crate) fn nothing_left(cell: &mut Cell) -> Result<(), CellEnd> {
    other_end(cell)?;
    let left = cell.ask(Side::Client, &mpws_peers::protocol::ProcessDescriptors {})?;
    cell.equal(
        "sockets left in the client's process",
        &0,
        &left.sockets.len(),
    );
    Ok(())
}
