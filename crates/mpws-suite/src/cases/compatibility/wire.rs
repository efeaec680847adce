//! On the wire: every peer with every peer.

use mpws_fixture::payload::Payload;
use mpws_fixture::script::{Behaviour, Step};
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{
    ConnectionClose, ConnectionEnded, ConnectionPing, ConnectionReceive, ConnectionSend,
};

use crate::case::{Case, Pairs, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Connect, Outcome, Serve, classes};
use crate::deadline;
use crate::requirement::{rfc6455, rfc7692};

/// The cases of this group.
pub const CASES: &[Case] = &[
    CONVERSATION,
    CLIENT_CLOSES,
    SERVER_CLOSES,
    DEFLATE,
    DEFLATE_REFUSED,
    SUBPROTOCOL,
    SUBPROTOCOL_NOT_OFFERED,
    TOO_BIG,
    UPGRADE_FRAME_CLOSE,
];

const CONVERSATION: Case = Case {
    slug: "compatibility/conversation",
    title: "Text and binary from 0 B to 1 MiB, fragments, pings",
    requirements: &[
        rfc6455("5.2"),
        rfc6455("5.4"),
        rfc6455("5.5.2"),
        rfc6455("5.6"),
    ],
    why: "It is said that both ends must run the same version; this shows whether that is so.",
    pairs: Pairs::All,
    bulk: true,
    outcome: "every message comes back unchanged, at each boundary of the length encoding; pings are answered",
    mutants: &[
        "echo-alters",
        "echo-drops",
        "echo-doubles",
        "echo-reorders",
        "client-never-asks",
    ],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let connection = cell.connect(Connect::default())?.connection;
        for (seed, size) in [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576]
            .into_iter()
            .enumerate()
        {
            let seed = seed as u64;
            cell.echo(connection, Payload::Binary { size, seed }, 1)?;
            if size <= 65_536 {
                cell.echo(connection, Payload::Text { size, seed }, 1)?;
            }
        }
        for (size, fragments) in [(300, 3), (70_000, 7)] {
            cell.echo(connection, Payload::Text { size, seed: 20 }, fragments)?;
            cell.echo(connection, Payload::Binary { size, seed: 21 }, fragments)?;
        }
        ping(cell, connection)?;
        // Two on the way at once: doubled, dropped and reordered answers show here.
        in_flight(cell, connection)?;
        cell.finish(server, connection)
    },
    ..Case::BASE
};

const CLIENT_CLOSES: Case = Case {
    slug: "compatibility/client-closes",
    title: "The client closes with a code and a reason of its own",
    requirements: &[
        rfc6455("5.5.1"),
        rfc6455("7.1.5"),
        rfc6455("7.1.6"),
        rfc6455("7.4"),
    ],
    why: "Close codes carry meaning for applications; they must arrive as sent.",
    pairs: Pairs::All,
    outcome: "the server's API reports the code; so does the client's, from the answer",
    mutants: &["server-misreports-close", "client-never-asks"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        for (number, (code, reason)) in [(1001, "going away"), (3000, ""), (4999, "caf\u{e9}")]
            .into_iter()
            .enumerate()
        {
            let connection = cell.connect(Connect::default())?.connection;
            cell.echo(connection, Payload::Text { size: 10, seed: 1 }, 1)?;
            if number == 0 {
                cell.witness_with_server(server, connection)?;
            }
            let end = cell.ask(
                Side::Client,
                &ConnectionClose {
                    connection,
                    code,
                    reason: reason.to_owned(),
                    deadline_ms: deadline::STEP_MS,
                },
            )?;
            cell.equal("close code at the client", &Some(code), &end.code);
            let number = u32::try_from(number).unwrap_or(u32::MAX) + 1;
            let state = cell.server_saw(server, number, number)?;
            let seen = state.connections.last().and_then(|last| last.end.clone());
            cell.equal(
                "close code at the server",
                &Some(code),
                &seen.as_ref().and_then(|e| e.code),
            );
            let seen = seen.and_then(|end| end.reason).unwrap_or_default();
            cell.equal("close reason at the server", &reason.to_owned(), &seen);
        }
        Ok(())
    },
    ..Case::BASE
};

const SERVER_CLOSES: Case = Case {
    slug: "compatibility/server-closes",
    title: "The server closes with 4001 \"bye\"",
    requirements: &[
        rfc6455("5.5.1"),
        rfc6455("7.1.5"),
        rfc6455("7.1.6"),
        rfc6455("7.4"),
    ],
    why: "Close codes carry meaning for applications; they must arrive as sent.",
    pairs: Pairs::All,
    outcome: "the client's API reports 4001 and \"bye\"",
    mutants: &["client-misreports-close", "client-never-asks"],
    steps: |cell| {
        let behaviour = Behaviour::Close {
            code: 4001,
            reason: "bye".to_owned(),
        };
        let server = cell.serve(Serve::with(behaviour))?;
        let connection = cell.connect(Connect::default())?.connection;
        cell.witness_with_server(server, connection)?;
        send(cell, connection, Payload::Text { size: 5, seed: 1 })?;
        let end = cell.ask(
            Side::Client,
            &ConnectionEnded {
                connection,
                deadline_ms: deadline::STEP_MS,
            },
        )?;
        cell.equal("close code at the client", &Some(4001), &end.code);
        cell.equal(
            "close reason at the client",
            &Some("bye".to_owned()),
            &end.reason,
        );
        cell.server_saw(server, 1, 1)?;
        Ok(())
    },
    ..Case::BASE
};

const DEFLATE: Case = Case {
    slug: "compatibility/deflate",
    title: "permessage-deflate is negotiated and carries every message",
    requirements: &[rfc7692("7")],
    why: "The library offers it by default; versions must agree on its parameters.",
    pairs: Pairs::All,
    client_needs: &[Feature::Deflate],
    server_needs: &[Feature::Deflate],
    outcome: "both ends name the extension; every message is compressed on the wire and comes back unchanged",
    mutants: &[
        "client-claims-deflate",
        "wire-corrupts-payload",
        "wire-strips-mptcp",
    ],
    steps: |cell| {
        let server = cell.serve(Serve {
            deflate: true,
            ..Serve::echo()
        })?;
        let opened = cell.connect(Connect {
            deflate: true,
            ..Connect::default()
        })?;
        let named = opened
            .extensions
            .iter()
            .any(|name| name.contains("permessage-deflate"));
        cell.check(
            "the client names permessage-deflate",
            "named",
            if named { "named" } else { "absent" },
            named,
        );
        cell.record("extensions at the client", opened.extensions.clone());
        support::small_talk(cell, opened.connection)?;
        cell.echo(
            opened.connection,
            Payload::Text {
                size: 100_000,
                seed: 6,
            },
            1,
        )?;
        cell.echo(
            opened.connection,
            Payload::Text {
                size: 3_000,
                seed: 6,
            },
            3,
        )?;
        let state = cell.server_state(server)?;
        let at_server = state
            .connections
            .last()
            .map(|last| last.extensions.clone())
            .unwrap_or_default();
        let named = at_server
            .iter()
            .any(|name| name.contains("permessage-deflate"));
        cell.check(
            "the server names permessage-deflate",
            "named",
            if named { "named" } else { "absent" },
            named,
        );
        cell.must_compress();
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const DEFLATE_REFUSED: Case = Case {
    slug: "compatibility/deflate-refused",
    title: "permessage-deflate is offered and not taken",
    requirements: &[rfc7692("5.1").says("a server may leave an offer out of its answer")],
    why: "Client and server settings differ; the connection must work uncompressed.",
    pairs: Pairs::Star,
    client_needs: &[Feature::Deflate],
    outcome: "no extension is negotiated; messages come back unchanged",
    mutants: &[
        "client-offers-no-deflate",
        "echo-alters",
        "wire-strips-mptcp",
    ],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect {
            deflate: true,
            ..Connect::default()
        })?;
        cell.equal(
            "extensions at the client",
            &Vec::<String>::new(),
            &opened.extensions,
        );
        support::small_talk(cell, opened.connection)?;
        let state = cell.server_state(server)?;
        let offered = state.connections.last().is_some_and(|last| {
            last.request_headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("sec-websocket-extensions")
                    && value.contains("permessage-deflate")
            })
        });
        cell.check(
            "the offer reaches the server",
            "permessage-deflate",
            if offered {
                "permessage-deflate"
            } else {
                "no offer"
            },
            offered,
        );
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const SUBPROTOCOL: Case = Case {
    slug: "compatibility/subprotocol",
    client_unless: &[Feature::NoSubprotocols],
    server_unless: &[Feature::NoSubprotocols],
    title: "One of two offered subprotocols is known to the server",
    requirements: &[rfc6455("1.9"), rfc6455("4.2.2")],
    why: "Applications choose their message format by it.",
    pairs: Pairs::All,
    outcome: "both ends name the common one",
    mutants: &["client-misnames-subprotocol", "client-never-asks"],
    steps: |cell| {
        let subprotocols = vec!["chat.v2".to_owned()];
        let server = cell.serve(Serve {
            subprotocols,
            ..Serve::echo()
        })?;
        let subprotocols = vec!["chat.v1".to_owned(), "chat.v2".to_owned()];
        let opened = cell.connect(Connect {
            subprotocols,
            ..Connect::default()
        })?;
        let expected = Some("chat.v2".to_owned());
        cell.equal("subprotocol at the client", &expected, &opened.subprotocol);
        support::small_talk(cell, opened.connection)?;
        let state = cell.server_state(server)?;
        let seen = state
            .connections
            .last()
            .and_then(|last| last.subprotocol.clone());
        cell.equal("subprotocol at the server", &expected, &seen);
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const SUBPROTOCOL_NOT_OFFERED: Case = Case {
    slug: "compatibility/subprotocol-not-offered",
    server_unless: &[Feature::NoSubprotocols],
    title: "The server knows subprotocols, the client offers none",
    requirements: &[rfc6455("4.2.2").says("the server may go on without one, or refuse")],
    why: "Implementations of one and the same release answer differently; users meet it when they move from one to the other.",
    pairs: Pairs::Servers,
    server_needs: &[Feature::SockHandover],
    outcome: "either a connection without a subprotocol, or an HTTP error that says so",
    mutants: &["client-misnames-subprotocol", "client-never-asks"],
    steps: |cell| {
        let subprotocols = vec!["chat.v2".to_owned()];
        cell.serve(Serve {
            subprotocols,
            ..Serve::echo()
        })?;
        match cell.try_connect(Connect::default())? {
            Outcome::Done(opened) => {
                cell.record("answer", "101");
                cell.equal("subprotocol at the client", &None, &opened.subprotocol);
                support::small_talk(cell, opened.connection)?;
                cell.witness(Some(opened.connection))?;
                support::close_cleanly(cell, opened.connection)
            }
            Outcome::Refused(record, _) => {
                let text = crate::cell::describe(&record);
                cell.record(
                    "answer",
                    if text.contains("400") {
                        "400"
                    } else {
                        "an error"
                    },
                );
                cell.check(
                    "the refusal is an HTTP error",
                    "400",
                    &text,
                    text.contains("400"),
                );
                Ok(())
            }
        }
    },
    ..Case::BASE
};

const TOO_BIG: Case = Case {
    slug: "compatibility/too-big",
    server_unless: &[Feature::NoMaxSize],
    title: "A message of one byte more than the server accepts",
    requirements: &[rfc6455("7.4.1").says("1009 for a message that is too big")],
    why: "Every server has a limit; the client must learn why it was cut off.",
    pairs: Pairs::All,
    outcome: "the connection ends with close code 1009 at the client",
    mutants: &[
        "server-ignores-limit",
        "client-misreports-close",
        "client-never-asks",
    ],
    steps: |cell| {
        // It fits into one segment: a server that closes with unread data resets the connection,
        // and the reset may overtake the close frame.
        let limit = 1_000;
        let server = cell.serve(Serve {
            max_size: Some(limit),
            ..Serve::echo()
        })?;
        let connection = cell.connect(Connect::default())?.connection;
        cell.witness_with_server(server, connection)?;
        let message = Payload::Binary {
            size: limit + 1,
            seed: 8,
        };
        let message = ConnectionSend {
            connection,
            message,
            fragments: 1,
            deadline_ms: deadline::TRANSFER_MS,
        };
        // The server may close while the message is still on its way out: both ends of sending are
        // right.
        if let Outcome::Refused(record, _) = cell.attempt(Side::Client, &message)? {
            cell.record_volatile("error of sending", classes(&record));
        }
        let end = cell.ask(
            Side::Client,
            &ConnectionEnded {
                connection,
                deadline_ms: deadline::STEP_MS,
            },
        )?;
        cell.equal("close code at the client", &Some(1009), &end.code);
        cell.record_volatile("close reason at the client", end.reason.unwrap_or_default());
        Ok(())
    },
    ..Case::BASE
};

const UPGRADE_FRAME_CLOSE: Case = Case {
    slug: "compatibility/upgrade-frame-close",
    title: "101, a message and a close frame arrive in one segment",
    requirements: &[rfc6455("4.1").says("what follows the answer's head is WebSocket data")],
    why: "A fast server does this; older releases of one implementation lost the message.",
    pairs: Pairs::Clients,
    server_needs: &[Feature::Script],
    outcome: "the client receives the message, then the close with 1000",
    mutants: &["client-loses-message", "client-never-asks"],
    waits: true,
    steps: |cell| {
        let message = Payload::Text { size: 30, seed: 12 };
        let steps = vec![
            Step::Gather {
                steps: vec![
                    Step::Upgrade,
                    Step::Send {
                        message: message.clone(),
                        fragments: 1,
                    },
                    Step::Frame(mpws_fixture::script::RawFrame {
                        fin: true,
                        rsv: 0,
                        opcode: 8,
                        masked: None,
                        announced_length: None,
                        payload_hex: "03e8".to_owned(),
                    }),
                ],
            },
            Step::ExpectEnd,
        ];
        cell.serve(Serve::with(Behaviour::Script { steps }))?;
        let connection = cell.connect(Connect::default())?.connection;
        let receive = ConnectionReceive {
            connection,
            deadline_ms: deadline::STEP_MS,
        };
        match cell.attempt(Side::Client, &receive)? {
            Outcome::Done(received) => {
                cell.equal(
                    "message that came with the answer",
                    &message.digested(),
                    &received,
                );
            }
            Outcome::Refused(record, _) => {
                cell.check(
                    "message that came with the answer",
                    "the message",
                    &crate::cell::describe(&record),
                    false,
                );
            }
        }
        let end = cell.ask(
            Side::Client,
            &ConnectionEnded {
                connection,
                deadline_ms: deadline::STEP_MS,
            },
        )?;
        cell.equal("close code at the client", &Some(1000), &end.code);
        Ok(())
    },
    ..Case::BASE
};

fn ping(cell: &mut Cell, connection: u32) -> Result<(), CellEnd> {
    for _ in 0..3 {
        cell.ask(
            Side::Client,
            &ConnectionPing {
                connection,
                deadline_ms: deadline::STEP_MS,
            },
        )?;
        cell.check("ping is answered", "a pong", "a pong", true);
    }
    Ok(())
}

fn send(cell: &mut Cell, connection: u32, message: Payload) -> Result<(), CellEnd> {
    let send = ConnectionSend {
        connection,
        message,
        fragments: 1,
        deadline_ms: deadline::TRANSFER_MS,
    };
    cell.ask(Side::Client, &send)?;
    Ok(())
}

fn in_flight(cell: &mut Cell, connection: u32) -> Result<(), CellEnd> {
    let messages: Vec<Payload> = (0..6)
        .map(|number| Payload::Binary {
            size: 50 + number,
            seed: number,
        })
        .collect();
    for message in &messages {
        send(cell, connection, message.clone())?;
    }
    for message in &messages {
        let receive = ConnectionReceive {
            connection,
            deadline_ms: deadline::TRANSFER_MS,
        };
        let received = cell.ask(Side::Client, &receive)?;
        cell.equal(
            "messages come back in order",
            &message.digested(),
            &received,
        );
    }
    Ok(())
}
