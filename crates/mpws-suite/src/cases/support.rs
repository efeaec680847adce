//! Steps that several families share.

use mpws_fixture::payload::Payload;
use mpws_fixture::script::Behaviour;
use mpws_model::shown;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{
    ConnectionClose, ConnectionEnd, ConnectionId, ConnectionLook, ErrorRecord, SocketBind,
    SocketConnected, SocketFacts, SocketId, SocketListen, SocketLook, SocketOption, SocketSet,
};

use crate::case::{Ip, Side};
use crate::cell::{Cell, CellEnd, Outcome, PORT, Serve, classes, describe};
use crate::deadline;

/// Both IP versions, for cases in which the kernel's answer differs.
pub const V4_AND_V6: &[Ip] = &[Ip::V4, Ip::V6];

/// A short text, an empty one, and two binary messages, echoed.
///
/// # Errors
///
/// Those of [`Cell::echo`].
pub fn small_talk(cell: &mut Cell, connection: ConnectionId) -> Result<(), CellEnd> {
    cell.echo(connection, Payload::Text { size: 40, seed: 1 }, 1)?;
    cell.echo(connection, Payload::Text { size: 0, seed: 1 }, 1)?;
    cell.echo(connection, Payload::Binary { size: 700, seed: 2 }, 1)?;
    cell.echo(
        connection,
        Payload::Literal {
            text: "gr\u{fc}\u{df} dich \u{1f600}".to_owned(),
        },
        1,
    )
}

/// Closes with 1000 and checks the code that the client's API reports.
///
/// # Errors
///
/// Those of [`Cell::ask`].
pub fn close_cleanly(cell: &mut Cell, connection: ConnectionId) -> Result<(), CellEnd> {
    let end: ConnectionEnd = cell.ask(
        Side::Client,
        &ConnectionClose {
            connection,
            code: 1000,
            reason: String::new(),
            deadline_ms: deadline::STEP_MS,
        },
    )?;
    cell.judge_client_end(&end);
    Ok(())
}

/// What the client says of a connection's socket.
///
/// # Errors
///
/// Those of [`Cell::ask`].
pub fn client_facts(cell: &mut Cell, connection: ConnectionId) -> Result<SocketFacts, CellEnd> {
    Ok(cell
        .ask(Side::Client, &ConnectionLook { connection })?
        .facts)
}

/// What a peer says of a socket.
///
/// # Errors
///
/// Those of [`Cell::ask`].
pub fn facts(cell: &mut Cell, side: Side, socket: SocketId) -> Result<SocketFacts, CellEnd> {
    cell.ask(side, &SocketLook { socket })
}

/// What the server says of the socket that it accepted last.
///
/// # Errors
///
/// [`CellEnd::Failed`] where the server has accepted none, and those of [`Cell::accepted`].
pub fn accepted_facts(cell: &mut Cell, server: u32) -> Result<SocketFacts, CellEnd> {
    cell.accepted(server)?.pop().ok_or_else(|| {
        CellEnd::Failed("the server reports no connection, though one is open".to_owned())
    })
}

/// An echo server on `::`, for IPv6 only or for both versions.
///
/// # Errors
///
/// Those of [`Cell::ask`].
pub fn serve_dual_stack(cell: &mut Cell, v6only: bool) -> Result<u32, CellEnd> {
    let mut start = cell.server_start(Behaviour::Echo);
    if cell.has(Side::Server, Feature::SockHandover) {
        let protocol = cell.protocol();
        let side = Side::Server;
        let socket = cell
            .socket(side, protocol)?
            .done("making the server's socket")?;
        for (option, value) in [
            (SocketOption::Reuseaddr, 1),
            (SocketOption::V6only, i32::from(v6only)),
            (SocketOption::Nodelay, 1),
        ] {
            cell.ask(
                side,
                &SocketSet {
                    socket,
                    option,
                    value,
                },
            )?;
        }
        cell.ask(
            side,
            &SocketBind {
                socket,
                host: "::".to_owned(),
                port: PORT,
            },
        )?;
        cell.ask(
            side,
            &SocketListen {
                socket,
                backlog: 100,
            },
        )?;
        start.socket = Some(socket);
        return Ok(cell.ask(side, &start)?.server);
    }
    if v6only {
        return Err(CellEnd::Unsupported(
            "the server makes its own socket".to_owned(),
        ));
    }
    cell.serve(Serve {
        host: Some("::".to_owned()),
        ..Serve::echo()
    })
}

/// What a case demands of an error.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Limit that the library was given, in milliseconds; [`deadline::SLACK_MS`] comes on top.
    pub within_ms: u64,
    /// Errnos of which the chain must hold one; empty where the cause is not an errno.
    pub errnos: &'static [i32],
    /// Words of which the chain must hold one, in class names or texts; empty where any error will
    /// do.
    pub words: &'static [&'static str],
    /// Whether the descriptor that was handed over must be closed afterwards.
    pub closes: bool,
}

/// The library answers at once.
pub const AT_ONCE_MS: u64 = 2_000;

/// Judges an error: raised at all, in time, with its cause, and with nothing leaked. A success is
/// judged as silent. Returns the reply if there was one.
pub fn judge_refusal<T: std::fmt::Debug>(
    cell: &mut Cell,
    outcome: Outcome<T>,
    refusal: Refusal,
) -> Option<T> {
    match outcome {
        Outcome::Done(reply) => {
            cell.check("an error is raised", "an error", "success", false);
            cell.record("error", "none");
            Some(reply)
        }
        Outcome::Refused(record, elapsed_us) => {
            cell.check("an error is raised", "an error", "an error", true);
            cell.record("phase", phase_of::<T>());
            judge_error(cell, &record, elapsed_us, refusal);
            None
        }
    }
}

/// In which phase an operation with this reply fails.
fn phase_of<T>() -> &'static str {
    if std::any::type_name::<T>() == std::any::type_name::<SocketConnected>() {
        "connect"
    } else {
        "opening handshake"
    }
}

/// Judges an error that did come.
pub fn judge_error(cell: &mut Cell, record: &ErrorRecord, elapsed_us: u64, refusal: Refusal) {
    let side = Side::Client;
    let limit_ms = refusal.within_ms + deadline::SLACK_MS;
    let adapter_gave_up = record
        .chain
        .iter()
        .any(|link| link.class == "mpws.Deadline");
    let in_time = !adapter_gave_up && elapsed_us / 1000 <= limit_ms;
    cell.check(
        "the error comes in time",
        &format!("within {limit_ms} ms"),
        if in_time {
            "in time"
        } else {
            "too late, or never"
        },
        in_time,
    );
    let chain = classes(record);
    let text = describe(record);
    if !refusal.errnos.is_empty() {
        let kept = record.chain.iter().any(|link| {
            link.errno
                .is_some_and(|errno| refusal.errnos.contains(&errno))
        });
        cell.check(
            "the cause is kept",
            &format!("one of the errnos {}", shown(refusal.errnos)),
            &text,
            kept,
        );
    }
    if !refusal.words.is_empty() {
        let said = refusal.words.iter().any(|word| text.contains(word));
        cell.check(
            "the error names its cause",
            &format!("one of {}", refusal.words.join(", ")),
            &text,
            said,
        );
    }
    if let Some(after) = &record.socket_after {
        cell.record("socket open after the error", after.open);
        if refusal.closes {
            cell.check(
                "the descriptor is not leaked",
                "closed",
                if after.open { "open" } else { "closed" },
                !after.open,
            );
        }
    } else if refusal.closes {
        cell.check(
            "the descriptor is not leaked",
            "closed",
            "not reported",
            false,
        );
    }
    // Threads that race, or a loop that draws the order of its tasks by lot, choose the call that
    // fails first.
    if cell.has(side, Feature::VaryingChains) {
        cell.record_volatile("error", chain);
    } else {
        cell.record("error", chain);
    }
    cell.record_volatile("error text", text);
    cell.record_volatile("elapsed ms", elapsed_us / 1000);
}

/// The sync implementation wants a blocking socket (a case of its own); elsewhere it is as it was
/// made.
///
/// # Errors
///
/// Those of [`Cell::ask`].
pub fn blocking_if_sync(cell: &mut Cell, socket: SocketId) -> Result<(), CellEnd> {
    if !cell.has(Side::Client, Feature::AsyncioLoop) {
        let mode = mpws_peers::protocol::BlockingMode::Blocking;
        cell.ask(
            Side::Client,
            &mpws_peers::protocol::SocketBlocking { socket, mode },
        )?;
    }
    Ok(())
}
