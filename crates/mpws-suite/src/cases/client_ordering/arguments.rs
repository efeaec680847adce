//! Arguments beside the socket, and sockets of the wrong kind.

use mpws_fixture::script::Behaviour;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{SocketCreate, SocketFamily, SocketKind, SocketProtocol};

use super::{ORDERING, SILENT, at_once, connected, echo, must_work, nothing_left, open};
use crate::case::{Case, Expect, Side};
use crate::cases::support::{self, Refusal};
use crate::cases::unix;
use crate::cell::{Cell, CellEnd, Outcome, PORT, Serve, classes};
use crate::requirement::{Document, rfc6455, section};

/// The cases of this group.
pub const CASES: &[Case] = &[
    HOST_AND_PORT,
    NULL_HOST,
    FOREIGN_URI_HOST,
    DATAGRAM,
    UNIX_SOCKET,
    DESCRIPTOR_NUMBER,
    SECURE_URI_HOST,
    SECURE_WRONG_NAME,
    PROXY_IN_ENVIRONMENT,
];

const HOST_AND_PORT: Case = Case {
    slug: "client-ordering/host-and-port",
    client_unless: &[Feature::NoOwnSockets],
    title: "A socket and host= and port= together",
    why: "Who adds sock= to an existing call often leaves host and port in.",
    outcome: "either it works with the socket, or an error at once and the socket closed",
    mutants: &["client-leaks"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = connected(cell)?;
        let mut operation = open(cell, Some(socket));
        operation.host = Some(cell.address(Side::Server));
        operation.port = Some(PORT);
        match cell.attempt(Side::Client, &operation)? {
            Outcome::Done(opened) => {
                cell.record("host and port beside a socket", "ignored");
                support::small_talk(cell, opened.connection)?;
                cell.finish(server, opened.connection)
            }
            refused @ Outcome::Refused(..) => {
                cell.record("host and port beside a socket", "refused");
                support::judge_refusal(cell, refused, at_once(&[]));
                Ok(())
            }
        }
    },
    ..ORDERING
};

const NULL_HOST: Case = Case {
    slug: "client-ordering/null-host",
    title: "A socket with host=None and port=None",
    why: "This is the form that asyncio's own documentation implies.",
    client_needs: &[Feature::SockHandover, Feature::AsyncioLoop],
    outcome: "the WebSocket opens, echoes and closes with 1000",
    mutants: &["client-refuses-all"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = connected(cell)?;
        let mut operation = open(cell, Some(socket));
        operation.null_host = true;
        must_work(cell, server, &operation)
    },
    ..ORDERING
};

const FOREIGN_URI_HOST: Case = Case {
    slug: "client-ordering/foreign-uri-host",
    title: "The URI names another host than the socket is connected to",
    requirements: &[rfc6455("4.1").says("Host is the URI's")],
    why: "Behind a proxy or a load balancer the two differ; the Host field must be the URI's and no name may be looked up.",
    outcome: "the WebSocket works; the server receives the URI's host and port in Host",
    mutants: &["client-refuses-all", "client-resolves-host"],
    steps: |cell| {
        let server = echo(cell)?;
        let socket = connected(cell)?;
        support::blocking_if_sync(cell, socket)?;
        let mut operation = open(cell, Some(socket));
        operation.uri = "ws://other.invalid:4242/".to_owned();
        must_work(cell, server, &operation)?;
        let state = cell.server_state(server)?;
        let host = state.connections.first().and_then(|one| {
            one.request_headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("host"))
                .map(|(_, value)| value.clone())
        });
        cell.equal(
            "Host field of the request",
            &Some("other.invalid:4242".to_owned()),
            &host,
        );
        Ok(())
    },
    ..ORDERING
};

const DATAGRAM: Case = Case {
    slug: "client-ordering/datagram",
    title: "A datagram socket is handed over",
    why: "A wrong type must be refused before a byte is sent.",
    control: false,
    outcome: "an error at once; the socket is closed; nothing on the wire",
    mutants: &["client-claims-open", "client-leaks"],
    steps: |cell| {
        echo(cell)?;
        let create = SocketCreate {
            family: SocketFamily::V4,
            kind: SocketKind::Datagram,
            protocol: SocketProtocol::Tcp,
            by_constant: false,
        };
        let socket = cell.ask(Side::Client, &create)?.socket;
        let outcome = cell.attempt(Side::Client, &open(cell, Some(socket)))?;
        support::judge_refusal(cell, outcome, at_once(&[]));
        nothing_left(cell)
    },
    ..SILENT
};

const UNIX_SOCKET: Case = Case {
    slug: "client-ordering/unix-socket",
    client_unless: &[Feature::NoUnix],
    title: "A connected AF_UNIX socket is handed over",
    why: "Sidecars listen on Unix sockets. Code that hands over MPTCP sockets hands over these too, and options of TCP fail on them.",
    control: false,
    outcome: "either the WebSocket works, or an error at once and the socket closed; nothing on the wire",
    mutants: &["client-claims-open", "client-leaks"],
    steps: unix_socket,
    ..SILENT
};

/// The library's own server is at the other end, in the same process: no other peer can be.
fn unix_socket(cell: &mut Cell) -> Result<(), CellEnd> {
    let listener = unix::listener(cell, Side::Client)?;
    let socket = unix::connected(cell, Side::Client)?;
    support::blocking_if_sync(cell, socket)?;
    let mut start = cell.server_start(Behaviour::Echo);
    start.socket = Some(listener);
    match cell.attempt(Side::Client, &start)? {
        Outcome::Done(_) => cell.record("its own server on AF_UNIX", "started"),
        Outcome::Refused(record, _) => cell.record("its own server on AF_UNIX", classes(&record)),
    }
    match cell.attempt(Side::Client, &open(cell, Some(socket)))? {
        Outcome::Done(opened) => {
            cell.record("AF_UNIX socket", "accepted");
            support::small_talk(cell, opened.connection)?;
            support::close_cleanly(cell, opened.connection)
        }
        refused @ Outcome::Refused(..) => {
            cell.record("AF_UNIX socket", "refused");
            support::judge_refusal(cell, refused, at_once(&[]));
            Ok(())
        }
    }
}

const DESCRIPTOR_NUMBER: Case = Case {
    slug: "client-ordering/descriptor-number",
    client_unless: &[Feature::NoBareDescriptors],
    title: "The bare descriptor number is handed over instead of the socket object",
    why: "Descriptors come from supervisors as numbers; the error must say what is wanted.",
    outcome: "an error at once",
    mutants: &["client-claims-open"],
    steps: |cell| {
        echo(cell)?;
        let socket = connected(cell)?;
        let mut operation = open(cell, Some(socket));
        operation.as_descriptor = true;
        let outcome = cell.attempt(Side::Client, &operation)?;
        // The number stays the caller's: nothing to close for the library.
        let refusal = Refusal {
            closes: false,
            ..at_once(&[])
        };
        support::judge_refusal(cell, outcome, refusal);
        Ok(())
    },
    ..ORDERING
};

const SECURE_URI_HOST: Case = Case {
    slug: "client-ordering/wss-uri-host",
    title: "wss over a handed-over socket: the certificate is checked against the URI's host",
    requirements: &[rfc6455("4.1"), section(Document::Rfc2818, "3.1")],
    why: "With sock= there is no host argument; the name must come from the URI, not be skipped.",
    client_needs: &[Feature::SockHandover, Feature::Tls],
    server_needs: &[Feature::Tls],
    outcome: "the WebSocket opens, echoes and closes with 1000",
    mutants: &["client-refuses-all", "echo-alters"],
    steps: |cell| {
        let (server_tls, client_tls) = cell.tls()?;
        let server = cell.serve(Serve {
            tls: Some(server_tls),
            ..Serve::echo()
        })?;
        let socket = connected(cell)?;
        support::blocking_if_sync(cell, socket)?;
        let mut operation = cell.client_open(Some(socket));
        operation.uri = cell.uri_with("wss", cell.ip(), "/");
        operation.tls = Some(client_tls);
        must_work(cell, server, &operation)
    },
    ..ORDERING
};

const SECURE_WRONG_NAME: Case = Case {
    slug: "client-ordering/wss-wrong-name",
    title: "wss over a handed-over socket: a certificate for another name is refused",
    requirements: &[rfc6455("4.1"), section(Document::Rfc2818, "3.1")],
    why: "A hand-over must not switch certificate checking off.",
    client_needs: &[Feature::SockHandover, Feature::Tls],
    server_needs: &[Feature::Tls],
    outcome: "an error that names the certificate; the socket is closed; no WebSocket is opened",
    mutants: &["client-claims-open", "client-leaks"],
    steps: |cell| {
        let (server_tls, client_tls) = cell.tls()?;
        let server = cell.serve(Serve {
            tls: Some(server_tls),
            ..Serve::echo()
        })?;
        let socket = connected(cell)?;
        support::blocking_if_sync(cell, socket)?;
        let mut operation = cell.client_open(Some(socket));
        operation.uri = format!("wss://other.invalid:{PORT}/");
        operation.tls = Some(client_tls);
        let outcome = cell.attempt(Side::Client, &operation)?;
        let refusal = Refusal {
            within_ms: crate::deadline::OPEN_TIMEOUT_MS,
            errnos: &[],
            words: &["SSLCertVerificationError", "certificate"],
            closes: true,
        };
        support::judge_refusal(cell, outcome, refusal);
        nothing_left(cell)?;
        let state = cell.server_state(server)?;
        let upgraded = state.connections.iter().filter(|one| one.upgraded).count();
        cell.equal(
            "WebSocket connections that the server opened",
            &0,
            &upgraded,
        );
        Ok(())
    },
    ..ORDERING
};

const PROXY_IN_ENVIRONMENT: Case = Case {
    slug: "client-ordering/proxy-in-environment",
    title: "Proxy variables are set: a handed-over socket is used as it is",
    why: "A CONNECT written into an already connected socket would break every user behind a proxy.",
    env: &[
        ("http_proxy", "http://10.1.0.1:9"),
        ("https_proxy", "http://10.1.0.1:9"),
        ("all_proxy", "http://10.1.0.1:9"),
    ],
    transport: Expect::Recorded,
    outcome: "the WebSocket opens on the socket; its first bytes are the upgrade request",
    mutants: &["client-refuses-all"],
    steps: proxy_in_environment,
    ..ORDERING
};

fn proxy_in_environment(cell: &mut Cell) -> Result<(), CellEnd> {
    let server = echo(cell)?;
    let socket = connected(cell)?;
    support::blocking_if_sync(cell, socket)?;
    must_work(cell, server, &open(cell, Some(socket)))
}
