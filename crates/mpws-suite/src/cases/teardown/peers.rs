//! What the library's user sees of the end.

use mpws_fixture::payload::Payload;
use mpws_fixture::script::{Behaviour, Step};
use mpws_lab::rule::{Action, Rule};
use mpws_model::shown;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{ConnectionEnd, ConnectionEnded, ConnectionId, ConnectionSend, Nothing};

use super::kernel::{CLOSE_TIMEOUT_S, in_order};
use crate::case::{Case, Pairs, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Connect, Serve, classes, describe};
use crate::deadline;
use crate::requirement::{rfc6455, rfc8684, sysctl};

/// The cases of this group.
pub const CASES: &[Case] = &[
    CLEAN,
    SERVER_KILLED,
    CLIENT_KILLED,
    SERVER_RESETS,
    SERVER_HALF_CLOSES,
    SOLE_SUBFLOW_RESET,
    KEEPALIVE_ENDS_IT,
];

const CLEAN: Case = Case {
    slug: "teardown/clean-close",
    title: "A closing handshake with 1000 ends the transport in order, too",
    requirements: &[
        rfc6455("7.1.1").says("close cleanly, the server first"),
        rfc8684("3.3.3"),
    ],
    why: "A library that resets connections after the close frame loses the other side's last data, and fills error counters.",
    outcome: "1000 at both ends; no reset on the wire, no MP_FASTCLOSE, no abort counted; no MPTCP socket is left",
    mutants: &[
        "client-misreports-close",
        "server-misreports-close",
        "wire-resets-fin",
    ],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.finish(server, opened.connection)?;
        cell.wait_for("the last MPTCP socket to go", |cell| {
            let now = cell.mptcp_sockets()?;
            Ok((now == 0).then_some(()))
        })?;
        in_order(cell)
    },
    ..Case::BASE
};

const SERVER_KILLED: Case = Case {
    slug: "teardown/server-killed",
    title: "The server's process is killed: the client's user learns it by 1006",
    requirements: &[rfc6455("7.1.5").says("1006 where no close frame came")],
    why: "Crashes and OOM kills are how servers really end; a client that does not notice never reconnects.",
    outcome: "the connection ends by itself, with 1006, and the client has no socket left",
    mutants: &["client-misreports-close", "client-leaks"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.witness_with_server(server, opened.connection)?;
        cell.kill(Side::Server)?;
        ends_abnormally(cell, opened.connection)?;
        nothing_left(cell)
    },
    ..Case::BASE
};

const CLIENT_KILLED: Case = Case {
    slug: "teardown/client-killed",
    title: "The client's process is killed: the server's user learns it by 1006",
    requirements: &[rfc6455("7.1.5").says("1006 where no close frame came")],
    why: "A server that does not notice keeps the connection, its memory and its place in a room for ever.",
    outcome: "the server's handler ends by itself, with 1006",
    mutants: &["server-misreports-close"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.witness_with_server(server, opened.connection)?;
        cell.kill(Side::Client)?;
        let state = cell.server_saw(server, 1, 1)?;
        let end = state.connections.last().and_then(|last| last.end.clone());
        let Some(end) = end else {
            cell.check(
                "the server notices the end",
                "in time",
                "not within the deadline",
                false,
            );
            return Ok(());
        };
        judge_end(cell, Side::Server, &end);
        Ok(())
    },
    ..Case::BASE
};

/// Ground: the fixture's server runs a script, the client's user waits for the end.
const SCRIPTED: Case = Case {
    pairs: Pairs::Clients,
    server_needs: &[Feature::Script],
    outcome: "the connection ends by itself, with 1006, and the client has no socket left",
    mutants: &["client-misreports-close", "client-leaks"],
    ..Case::BASE
};

const SERVER_RESETS: Case = Case {
    slug: "teardown/server-resets",
    title: "The server aborts the connection (SO_LINGER 0)",
    requirements: &[rfc6455("7.1.5"), rfc8684("3.5").says("MP_FASTCLOSE")],
    why: "Proxies end connections like this; some kernels turn it into an orderly end over MPTCP.",
    steps: |cell| scripted(cell, vec![Step::Upgrade, Step::Receive, Step::Reset]),
    ..SCRIPTED
};

const SERVER_HALF_CLOSES: Case = Case {
    slug: "teardown/server-half-closes",
    title: "The server half-closes without a close frame, and waits",
    requirements: &[rfc6455("7.1.1").says("an end of file without a close frame is the end")],
    why: "A client that does not answer an end of file leaves both sides waiting for ever.",
    steps: |cell| {
        let steps = vec![
            Step::Upgrade,
            Step::Receive,
            Step::HalfClose,
            Step::ExpectEnd,
        ];
        scripted(cell, steps)
    },
    ..SCRIPTED
};

const SOLE_SUBFLOW_RESET: Case = Case {
    slug: "teardown/sole-subflow-reset",
    title: "The only subflow is reset by the network: over MPTCP the user learns it after close_timeout",
    requirements: &[sysctl("net.mptcp.close_timeout"), rfc6455("7.1.5")],
    why: "The kernel reports it as ENOTCONN without an error event; a library that does not expect that hangs or spins.",
    network: "one path; what the client sends after the first message is answered with a reset; close_timeout is 1 s",
    mutants: &["rule-left-out", "sysctl-left-on", "client-misreports-close"],
    steps: |cell| {
        cell.sysctl(
            Side::Client,
            "net.mptcp.close_timeout",
            &CLOSE_TIMEOUT_S.to_string(),
        )?;
        cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.witness(Some(opened.connection))?;
        let reset = Rule::new("reset", Action::Reset)
            .from("client")
            .payload(true);
        cell.rule(reset)?;
        send(cell, opened.connection)?;
        ends_abnormally(cell, opened.connection)?;
        nothing_left(cell)
    },
    ..SCRIPTED
};

const KEEPALIVE_ENDS_IT: Case = Case {
    slug: "teardown/sole-subflow-reset-keepalive",
    title: "The only subflow is reset and the kernel keeps silent: the keepalive of the library ends the connection",
    requirements: &[
        rfc6455("5.5.2"),
        sysctl("net.mptcp.close_timeout").says("kernels before 6.12 lack it"),
    ],
    why: "An old kernel never reports it, a new one after a minute: without pings a client waits for ever, or nearly.",
    network: "one path; what the client sends after the first message is answered with a reset; close_timeout is an hour",
    pairs: Pairs::Clients,
    client_needs: &[Feature::Asyncio],
    control: false,
    outcome: "no ping is answered, and the connection ends by ping_timeout; which close code the API reports is recorded",
    mutants: &["rule-left-out"],
    waits: true,
    steps: |cell| {
        if cell.knows_sysctl(Side::Client, CLOSE_TIMEOUT) {
            cell.sysctl(Side::Client, CLOSE_TIMEOUT, "3600")?;
        }
        cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect {
            extra: &[("ping_interval", 0.2), ("ping_timeout", 1.0)],
            ..Connect::default()
        })?;
        support::small_talk(cell, opened.connection)?;
        cell.witness(Some(opened.connection))?;
        let reset = Rule::new("reset", Action::Reset)
            .from("client")
            .payload(true);
        cell.rule(reset)?;
        let end: ConnectionEnd = cell.ask(
            Side::Client,
            &ConnectionEnded {
                connection: opened.connection,
                deadline_ms: deadline::SWITCH_MS,
            },
        )?;
        let codes = [Some(1006), Some(1011)];
        cell.check(
            "close code that the client's API reports",
            "1006 or 1011",
            &shown(&end.code),
            codes.contains(&end.code),
        );
        cell.record("close code that the client's API reports", end.code);
        nothing_left(cell)
    },
    ..SCRIPTED
};

fn scripted(cell: &mut Cell, steps: Vec<Step>) -> Result<(), CellEnd> {
    let server = cell.serve(Serve::with(Behaviour::Script { steps }))?;
    let opened = cell.connect(Connect::default())?;
    send(cell, opened.connection)?;
    ends_abnormally(cell, opened.connection)?;
    nothing_left(cell)?;
    let state = cell.server_saw(server, 1, 1)?;
    let ended = state
        .connections
        .last()
        .is_some_and(|last| last.end.is_some());
    cell.check(
        "the server sees the end",
        "in time",
        if ended {
            "in time"
        } else {
            "not within the deadline"
        },
        ended,
    );
    Ok(())
}

fn send(cell: &mut Cell, connection: ConnectionId) -> Result<(), CellEnd> {
    let _: Nothing = cell.ask(
        Side::Client,
        &ConnectionSend {
            connection,
            message: Payload::Text { size: 30, seed: 9 },
            fragments: 1,
            deadline_ms: deadline::STEP_MS,
        },
    )?;
    Ok(())
}

/// Waits for the end at the client, and judges it.
fn ends_abnormally(cell: &mut Cell, connection: ConnectionId) -> Result<(), CellEnd> {
    let end: ConnectionEnd = cell.ask(
        Side::Client,
        &ConnectionEnded {
            connection,
            deadline_ms: deadline::STEP_MS,
        },
    )?;
    judge_end(cell, Side::Client, &end);
    Ok(())
}

fn judge_end(cell: &mut Cell, side: Side, end: &ConnectionEnd) {
    cell.equal(
        &format!("close code that the {}'s API reports", side.word()),
        &Some(1006),
        &end.code,
    );
    let classes = end.error.as_ref().map(classes);
    let text = end.error.as_ref().map(describe);
    if cell.has(side, Feature::VaryingChains) {
        cell.record_volatile("error", classes);
    } else {
        cell.record("error", classes);
    }
    cell.record_volatile("error text", text);
}

/// The client gives its socket back. It does so a moment after it has reported the end.
fn nothing_left(cell: &mut Cell) -> Result<(), CellEnd> {
    let waited = cell.wait_for("the client to close its socket", |cell| {
        let left = cell.ask(Side::Client, &mpws_peers::protocol::ProcessDescriptors {})?;
        Ok(left.sockets.is_empty().then_some(()))
    });
    let observed = match &waited {
        Ok(()) => "none",
        Err(CellEnd::Failed(_)) => "some, still",
        Err(_) => return waited,
    };
    cell.check(
        "sockets left in the client's process",
        "none",
        observed,
        observed == "none",
    );
    Ok(())
}

const CLOSE_TIMEOUT: &str = "net.mptcp.close_timeout";
