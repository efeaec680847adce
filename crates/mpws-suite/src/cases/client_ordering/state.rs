//! The state of the socket at the moment of handing it over.

use mpws_peers::protocol::Feature;
use std::time::Duration;

use mpws_lab::rule::{Action, Rule};
use mpws_peers::protocol::{
    BlockingMode, ConnectWay, ConnectionClose, Half, ProcessLog, SocketBind, SocketBlocking,
    SocketClose, SocketConnect, SocketListen, SocketShutdown,
};

use super::{
    LIMIT_MS, ORDERING, SILENT, at_once, connected, echo, fresh, must_work, nothing_left, open,
    works,
};
use crate::case::{Case, Expect, Side};
use crate::cases::support::{self, Refusal};
use crate::cell::{Cell, CellEnd, Outcome};
use crate::deadline;
use crate::requirement::manual;

/// The cases of this group.
pub const CASES: &[Case] = &[
    CONNECTED_NONBLOCKING,
    CONNECTED_BLOCKING,
    CONNECTED_WITH_TIMEOUT,
    UNCONNECTED,
    IN_PROGRESS,
    BLACK_HOLED,
    REFUSED_BEFORE_HANDOVER,
    REFUSED_PENDING,
    RETRY_AFTER_REFUSAL,
    CLOSED,
    LISTENING,
    WRITE_HALF_CLOSED,
    READ_HALF_CLOSED,
    SAME_SOCKET_TWICE,
    REUSED_AFTER_CLOSE,
];

const CONNECTED_NONBLOCKING: Case = Case {
    slug: "client-ordering/connected-nonblocking",
    title: "A connected, non-blocking socket, as the published recipe hands it over",
    why: "The recipe says setblocking(False); that breaks one of the three implementations.",
    outcome: "the WebSocket opens, echoes and closes with 1000",
    mutants: &["client-refuses-all", "echo-alters"],
    steps: |cell| connected_in_mode(cell, BlockingMode::Nonblocking),
    ..ORDERING
};

const CONNECTED_BLOCKING: Case = Case {
    slug: "client-ordering/connected-blocking",
    title: "A connected socket in blocking mode",
    why: "This is what a plain socket.connect() leaves behind.",
    outcome: "the WebSocket opens, echoes and closes with 1000",
    mutants: &["client-refuses-all", "echo-alters"],
    steps: |cell| connected_in_mode(cell, BlockingMode::Blocking),
    ..ORDERING
};

const CONNECTED_WITH_TIMEOUT: Case = Case {
    slug: "client-ordering/connected-with-timeout",
    title: "A connected socket with a timeout of its own",
    why: "settimeout() is how careful programs limit connect(); the setting stays on the socket.",
    outcome: "the WebSocket opens, echoes and closes with 1000",
    mutants: &["client-refuses-all", "echo-alters"],
    steps: |cell| connected_in_mode(cell, BlockingMode::Timeout),
    ..ORDERING
};

const UNCONNECTED: Case = Case {
    slug: "client-ordering/unconnected",
    title: "A socket that was never connected",
    why: "This is the mistake behind the published advice; its error must say so.",
    outcome: "an error at once with ENOTCONN or EPIPE in its chain and in the debug log; closed; nothing on the wire",
    mutants: &["client-claims-open", "client-hides-errno", "client-leaks"],
    always_shown: &["error", "socket open after the error"],
    steps: |cell| {
        echo(cell)?;
        let socket = fresh(cell)?;
        let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        support::judge_refusal(cell, outcome, at_once(&[libc::ENOTCONN, libc::EPIPE]));
        nothing_left(cell)?;
        debug_log(cell)
    },
    ..SILENT
};

const IN_PROGRESS: Case = Case {
    slug: "client-ordering/in-progress",
    title: "A socket whose connect is still under way and will succeed",
    why: "The article says that it must be connected first; libraries that wait for writability do not need that.",
    network: "one path; the client's SYN is delayed by 400 ms",
    outcome: "either the WebSocket opens and works, or an error comes in time and the socket is closed",
    mutants: &["rule-left-out", "client-claims-open", "client-leaks"],
    steps: |cell| {
        cell.rule(
            Rule::new("late-syn", Action::Delay(Duration::from_millis(400)))
                .from("client")
                .syn(),
        )?;
        let server = echo(cell)?;
        let socket = fresh(cell)?;
        start_connect(cell, socket)?;
        let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        match outcome {
            Outcome::Done(opened) => {
                cell.record("in-progress socket", "waited for");
                works(cell, server, &opened)
            }
            refused @ Outcome::Refused(..) => {
                cell.record("in-progress socket", "refused");
                support::judge_refusal(cell, refused, limit(&[]));
                nothing_left(cell)
            }
        }
    },
    ..ORDERING
};

const BLACK_HOLED: Case = Case {
    slug: "client-ordering/black-holed",
    title: "A socket whose connect is under way and will never end",
    why: "open_timeout must cover it, or the program waits for two minutes.",
    network: "one path; every packet of the client is dropped",
    transport: Expect::Recorded,
    outcome: "an error within open_timeout and twice close_timeout; the socket is closed",
    mutants: &["rule-left-out", "client-ignores-limit", "client-leaks"],
    always_shown: &["socket open after the error"],
    steps: |cell| {
        cell.rule(Rule::new("black-hole", Action::Drop).from("client"))?;
        echo(cell)?;
        let socket = fresh(cell)?;
        start_connect(cell, socket)?;
        let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        support::judge_refusal(cell, outcome, limit(&[]));
        nothing_left(cell)
    },
    ..ORDERING
};

const REFUSED_BEFORE_HANDOVER: Case = Case {
    slug: "client-ordering/refused-before-handover",
    title: "The user's own connect is refused",
    why: "The ordinary failure; it must read ConnectionRefusedError on MPTCP as on TCP.",
    outcome: "ECONNREFUSED (111) from connect itself; after the caller closes, nothing is left",
    mutants: &["client-claims-open", "client-hides-errno"],
    steps: |cell| {
        let socket = fresh(cell)?;
        let how = cell.way();
        let outcome = cell.attempt(Side::Client, &cell.connect_to_server(socket, how))?;
        let refusal = Refusal {
            within_ms: support::AT_ONCE_MS,
            errnos: &[libc::ECONNREFUSED],
            words: &[],
            closes: false,
        };
        support::judge_refusal(cell, outcome, refusal);
        cell.ask(Side::Client, &SocketClose { socket })?;
        nothing_left(cell)
    },
    ..ORDERING
};

const REFUSED_PENDING: Case = Case {
    slug: "client-ordering/refused-pending",
    title: "The connect was refused, and the error waits on the socket",
    why: "After connect_ex() the errno is only on the socket; a library that does not read it hides the reason.",
    outcome: "an error at once with ECONNREFUSED (111) in its chain; the socket is closed",
    mutants: &["client-claims-open", "client-hides-errno", "client-leaks"],
    steps: |cell| {
        let socket = fresh(cell)?;
        start_connect(cell, socket)?;
        // A fast client would otherwise get the socket before the refusal does.
        cell.wait_for("the refusal", |cell| {
            Ok((!cell.connecting(Side::Client)?).then_some(()))
        })?;
        let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        support::judge_refusal(cell, outcome, at_once(&[libc::ECONNREFUSED]));
        nothing_left(cell)
    },
    ..ORDERING
};

const RETRY_AFTER_REFUSAL: Case = Case {
    slug: "client-ordering/retry-after-refusal",
    title: "The same socket is connected again after a refusal, once the server is up",
    requirements: &[
        manual("connect(2)").says("on Linux a stream socket may be reconnected after a failure")
    ],
    why: "Retry loops reuse the socket; it must be MPTCP again, not a leftover.",
    outcome: "connecting succeeds within three tries; the WebSocket works",
    mutants: &["client-refuses-all", "echo-alters"],
    steps: |cell| {
        let socket = fresh(cell)?;
        let how = cell.way();
        let connect = cell.connect_to_server(socket, how);
        let first = cell.attempt(Side::Client, &connect)?;
        cell.check(
            "the first connect is refused",
            "an error",
            if matches!(first, Outcome::Done(_)) {
                "success"
            } else {
                "an error"
            },
            matches!(first, Outcome::Refused(..)),
        );
        let server = echo(cell)?;
        let mut tries = 1;
        // The errno of the refusal may come once more, as ECONNABORTED (both protocols).
        while let Outcome::Refused(record, _) = cell.attempt(Side::Client, &connect)? {
            tries += 1;
            if tries > 3 {
                return Err(CellEnd::Failed(format!(
                    "the socket did not connect again: {}",
                    crate::cell::describe(&record)
                )));
            }
        }
        cell.record("tries until connected", tries);
        let opened = cell.ask(Side::Client, &open(cell, Some(socket)))?;
        cell.check("the connection opens", "open", "open", true);
        support::small_talk(cell, opened.connection)?;
        if cell.over_mptcp() {
            let facts = support::client_facts(cell, opened.connection)?;
            cell.equal(
                "TCP_IS_MPTCP of the reconnected socket",
                &Some(true),
                &facts.is_mptcp,
            );
        }
        cell.finish(server, opened.connection)
    },
    ..ORDERING
};

const CLOSED: Case = Case {
    slug: "client-ordering/closed",
    title: "A socket that was closed before",
    why: "A double use of a socket must read as EBADF, not as a hang.",
    outcome: "EBADF (9) at once; nothing is opened",
    mutants: &["client-claims-open", "client-hides-errno"],
    steps: |cell| {
        echo(cell)?;
        let socket = fresh(cell)?;
        cell.ask(Side::Client, &SocketClose { socket })?;
        let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        support::judge_refusal(cell, outcome, at_once(&[libc::EBADF]));
        nothing_left(cell)
    },
    ..SILENT
};

const LISTENING: Case = Case {
    slug: "client-ordering/listening",
    title: "A listening socket is handed to the client",
    why: "Mixed-up sockets happen; the error must name what is wrong.",
    outcome: "an error at once with ENOTCONN or EPIPE in its chain; the socket is closed",
    mutants: &["client-claims-open", "client-hides-errno", "client-leaks"],
    steps: |cell| {
        echo(cell)?;
        let socket = fresh(cell)?;
        let host = cell.address(Side::Client);
        cell.ask(
            Side::Client,
            &SocketBind {
                socket,
                host,
                port: 0,
            },
        )?;
        cell.ask(Side::Client, &SocketListen { socket, backlog: 1 })?;
        let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        support::judge_refusal(cell, outcome, at_once(&[libc::ENOTCONN, libc::EPIPE]));
        nothing_left(cell)
    },
    ..SILENT
};

const WRITE_HALF_CLOSED: Case = Case {
    slug: "client-ordering/write-half-closed",
    title: "A connected socket whose writing half the caller has shut",
    why: "The request can never be sent; the error must say so.",
    outcome: "an error at once with EPIPE (32) in its chain, or ENOTCONN (107) once the server has closed too; the server sees end of file and no byte",
    mutants: &["client-claims-open", "client-hides-errno", "client-leaks"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = connected(cell)?;
        cell.ask(
            Side::Client,
            &SocketShutdown {
                socket,
                half: Half::Write,
            },
        )?;
        let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        // The server answers the end of file with its own, and then the kernel knows no connection
        // any more.
        support::judge_refusal(cell, outcome, at_once(&[libc::EPIPE, libc::ENOTCONN]));
        nothing_left(cell)?;
        let state = cell.server_saw(server, 1, 1)?;
        let bytes = state.connections.first().and_then(|one| one.raw_bytes);
        cell.equal("bytes that the server received", &Some(0), &bytes);
        Ok(())
    },
    ..ORDERING
};

const READ_HALF_CLOSED: Case = Case {
    slug: "client-ordering/read-half-closed",
    title: "A connected socket whose reading half the caller has shut",
    requirements: &[manual("shutdown(2)").says(
        "Linux still delivers what arrives after SHUT_RD, and end of file whenever nothing waits",
    )],
    why: "Who reads first decides whether the WebSocket opens; either way the program must not hang on it.",
    outcome: "an error at once, or an opening that can be closed in time; nothing is left; which of the two is recorded",
    mutants: &["client-leaks"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = connected(cell)?;
        cell.ask(
            Side::Client,
            &SocketShutdown {
                socket,
                half: Half::Read,
            },
        )?;
        match cell.attempt(Side::Client, &open(cell, Some(socket)))? {
            Outcome::Done(opened) => {
                cell.record_volatile("reading half shut", "opened");
                let close = ConnectionClose {
                    connection: opened.connection,
                    code: 1000,
                    reason: String::new(),
                    deadline_ms: LIMIT_MS + deadline::SLACK_MS,
                };
                // Its end is 1000 or an error, by the same race.
                cell.attempt(Side::Client, &close)?;
            }
            Outcome::Refused(record, elapsed_us) => {
                cell.record_volatile("reading half shut", crate::cell::classes(&record));
                let late = elapsed_us / 1000 > support::AT_ONCE_MS;
                cell.check(
                    "the error comes at once",
                    "at once",
                    if late { "late" } else { "at once" },
                    !late,
                );
            }
        }
        cell.server_saw(server, 1, 1)?;
        nothing_left(cell)
    },
    ..ORDERING
};

const SAME_SOCKET_TWICE: Case = Case {
    slug: "client-ordering/same-socket-twice",
    title: "The same socket is handed to two connects at once",
    why: "Two handshakes mixed on one connection must never look like two working WebSockets.",
    outcome: "at most one of the two opens; both end in time",
    mutants: &["client-claims-open", "client-ignores-limit"],
    steps: |cell| {
        // What two writers make of one stream is no WebSocket.
        for rule in TORN {
            cell.may_break(rule);
        }
        echo(cell)?;
        let socket = connected(cell)?;
        let operation = open(cell, Some(socket));
        let (first, second) = cell.meanwhile(Side::Client, &operation, |cell| {
            cell.attempt(Side::Client, &open(cell, Some(socket)))
        })?;
        let mut opened = 0;
        let mut late = false;
        for outcome in [first, second] {
            match outcome {
                Outcome::Done(_) => opened += 1,
                Outcome::Refused(record, elapsed_us) => {
                    late |= elapsed_us / 1000 > LIMIT_MS + deadline::SLACK_MS;
                    cell.record_volatile("error", crate::cell::classes(&record));
                }
            }
        }
        cell.check(
            "at most one connection opens",
            "0 or 1",
            if opened < 2 { "0 or 1" } else { "2" },
            opened < 2,
        );
        cell.check(
            "both end in time",
            "in time",
            if late { "too late" } else { "in time" },
            !late,
        );
        Ok(())
    },
    ..ORDERING
};

const REUSED_AFTER_CLOSE: Case = Case {
    slug: "client-ordering/reused-after-close",
    title: "A socket is handed over again after its WebSocket was closed",
    why: "Reconnecting needs a new socket; reusing the old one must fail at once.",
    outcome: "the second hand-over fails with EBADF (9); the server sees one connection",
    mutants: &["client-claims-open", "client-hides-errno"],
    steps: |cell| {
        let server = echo(cell)?;
        // In blocking mode, so that every implementation opens the first connection.
        let socket = connected(cell)?;
        cell.ask(
            Side::Client,
            &SocketBlocking {
                socket,
                mode: BlockingMode::Blocking,
            },
        )?;
        let opened = cell.ask(Side::Client, &open(cell, Some(socket)))?;
        support::small_talk(cell, opened.connection)?;
        cell.finish(server, opened.connection)?;
        let again = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        support::judge_refusal(cell, again, at_once(&[libc::EBADF]));
        let state = cell.server_state(server)?;
        cell.equal(
            "connections that the server saw",
            &1,
            &state.connections.len(),
        );
        nothing_left(cell)
    },
    ..ORDERING
};

fn connected_in_mode(cell: &mut Cell, mode: BlockingMode) -> Result<(), CellEnd> {
    let server = echo(cell)?;
    let socket = connected(cell)?;
    cell.ask(Side::Client, &SocketBlocking { socket, mode })?;
    must_work(cell, server, &open(cell, Some(socket)))
}

fn start_connect(cell: &mut Cell, socket: u32) -> Result<(), CellEnd> {
    let start = SocketConnect {
        how: ConnectWay::Start,
        ..cell.connect_to_server(socket, ConnectWay::Start)
    };
    cell.ask(Side::Client, &start)?;
    Ok(())
}

fn limit(errnos: &'static [i32]) -> Refusal {
    Refusal {
        within_ms: LIMIT_MS,
        errnos,
        words: &[],
        closes: true,
    }
}

/// Libraries that write no log at all are not judged by it.
fn debug_log(cell: &mut Cell) -> Result<(), CellEnd> {
    if cell.has(Side::Client, Feature::NoLog) {
        return Ok(());
    }
    let lines = cell
        .ask(Side::Client, &ProcessLog { containing: None })?
        .lines;
    let says_sent = lines.iter().any(|line| line.contains("> GET"));
    let names = [
        "Errno 32",
        "Errno 107",
        "Broken pipe",
        "not connected",
        "ENOTCONN",
        "EPIPE",
    ];
    let named = lines
        .iter()
        .any(|line| names.iter().any(|name| line.contains(name)));
    let name = "debug log shows the request as sent";
    if cell.has(Side::Client, Feature::VaryingChains) {
        cell.record_volatile(name, says_sent);
    } else {
        cell.record(name, says_sent);
    }
    cell.check(
        "the debug log names the cause",
        "ENOTCONN or EPIPE",
        if named { "named" } else { "not named" },
        named,
    );
    Ok(())
}

/// Rules of RFC 6455 that a request breaks where frames should stand, and the frames of two writers
/// that are mixed.
const TORN: [mpws_trace::Rule; 10] = [
    mpws_trace::Rule::FrameReservedBits,
    mpws_trace::Rule::FrameReservedOpcode,
    mpws_trace::Rule::FrameNotMasked,
    mpws_trace::Rule::FrameLength,
    mpws_trace::Rule::ControlFragmented,
    mpws_trace::Rule::ControlTooLong,
    mpws_trace::Rule::Fragmentation,
    mpws_trace::Rule::CloseCode,
    mpws_trace::Rule::NotUtf8,
    mpws_trace::Rule::AfterClose,
];
