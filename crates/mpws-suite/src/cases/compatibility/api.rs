//! Programs written against the top-level names of 13.x, on both releases.

use mpws_fixture::payload::Payload;
use mpws_fixture::script::{Behaviour, Step};
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{ClientIterate, ConnectionEnded, ConnectionSend, ServerStart};
use mpws_trace::Cause;

use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Connect, Outcome, Serve, classes, describe};
use crate::deadline;
use crate::requirement::library;

/// The cases of this group.
pub const CASES: &[Case] = &[
    EXTRA_HEADERS,
    ADDITIONAL_HEADERS,
    HANDLER_WITH_PATH,
    HOOK_PATH_EQUALS,
    HOOK_PATH_IN,
    HOOK_PATH_STARTSWITH,
    HOOK_HEADERS_GET,
    HOOK_RETURNS_TUPLE,
    HOOK_NEW_STYLE,
    ITERATE_403,
];

/// The release that breaks what 13.x programs do: no mutant is nearer to the truth than the release
/// itself.
const IN_14: &str = "websockets-14.2-asyncio";
/// The release that does not know yet what 14.x programs do.
const IN_13: &str = "websockets-13.1-legacy";

/// Ground: the release's own choice behind `websockets.connect` and `websockets.serve`; one peer of
/// each release.
const TOP_LEVEL: Case = Case {
    requirements: &[library(
        "websockets",
        "Upgrade to the new asyncio implementation",
    )],
    transport: Expect::Recorded,
    ..Case::BASE
};

const CLIENT: Case = Case {
    pairs: Pairs::Clients,
    client_needs: &[Feature::TopLevelApi],
    ..TOP_LEVEL
};

const SERVER: Case = Case {
    pairs: Pairs::Servers,
    server_needs: &[Feature::TopLevelApi],
    ..TOP_LEVEL
};

const EXTRA_HEADERS: Case = Case {
    slug: "compatibility/api-extra-headers",
    title: "websockets.connect(.., extra_headers=..), as 13.x programs write it",
    why: "The argument was renamed in 14.0; the program stops with a TypeError.",
    outcome: "the connection opens and the field reaches the server",
    mutants: &[IN_14],
    steps: |cell| header_argument(cell, "extra_headers"),
    ..CLIENT
};

const ADDITIONAL_HEADERS: Case = Case {
    slug: "compatibility/api-additional-headers",
    title: "websockets.connect(.., additional_headers=..), as 14.x programs write it",
    why: "The other direction: a program written for 14.x on 13.x.",
    outcome: "the connection opens and the field reaches the server",
    mutants: &[IN_13],
    steps: |cell| header_argument(cell, "additional_headers"),
    ..CLIENT
};

const HANDLER_WITH_PATH: Case = Case {
    slug: "compatibility/api-handler-with-path",
    title: "websockets.serve(handler(ws, path)), as 13.x programs write it",
    why: "On 14.x the connection opens and is closed with 1011 at once.",
    outcome: "the connection opens and echoes",
    mutants: &[IN_14],
    steps: |cell| {
        top_level_server(cell, "handler-with-path")?;
        let connection = cell.connect(Connect::default())?.connection;
        let message = Payload::Text { size: 10, seed: 1 };
        let send = ConnectionSend {
            connection,
            message: message.clone(),
            fragments: 1,
            deadline_ms: deadline::STEP_MS,
        };
        if let Outcome::Refused(record, _) = cell.attempt(Side::Client, &send)? {
            cell.record_volatile("error of sending", classes(&record));
        }
        let receive = mpws_peers::protocol::ConnectionReceive {
            connection,
            deadline_ms: deadline::STEP_MS,
        };
        match cell.attempt(Side::Client, &receive)? {
            Outcome::Done(received) => {
                cell.equal("echo of the handler", &message.digested(), &received);
                support::close_cleanly(cell, connection)
            }
            Outcome::Refused(record, _) => {
                cell.check(
                    "echo of the handler",
                    "the message",
                    &describe(&record),
                    false,
                );
                let ended = ConnectionEnded {
                    connection,
                    deadline_ms: deadline::STEP_MS,
                };
                let end = cell.ask(Side::Client, &ended)?;
                cell.record("close code at the client", end.code.unwrap_or(0));
                Ok(())
            }
        }
    },
    ..SERVER
};

const HOOK_PATH_EQUALS: Case = Case {
    slug: "compatibility/api-hook-path-equals",
    title: "process_request(path, headers) that refuses by path == .., as 13.x programs write it",
    why: "On 14.x the first argument is a connection, the comparison is never true, and the request is let in: an open door.",
    outcome: "the request for /deny is refused with 403, another is let in",
    mutants: &[IN_14],
    steps: |cell| hook(cell, "hook-path-equals"),
    ..SERVER
};

const HOOK_PATH_IN: Case = Case {
    slug: "compatibility/api-hook-path-in",
    title: "process_request(path, headers) that refuses by path in {..}, as 13.x programs write it",
    why: "The same open door in another form.",
    outcome: "the request for /deny is refused with 403, another is let in",
    mutants: &[IN_14],
    steps: |cell| hook(cell, "hook-path-in"),
    ..SERVER
};

const HOOK_PATH_STARTSWITH: Case = Case {
    slug: "compatibility/api-hook-path-startswith",
    title: "process_request(path, headers) that refuses by path.startswith(..), as 13.x programs write it",
    why: "On 14.x it fails closed, with HTTP 500 for everybody.",
    outcome: "the request for /deny is refused with 403, another is let in",
    mutants: &[IN_14],
    steps: |cell| hook(cell, "hook-path-startswith"),
    ..SERVER
};

const HOOK_HEADERS_GET: Case = Case {
    slug: "compatibility/api-hook-headers-get",
    title: "process_request(path, headers) that looks at headers.get(..), as 13.x programs write it",
    why: "On 14.x it fails closed, with HTTP 500 for everybody.",
    outcome: "a request without Authorization is refused with 403",
    mutants: &[IN_14],
    steps: |cell| {
        top_level_server(cell, "hook-headers-get")?;
        refused_with_403(cell)
    },
    ..SERVER
};

const HOOK_RETURNS_TUPLE: Case = Case {
    slug: "compatibility/api-hook-returns-tuple",
    title: "process_request that returns (status, headers, body), as 13.x programs write it",
    why: "On 14.x the client gets no HTTP answer at all.",
    outcome: "every request is refused with 403",
    mutants: &[IN_14],
    steps: |cell| {
        top_level_server(cell, "hook-returns-tuple")?;
        refused_with_403(cell)
    },
    ..SERVER
};

const HOOK_NEW_STYLE: Case = Case {
    slug: "compatibility/api-hook-new-style",
    title: "process_request(connection, request), as 14.x programs write it",
    why: "The other direction: a program written for 14.x on 13.x.",
    outcome: "the request for /deny is refused with 403, another is let in",
    mutants: &[IN_13],
    steps: |cell| hook(cell, "hook-new-style"),
    ..SERVER
};

const ITERATE_403: Case = Case {
    slug: "compatibility/api-iterate-403",
    client_unless: &[Feature::NoIterator],
    title: "async for .. in connect(..) against a server that answers 403",
    why: "Behind the top-level name 13.x goes on for ever and 14.x gives up at once; a misconfigured client hammers its server.",
    client_needs: &[Feature::AsyncioLoop, Feature::SockHandover],
    server_needs: &[Feature::Script],
    // The library makes its own socket, over plain TCP.
    transport: Expect::Tcp(Cause::NeverAsked),
    control: false,
    outcome: "the iterator ends with an error that holds the status",
    mutants: &["client-iterates-twice", IN_13],
    steps: |cell| {
        let steps = vec![
            Step::Respond {
                status: 403,
                headers: vec![],
                body: String::new(),
            },
            Step::ExpectEnd,
        ];
        cell.serve(Serve::with(Behaviour::Script { steps }))?;
        let iterate = ClientIterate {
            uri: cell.uri("/"),
            socket: None,
            attempts: 2,
            deadline_ms: 3_000,
        };
        let done = cell.ask(Side::Client, &iterate)?;
        cell.equal(
            "connections that the iterator yielded",
            &0,
            &done.connections,
        );
        let text = done
            .error
            .as_ref()
            .map_or_else(|| "it goes on trying".to_owned(), describe);
        cell.check(
            "the iterator gives up on 403",
            "an error with 403",
            &text,
            text.contains("403"),
        );
        Ok(())
    },
    ..CLIENT
};

fn header_argument(cell: &mut Cell, argument: &str) -> Result<(), CellEnd> {
    cell.serve(Serve::echo())?;
    let socket = cell.connected_socket(cell.protocol(), true)?;
    let mut open = cell.client_open(Some(socket));
    open.top_level = true;
    open.extra
        .insert(argument.to_owned(), serde_json::json!({ "X-Token": "42" }));
    match cell.attempt(Side::Client, &open)? {
        Outcome::Done(opened) => {
            cell.check("the argument is accepted", "accepted", "accepted", true);
            support::small_talk(cell, opened.connection)?;
            support::close_cleanly(cell, opened.connection)
        }
        Outcome::Refused(record, _) => {
            cell.check(
                "the argument is accepted",
                "accepted",
                &describe(&record),
                false,
            );
            cell.record("error", classes(&record));
            Ok(())
        }
    }
}

fn top_level_server(cell: &mut Cell, form: &'static str) -> Result<u32, CellEnd> {
    let host = cell.address(Side::Server);
    let socket = cell.listening_socket(cell.protocol(), &host, true)?;
    let start = ServerStart {
        socket: Some(socket),
        top_level: true,
        form: Some(form.to_owned()),
        ..cell.server_start(Behaviour::Echo)
    };
    Ok(cell.ask(Side::Server, &start)?.server)
}

fn hook(cell: &mut Cell, form: &'static str) -> Result<(), CellEnd> {
    top_level_server(cell, form)?;
    refused_with_403(cell)?;
    match cell.try_connect(Connect::default())? {
        Outcome::Done(opened) => {
            cell.check("another request is let in", "101", "101", true);
            support::close_cleanly(cell, opened.connection)
        }
        Outcome::Refused(record, _) => {
            let text = describe(&record);
            cell.check("another request is let in", "101", &text, false);
            cell.record("answer to another request", answer(&text));
            Ok(())
        }
    }
}

fn refused_with_403(cell: &mut Cell) -> Result<(), CellEnd> {
    match cell.try_connect(Connect {
        resource: "/deny",
        ..Connect::default()
    })? {
        Outcome::Done(opened) => {
            cell.check("the request for /deny is refused", "403", "101", false);
            cell.record("answer to /deny", "101");
            support::close_cleanly(cell, opened.connection)
        }
        Outcome::Refused(record, _) => {
            let text = describe(&record);
            cell.record("answer to /deny", answer(&text));
            cell.check(
                "the request for /deny is refused",
                "403",
                &text,
                text.contains("403"),
            );
            Ok(())
        }
    }
}

fn answer(text: &str) -> &'static str {
    ["403", "500", "400"]
        .into_iter()
        .find(|status| text.contains(status))
        .unwrap_or("no HTTP answer")
}
