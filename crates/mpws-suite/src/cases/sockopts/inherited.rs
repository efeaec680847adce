//! What becomes of an option on its way: from the listener to an accepted socket, and through a
//! fallback.

use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Cause;
use socket2::Socket;

use super::option::{REFUSED, SocketOption, Value};
use crate::case::{Case, Expect, Pairs, Side};
use crate::cell::{Cell, CellEnd, refused};
use crate::requirement::{linux_source, manual};

/// The cases of this group.
pub const CASES: &[Case] = &[
    BY_MPTCP_CLIENT,
    BY_TCP_CLIENT,
    THROUGH_FALLBACK,
    REFUSED_THEN_TAKEN,
];

const BASE: Case = Case {
    requirements: &[
        manual("accept(2)"),
        manual("tcp(7)").says("on Linux accepted sockets inherit most options of the listener"),
    ],
    pairs: Pairs::Fixtures,
    ..Case::BASE
};

const BY_MPTCP_CLIENT: Case = Case {
    slug: "sockopts/inherited-by-accept",
    title: "Options of an MPTCP listener are those of the sockets that it accepts",
    why: "Setting options on the listener is the only way that works with libraries that accept by themselves.",
    outcome: "every option of the list is read from the accepted socket as from the listener",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: |cell| {
        let lost = inherit(cell, cell.protocol(), cell.protocol())?;
        cell.equal("options that accept() loses", &Vec::<&str>::new(), &lost);
        Ok(())
    },
    ..BASE
};

const BY_TCP_CLIENT: Case = Case {
    slug: "sockopts/inherited-by-accept-of-tcp-client",
    title: "Options of an MPTCP listener reach sockets that it accepts from plain TCP clients, some excepted",
    why: "Old clients of a server that switched to MPTCP must not lose keep-alive, NODELAY or buffer sizes.",
    control: false,
    transport: Expect::Tcp(Cause::NeverAsked),
    outcome: "all but the options that MPTCP keeps in its own half of the listener are inherited",
    mutants: &["suite-speaks-mptcp"],
    steps: |cell| {
        let lost = inherit(cell, SocketProtocol::Tcp, SocketProtocol::Mptcp)?;
        let illegal: Vec<&str> = lost
            .iter()
            .copied()
            .filter(|name| !LOST_WITH_TCP_CLIENTS.contains(name))
            .collect();
        cell.equal(
            "options lost that must not be",
            &Vec::<&str>::new(),
            &illegal,
        );
        // A kernel that loses none has been mended; one that we did not reach has shown nothing.
        cell.record("options that accept() loses", lost);
        Ok(())
    },
    ..BASE
};

const THROUGH_FALLBACK: Case = Case {
    slug: "sockopts/kept-through-fallback",
    title: "Options set before connect are still set once the socket has fallen back",
    why: "The program cannot know beforehand which transport it will get, so it sets its options once.",
    control: false,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "all but the options that MPTCP keeps for itself have the value that was set",
    mutants: &["suite-speaks-mptcp"],
    steps: |cell| {
        let socket = cell.own_socket(Side::Client, SocketProtocol::Mptcp)?;
        let before = set_all(&socket)?;
        let listener = cell.own_listener(SocketProtocol::Tcp, 8, |_| Ok(()))?;
        let wired = cell.own_dial(socket, listener)?;
        let lost = lost(&wired.client, &before)?;
        let illegal: Vec<&str> = lost
            .iter()
            .copied()
            .filter(|name| !LOST_BY_FALLBACK.contains(name))
            .collect();
        cell.equal(
            "options lost that must not be",
            &Vec::<&str>::new(),
            &illegal,
        );
        cell.record("options that the fallback loses", lost);
        Ok(())
    },
    ..BASE
};

const REFUSED_THEN_TAKEN: Case = Case {
    slug: "sockopts/refused-then-taken",
    title: "TCP_USER_TIMEOUT is refused before connect and taken after the fallback, on the same socket",
    requirements: &[manual("tcp(7)"), linux_source("net/mptcp/sockopt.c")],
    why: "A client that sets its timeouts before connecting fails over MPTCP, and one that sets them afterwards works by chance.",
    control: false,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "ENOPROTOOPT (92) before connect; taken and kept after the fallback",
    mutants: &["suite-speaks-mptcp", "suite-speaks-tcp"],
    steps: |cell| {
        let socket = cell.own_socket(Side::Client, SocketProtocol::Mptcp)?;
        let before = USER_TIMEOUT.try_on(&socket);
        cell.equal("before connect", &REFUSED, &before.as_str());
        let listener = cell.own_listener(SocketProtocol::Tcp, 8, |_| Ok(()))?;
        let wired = cell.own_dial(socket, listener)?;
        let after = USER_TIMEOUT.try_on(&wired.client);
        cell.equal("after the fallback", &super::option::KEPT, &after.as_str());
        Ok(())
    },
    ..BASE
};

/// Sets the options on a listener, accepts, and tells which are not on the accepted socket.
fn inherit(
    cell: &mut Cell,
    client: SocketProtocol,
    server: SocketProtocol,
) -> Result<Vec<&'static str>, CellEnd> {
    let mut expected = Vec::new();
    let listener = cell.own_listener(server, 8, |listener| {
        expected = set_all(listener)?;
        Ok(())
    })?;
    let client = cell.own_socket(Side::Client, client)?;
    let wired = cell.own_dial(client, listener)?;
    let facts = mptcp::sockopt::so_protocol(&wired.server).map_err(refused("SO_PROTOCOL"))?;
    let accepted = if cell.over_mptcp() && cell.expect() == Expect::Mptcp {
        libc::IPPROTO_MPTCP
    } else {
        libc::IPPROTO_TCP
    };
    cell.equal("SO_PROTOCOL of the accepted socket", &accepted, &facts);
    lost(&wired.server, &expected)
}

/// Sets every option that this kernel takes here, and tells what is then read.
fn set_all(socket: &Socket) -> Result<Vec<(&'static SocketOption, Vec<u8>)>, CellEnd> {
    let mut values = Vec::new();
    for option in &OPTIONS {
        match option.set(socket) {
            Ok(()) => values.push((option, option.read(socket).map_err(refused(option.name))?)),
            // Absent from older kernels; whether it may be is the matrix's question.
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {}
            Err(error) => return Err(refused(option.name)(error)),
        }
    }
    Ok(values)
}

/// Options that have another value than before.
fn lost(
    socket: &Socket,
    before: &[(&'static SocketOption, Vec<u8>)],
) -> Result<Vec<&'static str>, CellEnd> {
    let mut lost = Vec::new();
    for (option, value) in before {
        let now = option.read(socket).map_err(refused(option.name))?;
        if now != *value {
            lost.push(option.name);
        }
    }
    Ok(lost)
}

const fn option(name: &'static str, level: i32, number: i32, value: Value) -> SocketOption {
    SocketOption {
        name,
        level,
        number,
        value,
    }
}

/// What is set on listeners and clients.
static OPTIONS: [SocketOption; 14] = [
    option(
        "SO_KEEPALIVE",
        libc::SOL_SOCKET,
        libc::SO_KEEPALIVE,
        Value::Number(1),
    ),
    option(
        "SO_SNDBUF",
        libc::SOL_SOCKET,
        libc::SO_SNDBUF,
        Value::Rounded(50_000),
    ),
    option(
        "SO_RCVBUF",
        libc::SOL_SOCKET,
        libc::SO_RCVBUF,
        Value::Rounded(40_000),
    ),
    option(
        "SO_TIMESTAMP",
        libc::SOL_SOCKET,
        libc::SO_TIMESTAMP,
        Value::Number(1),
    ),
    option(
        "SO_BUSY_POLL",
        libc::SOL_SOCKET,
        libc::SO_BUSY_POLL,
        Value::Number(1),
    ),
    option(
        "TCP_NODELAY",
        libc::IPPROTO_TCP,
        libc::TCP_NODELAY,
        Value::Number(1),
    ),
    option(
        "TCP_KEEPIDLE",
        libc::IPPROTO_TCP,
        libc::TCP_KEEPIDLE,
        Value::Number(30),
    ),
    option(
        "TCP_KEEPINTVL",
        libc::IPPROTO_TCP,
        libc::TCP_KEEPINTVL,
        Value::Number(3),
    ),
    option(
        "TCP_KEEPCNT",
        libc::IPPROTO_TCP,
        libc::TCP_KEEPCNT,
        Value::Number(4),
    ),
    option(
        "TCP_CONGESTION",
        libc::IPPROTO_TCP,
        libc::TCP_CONGESTION,
        Value::Bytes(b"reno"),
    ),
    option(
        "TCP_NOTSENT_LOWAT",
        libc::IPPROTO_TCP,
        libc::TCP_NOTSENT_LOWAT,
        Value::Number(16_384),
    ),
    option(
        "TCP_INQ",
        libc::IPPROTO_TCP,
        libc::TCP_INQ,
        Value::Number(1),
    ),
    option("IP_TOS", libc::IPPROTO_IP, libc::IP_TOS, Value::Number(16)),
    option("SO_MARK", libc::SOL_SOCKET, libc::SO_MARK, Value::Number(7)),
];

const USER_TIMEOUT: SocketOption = option(
    "TCP_USER_TIMEOUT",
    libc::IPPROTO_TCP,
    libc::TCP_USER_TIMEOUT,
    Value::Number(5000),
);

/// What Linux keeps in the MPTCP half of the listener, where a TCP socket does not look.
const LOST_WITH_TCP_CLIENTS: &[&str] = &[
    "SO_TIMESTAMP",
    "SO_BUSY_POLL",
    "TCP_NOTSENT_LOWAT",
    "TCP_INQ",
];

/// What Linux does not hand to the TCP socket that is left.
const LOST_BY_FALLBACK: &[&str] = &["TCP_NOTSENT_LOWAT", "TCP_INQ"];
