//! The latency trap: asyncio leaves TCP_NODELAY off on MPTCP sockets, and small writes wait for an
//! ACK.
//!
//! Judged by the wire: a small segment that left only when the ACK of the one before it had come,
//! while that ACK was held back by the other end's delayed-ACK timer, in at least half of the
//! rounds. No time is compared with a threshold of its own.

use mpws_fixture::script::Behaviour;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{ConnectionBurst, SocketProtocol};
use mpws_trace::Cause;

use super::support;
use crate::case::{Case, Expect, Pairs, Side};
use crate::cell::{Cell, CellEnd, Connect, Serve};
use crate::deadline;
use crate::requirement::{Document, section, socket_option};

/// The cases of this family.
pub const CASES: &[Case] = &[
    CLIENT_WRITES,
    CLIENT_WRITES_NODELAY,
    CLIENT_FRAGMENTS,
    SERVER_ANSWERS,
    SERVER_ANSWERS_NODELAY,
    SERVER_ANSWERS_TCP_CLIENT,
];

const ROUNDS: u32 = 15;

const TRAP: Case = Case {
    requirements: &[
        socket_option("TCP_NODELAY", "tcp(7)"),
        section(Document::Rfc9293, "3.7.4").says("Nagle"),
        section(Document::Rfc1122, "4.2.3.2").says("delayed ACK"),
    ],
    why: "Two small writes in a row take 44 ms instead of 0.2 ms, and a plain echo does not show it.",
    ..Case::BASE
};

const CLIENT_WRITES: Case = Case {
    slug: "latency/client-two-writes",
    title: "The client writes two messages and waits for one answer, as the library leaves the socket",
    pairs: Pairs::Clients,
    outcome: "the client does not wait for ACKs",
    mutants: &["client-nagles", "client-never-asks"],
    steps: |cell| client_writes(cell, false, 2, 1),
    ..TRAP
};

const CLIENT_WRITES_NODELAY: Case = Case {
    slug: "latency/client-two-writes-nodelay",
    title: "The same with TCP_NODELAY set on the socket before it is handed over",
    pairs: Pairs::Clients,
    client_needs: &[Feature::SockHandover],
    outcome: "the client does not wait for ACKs",
    mutants: &["client-nagles", "client-never-asks"],
    steps: |cell| client_writes(cell, true, 2, 1),
    ..TRAP
};

const CLIENT_FRAGMENTS: Case = Case {
    slug: "latency/client-fragments",
    client_unless: &[Feature::NoFragments],
    title: "The client sends one message in three fragments, as the library leaves the socket",
    pairs: Pairs::Clients,
    outcome: "the client does not wait for ACKs",
    mutants: &["client-nagles", "client-never-asks"],
    steps: |cell| client_writes(cell, false, 1, 3),
    ..TRAP
};

const SERVER_ANSWERS: Case = Case {
    slug: "latency/server-two-answers",
    title: "The server answers one message with two, as the library leaves the socket",
    pairs: Pairs::Servers,
    outcome: "the server does not wait for ACKs",
    mutants: &["server-nagles", "client-never-asks"],
    steps: |cell| {
        let protocol = cell.protocol();
        server_answers(cell, false, protocol)
    },
    ..TRAP
};

const SERVER_ANSWERS_NODELAY: Case = Case {
    slug: "latency/server-two-answers-nodelay",
    title: "The same with TCP_NODELAY set on the listener: the one-line cure",
    pairs: Pairs::Servers,
    server_needs: &[Feature::SockHandover],
    outcome: "the server does not wait for ACKs; accepted sockets inherit the option",
    mutants: &["server-nagles", "client-never-asks"],
    steps: |cell| {
        let protocol = cell.protocol();
        server_answers(cell, true, protocol)
    },
    ..TRAP
};

const SERVER_ANSWERS_TCP_CLIENT: Case = Case {
    slug: "latency/server-two-answers-tcp-client",
    title: "The same for a plain TCP client of an MPTCP listener",
    pairs: Pairs::Servers,
    outcome: "the server does not wait for ACKs: old clients pay for the switch too",
    transport: Expect::Tcp(Cause::NeverAsked),
    mutants: &["server-nagles"],
    steps: |cell| server_answers(cell, false, SocketProtocol::Tcp),
    ..TRAP
};

fn client_writes(cell: &mut Cell, nodelay: bool, writes: u8, fragments: u8) -> Result<(), CellEnd> {
    let behaviour = if writes == 2 {
        Behaviour::AnswerPairs
    } else {
        Behaviour::Echo
    };
    let server = cell.serve(Serve::with(behaviour))?;
    let connection = cell
        .connect(Connect {
            nodelay,
            ..Connect::default()
        })?
        .connection;
    burst(cell, connection, writes, 1, fragments)?;
    let facts = support::client_facts(cell, connection)?;
    cell.record(
        "TCP_NODELAY of the client's socket",
        facts.nodelay.unwrap_or(false),
    );
    cell.must_not_hold(Side::Client, ROUNDS);
    cell.finish(server, connection)
}

fn server_answers(cell: &mut Cell, nodelay: bool, client: SocketProtocol) -> Result<(), CellEnd> {
    let server = cell.serve(Serve {
        nodelay,
        ..Serve::with(Behaviour::AnswerTwice)
    })?;
    let connection = cell
        .connect(Connect {
            protocol: Some(client),
            ..Connect::default()
        })?
        .connection;
    burst(cell, connection, 1, 2, 1)?;
    let accepted = support::accepted_facts(cell, server)?;
    cell.record(
        "TCP_NODELAY of the accepted socket",
        accepted.nodelay.unwrap_or(false),
    );
    cell.must_not_hold(Side::Server, ROUNDS);
    cell.finish(server, connection)
}

fn burst(
    cell: &mut Cell,
    connection: u32,
    writes: u8,
    answers: u8,
    fragments: u8,
) -> Result<(), CellEnd> {
    let done = cell.ask(
        Side::Client,
        &ConnectionBurst {
            connection,
            writes,
            answers,
            fragments,
            size: 64,
            rounds: ROUNDS,
            deadline_ms: deadline::TRANSFER_MS,
        },
    )?;
    let mut rounds = done.rounds_us;
    cell.equal("rounds that came back", &(ROUNDS as usize), &rounds.len());
    rounds.sort_unstable();
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or(0);
    cell.record_volatile("median round in microseconds", median);
    Ok(())
}
