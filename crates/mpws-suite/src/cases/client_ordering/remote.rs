//! The socket is in order; the other end is not.

use mpws_fixture::script::{Behaviour, Step};
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{ClientIterate, ProcessLog};

use super::{LIMIT_MS, ORDERING, at_once, connected, nothing_left, open};
use crate::case::{Case, Side};
use crate::cases::support::{self, Refusal};
use crate::cell::{Cell, CellEnd, Serve};
use crate::deadline;
use crate::requirement::rfc6455;

/// The cases of this group.
pub const CASES: &[Case] = &[
    HALF_CLOSED,
    CLOSED,
    RESET,
    SILENT_SERVER,
    HTTP_200,
    REDIRECT,
    RECONNECT_ITERATOR,
];

/// Ground: the fixture's server runs a script.
const SCRIPTED: Case = Case {
    server_needs: &[Feature::Script],
    ..ORDERING
};

const HALF_CLOSED: Case = Case {
    slug: "client-ordering/peer-half-closed",
    title: "The server half-closes before it answers",
    why: "A server that gives up early must not leave the client waiting for its limit.",
    outcome: "an error in time; the socket is closed",
    mutants: &["client-claims-open", "client-leaks"],
    steps: |cell| scripted(cell, vec![Step::HalfClose, Step::ExpectEnd], refused(&[])),
    ..SCRIPTED
};

const CLOSED: Case = Case {
    slug: "client-ordering/peer-closed",
    title: "The server closes the connection before it answers",
    why: "Load balancers do this when no backend is up.",
    outcome: "an error in time; the socket is closed",
    mutants: &["client-claims-open", "client-leaks"],
    steps: |cell| scripted(cell, vec![], refused(&[])),
    ..SCRIPTED
};

const RESET: Case = Case {
    slug: "client-ordering/peer-reset",
    title: "The server resets the connection before it answers",
    why: "A reset and an orderly end have different causes; the error must tell which it was.",
    outcome: "an error at once with ECONNRESET or EPIPE in its chain; the socket is closed",
    mutants: &["client-claims-open", "client-hides-errno", "client-leaks"],
    steps: |cell| {
        scripted(
            cell,
            vec![Step::ReadRequest, Step::Reset],
            at_once(&[libc::ECONNRESET, libc::EPIPE]),
        )
    },
    ..SCRIPTED
};

const SILENT_SERVER: Case = Case {
    slug: "client-ordering/silent-server",
    title: "The server reads the request and says nothing",
    why: "open_timeout must end it.",
    outcome: "a time-out within open_timeout and twice close_timeout; the socket is closed",
    mutants: &["client-ignores-limit", "client-claims-open", "client-leaks"],
    steps: |cell| {
        scripted(
            cell,
            vec![Step::ReadRequest, Step::ExpectEnd],
            Refusal {
                within_ms: LIMIT_MS,
                errnos: &[],
                words: &["TimeoutError", "timed out", "Timeout", "deadline"],
                closes: true,
            },
        )
    },
    ..SCRIPTED
};

const HTTP_200: Case = Case {
    slug: "client-ordering/http-200",
    title: "The server answers 200 instead of 101",
    requirements: &[rfc6455("4.1").says("any status but 101 is not a WebSocket")],
    why: "A plain web server on the port must be named as such.",
    outcome: "an error that holds the status; the socket is closed",
    mutants: &["client-claims-open", "client-leaks"],
    steps: |cell| {
        scripted(
            cell,
            vec![
                Step::Respond {
                    status: 200,
                    headers: vec![("X-Reason".to_owned(), REASON.to_owned())],
                    body: "hello\n".to_owned(),
                },
                Step::ExpectEnd,
            ],
            Refusal {
                words: &["200"],
                ..refused(&[])
            },
        )?;
        if cell.has(Side::Client, Feature::NoLog) {
            return Ok(());
        }
        // The error holds the status alone; what else the server said, only the log can tell.
        let told = ProcessLog {
            containing: Some(REASON.to_owned()),
        };
        let told = !cell.ask(Side::Client, &told)?.lines.is_empty();
        let name = "debug log shows the answer's header fields";
        if cell.has(Side::Client, Feature::VaryingChains) {
            cell.record_volatile(name, told);
        } else {
            cell.record(name, told);
        }
        Ok(())
    },
    ..SCRIPTED
};

/// What the server says beside the status.
const REASON: &str = "a plain web server";

const REDIRECT: Case = Case {
    slug: "client-ordering/redirect",
    title: "The server redirects; the socket cannot follow",
    requirements: &[rfc6455("4.1").says("a client may follow a redirect")],
    why: "With sock= there is nothing to connect anew with; the error must say that, not EBADF.",
    outcome: "an error that names the redirect or its status; the socket is closed",
    mutants: &["client-claims-open", "client-leaks"],
    steps: |cell| {
        let location = cell.uri("/elsewhere");
        scripted(
            cell,
            vec![
                Step::Respond {
                    status: 302,
                    headers: vec![("Location".to_owned(), location)],
                    body: String::new(),
                },
                Step::ExpectEnd,
            ],
            Refusal {
                words: &["redirect", "302"],
                ..refused(&[])
            },
        )
    },
    ..SCRIPTED
};

const RECONNECT_ITERATOR: Case = Case {
    slug: "client-ordering/reconnect-iterator",
    client_unless: &[Feature::NoIterator],
    title: "async for .. in connect(sock=): the second round has no socket any more",
    why: "The iterator is advertised for reconnecting; with sock= it can only fail, and must say so instead of trying for ever.",
    client_needs: &[Feature::SockHandover, Feature::AsyncioLoop],
    outcome: "one connection, then an error that ends the loop",
    mutants: &["client-iterates-twice"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let socket = connected(cell)?;
        let done = cell.ask(
            Side::Client,
            &ClientIterate {
                uri: cell.uri("/"),
                socket: Some(socket),
                attempts: 2,
                deadline_ms: 8_000,
            },
        )?;
        cell.equal(
            "connections that the iterator yielded",
            &1,
            &done.connections,
        );
        cell.check(
            "the iterator ends with an error",
            "an error",
            if done.error.is_some() {
                "an error"
            } else {
                "it goes on trying"
            },
            done.error.is_some(),
        );
        let class = done
            .retries
            .first()
            .and_then(|record| record.chain.first())
            .map_or_else(|| "none".to_owned(), |link| link.class.clone());
        cell.record("error that is retried", class);
        let state = cell.server_state(server)?;
        cell.equal(
            "connections that the server saw",
            &1,
            &state.connections.len(),
        );
        Ok(())
    },
    ..ORDERING
};

fn refused(errnos: &'static [i32]) -> Refusal {
    Refusal {
        within_ms: deadline::ORDERING_OPEN_MS,
        errnos,
        words: &[],
        closes: true,
    }
}

fn scripted(cell: &mut Cell, steps: Vec<Step>, refusal: Refusal) -> Result<(), CellEnd> {
    cell.serve(Serve::with(Behaviour::Script { steps }))?;
    let socket = connected(cell)?;
    support::blocking_if_sync(cell, socket)?;
    let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
    support::judge_refusal(cell, outcome, refusal);
    nothing_left(cell)
}
