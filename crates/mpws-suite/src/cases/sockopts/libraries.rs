//! Options and libraries: what they leave as the user set it, what they set by themselves, and what
//! they make of a refusal.

use mpws_model::shown;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{SocketFacts, SocketId, SocketOption, SocketProtocol, SocketSet};
use mpws_trace::Cause;

use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Connect, Outcome, Serve};
use crate::requirement::{linux_source, manual};

/// The cases of this group.
pub const CASES: &[Case] = &[
    CLIENT_KEEPS,
    SERVER_KEEPS,
    SERVER_KEEPS_FOR_TCP_CLIENT,
    CLIENT_REFUSED,
    SERVER_REFUSED,
];

const CLIENT_KEEPS: Case = Case {
    slug: "sockopts/client-keeps-users-options",
    title: "What the user set on the socket is still set once the library has connected it",
    requirements: &[
        manual("socket(7)"),
        manual("tcp(7)").says("a socket that is handed over is the user's"),
    ],
    why: "Keep-alive and buffer sizes are set before the hand-over; a library that resets them undoes it silently.",
    pairs: Pairs::Clients,
    client_needs: &[Feature::SockHandover],
    outcome: "keep-alive with its times, buffers and type of service as set; the rest is recorded, with what the library changed",
    mutants: &["client-resets-options", "client-never-asks"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let socket = cell
            .socket(Side::Client, cell.protocol())?
            .done("making the client's socket")?;
        set_all(cell, Side::Client, socket)?;
        let how = cell.way();
        let connect = cell.connect_to_server(socket, how);
        cell.ask(Side::Client, &connect)?;
        let before = support::facts(cell, Side::Client, socket)?;
        let open = cell.client_open(Some(socket));
        let opened = cell.ask(Side::Client, &open)?;
        support::small_talk(cell, opened.connection)?;
        let after = support::client_facts(cell, opened.connection)?;
        judge(cell, "client", &after);
        record_changes(cell, &before, &after);
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const SERVER_KEEPS: Case = Case {
    slug: "sockopts/server-keeps-users-options",
    title: "What the user set on the listener is set on the connections that the library accepts",
    requirements: &[manual("accept(2)"), manual("socket(7)"), manual("tcp(7)")],
    why: "With libraries that accept by themselves the listener is the only place to set options; TCP_NODELAY is one of them.",
    pairs: Pairs::Servers,
    server_needs: &[Feature::SockHandover],
    outcome: "keep-alive with its times, buffers and type of service as set on the listener",
    mutants: &["server-resets-options", "client-never-asks"],
    steps: |cell| {
        let protocol = cell.protocol();
        server_keeps(cell, protocol)
    },
    ..Case::BASE
};

const SERVER_KEEPS_FOR_TCP_CLIENT: Case = Case {
    slug: "sockopts/server-keeps-users-options-for-tcp-client",
    title: "The same for a plain TCP client of an MPTCP listener",
    requirements: &[manual("accept(2)"), manual("socket(7)"), manual("tcp(7)")],
    why: "Old clients come through the same listener; they need keep-alive as much.",
    pairs: Pairs::Servers,
    server_needs: &[Feature::SockHandover],
    control: false,
    transport: Expect::Tcp(Cause::NeverAsked),
    outcome: "keep-alive with its times, buffers and type of service as set on the listener",
    mutants: &["server-resets-options"],
    steps: |cell| server_keeps(cell, SocketProtocol::Tcp),
    ..Case::BASE
};

/// Ground: options that MPTCP refuses are tried, the error is looked at, and life goes on.
const REFUSED: Case = Case {
    requirements: &[
        manual("tcp(7)"),
        linux_source("net/mptcp/sockopt.c").says("ENOPROTOOPT for what MPTCP does not support"),
    ],
    why: "A program that sets these options on every socket gets an error over MPTCP only, and must be able to go on without them.",
    outcome: "over MPTCP ENOPROTOOPT (92) for each of TCP_QUICKACK, TCP_USER_TIMEOUT and TCP_SYNCNT, over TCP none; the socket then works",
    ..Case::BASE
};

const CLIENT_REFUSED: Case = Case {
    slug: "sockopts/client-option-refused",
    title: "Options that MPTCP refuses on a client's socket: the errno is told, and the socket still works",
    pairs: Pairs::Clients,
    client_needs: &[Feature::SockHandover],
    mutants: &["client-hides-errno", "client-never-asks"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let socket = cell
            .socket(Side::Client, cell.protocol())?
            .done("making the client's socket")?;
        refuse(cell, Side::Client, socket)?;
        let how = cell.way();
        let connect = cell.connect_to_server(socket, how);
        cell.ask(Side::Client, &connect)?;
        let open = cell.client_open(Some(socket));
        let opened = cell.ask(Side::Client, &open)?;
        support::small_talk(cell, opened.connection)?;
        cell.finish(server, opened.connection)
    },
    ..REFUSED
};

const SERVER_REFUSED: Case = Case {
    slug: "sockopts/server-option-refused",
    title: "Options that MPTCP refuses on a listener: the errno is told, and the listener still works",
    pairs: Pairs::Servers,
    server_needs: &[Feature::SockHandover],
    mutants: &["server-claims-mptcp", "client-never-asks"],
    steps: |cell| {
        let (protocol, host) = (cell.protocol(), cell.address(Side::Server));
        let socket = cell.listening_socket(protocol, &host, true)?;
        refuse(cell, Side::Server, socket)?;
        serve_and_talk(cell, socket, protocol)?;
        Ok(())
    },
    ..REFUSED
};

fn server_keeps(cell: &mut Cell, client: SocketProtocol) -> Result<(), CellEnd> {
    let (protocol, host) = (cell.protocol(), cell.address(Side::Server));
    let socket = cell.listening_socket(protocol, &host, true)?;
    set_all(cell, Side::Server, socket)?;
    let server = serve_and_talk(cell, socket, client)?;
    let accepted = support::accepted_facts(cell, server)?;
    judge(cell, "accepted", &accepted);
    Ok(())
}

/// Serves on the socket, has a client talk, and says which server it is.
fn serve_and_talk(
    cell: &mut Cell,
    socket: SocketId,
    client: SocketProtocol,
) -> Result<u32, CellEnd> {
    let mut start = cell.server_start(mpws_fixture::script::Behaviour::Echo);
    start.socket = Some(socket);
    let server = cell.ask(Side::Server, &start)?.server;
    let opened = cell.connect(Connect {
        protocol: Some(client),
        ..Connect::default()
    })?;
    support::small_talk(cell, opened.connection)?;
    cell.finish(server, opened.connection)?;
    Ok(server)
}

fn set_all(cell: &mut Cell, side: Side, socket: SocketId) -> Result<(), CellEnd> {
    for (option, value) in [(SocketOption::Keepalive, 1)].into_iter().chain(SET) {
        cell.ask(
            side,
            &SocketSet {
                socket,
                option,
                value,
            },
        )?;
    }
    Ok(())
}

fn judge(cell: &mut Cell, whose: &str, facts: &SocketFacts) {
    cell.equal(
        &format!("SO_KEEPALIVE of the {whose} socket"),
        &Some(true),
        &facts.keepalive,
    );
    for (option, value) in SET {
        // The kernel keeps room for its own bookkeeping beside the data, and reports both:
        // socket(7).
        let expected = match option {
            SocketOption::Rcvbuf | SocketOption::Sndbuf => 2 * value,
            _ => value,
        };
        cell.equal(
            &format!("{} of the {whose} socket", shown(&option)),
            &Some(expected),
            &facts.options.get(&option).copied(),
        );
    }
}

/// What is another value than before the hand-over.
fn record_changes(cell: &mut Cell, before: &SocketFacts, after: &SocketFacts) {
    let mut changes = Vec::new();
    if before.nodelay != after.nodelay {
        changes.push("TCP_NODELAY".to_owned());
    }
    for (option, value) in &after.options {
        if before.options.get(option) != Some(value) {
            changes.push(shown(option));
        }
    }
    cell.record("options that the library changed", changes);
}

/// Tries the options that MPTCP does not have.
fn refuse(cell: &mut Cell, side: Side, socket: SocketId) -> Result<(), CellEnd> {
    let expected = if cell.over_mptcp() {
        Some(libc::ENOPROTOOPT)
    } else {
        None
    };
    for (option, value) in [
        (SocketOption::Quickack, 1),
        (SocketOption::UserTimeout, 5_000),
        (SocketOption::Syncnt, 3),
    ] {
        let set = SocketSet {
            socket,
            option,
            value,
        };
        let seen = match cell.attempt(side, &set)? {
            Outcome::Done(_) => None,
            Outcome::Refused(record, _) => {
                let errno = record.chain.iter().find_map(|link| link.errno);
                Some(errno.unwrap_or(0))
            }
        };
        cell.equal(&format!("errno of {}", shown(&option)), &expected, &seen);
    }
    Ok(())
}

/// What the user sets beside keep-alive, each to another value than the default.
const SET: [(SocketOption, i32); 6] = [
    (SocketOption::Keepidle, 33),
    (SocketOption::Keepintvl, 7),
    (SocketOption::Keepcnt, 4),
    (SocketOption::Rcvbuf, 40_000),
    (SocketOption::Sndbuf, 50_000),
    (SocketOption::Tos, 16),
];
