//! What becomes of a server socket that is handed to the library in this or that state.
//!
//! A server that comes up without an error must serve; one that cannot serve must say so. "Started"
//! and serving nobody is the silent success that this family is after.

mod steps;

use mpws_fixture::payload::Payload;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{
    BlockingMode, ConnectWay, ServerStop, SocketBind, SocketClose, SocketConnect, SocketCreate,
    SocketFamily, SocketKind, SocketListen, SocketOption, SocketProtocol, SocketSet,
};
use mpws_trace::Cause;

use super::{support, unix};
use crate::case::{Case, Expect, Ip, Pairs, Side};
use crate::cell::{Connect, Outcome, PORT, classes, describe};
use crate::deadline;
use crate::requirement::{library, rfc8684, socket_option};
use steps::{bound, ended, listening_in_mode, says_so, serves, serves_or_says_so, start};

/// The cases of this family.
pub const CASES: &[Case] = &[
    LISTENING_NONBLOCKING,
    LISTENING_BLOCKING,
    BACKLOG_ZERO,
    BOUND_NOT_LISTENING,
    UNBOUND,
    CLOSED,
    CONNECTED,
    HOST_AND_PORT,
    DATAGRAM,
    UNIX_LISTENER,
    V6_ONLY,
    TWO_SERVERS_ONE_SOCKET,
    REUSED_AFTER_CLOSE,
    REUSEPORT_TWINS,
    OWN_SOCKET,
    STOP_WITH_SILENT_CLIENT,
];

const ORDERING: Case = Case {
    requirements: &[
        library("websockets", "serve(sock=)").says("an already made socket may be passed")
    ],
    pairs: Pairs::Servers,
    server_needs: &[Feature::SockHandover],
    transport: Expect::Recorded,
    ..Case::BASE
};

const LISTENING_NONBLOCKING: Case = Case {
    slug: "server-ordering/listening-nonblocking",
    title: "Bound, listening, non-blocking: the published server recipe",
    why: "The recipe's server half; MPTCP and plain TCP clients must both be served.",
    outcome: "a client of the cell's protocol and one of plain TCP are served in turn",
    mutants: &["server-never-accepts", "echo-alters"],
    steps: |cell| listening_in_mode(cell, BlockingMode::Nonblocking),
    ..ORDERING
};

const LISTENING_BLOCKING: Case = Case {
    slug: "server-ordering/listening-blocking",
    title: "Bound, listening, blocking",
    why: "This is what plain socket calls leave behind.",
    outcome: "a client of the cell's protocol and one of plain TCP are served in turn",
    mutants: &["server-never-accepts", "echo-alters"],
    steps: |cell| listening_in_mode(cell, BlockingMode::Blocking),
    ..ORDERING
};

const BACKLOG_ZERO: Case = Case {
    slug: "server-ordering/backlog-zero",
    title: "listen(0): three clients in turn are served",
    why: "A backlog of 0 is a common slip; Linux still queues one.",
    outcome: "three connections in turn echo",
    mutants: &["server-never-accepts", "echo-alters"],
    steps: |cell| {
        let socket = bound(cell)?;
        cell.ask(Side::Server, &SocketListen { socket, backlog: 0 })?;
        let server = cell.ask(Side::Server, &start(cell, Some(socket)))?.server;
        for number in 1..=3 {
            let protocol = cell.protocol();
            serves(cell, server, protocol, number)?;
        }
        Ok(())
    },
    ..ORDERING
};

const BOUND_NOT_LISTENING: Case = Case {
    slug: "server-ordering/bound-not-listening",
    title: "Bound, but listen() was not called",
    why: "The article calls listen(); not every implementation needs it, and one fails silently without.",
    outcome: "either clients are served or serving ends with an error",
    mutants: &["server-never-accepts"],
    steps: |cell| {
        let socket = bound(cell)?;
        serves_or_says_so(cell, socket)
    },
    ..ORDERING
};

const UNBOUND: Case = Case {
    slug: "server-ordering/unbound",
    title: "A socket that was never bound",
    why: "listen() on it makes the kernel choose a port on every interface: open to the world, and nobody knows where.",
    outcome: "an error; nothing listens",
    mutants: &["server-never-accepts", "server-listens-anywhere"],
    steps: |cell| {
        let protocol = cell.protocol();
        let socket = cell
            .socket(Side::Server, protocol)?
            .done("making the server's socket")?;
        let outcome = cell.attempt(Side::Server, &start(cell, Some(socket)))?;
        says_so(cell, outcome)
    },
    ..ORDERING
};

const CLOSED: Case = Case {
    slug: "server-ordering/closed",
    title: "A socket that was closed before",
    why: "A server that starts on nothing must not look healthy.",
    outcome: "an error (EBADF); nothing listens",
    mutants: &["server-never-accepts"],
    steps: |cell| {
        let protocol = cell.protocol();
        let socket = cell
            .socket(Side::Server, protocol)?
            .done("making the server's socket")?;
        cell.ask(Side::Server, &SocketClose { socket })?;
        let outcome = cell.attempt(Side::Server, &start(cell, Some(socket)))?;
        says_so(cell, outcome)
    },
    ..ORDERING
};

const CONNECTED: Case = Case {
    slug: "server-ordering/connected",
    title: "A connected client socket is handed to the server",
    why: "Mixed-up sockets happen; a server that accepts nothing must not look healthy.",
    outcome: "an error (EINVAL); it does not pretend to serve",
    mutants: &["server-never-accepts"],
    steps: |cell| {
        // A listener of the peer's own, on its loopback, so that there is something to be connected
        // to.
        let host = "127.0.0.1";
        cell.listening_socket(cell.protocol(), host, false)?;
        let protocol = cell.protocol();
        let socket = cell
            .socket(Side::Server, protocol)?
            .done("making a client socket")?;
        let connect = SocketConnect {
            socket,
            host: host.to_owned(),
            port: PORT,
            how: ConnectWay::Blocking,
            deadline_ms: deadline::STEP_MS,
        };
        cell.ask(Side::Server, &connect)?;
        let outcome = cell.attempt(Side::Server, &start(cell, Some(socket)))?;
        says_so(cell, outcome)
    },
    ..ORDERING
};

const HOST_AND_PORT: Case = Case {
    slug: "server-ordering/host-and-port",
    server_unless: &[Feature::NoOwnSockets],
    title: "A socket and host and port together",
    why: "Who adds sock= to an existing call often leaves host and port in; which one wins?",
    outcome: "an error, or the socket is served and host and port are not",
    mutants: &["server-never-accepts"],
    steps: |cell| {
        let host = cell.address(Side::Server);
        let socket = cell.listening_socket(cell.protocol(), &host, true)?;
        let mut operation = start(cell, Some(socket));
        operation.host = Some(host);
        operation.port = Some(PORT + 1);
        match cell.attempt(Side::Server, &operation)? {
            Outcome::Done(started) => {
                cell.record("host and port beside a socket", "ignored");
                let protocol = cell.protocol();
                serves(cell, started.server, protocol, 1)
            }
            Outcome::Refused(record, _) => {
                cell.record("host and port beside a socket", "refused");
                cell.record("error", classes(&record));
                cell.check("an error or a working server", "either", "an error", true);
                Ok(())
            }
        }
    },
    ..ORDERING
};

const DATAGRAM: Case = Case {
    slug: "server-ordering/datagram",
    title: "A datagram socket is handed to the server",
    why: "A wrong type must be refused, not served by nobody.",
    control: false,
    outcome: "an error; it does not pretend to serve",
    mutants: &["server-never-accepts"],
    steps: |cell| {
        let create = SocketCreate {
            family: SocketFamily::V4,
            kind: SocketKind::Datagram,
            protocol: SocketProtocol::Tcp,
            by_constant: false,
        };
        let socket = cell.ask(Side::Server, &create)?.socket;
        let host = cell.address(Side::Server);
        cell.ask(
            Side::Server,
            &SocketBind {
                socket,
                host,
                port: PORT,
            },
        )?;
        let outcome = cell.attempt(Side::Server, &start(cell, Some(socket)))?;
        says_so(cell, outcome)
    },
    ..ORDERING
};

const UNIX_LISTENER: Case = Case {
    slug: "server-ordering/unix-listener",
    server_unless: &[Feature::NoUnix],
    title: "A listening AF_UNIX socket is handed to the server",
    why: "Behind a proxy on the same machine servers listen on Unix sockets; options of TCP fail on them.",
    control: false,
    transport: Expect::Silence,
    outcome: "an error, or a client on an AF_UNIX socket is served; nothing on the wire",
    mutants: &["server-never-accepts"],
    steps: |cell| {
        let listener = unix::listener(cell, Side::Server)?;
        let started = match cell.attempt(Side::Server, &start(cell, Some(listener)))? {
            Outcome::Done(started) => started,
            refused @ Outcome::Refused(..) => return says_so(cell, refused),
        };
        cell.record("start", "no error");
        match unix::Visitor::open(cell, Side::Server)? {
            Ok(visitor) => {
                cell.check("serves or says why not", "either", "it serves", true);
                let seen = match visitor.converse("over AF_UNIX") {
                    Ok(()) => "the echo, and close code 1000".to_owned(),
                    Err(error) => error.to_string(),
                };
                cell.equal(
                    "the client saw",
                    &"the echo, and close code 1000",
                    &seen.as_str(),
                );
                Ok(())
            }
            Err(error) => {
                cell.record("client", error.to_string());
                ended(cell, started.server)
            }
        }
    },
    ..ORDERING
};

const V6_ONLY: Case = Case {
    slug: "server-ordering/v6-only",
    title: "A listener on :: with IPV6_V6ONLY=1 serves IPv6 and refuses IPv4",
    requirements: &[socket_option("IPV6_V6ONLY", "ipv6(7)")],
    why: "The other half of the dual-stack listener; both are one option apart.",
    network: "one dual-stack path, nothing in the way",
    outcome: "the IPv6 client is served, the IPv4 client gets ECONNREFUSED (111)",
    mutants: &["server-never-accepts"],
    steps: |cell| {
        cell.set_ip(Ip::V6);
        let server = support::serve_dual_stack(cell, true)?;
        let protocol = cell.protocol();
        serves(cell, server, protocol, 1)?;
        cell.set_ip(Ip::V4);
        let outcome = cell.try_connect(Connect::default())?;
        let errno = match outcome {
            Outcome::Done(_) => None,
            Outcome::Refused(record, _) => record.chain.iter().find_map(|link| link.errno),
        };
        cell.equal(
            "errno of the IPv4 client",
            &Some(libc::ECONNREFUSED),
            &errno,
        );
        Ok(())
    },
    ..ORDERING
};

const TWO_SERVERS_ONE_SOCKET: Case = Case {
    slug: "server-ordering/two-servers-one-socket",
    title: "Two servers are started on one socket and stopped in turn",
    why: "A supervisor that starts twice must be able to stop twice.",
    outcome: "the second start may be refused; every server that was started stops in time",
    mutants: &["server-never-stops"],
    waits: true,
    steps: |cell| {
        let host = cell.address(Side::Server);
        let socket = cell.listening_socket(cell.protocol(), &host, true)?;
        let first = cell.ask(Side::Server, &start(cell, Some(socket)))?.server;
        let mut servers = vec![("first", first)];
        match cell.attempt(Side::Server, &start(cell, Some(socket)))? {
            Outcome::Done(started) => {
                cell.record("second server", "started");
                servers.push(("second", started.server));
            }
            Outcome::Refused(record, _) => {
                cell.record("second server", classes(&record));
                cell.check("two servers or an error", "either", "an error", true);
            }
        }
        for (name, server) in servers {
            let stop = ServerStop {
                server,
                deadline_ms: 3_000,
            };
            let outcome = cell.attempt(Side::Server, &stop)?;
            let observed = match &outcome {
                Outcome::Done(_) => "stopped".to_owned(),
                Outcome::Refused(record, _) => {
                    cell.record(&format!("error of the {name} stop"), classes(record));
                    describe(record)
                }
            };
            cell.check(
                &format!("the {name} server stops"),
                "stopped",
                &observed,
                matches!(outcome, Outcome::Done(_)),
            );
        }
        Ok(())
    },
    ..ORDERING
};

const REUSED_AFTER_CLOSE: Case = Case {
    slug: "server-ordering/reused-after-close",
    title: "A socket is handed over again after its server was stopped",
    why: "A restart within one process needs a new socket; reusing the old one must fail at once.",
    outcome: "an error (EBADF); it does not pretend to serve",
    mutants: &["server-never-accepts"],
    steps: |cell| {
        let host = cell.address(Side::Server);
        let socket = cell.listening_socket(cell.protocol(), &host, true)?;
        let server = cell.ask(Side::Server, &start(cell, Some(socket)))?.server;
        cell.ask(
            Side::Server,
            &ServerStop {
                server,
                deadline_ms: deadline::STEP_MS,
            },
        )?;
        let outcome = cell.attempt(Side::Server, &start(cell, Some(socket)))?;
        says_so(cell, outcome)
    },
    ..ORDERING
};

const REUSEPORT_TWINS: Case = Case {
    slug: "server-ordering/reuseport-twins",
    title: "Two sockets share the port by SO_REUSEPORT, a server on each",
    requirements: &[socket_option("SO_REUSEPORT", "socket(7)")],
    why: "This is how servers use several cores; every client must be served, whoever gets it.",
    outcome: "twelve connections in turn echo; together the two servers saw twelve",
    mutants: &["server-never-accepts", "echo-alters"],
    steps: |cell| {
        let mut servers = Vec::new();
        for _ in 0..2 {
            let protocol = cell.protocol();
            let socket = cell
                .socket(Side::Server, protocol)?
                .done("making the server's socket")?;
            for option in [SocketOption::Reuseport, SocketOption::Nodelay] {
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
            cell.ask(
                Side::Server,
                &SocketListen {
                    socket,
                    backlog: 100,
                },
            )?;
            servers.push(cell.ask(Side::Server, &start(cell, Some(socket)))?.server);
        }
        for number in 0..12 {
            let opened = cell.connect(Connect::default())?;
            cell.echo(
                opened.connection,
                Payload::Text {
                    size: 20,
                    seed: number,
                },
                1,
            )?;
            support::close_cleanly(cell, opened.connection)?;
        }
        let mut seen = Vec::new();
        for server in servers {
            seen.push(cell.server_state(server)?.connections.len());
        }
        cell.record_volatile("connections of each twin", seen.clone());
        cell.equal(
            "connections that the two servers saw together",
            &12,
            &seen.iter().sum(),
        );
        if cell.over_mptcp() {
            cell.expect_each(vec![Expect::Mptcp; 12]);
        }
        Ok(())
    },
    ..ORDERING
};

const OWN_SOCKET: Case = Case {
    slug: "server-ordering/own-socket",
    server_unless: &[Feature::NoOwnSockets],
    title: "No socket is handed over: the library listens with TCP, an MPTCP client falls back",
    requirements: &[rfc8684("3.1")],
    why: "Without sock= the library never asks for MPTCP; its users fall back and nobody tells them.",
    control: false,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "echo works over TCP",
    mutants: &["server-never-accepts", "server-speaks-mptcp"],
    steps: |cell| {
        let mut operation = start(cell, None);
        operation.host = Some(cell.address(Side::Server));
        operation.port = Some(PORT);
        let server = cell.ask(Side::Server, &operation)?.server;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.finish(server, opened.connection)
    },
    ..ORDERING
};

const STOP_WITH_SILENT_CLIENT: Case = Case {
    slug: "server-ordering/stop-with-silent-client",
    title: "The server is stopped while a client is connected that never speaks",
    why: "A port scanner or a health check must not keep a server from shutting down.",
    client_needs: &[Feature::Script],
    outcome: "stopping ends within open_timeout and twice close_timeout",
    mutants: &["server-never-stops"],
    steps: |cell| {
        let host = cell.address(Side::Server);
        let socket = cell.listening_socket(cell.protocol(), &host, true)?;
        let mut operation = start(cell, Some(socket));
        operation.open_timeout_ms = deadline::ORDERING_OPEN_MS;
        operation.close_timeout_ms = deadline::ORDERING_CLOSE_MS;
        let server = cell.ask(Side::Server, &operation)?.server;
        let silent = cell
            .socket(Side::Client, cell.protocol())?
            .done("making a silent client")?;
        let how = cell.way();
        cell.ask(Side::Client, &cell.connect_to_server(silent, how))?;
        let limit_ms = deadline::ORDERING_OPEN_MS + 2 * deadline::ORDERING_CLOSE_MS;
        let stop = ServerStop {
            server,
            deadline_ms: limit_ms + deadline::SLACK_MS,
        };
        let outcome = cell.attempt(Side::Server, &stop)?;
        let observed = match &outcome {
            Outcome::Done(_) => "stopped".to_owned(),
            Outcome::Refused(record, _) => describe(record),
        };
        cell.check(
            "the server stops with a silent client connected",
            "stopped",
            &observed,
            matches!(outcome, Outcome::Done(_)),
        );
        Ok(())
    },
    ..ORDERING
};
