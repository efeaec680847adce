//! The ways to connect an MPTCP socket from asyncio, the published one first.

use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{
    BlockingMode, ConnectWay, SocketBlocking, SocketProtocol, SocketRewrap,
};

use super::{ORDERING, echo, fresh, open, works};
use crate::case::{Case, Expect, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Outcome, describe};
use crate::deadline;
use crate::requirement::library;

/// The cases of this group.
pub const CASES: &[Case] = &[
    PUBLISHED_RECIPE,
    EXECUTOR,
    ADD_WRITER,
    REWRAPPED,
    PROTO_ARGUMENT,
];

const LOOP: Case = Case {
    requirements: &[library("Python", "asyncio event loop")],
    client_needs: &[Feature::SockHandover, Feature::AsyncioLoop],
    transport: Expect::Mptcp,
    ..ORDERING
};

const PUBLISHED_RECIPE: Case = Case {
    slug: "client-ordering/published-recipe",
    title: "The published recipe: setblocking(False), await loop.sock_connect(sock, (host, port)), connect(sock=)",
    why: "It is what people copy; whether it runs depends on the C library.",
    transport: Expect::Recorded,
    outcome: "the socket connects and the WebSocket works over MPTCP",
    mutants: &["client-refuses-all", "client-never-asks"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = fresh(cell)?;
        cell.ask(
            Side::Client,
            &SocketBlocking {
                socket,
                mode: BlockingMode::Nonblocking,
            },
        )?;
        connect_and_talk(cell, server, socket, ConnectWay::SockConnect)
    },
    ..LOOP
};

const EXECUTOR: Case = Case {
    slug: "client-ordering/way-executor",
    title: "The blocking connect in the default executor",
    why: "The simplest cure for the recipe.",
    outcome: "the socket connects and the WebSocket works over MPTCP",
    mutants: &["client-refuses-all", "client-never-asks"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = fresh(cell)?;
        connect_and_talk(cell, server, socket, ConnectWay::Executor)
    },
    ..LOOP
};

const ADD_WRITER: Case = Case {
    slug: "client-ordering/way-add-writer",
    title: "connect_ex, loop.add_writer, SO_ERROR",
    why: "The cure without a thread.",
    outcome: "the socket connects and the WebSocket works over MPTCP",
    mutants: &["client-refuses-all", "client-never-asks"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = fresh(cell)?;
        cell.ask(
            Side::Client,
            &SocketBlocking {
                socket,
                mode: BlockingMode::Nonblocking,
            },
        )?;
        connect_and_talk(cell, server, socket, ConnectWay::AddWriter)
    },
    ..LOOP
};

const REWRAPPED: Case = Case {
    slug: "client-ordering/way-rewrapped",
    title: "The descriptor goes to a socket object that says TCP; then sock_connect works, and TCP_NODELAY is set",
    why: "The cure that repairs both faults of asyncio at once.",
    outcome: "sock_connect works; the kernel still speaks MPTCP; TCP_NODELAY is on",
    mutants: &["client-refuses-all", "client-never-asks"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = fresh(cell)?;
        let socket = cell.ask(Side::Client, &SocketRewrap { socket })?.socket;
        cell.ask(
            Side::Client,
            &SocketBlocking {
                socket,
                mode: BlockingMode::Nonblocking,
            },
        )?;
        let how = ConnectWay::SockConnect;
        cell.ask(Side::Client, &cell.connect_to_server(socket, how))?;
        let opened = cell.ask(Side::Client, &open(cell, Some(socket)))?;
        let facts = support::client_facts(cell, opened.connection)?;
        cell.equal(
            "TCP_NODELAY of the client's socket",
            &Some(true),
            &facts.nodelay,
        );
        works(cell, server, &opened)
    },
    ..LOOP
};

const PROTO_ARGUMENT: Case = Case {
    slug: "client-ordering/way-proto-argument",
    client_unless: &[Feature::NoOwnSockets],
    title: "connect(uri, proto=262) without a socket of one's own",
    why: "It would be the simplest client of all; whether it runs depends on the C library.",
    transport: Expect::Recorded,
    outcome: "the WebSocket works over MPTCP",
    mutants: &["client-refuses-all", "client-never-asks"],
    steps: |cell| {
        let server = echo(cell)?;
        let mut operation = open(cell, None);
        operation.open_timeout_ms = deadline::OPEN_TIMEOUT_MS;
        operation.protocol = Some(cell.protocol());
        let outcome = cell.attempt(Side::Client, &operation)?;
        judge_way(cell, &outcome);
        match outcome {
            Outcome::Done(opened) => works(cell, server, &opened),
            Outcome::Refused(..) => Ok(()),
        }
    },
    ..LOOP
};

fn connect_and_talk(
    cell: &mut Cell,
    server: u32,
    socket: u32,
    how: ConnectWay,
) -> Result<(), CellEnd> {
    let outcome = cell.attempt(Side::Client, &cell.connect_to_server(socket, how))?;
    judge_way(cell, &outcome);
    if let Outcome::Refused(..) = outcome {
        return Ok(());
    }
    let opened = cell.ask(Side::Client, &open(cell, Some(socket)))?;
    let facts = support::client_facts(cell, opened.connection)?;
    if facts.so_protocol != Some(libc::IPPROTO_TCP) || cell.protocol() == SocketProtocol::Tcp {
        cell.record(
            "TCP_NODELAY as the library left it",
            facts.nodelay.unwrap_or(false),
        );
    }
    works(cell, server, &opened)
}

fn judge_way<T>(cell: &mut Cell, outcome: &Outcome<T>) {
    match outcome {
        Outcome::Done(_) => {
            cell.check(
                "this way of connecting works",
                "connected",
                "connected",
                true,
            );
        }
        Outcome::Refused(record, _) => {
            cell.check(
                "this way of connecting works",
                "connected",
                &describe(record),
                false,
            );
            cell.record("error", crate::cell::classes(record));
        }
    }
}
