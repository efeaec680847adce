//! What the sockets themselves see of the end.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mpws_lab::rule::{Action, Rule};
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Cause;
use socket2::Socket;

use mptcp::sockopt::{IsMptcp, is_mptcp};

use super::DISORDER;
use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::sockopts::TCP_INFO;
use crate::cell::{Cell, CellEnd, Wired, carry, refused};
use crate::deadline;
use crate::requirement::{Document, linux_source, manual, rfc8684, section, socket_option, sysctl};

/// The cases of this group.
pub const CASES: &[Case] = &[
    CLEAN,
    HALF_CLOSE,
    UNREAD_DATA,
    UNREAD_DATA_AFTER_FALLBACK,
    LINGER_ZERO,
    LINGER_ZERO_AFTER_FALLBACK,
    SOLE_SUBFLOW_RESET,
    QUEUE_ABANDONED,
];

const BASE: Case = Case {
    pairs: Pairs::Fixtures,
    ..Case::BASE
};

const CLEAN: Case = Case {
    slug: "teardown/sockets-close-in-order",
    title: "Both ends close: end of file at both, no reset, and no socket stays behind",
    requirements: &[rfc8684("3.3.3").says("DATA_FIN")],
    why: "Connections that end in order must not leave sockets, resets or error counters behind.",
    outcome: "end of file at both ends; no MP_FASTCLOSE, MP_TCPRST or abort is counted; the socket counts of both kernels are what they were",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp", "wire-resets-fin"],
    steps: |cell| {
        let before = cell.sockets_in_use()?;
        let Wired {
            client,
            server,
            listener,
        } = wired(cell)?;
        carry(&client, &server, 5_000)?;
        client
            .shutdown(Shutdown::Write)
            .map_err(refused("shutdown"))?;
        let seen = end_of(&server);
        cell.equal("the server reads", &END_OF_FILE, &seen.as_str());
        drop(server);
        let seen = end_of(&client);
        cell.equal("the client reads", &END_OF_FILE, &seen.as_str());
        drop((client, listener));
        in_order(cell)?;
        returns_to(cell, before)
    },
    ..BASE
};

const HALF_CLOSE: Case = Case {
    slug: "teardown/sockets-half-close",
    title: "One end closes its half: the other reads end of file and can still send",
    requirements: &[
        manual("shutdown(2)"),
        rfc8684("3.3.3").says("DATA_FIN closes one direction"),
    ],
    why: "Protocols that half-close, and proxies that do so for them, must not lose the answer.",
    outcome: "end of file at the server, then 20000 bytes of it at the client, unchanged",
    mutants: &["suite-speaks-tcp", "wire-corrupts-payload"],
    steps: |cell| {
        let wired = wired(cell)?;
        wired
            .client
            .shutdown(Shutdown::Write)
            .map_err(refused("shutdown"))?;
        let seen = end_of(&wired.server);
        cell.equal("the server reads", &END_OF_FILE, &seen.as_str());
        carry(&wired.server, &wired.client, 20_000)?;
        wired
            .server
            .shutdown(Shutdown::Write)
            .map_err(refused("shutdown"))?;
        let seen = end_of(&wired.client);
        cell.equal("the client reads at last", &END_OF_FILE, &seen.as_str());
        Ok(())
    },
    ..BASE
};

const UNREAD_DATA: Case = Case {
    slug: "teardown/sockets-close-with-unread-data",
    title: "A socket is closed while data waits in it: the other end gets ECONNRESET",
    requirements: &[
        rfc8684("3.5").says("MP_FASTCLOSE"),
        section(Document::Rfc2525, "2.17"),
    ],
    why: "A server that gives up on a request must tell its client so; silence looks like success.",
    outcome: "ECONNRESET (104); over MPTCP by MP_FASTCLOSE, counted at both ends",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: |cell| {
        let wired = wired(cell)?;
        leave_unread(&wired.client, &wired.server)?;
        let Wired {
            client,
            server,
            listener: _listener,
        } = wired;
        drop(server);
        let seen = end_of(&client);
        cell.equal("the client reads", &RESET, &seen.as_str());
        if cell.over_mptcp() {
            fast_closed(cell)?;
        }
        Ok(())
    },
    ..BASE
};

const UNREAD_DATA_AFTER_FALLBACK: Case = Case {
    slug: "teardown/sockets-close-with-unread-data-after-fallback",
    title: "The same by an MPTCP client that fell back: reset or end of file, depending on the kernel",
    requirements: &[section(Document::Rfc2525, "2.17")
        .says("Linux resets since some releases, others send FIN")],
    why: "A TCP server cannot rely on a reset from clients that tried MPTCP.",
    control: false,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "the server reads ECONNRESET or end of file, at once; which of them is recorded",
    mutants: &["suite-speaks-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Tcp)?;
        leave_unread(&wired.server, &wired.client)?;
        let Wired {
            client,
            server,
            listener: _listener,
        } = wired;
        drop(client);
        reset_or_end(cell, "the server reads", &server);
        Ok(())
    },
    ..BASE
};

const LINGER_ZERO: Case = Case {
    slug: "teardown/sockets-linger-zero",
    title: "A socket with SO_LINGER 0 is closed: the other end gets ECONNRESET, or end of file on some kernels",
    requirements: &[socket_option("SO_LINGER", "socket(7)"), rfc8684("3.5")],
    why: "Abortive close is how servers shed load; several kernels turn it into an orderly end over MPTCP.",
    outcome: "over TCP ECONNRESET; over MPTCP ECONNRESET or end of file, recorded",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: |cell| {
        let wired = wired(cell)?;
        wired
            .server
            .set_linger(Some(Duration::ZERO))
            .map_err(refused("SO_LINGER"))?;
        let Wired {
            client,
            server,
            listener: _listener,
        } = wired;
        drop(server);
        if cell.over_mptcp() {
            reset_or_end(cell, "the client reads", &client);
        } else {
            let seen = end_of(&client);
            cell.equal("the client reads", &RESET, &seen.as_str());
            cell.record("the client reads", seen);
        }
        Ok(())
    },
    ..BASE
};

const LINGER_ZERO_AFTER_FALLBACK: Case = Case {
    slug: "teardown/sockets-linger-zero-after-fallback",
    title: "The same by an MPTCP client that fell back",
    requirements: &[socket_option("SO_LINGER", "socket(7)")],
    why: "After a fallback the socket is TCP and should abort like TCP; not every kernel does.",
    control: false,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "the server reads ECONNRESET or end of file, at once; which of them is recorded",
    mutants: &["suite-speaks-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Tcp)?;
        wired
            .client
            .set_linger(Some(Duration::ZERO))
            .map_err(refused("SO_LINGER"))?;
        let Wired {
            client,
            server,
            listener: _listener,
        } = wired;
        drop(client);
        reset_or_end(cell, "the server reads", &server);
        Ok(())
    },
    ..BASE
};

const SOLE_SUBFLOW_RESET: Case = Case {
    slug: "teardown/sockets-sole-subflow-reset",
    title: "The only subflow is reset: MPTCP stays connected until close_timeout, then ENOTCONN; TCP gets ECONNRESET",
    requirements: &[sysctl("net.mptcp.close_timeout")],
    why: "What a program on TCP learns at once it learns over MPTCP after a minute, by another errno that few handle.",
    network: "one path; what the client sends after the first bytes is answered with a reset; close_timeout is 1 s",
    outcome: "over MPTCP ENOTCONN (107), not before close_timeout; over TCP ECONNRESET (104)",
    mutants: &["rule-left-out", "sysctl-left-on"],
    steps: |cell| {
        cell.sysctl(
            Side::Client,
            "net.mptcp.close_timeout",
            &CLOSE_TIMEOUT_S.to_string(),
        )?;
        let wired = wired(cell)?;
        // Past the handshake, or the reset would be one of it.
        wired.exchange(100)?;
        let reset = Rule::new("reset", Action::Reset)
            .from("client")
            .payload(true);
        cell.rule(reset)?;
        let started = Instant::now();
        (&wired.client)
            .write_all(b"is anybody there?")
            .map_err(refused("sending"))?;
        let seen = end_of(&wired.client);
        let after = started.elapsed();
        let expected = if cell.over_mptcp() {
            NOT_CONNECTED
        } else {
            RESET
        };
        cell.equal("the client reads", &expected, &seen.as_str());
        if cell.over_mptcp() {
            let least = Duration::from_secs(CLOSE_TIMEOUT_S);
            let early = after < least;
            cell.check(
                "the end is not noticed before close_timeout",
                "not before",
                if early { "before" } else { "not before" },
                !early,
            );
            let limit = least + Duration::from_millis(deadline::SLACK_MS);
            cell.check(
                "the end comes by close_timeout",
                "in time",
                if after <= limit {
                    "in time"
                } else {
                    "too late"
                },
                after <= limit,
            );
        }
        Ok(())
    },
    ..BASE
};

const QUEUE_ABANDONED: Case = Case {
    slug: "teardown/sockets-listener-closes-with-queue",
    title: "A listener is closed while connections wait to be accepted: each of them is reset, and nothing leaks",
    requirements: &[
        manual("listen(2)"),
        linux_source("net/mptcp/subflow.c")
            .says("mptcp_subflow_queue_clean, from inet_csk_listen_stop"),
    ],
    why: "A restarting server must not leave clients waiting for an answer that nobody will give.",
    outcome: "each client reads ECONNRESET; the socket counts of both kernels return to what they were",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    transport: Expect::Recorded,
    steps: queue_abandoned,
    ..BASE
};

fn queue_abandoned(cell: &mut Cell) -> Result<(), CellEnd> {
    let before = cell.sockets_in_use()?;
    let protocol = cell.protocol();
    // Another port than that of the cell: what is never accepted is not counted as MPTCP by the
    // server's kernel.
    let target = cell.server_at(crate::cell::PORT + 1)?;
    let listener = cell.own_socket(Side::Server, protocol)?;
    listener
        .bind(&target)
        .and_then(|()| listener.listen(8))
        .map_err(refused("listening"))?;
    let mut clients = Vec::new();
    for _ in 0..QUEUED {
        let client = cell.own_socket(Side::Client, protocol)?;
        client.connect(&target).map_err(refused("connecting"))?;
        (&client).write_all(b"hello").map_err(refused("sending"))?;
        clients.push(client);
    }
    let asked = if cell.over_mptcp() {
        IsMptcp::Yes
    } else {
        IsMptcp::No
    };
    for client in &clients {
        cell.wait_for("the data to be acknowledged", |_| {
            let info = TCP_INFO.read(client).map_err(refused("TCP_INFO"))?;
            let unacked = info.get(24..28).is_some_and(|number| number == [0; 4]);
            Ok(unacked.then_some(()))
        })?;
        let is = is_mptcp(client).map_err(refused("TCP_IS_MPTCP"))?;
        cell.equal("TCP_IS_MPTCP of a client that waits", &asked, &is);
    }
    drop(listener);
    let seen: Vec<String> = clients.iter().map(end_of).collect();
    let expected = vec![RESET.to_owned(); clients.len()];
    cell.equal("each client reads", &expected, &seen);
    drop(clients);
    returns_to(cell, before)
}

fn wired(cell: &Cell) -> Result<Wired, CellEnd> {
    cell.wired(cell.protocol(), cell.protocol())
}

/// Sends something that stays in the receiver's buffer.
fn leave_unread(from: &Socket, to: &Socket) -> Result<(), CellEnd> {
    let mut from = from;
    from.write_all(&[7; 1_000]).map_err(refused("sending"))?;
    let mut first = [MaybeUninit::uninit(); 1];
    let there = to.peek(&mut first).map_err(refused("peeking"))?;
    if there == 1 {
        Ok(())
    } else {
        Err(CellEnd::Failed("the connection ended too early".to_owned()))
    }
}

/// Reads to the end, and says which it was.
fn end_of(socket: &Socket) -> String {
    let mut reader = socket;
    let mut buffer = [0; 4096];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return END_OF_FILE.to_owned(),
            Ok(_) => {}
            Err(error) => return word_of(&error),
        }
    }
}

fn word_of(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(11) => "nothing within the deadline".to_owned(),
        Some(libc::ECONNRESET) => RESET.to_owned(),
        Some(libc::ENOTCONN) => NOT_CONNECTED.to_owned(),
        _ => error.to_string(),
    }
}

fn reset_or_end(cell: &mut Cell, what: &str, socket: &Socket) {
    let seen = end_of(socket);
    let legal = [RESET, END_OF_FILE];
    cell.check(
        what,
        &legal.join(" or "),
        &seen,
        legal.contains(&seen.as_str()),
    );
    cell.record(what, seen);
}

fn fast_closed(cell: &mut Cell) -> Result<(), CellEnd> {
    let (client, server) = cell.counters()?;
    cell.equal(
        "MPFastcloseTx of the server",
        &Some(1),
        &server.of("MPFastcloseTx"),
    );
    cell.equal(
        "MPFastcloseRx of the client",
        &Some(1),
        &client.of("MPFastcloseRx"),
    );
    Ok(())
}

/// Neither kernel counts anything that does not belong to an orderly end.
pub(super) fn in_order(cell: &mut Cell) -> Result<(), CellEnd> {
    let (client, server) = cell.counters()?;
    for (side, moved) in [("client", client), ("server", server)] {
        let seen: Vec<String> = DISORDER
            .iter()
            .filter_map(|name| moved.of(name).map(|by| (name, by)))
            .filter(|(_, by)| *by != 0)
            .map(|(name, by)| format!("{name} {by:+}"))
            .collect();
        cell.equal(
            &format!("counters of disorder at the {side}"),
            &Vec::<String>::new(),
            &seen,
        );
    }
    cell.must_not_reset();
    Ok(())
}

/// Waits until both kernels have as many stream sockets as before.
pub(crate) fn returns_to(cell: &mut Cell, before: [mpws_harness::InUse; 2]) -> Result<(), CellEnd> {
    let name = "sockets in use at both hosts return to what they were";
    let after = cell.wait_for("the socket counts to return", |cell| {
        let now = cell.sockets_in_use()?;
        Ok((now == before).then_some(now))
    });
    match after {
        Ok(after) => {
            cell.equal(name, &before, &after);
            Ok(())
        }
        Err(CellEnd::Failed(_)) => {
            let now = cell.sockets_in_use()?;
            cell.equal(name, &before, &now);
            Ok(())
        }
        Err(other) => Err(other),
    }
}

const END_OF_FILE: &str = "end of file";
const RESET: &str = "ECONNRESET";
const NOT_CONNECTED: &str = "ENOTCONN";

/// Seconds of `net.mptcp.close_timeout` where it matters.
pub(super) const CLOSE_TIMEOUT_S: u64 = 1;

/// Connections that wait in the listener's queue.
const QUEUED: usize = 4;
