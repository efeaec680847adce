//! Which options a socket takes depends on its state, and above all on whether it fell back.

use std::collections::BTreeMap;

use mpws_lab::rule::{Action, MptcpMatch, Rewrite, Rule};
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Cause;
use socket2::Socket;

use super::table::{Answers, Row, TABLE};
use crate::case::{Case, Expect, Ip, Pairs, Side};
use crate::cases::support::V4_AND_V6;
use crate::cell::{Cell, CellEnd};
use crate::requirement::{linux_source, manual};

/// The cases of this group.
pub const CASES: &[Case] = &[
    UNCONNECTED,
    CONNECTED,
    ACCEPTED,
    FALLEN_BACK,
    FALLEN_BACK_MID_CONNECTION,
    ACCEPTED_FROM_TCP,
    PLAIN_TCP,
];

const MATRIX: Case = Case {
    requirements: &[
        manual("socket(7)"),
        manual("tcp(7)"),
        manual("ip(7)"),
        manual("ipv6(7)"),
        linux_source("net/mptcp/sockopt.c"),
    ],
    why: "A program that sets an option as it did on TCP gets an error, or silence, depending on the state of the socket.",
    pairs: Pairs::Fixtures,
    control: false,
    ips: V4_AND_V6,
    outcome: "each option is taken, refused or ignored as the table says",
    ..Case::BASE
};

const UNCONNECTED: Case = Case {
    slug: "sockopts/unconnected",
    title: "Which options an MPTCP socket takes before it connects",
    network: "one path, nothing is sent",
    transport: Expect::Silence,
    mutants: &["suite-speaks-tcp"],
    steps: |cell| {
        let socket = cell.own_socket(Side::Client, SocketProtocol::Mptcp)?;
        compare(cell, &socket, |row| row.fresh)
    },
    ..MATRIX
};

const CONNECTED: Case = Case {
    slug: "sockopts/connected",
    title: "Which options the client's socket takes once it is connected by MPTCP",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Mptcp)?;
        compare(cell, &wired.client, |row| row.connected)
    },
    ..MATRIX
};

const ACCEPTED: Case = Case {
    slug: "sockopts/accepted",
    title: "Which options the accepted socket takes when the client speaks MPTCP",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Mptcp)?;
        compare(cell, &wired.server, |row| row.connected)
    },
    ..MATRIX
};

const FALLEN_BACK: Case = Case {
    slug: "sockopts/fallen-back",
    title: "Which options the client's socket takes once it has fallen back at connect",
    why: "The same calls that fail over MPTCP work after a fallback, so a test against a TCP server shows nothing.",
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    mutants: &["suite-speaks-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Tcp)?;
        compare(cell, &wired.client, |row| row.fallen)
    },
    ..MATRIX
};

const FALLEN_BACK_MID_CONNECTION: Case = Case {
    slug: "sockopts/fallen-back-mid-connection",
    title: "Which options the accepted socket takes once it has fallen back in mid-connection",
    why: "What was refused a second ago is taken now: the answer is no property of the program.",
    network: "one path; after the first bytes MPTCP options are overwritten both ways",
    transport: Expect::Fallback(Cause::FellBackMidStream),
    mutants: &["rule-left-out"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Mptcp)?;
        // DSS must have been seen both ways before, or it is a late handshake that falls back.
        wired.exchange(100)?;
        let strip = Rule::new("strip", Action::Rewrite(Rewrite::StripMptcp)).mptcp(MptcpMatch::Any);
        cell.rule(strip)?;
        wired.exchange(100)?;
        wired.exchange(100)?;
        compare(cell, &wired.server, |row| row.fallen)
    },
    ..MATRIX
};

const ACCEPTED_FROM_TCP: Case = Case {
    slug: "sockopts/accepted-from-tcp",
    title: "Which options a socket takes that an MPTCP listener accepted from a plain TCP client",
    why: "A server with one listener has two kinds of accepted sockets, and only one of them takes every option.",
    transport: Expect::Tcp(Cause::NeverAsked),
    mutants: &["suite-speaks-mptcp"],
    waits: true,
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Tcp, SocketProtocol::Mptcp)?;
        compare(cell, &wired.server, |row| row.tcp)
    },
    ..MATRIX
};

const PLAIN_TCP: Case = Case {
    slug: "sockopts/plain-tcp",
    title: "Which options a TCP socket takes: the ground that the others are compared with",
    why: "Only what TCP takes and MPTCP does not is MPTCP's doing.",
    transport: Expect::Tcp(Cause::NeverAsked),
    mutants: &["suite-speaks-mptcp"],
    waits: true,
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Tcp, SocketProtocol::Tcp)?;
        compare(cell, &wired.client, |row| row.tcp)
    },
    ..MATRIX
};

/// Tries every option on the socket and compares the answers with a column of the table.
fn compare(cell: &mut Cell, socket: &Socket, column: fn(&Row) -> Answers) -> Result<(), CellEnd> {
    let probe = cell.plain_socket()?;
    let mut differing = Vec::new();
    let mut asked = 0_usize;
    let mut by_answer: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for row in TABLE {
        let option = &row.option;
        if option.level == libc::IPPROTO_IPV6 && cell.ip() == Ip::V4 {
            continue;
        }
        if !option.can_be_asked(&probe) {
            by_answer
                .entry(NOT_ASKED.to_owned())
                .or_default()
                .push(option.name);
            continue;
        }
        asked += 1;
        let seen = option.try_on(socket);
        let legal = column(row);
        if !legal.contains(&seen.as_str()) {
            differing.push(format!(
                "{}: {seen} (table: {})",
                option.name,
                legal.join(" or ")
            ));
        }
        by_answer.entry(seen).or_default().push(option.name);
    }
    cell.check(
        "options answer as the table says",
        "no difference",
        &if differing.is_empty() {
            "no difference".to_owned()
        } else {
            differing.join("; ")
        },
        differing.is_empty(),
    );
    cell.check(
        "most options of the table could be asked",
        "at least three of four",
        if asked * 4 >= TABLE.len() * 3 {
            "at least three of four"
        } else {
            "fewer"
        },
        asked * 4 >= TABLE.len() * 3,
    );
    for (answer, names) in by_answer {
        cell.record(&answer, names);
    }
    Ok(())
}

/// What is recorded of options that a fresh TCP socket does not know or may not set.
const NOT_ASKED: &str = "not asked: unknown to TCP here, or not allowed";
