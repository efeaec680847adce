//! Frames and messages whose bytes change the path on the way.
//!
//! A cut here comes after a certain number of data segments, in the middle of a message, and not at
//! a certain time: it is the same cut on every machine.

use mpws_fixture::payload::Payload;
use mpws_fixture::script::{Behaviour, RawFrame, Step};
use mpws_lab::rule::{Action, Rule, Which};
use mpws_peers::protocol::Feature;

use crate::case::{Case, Pairs, Profile, Side};
use crate::cases::crossing::{self, Session};
use crate::cell::{Cell, CellEnd, Connect, Serve};
use crate::deadline;
use crate::requirement::{Document, rfc6455, rfc7692, rfc8684, section};

/// The cases of this family.
pub const CASES: &[Case] = &[
    MESSAGE,
    FRAGMENTS,
    DOWNLOAD,
    CONTROL_BETWEEN_FRAGMENTS,
    SLOW_READER,
    SECURE,
    DEFLATE,
    SIXTEEN_MEGABYTES,
];

/// The ground of this family: two joined paths, the first of which dies in the middle of a message.
const BASE: Case = Case {
    bulk: true,
    paths: 2,
    network: "two joined paths; the first loses all data of one side after so many segments",
    control: false,
    ..Case::BASE
};

const MESSAGE: Case = Case {
    slug: "framing/message-across-a-cut",
    title: "The first path dies in the middle of a message of one frame",
    requirements: &[rfc8684("3.3").says("the data sequence is one, whatever subflow carries it")],
    why: "A frame is longer than a segment; a library that reads it from two paths must not see the seam.",
    outcome: "the parts of the message arrive on both paths; it comes back unchanged",
    mutants: &[
        "rule-left-out",
        "endpoint-left-out",
        "echo-alters",
        "client-reconnects",
    ],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        across(
            cell,
            session,
            Payload::Binary {
                size: 300_000,
                seed: 1,
            },
            1,
        )
    },
    ..BASE
};

const FRAGMENTS: Case = Case {
    slug: "framing/fragments-across-a-cut",
    client_unless: &[Feature::NoFragments],
    title: "The first path dies between the fragments of a message",
    requirements: &[rfc6455("5.4"), rfc8684("3.3")],
    why: "Continuation frames from two paths must make one message, in order.",
    outcome: "the fragments arrive on both paths; the message comes back unchanged",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        across(
            cell,
            session,
            Payload::Text {
                size: 200_000,
                seed: 2,
            },
            16,
        )
    },
    ..BASE
};

const DOWNLOAD: Case = Case {
    slug: "framing/download-across-a-cut",
    title: "The first path dies while the server sends a large message",
    requirements: &[rfc8684("3.3.6")],
    why: "Downloads are what long WebSockets are for; here the server's kernel has to find the other path.",
    outcome: "the message arrives on both paths, whole, and the next one too",
    mutants: &["rule-left-out", "endpoint-left-out", "client-loses-message"],
    steps: |cell| {
        let session = download(cell, DOWNLOAD_BYTES)?;
        cut(cell, Side::Server)?;
        let request = Payload::Text { size: 10, seed: 1 };
        crossing::send(cell, session.connection, request.clone(), 1)?;
        downloaded(cell, session, "the message across the cut", DOWNLOAD_BYTES)?;
        crossing::send(cell, session.connection, request, 1)?;
        downloaded(cell, session, "the message after the cut", DOWNLOAD_BYTES)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const CONTROL_BETWEEN_FRAGMENTS: Case = Case {
    slug: "framing/control-between-fragments",
    title: "The first fragment comes by the first path; a ping and the rest by the second",
    requirements: &[rfc6455("5.4").says("control frames may stand between fragments")],
    why: "The ping overtakes nothing: it must be answered in its place, and the message must not suffer.",
    pairs: Pairs::Clients,
    outcome: "the message is whole; the fragments arrived on both paths; the ping is answered",
    mutants: &["rule-left-out", "endpoint-left-out", "client-loses-message"],
    steps: |cell| {
        let frame = |opcode, fin, text: &str| {
            Step::Frame(RawFrame {
                fin,
                rsv: 0,
                opcode,
                masked: None,
                announced_length: None,
                payload_hex: text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            })
        };
        let steps = vec![
            Step::Upgrade,
            Step::Receive,
            frame(TEXT, false, "one "),
            Step::Receive,
            Step::Ping,
            frame(CONTINUATION, true, "message"),
            Step::EchoUntilClose,
        ];
        let serve = Serve::with(Behaviour::Script { steps });
        let session = crossing::on_two_paths(cell, serve, Connect::default())?;
        let first = cell.watch("first-fragment", |rule| {
            rule.path(1).from("server").payload(true)
        })?;
        let go = Payload::Text { size: 5, seed: 1 };
        crossing::send(cell, session.connection, go.clone(), 1)?;
        cell.until_hit("first-fragment", first, 1)?;
        cell.lift(first)?;
        cell.rule(Rule::new("cut", Action::Drop).path(1).from("server"))?;
        cell.expect_dropped(1);
        cell.expect_split_message();
        crossing::send(cell, session.connection, go, 1)?;
        let whole = Payload::Literal {
            text: "one message".to_owned(),
        };
        crossing::receive_this(
            cell,
            session.connection,
            "the message in two fragments",
            &whole,
        )?;
        crossing::talk(cell, session.connection, 0..3)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const SLOW_READER: Case = Case {
    slug: "framing/slow-reader",
    title: "The client does not read, the server's data piles up on both paths, then one path dies",
    requirements: &[rfc8684("3.3.4").says("one receive window for the whole connection")],
    why: "A full window on one path must not lock the other, and nothing may be thrown away to make room.",
    pairs: Pairs::Clients,
    outcome: "all messages arrive whole once the client reads",
    mutants: &["rule-left-out", "endpoint-left-out", "client-loses-message"],
    steps: |cell| {
        let session = download(cell, DOWNLOAD_BYTES)?;
        cut(cell, Side::Server)?;
        let carried = cell.watch("data-on-path-2", |rule| {
            rule.path(2).from("server").payload(true)
        })?;
        for seed in 0..SLOW_MESSAGES {
            crossing::send(
                cell,
                session.connection,
                Payload::Text { size: 10, seed },
                1,
            )?;
        }
        // The client is asked for nothing until the second path has carried much. A client that
        // does not read ahead takes no more than fits into its receive window.
        let due = if cell.has(Side::Client, Feature::NoReadAhead) {
            20
        } else {
            100
        };
        cell.until_hit("data-on-path-2", carried, due)?;
        for number in 0..SLOW_MESSAGES {
            let name = format!("message {number} to the slow reader");
            downloaded(cell, session, &name, DOWNLOAD_BYTES)?;
        }
        crossing::leave(cell, session)
    },
    ..BASE
};

const SECURE: Case = Case {
    slug: "framing/tls-across-a-cut",
    title: "The first path dies in the middle of a TLS record",
    requirements: &[rfc8684("3.3"), section(Document::Rfc8446, "5")],
    why: "A byte out of place ends a TLS connection at once; wss shows the least fault.",
    client_needs: &[Feature::Tls],
    server_needs: &[Feature::Tls],
    outcome: "the message comes back unchanged; the connection closes with 1000",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        // TLS names the server by its first address, which a server on every address has as well.
        let (server, client) = cell.tls()?;
        let serve = Serve {
            tls: Some(server),
            ..Serve::echo()
        };
        let connect = Connect {
            tls: Some(client),
            ..Connect::default()
        };
        let session = crossing::on_two_paths(cell, serve, connect)?;
        cut(cell, Side::Client)?;
        cell.echo(
            session.connection,
            Payload::Binary {
                size: 300_000,
                seed: 1,
            },
            1,
        )?;
        crossing::talk(cell, session.connection, 2..5)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const DEFLATE: Case = Case {
    slug: "framing/deflate-across-a-cut",
    title: "The first path dies in the middle of a compressed message",
    requirements: &[rfc7692("7"), rfc8684("3.3")],
    why: "The window of the compression reaches over messages: a lost byte spoils all that follow.",
    pairs: Pairs::All,
    client_needs: &[Feature::Deflate],
    server_needs: &[Feature::Deflate],
    profile: Profile::Full,
    outcome: "the message and those after it come back unchanged",
    mutants: &["rule-left-out", "endpoint-left-out"],
    steps: |cell| {
        let serve = Serve {
            deflate: true,
            ..Serve::echo()
        };
        let connect = Connect {
            deflate: true,
            ..Connect::default()
        };
        cell.must_compress();
        let session = crossing::on_two_paths(cell, serve, connect)?;
        cut(cell, Side::Client)?;
        cell.expect_split_message();
        cell.echo(
            session.connection,
            Payload::Text {
                size: 300_000,
                seed: 3,
            },
            1,
        )?;
        crossing::talk(cell, session.connection, 4..8)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const SIXTEEN_MEGABYTES: Case = Case {
    slug: "framing/sixteen-megabytes-across-a-cut",
    title: "The first path dies in the middle of a frame of 16 MiB",
    requirements: &[rfc6455("5.2").says("64-bit length"), rfc8684("3.3")],
    why: "Buffers of both kernels are smaller than the frame: it is on both paths, and in the library, at once.",
    profile: Profile::Full,
    outcome: "the frame arrives on both paths, whole, and the connection closes with 1000",
    mutants: &["rule-left-out"],
    steps: |cell| {
        let session = download(cell, LARGE_BYTES)?;
        cut(cell, Side::Server)?;
        let request = Payload::Text { size: 10, seed: 1 };
        crossing::send(cell, session.connection, request, 1)?;
        let name = "the frame of 16 MiB";
        let received = crossing::receive(cell, session.connection, name, deadline::LARGE_MS)?;
        let expected = Payload::Binary {
            size: LARGE_BYTES,
            seed: 0,
        };
        cell.equal(name, &expected.digested(), &received);
        crossing::leave(cell, session)
    },
    ..BASE
};

/// Loses all data that a side sends on path 1 from now on, but for the first segments.
fn cut(cell: &mut Cell, side: Side) -> Result<(), CellEnd> {
    let rule = Rule::new("cut", Action::Drop)
        .path(1)
        .from(side.word())
        .payload(true)
        .which(Which::After(SEGMENTS_THAT_PASS));
    cell.rule(rule)?;
    cell.expect_dropped(1);
    cell.expect_carried(2, true);
    Ok(())
}

/// Sends a message in the middle of which path 1 dies, and some more after it.
fn across(
    cell: &mut Cell,
    session: Session,
    message: Payload,
    fragments: u8,
) -> Result<(), CellEnd> {
    cut(cell, Side::Client)?;
    cell.expect_split_message();
    crossing::send(cell, session.connection, message.clone(), fragments)?;
    let name = "the message across the cut";
    crossing::receive_this(cell, session.connection, name, &message)?;
    crossing::talk(cell, session.connection, 0..4)?;
    crossing::leave(cell, session)
}

/// A server that answers each message with so many bytes.
fn download(cell: &mut Cell, size: u64) -> Result<Session, CellEnd> {
    cell.expect_split_message();
    let serve = Serve::with(Behaviour::AnswerWith { size });
    let connect = Connect {
        max_size: Some(2 * size),
        ..Connect::default()
    };
    crossing::on_two_paths(cell, serve, connect)
}

fn downloaded(cell: &mut Cell, session: Session, name: &str, size: u64) -> Result<(), CellEnd> {
    let expected = Payload::Binary { size, seed: 0 };
    crossing::receive_this(cell, session.connection, name, &expected)
}

/// While both paths are idle the kernel's scheduler begins on the first, and gives it as much as
/// its initial window takes, ten segments. With fewer here, some of a message pass and some are
/// lost, whatever the scheduler does with the rest.
const SEGMENTS_THAT_PASS: u64 = 4;
/// Much more than is on its way at once.
const DOWNLOAD_BYTES: u64 = 300_000;
/// Messages that wait for the slow reader.
const SLOW_MESSAGES: u64 = 3;
/// 16 MiB.
const LARGE_BYTES: u64 = 16 << 20;
/// Opcodes (RFC 6455 section 5.2).
const TEXT: u8 = 1;
const CONTINUATION: u8 = 0;
