//! What happens when something runs out, and whether everything comes back.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use mpws_lab::rule::{Action, MptcpMatch, Rule};
use mpws_peers::protocol::{ConnectionId, ProcessLimit, SocketProtocol};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::Socket;

use crate::case::{Case, Expect, Pairs, Profile, Side};
use crate::cases::security::join::join_from;
use crate::cases::support;
use crate::cases::teardown::kernel::returns_to;
use crate::cell::{Cell, CellEnd, Connect, Outcome, PORT, Serve, accept, carry, refused};
use crate::deadline;
use crate::requirement::{counter, manual, proc, rfc8684, socket_option, sysctl};

/// The cases of this family.
pub const CASES: &[Case] = &[
    MANY_CONNECTIONS,
    THOUSAND_CONNECTIONS,
    SLOW_READER,
    SMALL_BUFFERS,
    CHURN_WITH_FAILING_JOINS,
    NO_DESCRIPTORS,
    BACKLOG_OF_ONE,
];

const BASE: Case = Case {
    pairs: Pairs::Fixtures,
    bulk: true,
    ..Case::BASE
};

const MANY_CONNECTIONS: Case = Case {
    slug: "resources/many-connections",
    title: "20 listeners with 100 connections come and go, and leave nothing behind",
    requirements: &[proc("/proc/net/protocols"), counter("MPCurrEstab")],
    why: "A leak of one socket a connection ends a server within days.",
    transport: Expect::Recorded,
    outcome: "every connection carries its bytes; afterwards the socket counts of both kernels and their gauges are what they were",
    mutants: &["suite-speaks-tcp", "wire-corrupts-payload"],
    steps: |cell| come_and_go(cell, 20, 5),
    ..BASE
};

const THOUSAND_CONNECTIONS: Case = Case {
    slug: "resources/thousand-connections",
    title: "100 listeners with 1000 connections come and go, and leave nothing behind",
    profile: Profile::Full,
    steps: |cell| come_and_go(cell, 100, 10),
    ..MANY_CONNECTIONS
};

const SLOW_READER: Case = Case {
    slug: "resources/slow-reader",
    title: "The reader stops: the writer is held back; the reader goes on: not a byte is missing",
    requirements: &[rfc8684("3.3.5").says("one receive window for the connection")],
    why: "A stuck client must neither exhaust the server's memory nor lose its place in the stream.",
    outcome: "the writer is stopped by full buffers; all that it could write is then read, unchanged",
    mutants: &["suite-speaks-tcp", "wire-corrupts-payload"],
    steps: |cell| {
        let wired = cell.wired(cell.protocol(), cell.protocol())?;
        let written = write_until_full(&wired.client)?;
        cell.check(
            "the writer is held back",
            "before 64 MiB",
            if written < TOO_MUCH {
                "before 64 MiB"
            } else {
                "never"
            },
            written < TOO_MUCH,
        );
        let read = read_pattern(&wired.server, written)?;
        cell.equal("bytes read of those written", &written, &read);
        // The way is free again, in both directions.
        wired
            .client
            .set_nonblocking(false)
            .map_err(refused("blocking mode"))?;
        wired.exchange(1_000)
    },
    ..BASE
};

const SMALL_BUFFERS: Case = Case {
    slug: "resources/small-buffers-on-two-paths",
    title: "512 KiB each way at the same time over two paths, with buffers of 16 KiB",
    requirements: &[
        rfc8684("3.3.5"),
        socket_option("SO_SNDBUF", "socket(7)"),
        socket_option("SO_RCVBUF", "socket(7)"),
    ],
    why: "With buffers smaller than what is on its way on two paths, reordering fills them; a stack that waits for itself hangs.",
    paths: 2,
    network: "two paths; the client joins by the second",
    control: false,
    outcome: "everything arrives unchanged, both ways",
    mutants: &["suite-speaks-tcp", "wire-corrupts-payload"],
    steps: |cell| {
        join_from(cell, 2)?;
        let small = |socket: &Socket| {
            socket
                .set_send_buffer_size(SMALL)
                .and_then(|()| socket.set_recv_buffer_size(SMALL))
                .map_err(refused("small buffers"))
        };
        let listener = cell.own_listener(SocketProtocol::Mptcp, 8, small)?;
        let client = cell.own_socket(Side::Client, SocketProtocol::Mptcp)?;
        small(&client)?;
        let wired = cell.own_dial(client, listener)?;
        wired.exchange(100)?;
        cell.wait_for("the second subflow", |cell| {
            Ok((cell.subflow_marks(Side::Client)?.len() == 2).then_some(()))
        })?;
        let amounts = std::thread::scope(|scope| {
            let (client, server) = (&wired.client, &wired.server);
            let readers =
                [client, server].map(|socket| scope.spawn(|| read_pattern(socket, AMOUNT)));
            let writers =
                [client, server].map(|socket| scope.spawn(|| write_pattern(socket, AMOUNT)));
            for writer in writers {
                writer.join().unwrap_or_else(|_| Err(panicked()))?;
            }
            let mut amounts = Vec::new();
            for reader in readers {
                amounts.push(reader.join().unwrap_or_else(|_| Err(panicked()))?);
            }
            Ok::<_, CellEnd>(amounts)
        })?;
        cell.equal(
            "bytes that arrived at client and server",
            &vec![AMOUNT; 2],
            &amounts,
        );
        Ok(())
    },
    ..BASE
};

const CHURN_WITH_FAILING_JOINS: Case = Case {
    slug: "resources/churn-with-failing-joins",
    title: "30 connections come and go while every join on the second path is dropped: no subflow stays behind",
    requirements: &[
        proc("/proc/net/protocols"),
        rfc8684("3.2").says("a join that fails does no harm"),
    ],
    why: "On a phone with a dead second network each connection would otherwise leave a subflow trying.",
    paths: 2,
    network: "two paths; SYNs with MP_JOIN are dropped on the second",
    control: false,
    transport: Expect::Recorded,
    outcome: "every connection carries its bytes; afterwards the socket counts of both kernels are what they were",
    mutants: &["rule-left-out", "suite-speaks-tcp", "wire-corrupts-payload"],
    steps: |cell| {
        let lost = Rule::new("drop-join", Action::Drop)
            .path(2)
            .syn()
            .mptcp(MptcpMatch::Subtype(MP_JOIN));
        let lost = cell.rule(lost)?;
        join_from(cell, 2)?;
        let before = cell.sockets_in_use()?;
        let mut asked = Vec::new();
        let mut listener = cell.own_listener(SocketProtocol::Mptcp, 8, |_| Ok(()))?;
        for number in 1..=CHURN {
            let client = cell.own_socket(Side::Client, SocketProtocol::Mptcp)?;
            let wired = cell.own_dial(client, listener)?;
            wired.exchange(100)?;
            if number == CHURN {
                // A worker of the kernel sends the joins. On a busy machine thirty connections can
                // be over before it has sent one, so the last of them stands until it has.
                cell.until_hit("drop-join", lost, 1)?;
            }
            listener = wired.listener;
            asked.push(Expect::Mptcp);
        }
        drop(listener);
        cell.expect_each(asked);
        returns_to(cell, before)
    },
    ..BASE
};

const NO_DESCRIPTORS: Case = Case {
    slug: "resources/server-without-descriptors",
    title: "The server has no descriptor left for a new connection: others go on, and afterwards it serves again",
    requirements: &[manual("accept(2)").says("EMFILE, which a server must survive")],
    why: "One burst of clients must not end the service for good.",
    pairs: Pairs::Servers,
    transport: Expect::Recorded,
    outcome: "the open connection still echoes; the new one is not served in its limit; with descriptors again, the next one is",
    mutants: &["server-never-recovers"],
    waits: true,
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let first = cell.connect(Connect::default())?.connection;
        support::small_talk(cell, first)?;
        cell.ask(Side::Server, &ProcessLimit { free: Some(0) })?;
        let second = cell.try_connect(Connect {
            open_timeout_ms: deadline::ORDERING_OPEN_MS,
            ..Connect::default()
        })?;
        let served = matches!(second, Outcome::Done(_));
        cell.check(
            "a connection without a descriptor",
            "not served",
            if served { "served" } else { "not served" },
            !served,
        );
        support::small_talk(cell, first)?;
        cell.ask(Side::Server, &ProcessLimit { free: None })?;
        let third = cell.try_connect(Connect::default())?;
        match third {
            Outcome::Done(opened) => {
                cell.check(SERVES_AGAIN, "it does", "it does", true);
                echo(cell, opened.connection)?;
            }
            Outcome::Refused(record, _) => {
                let text = crate::cell::describe(&record);
                cell.check(SERVES_AGAIN, "it does", &text, false);
            }
        }
        let state = cell.server_state(server)?;
        cell.record("still serving", state.serving);
        echo(cell, first)
    },
    ..BASE
};

const SERVES_AGAIN: &str = "it serves again once there are descriptors";

const BACKLOG_OF_ONE: Case = Case {
    slug: "resources/backlog-of-one",
    title: "A listener with a backlog of 1 and nobody who accepts: a third client waits, and gets through once there is room",
    requirements: &[
        manual("listen(2)"),
        sysctl("net.ipv4.tcp_syn_retries").says("a SYN that found no room is sent again"),
    ],
    why: "A busy server must make clients wait, neither refuse them nor, over MPTCP, drive them to TCP.",
    outcome: "two are in the queue; the SYN of the third is dropped and counted; after accept() it connects, and bytes cross all three",
    mutants: &["suite-speaks-tcp", "wire-corrupts-payload"],
    steps: |cell| {
        if cell.over_mptcp() {
            // A SYN that nobody answers is no sign of a middlebox here, however long the queue
            // stays full.
            cell.sysctl(
                Side::Client,
                "net.mptcp.syn_retrans_before_tcp_fallback",
                "10",
            )?;
        }
        let protocol = cell.protocol();
        let listener = cell.own_listener(protocol, 1, |_| Ok(()))?;
        let target = cell.server_at(PORT)?;
        let mut clients = Vec::new();
        for _ in 0..2 {
            let client = cell.own_socket(Side::Client, protocol)?;
            client.connect(&target).map_err(refused("connecting"))?;
            // Beyond the handshake: what waits in the queue is a whole connection.
            (&client).write_all(&[9]).map_err(refused("sending"))?;
            clients.push(client);
        }
        let third = cell.own_socket(Side::Client, protocol)?;
        third
            .set_nonblocking(true)
            .map_err(refused("non-blocking mode"))?;
        let begun = third.connect(&target).err().and_then(|e| e.raw_os_error());
        cell.equal("connect() of the third", &Some(libc::EINPROGRESS), &begun);
        cell.wait_for("the server to drop the third SYN", |cell| {
            let (_, server) = cell.counters()?;
            let drops = server.of("TcpExt:ListenOverflows");
            Ok(drops.filter(|drops| *drops > 0))
        })?;
        let early = third.peer_addr().is_ok();
        cell.equal(
            "the third is connected while the queue is full",
            &false,
            &early,
        );
        for client in &clients {
            let server = accept(&listener)?;
            let mut first = [0];
            (&server)
                .read_exact(&mut first)
                .map_err(refused("receiving"))?;
            carry(client, &server, 1_000)?;
            carry(&server, client, 1_000)?;
        }
        let server = accept(&listener)?;
        third
            .set_nonblocking(false)
            .map_err(refused("blocking mode"))?;
        carry(&third, &server, 1_000)?;
        carry(&server, &third, 1_000)?;
        Ok(())
    },
    ..BASE
};

fn echo(cell: &mut Cell, connection: ConnectionId) -> Result<(), CellEnd> {
    support::small_talk(cell, connection)?;
    support::close_cleanly(cell, connection)
}

fn come_and_go(cell: &mut Cell, listeners: u16, each: u16) -> Result<(), CellEnd> {
    let connections = u64::from(listeners) * u64::from(each);
    room_for(2 * connections + u64::from(listeners))?;
    let protocol = cell.protocol();
    let before = cell.sockets_in_use()?;
    let mut open = Vec::new();
    for number in 0..listeners {
        // Ports of their own: the judge looks at connections to the cell's port alone.
        let target = cell.server_at(PORT + 1 + number)?;
        let listener = cell.own_socket(Side::Server, protocol)?;
        listener
            .bind(&target)
            .and_then(|()| listener.listen(16))
            .map_err(refused("listening"))?;
        let mut accepted = Vec::new();
        for _ in 0..each {
            let client = cell.own_socket(Side::Client, protocol)?;
            client.connect(&target).map_err(refused("connecting"))?;
            let server = accept(&listener)?;
            carry(&client, &server, 100)?;
            carry(&server, &client, 100)?;
            accepted.push((client, server));
        }
        open.push((listener, accepted));
    }
    let during = cell.sockets_in_use()?;
    let seen = [
        during[0].tcp - before[0].tcp,
        during[0].mptcp - before[0].mptcp,
    ];
    let expected = if cell.over_mptcp() {
        [connections, connections]
    } else {
        [connections, 0]
    };
    cell.equal(
        "TCP and MPTCP sockets of the client's kernel meanwhile",
        &expected,
        &seen,
    );
    drop(open);
    returns_to(cell, before)?;
    let (client, server) = cell.counters()?;
    for (side, moved) in [("client", client), ("server", server)] {
        if let Some(gauge) = moved.of("MPCurrEstab") {
            cell.equal(
                &format!("MPCurrEstab of the {side}, against before"),
                &0,
                &gauge,
            );
        }
    }
    Ok(())
}

/// Writes the pattern until nothing more fits; how much that was. The socket is left non-blocking.
fn write_until_full(socket: &Socket) -> Result<usize, CellEnd> {
    socket
        .set_nonblocking(true)
        .map_err(refused("non-blocking mode"))?;
    let mut writer = socket;
    let mut written = 0;
    let mut waits = 0;
    while written < TOO_MUCH {
        let chunk: Vec<u8> = (written..written + 4096).map(pattern).collect();
        match writer.write(&chunk) {
            Ok(count) => {
                written += count;
                waits = 0;
            }
            // What is on its way still moves from one buffer to the other; a second look later is
            // the end.
            Err(error) if error.kind() == ErrorKind::WouldBlock && waits < QUIET_LOOKS => {
                waits += 1;
                std::thread::sleep(QUIET_PAUSE);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(written),
            Err(error) => return Err(refused("sending")(error)),
        }
    }
    Ok(written)
}

fn write_pattern(socket: &Socket, amount: usize) -> Result<(), CellEnd> {
    let bytes: Vec<u8> = (0..amount).map(pattern).collect();
    let mut writer = socket;
    writer.write_all(&bytes).map_err(refused("sending"))
}

/// Reads so many bytes, which must be the pattern.
fn read_pattern(socket: &Socket, amount: usize) -> Result<usize, CellEnd> {
    let mut reader = socket;
    let mut buffer = vec![0; 64 * 1024];
    let mut read = 0;
    while read < amount {
        let room = buffer.len().min(amount - read);
        let count = reader
            .read(&mut buffer[..room])
            .map_err(refused("receiving"))?;
        if count == 0 {
            break;
        }
        let same = buffer[..count]
            .iter()
            .zip(read..)
            .all(|(&byte, at)| byte == pattern(at));
        if !same {
            return Err(CellEnd::Failed(format!(
                "a byte between {read} and {} is not the one that was sent",
                read + count
            )));
        }
        read += count;
    }
    Ok(read)
}

/// The byte at this place of the stream.
fn pattern(at: usize) -> u8 {
    (at % 251) as u8
}

/// Makes sure that this process may have so many descriptors more.
fn room_for(descriptors: u64) -> Result<(), CellEnd> {
    let broken = |error: nix::errno::Errno| CellEnd::broken("RLIMIT_NOFILE", &error);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(broken)?;
    let wanted = descriptors + OWN_DESCRIPTORS;
    if soft >= wanted {
        return Ok(());
    }
    if hard < wanted {
        return Err(CellEnd::Unprovable(format!(
            "{wanted} descriptors are needed, {hard} are allowed (ulimit -n)"
        )));
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(broken)
}

fn panicked() -> CellEnd {
    CellEnd::Broken("a thread of the suite panicked".to_owned())
}

/// Descriptors for all else that the command has open, other cells at the same time included.
const OWN_DESCRIPTORS: u64 = 600;
/// No kernel has buffers as large as this without being told to.
const TOO_MUCH: usize = 64 << 20;
/// Bytes of `SO_SNDBUF` and `SO_RCVBUF` where they are small.
const SMALL: usize = 16 * 1024;
/// Bytes that go each way through small buffers.
const AMOUNT: usize = 512 * 1024;
/// Connections that come and go while joins fail.
const CHURN: usize = 30;
/// How often a full buffer is looked at again. Nothing is judged by it: the writer stops a little
/// earlier or later.
const QUIET_LOOKS: u32 = 3;
/// Pause between two such looks.
const QUIET_PAUSE: Duration = Duration::from_millis(5);
/// RFC 8684 section 8.2.
const MP_JOIN: u8 = 1;
