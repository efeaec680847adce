//! What a client makes of a server's compression, right or wrong (RFC 7692).

use mpws_codec::deflate::{Compressor, WindowBits};
use mpws_fixture::payload::Payload;
use mpws_fixture::script::{Behaviour, RawFrame, Step};
use mpws_model::shown;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{ConnectionEnded, ConnectionReceive, ServerStop};
use mpws_trace::Rule;

use crate::case::{Case, Pairs, Side};
use crate::cases::support::{self, Refusal};
use crate::cell::{Cell, CellEnd, Connect, Outcome, Serve, describe};
use crate::deadline;
use crate::requirement::{rfc6455, rfc7692};

/// The cases of this group.
pub const CASES: &[Case] = &[
    WINDOWS,
    FINAL_BLOCK,
    ANSWER_NOT_OFFERED,
    ANSWER_UNKNOWN_PARAMETER,
    ANSWER_WINDOW_OUT_OF_RANGE,
    ANSWER_TWICE,
    GARBAGE,
    BOMB,
];

/// Ground: each client that compresses, with the fixture's server, which runs a script.
const SCRIPTED: Case = Case {
    pairs: Pairs::Clients,
    client_needs: &[Feature::Deflate],
    server_needs: &[Feature::Script],
    ..Case::BASE
};

/// Ground: an answer that the client must not accept.
const MALFORMED: Case = Case {
    why: "A client that goes on reads compressed data with the wrong parameters, or as text.",
    outcome: "the client fails the opening handshake; its error is recorded",
    mutants: &["client-claims-open"],
    ..SCRIPTED
};

const WINDOWS: Case = Case {
    slug: "compatibility/deflate-windows",
    title: "The server chooses windows of 9 to 15 bits, with and without context takeover",
    requirements: &[rfc7692("7.1.1"), rfc7692("7.1.2"), rfc7692("7.2")],
    why: "Servers save memory by it; a client that uses another window sends what cannot be read.",
    outcome: "every message comes back unchanged, compressed on the wire both ways",
    mutants: &["client-offers-no-deflate", "client-misreports-close"],
    steps: |cell| {
        for bits in 9..=15 {
            let switches = if bits % 2 == 0 {
                ""
            } else {
                "; server_no_context_takeover; client_no_context_takeover"
            };
            let answer = format!(
                "permessage-deflate{switches}; server_max_window_bits={bits}; client_max_window_bits={bits}"
            );
            let steps = vec![upgrade_with(&answer), Step::EchoUntilClose];
            let server = cell.serve(Serve::with(Behaviour::Script { steps }))?;
            let connection = negotiated(cell)?;
            support::small_talk(cell, connection)?;
            // Longer than the window, and twice, so that there is much to refer to.
            let message = Payload::Text {
                size: 70_000,
                seed: 9,
            };
            cell.echo(connection, message.clone(), 1)?;
            cell.echo(connection, message, 3)?;
            if bits == 9 {
                cell.witness_with_server(server, connection)?;
            }
            support::close_cleanly(cell, connection)?;
            let stop = ServerStop {
                server,
                deadline_ms: deadline::STEP_MS,
            };
            cell.ask(Side::Server, &stop)?;
        }
        cell.must_compress();
        Ok(())
    },
    ..SCRIPTED
};

const FINAL_BLOCK: Case = Case {
    slug: "compatibility/deflate-final-block",
    title: "The server ends a message with BFINAL, and sends another one",
    requirements: &[
        rfc7692("7.2.1").says("blocks with BFINAL set may be used"),
        rfc7692("7.2.3.4"),
    ],
    why: "Senders without a way to flush do this. A client that stops at the bit loses all that follows, silently.",
    outcome: "both messages arrive unchanged",
    mutants: &["client-loses-message", "client-offers-no-deflate"],
    steps: |cell| {
        let steps = vec![
            Step::Upgrade,
            // RFC 7692 sections 7.2.3.4 and 7.2.3.1.
            compressed("f348cdc9c9070000"),
            compressed("f248cdc9c90700"),
            Step::EchoUntilClose,
        ];
        serve(cell, steps)?;
        let connection = negotiated(cell)?;
        let hello = Payload::Literal {
            text: "Hello".to_owned(),
        };
        for name in ["message with BFINAL", "message after the one with BFINAL"] {
            let receive = ConnectionReceive {
                connection,
                deadline_ms: deadline::STEP_MS,
            };
            match cell.attempt(Side::Client, &receive)? {
                Outcome::Done(received) => cell.equal(name, &hello.digested(), &received),
                Outcome::Refused(record, _) => {
                    cell.check(name, "the message", &describe(&record), false);
                    return Ok(());
                }
            }
        }
        support::close_cleanly(cell, connection)
    },
    ..SCRIPTED
};

const ANSWER_NOT_OFFERED: Case = Case {
    slug: "compatibility/deflate-answer-not-offered",
    title: "The server takes permessage-deflate, which the client did not offer",
    requirements: &[rfc7692("5").says("accepting what was not offered must fail the connection")],
    steps: |cell| malformed(cell, "permessage-deflate", Rule::NotOffered),
    ..MALFORMED
};

const ANSWER_UNKNOWN_PARAMETER: Case = Case {
    slug: "compatibility/deflate-answer-unknown-parameter",
    title: "The server answers permessage-deflate with a parameter that is not defined",
    requirements: &[
        rfc7692("7").says("an undefined parameter in an answer must fail the connection")
    ],
    steps: |cell| {
        malformed(
            cell,
            "permessage-deflate; mode=fast",
            Rule::DeflateParameters,
        )
    },
    ..MALFORMED
};

const ANSWER_WINDOW_OUT_OF_RANGE: Case = Case {
    slug: "compatibility/deflate-answer-window-out-of-range",
    title: "The server answers server_max_window_bits=16",
    requirements: &[
        rfc7692("7"),
        rfc7692("7.1.2.1").says("8 to 15, and another value must fail the connection"),
    ],
    steps: |cell| {
        malformed(
            cell,
            "permessage-deflate; server_max_window_bits=16",
            Rule::DeflateParameters,
        )
    },
    ..MALFORMED
};

const ANSWER_TWICE: Case = Case {
    slug: "compatibility/deflate-answer-twice",
    title: "The server answers permessage-deflate twice",
    requirements: &[
        rfc7692("5").says("both extensions would use RSV1, which must fail the connection")
    ],
    steps: |cell| {
        malformed(
            cell,
            "permessage-deflate, permessage-deflate",
            Rule::DeflateParameters,
        )
    },
    ..MALFORMED
};

const GARBAGE: Case = Case {
    slug: "compatibility/deflate-garbage",
    title: "The server sends a compressed message that is not DEFLATE",
    requirements: &[rfc7692("6.2"), rfc6455("7.4.1").says("1002 or 1007")],
    why: "Without a close code the server's author never learns why clients go away.",
    outcome: "the client closes with 1002 or 1007; which one is recorded",
    mutants: &["client-offers-no-deflate", "client-never-asks"],
    steps: |cell| {
        cell.breaks(Rule::DeflateData);
        closes(cell, compressed("ffffffff"), &[1002, 1007])
    },
    ..SCRIPTED
};

const BOMB: Case = Case {
    slug: "compatibility/deflate-bomb",
    title: "16 MiB arrive as 16 KiB, at a client that accepts 1 MiB",
    requirements: &[
        rfc6455("7.4.1").says("1009 for a message that is too big"),
        rfc7692("8"),
    ],
    why: "A limit that holds for what is on the wire alone does not protect memory.",
    outcome: "the client closes with 1009",
    mutants: &["client-ignores-size", "client-never-asks"],
    steps: |cell| {
        let mut compressor = Compressor::new(WindowBits::MAX, false);
        let bomb = compressor
            .message(&vec![b'0'; 16 << 20])
            .map_err(|error| CellEnd::broken("the bomb was not made", &error))?;
        let digits: String = bomb.iter().map(|byte| format!("{byte:02x}")).collect();
        closes(cell, compressed(&digits), &[1009])
    },
    ..SCRIPTED
};

/// Lets the server answer like this, and judges that the client refuses.
fn malformed(cell: &mut Cell, answer: &str, broken: Rule) -> Result<(), CellEnd> {
    cell.breaks(broken);
    let steps = vec![upgrade_with(answer), Step::ExpectEnd];
    cell.serve(Serve::with(Behaviour::Script { steps }))?;
    let outcome = cell.try_connect(Connect {
        deflate: broken != Rule::NotOffered,
        ..Connect::default()
    })?;
    let refusal = Refusal {
        within_ms: deadline::OPEN_TIMEOUT_MS,
        errnos: &[],
        words: &[],
        closes: cell.has(Side::Client, Feature::SockHandover),
    };
    support::judge_refusal(cell, outcome, refusal);
    Ok(())
}

/// Lets the server do this, and judges that the client closes with one of these codes, in time.
fn closes(cell: &mut Cell, step: Step, codes: &[u16]) -> Result<(), CellEnd> {
    let server = serve(cell, vec![Step::Upgrade, step, Step::EchoUntilClose])?;
    let connection = negotiated(cell)?;
    let ended = ConnectionEnded {
        connection,
        deadline_ms: deadline::STEP_MS,
    };
    cell.ask(Side::Client, &ended)?;
    let state = cell.server_saw(server, 1, 1)?;
    let end = state.connections.last().and_then(|last| last.end.clone());
    let code = end.as_ref().and_then(|end| end.code);
    cell.check(
        "close code at the server",
        &format!("one of {}", shown(codes)),
        &shown(&code),
        code.is_some_and(|code| codes.contains(&code)),
    );
    cell.record("close code at the server", code);
    cell.record_volatile("close reason at the server", end.and_then(|end| end.reason));
    Ok(())
}

/// A server that takes every offer of permessage-deflate as it is.
fn serve(cell: &mut Cell, steps: Vec<Step>) -> Result<u32, CellEnd> {
    cell.serve(Serve {
        deflate: true,
        max_size: Some(1 << 26),
        ..Serve::with(Behaviour::Script { steps })
    })
}

/// A client that accepts 1 MiB and names the extension.
fn negotiated(cell: &mut Cell) -> Result<u32, CellEnd> {
    let opened = cell.connect(Connect {
        deflate: true,
        max_size: Some(1 << 20),
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
    Ok(opened.connection)
}

fn upgrade_with(answer: &str) -> Step {
    Step::UpgradeWith {
        headers: vec![("Sec-WebSocket-Extensions".to_owned(), answer.to_owned())],
    }
}

/// A text message of one compressed frame.
fn compressed(payload_hex: &str) -> Step {
    Step::Frame(RawFrame {
        fin: true,
        rsv: 4,
        opcode: 1,
        masked: None,
        announced_length: None,
        payload_hex: payload_hex.to_owned(),
    })
}
