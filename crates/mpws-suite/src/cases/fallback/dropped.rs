//! A middlebox drops or resets packets that carry MPTCP.

use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::{Action, MptcpMatch, Rule};
use mpws_model::shown;
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Cause;

use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Connect, Outcome, Serve};
use crate::deadline;
use crate::requirement::{manual, rfc8684, sysctl};

/// The cases of this group.
pub const CASES: &[Case] = &[
    SYN_DROPPED,
    SYN_DROPPED_TWICE,
    SYN_RESET,
    BLACKHOLE_MEMORY,
    SYN_ACK_DROPPED,
    DATA_DROPPED,
    SYN_PROXY,
    SPLIT_TCP,
];

const SYN_DROPPED: Case = Case {
    slug: "fallback/mptcp-syn-dropped",
    title: "SYNs with MP_CAPABLE are dropped: the kernel tries without, and gets through",
    requirements: &[
        rfc8684("3.7"),
        sysctl("net.mptcp.syn_retrans_before_tcp_fallback").says("Linux 6.16"),
    ],
    why: "A firewall that drops unknown options would otherwise make the server unreachable.",
    network: "one path; SYNs with MPTCP options are dropped; the kernel falls back after the first retransmission",
    control: false,
    blind: true,
    transport: Expect::Fallback(Cause::SynDropped),
    outcome: "the connection opens as TCP after the SYN timer, and echoes",
    mutants: &["rule-left-out", "echo-alters"],
    steps: |cell| {
        cell.sysctl(
            Side::Client,
            "net.mptcp.syn_retrans_before_tcp_fallback",
            "0",
        )?;
        dropped_then_tcp(cell)
    },
    ..Case::BASE
};

const SYN_DROPPED_TWICE: Case = Case {
    slug: "fallback/mptcp-syn-dropped-defaults",
    title: "The same with the kernel's own settings: three SYNs, then TCP",
    requirements: &[
        rfc8684("3.7"),
        sysctl("net.mptcp.blackhole_timeout").says("blackhole detection, Linux 6.12"),
    ],
    why: "This is what users meet: three seconds of silence, then a WebSocket that works.",
    network: "one path; SYNs with MPTCP options are dropped",
    pairs: Pairs::Fixtures,
    control: false,
    transport: Expect::Fallback(Cause::SynDropped),
    outcome: "the connection opens as TCP within the opening limit, and echoes",
    mutants: &["rule-left-out", "echo-alters"],
    steps: dropped_then_tcp,
    ..Case::BASE
};

const SYN_RESET: Case = Case {
    slug: "fallback/mptcp-syn-reset",
    title: "SYNs with MP_CAPABLE are reset: the application must try TCP itself",
    requirements: &[manual("connect(2)")
        .says("ECONNREFUSED, and the kernel does not retry a refused connection")],
    why: "Not every middlebox gives a fallback: here only the application's own retry helps.",
    network: "one path; SYNs with MPTCP options are answered with a reset",
    pairs: Pairs::Clients,
    control: false,
    transport: Expect::Recorded,
    outcome: "ECONNREFUSED (111) with its errno kept; the retry over TCP echoes",
    mutants: &["rule-left-out", "client-hides-errno"],
    steps: |cell| {
        cell.rule(
            Rule::new("reset-mptcp-syn", Action::Reset)
                .from("client")
                .syn()
                .mptcp(MptcpMatch::Any),
        )?;
        let server = cell.serve(Serve::echo())?;
        let outcome = cell.try_connect(Connect::default())?;
        refused_with(cell, outcome, &[libc::ECONNREFUSED]);
        let opened = cell.connect(Connect {
            protocol: Some(SocketProtocol::Tcp),
            ..Connect::default()
        })?;
        support::small_talk(cell, opened.connection)?;
        cell.expect_each(vec![
            Expect::NoConnection(Cause::SynRefused),
            Expect::Tcp(Cause::NeverAsked),
        ]);
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const BLACKHOLE_MEMORY: Case = Case {
    slug: "fallback/blackhole-memory",
    title: "After a dropped SYN the whole namespace stops asking for MPTCP, until it is told to forget",
    requirements: &[sysctl("net.mptcp.blackhole_timeout").says("Linux 6.12")],
    why: "One bad network turns MPTCP off for an hour, for every program in the namespace, without a word.",
    network: "one path; SYNs with MPTCP options are dropped for the first connection only",
    pairs: Pairs::Fixtures,
    control: false,
    transport: Expect::Recorded,
    outcome: "first connection TCP after a wait, second TCP at once, third (blackhole_timeout=0) MPTCP",
    mutants: &["rule-left-out", "rule-left-in"],
    steps: |cell| {
        cell.sysctl(
            Side::Client,
            "net.mptcp.syn_retrans_before_tcp_fallback",
            "0",
        )?;
        let rule = cell.rule(drop_mptcp_syn())?;
        let server = cell.serve(Serve::echo())?;
        talk_once(cell, server, 1)?;
        cell.lift(rule)?;
        talk_once(cell, server, 2)?;
        cell.sysctl(Side::Client, "net.mptcp.blackhole_timeout", "0")?;
        talk_once(cell, server, 3)?;
        cell.expect_each(vec![
            Expect::Fallback(Cause::SynDropped),
            Expect::Tcp(Cause::BlackholeMemory),
            Expect::Mptcp,
        ]);
        Ok(())
    },
    ..Case::BASE
};

const SYN_ACK_DROPPED: Case = Case {
    slug: "fallback/mptcp-syn-ack-dropped",
    title: "SYN/ACKs with MP_CAPABLE are dropped: no fallback, the application's limit must end it",
    requirements: &[rfc8684("3.7").says("the kernel counts SYNs sent, not answers lost")],
    why: "The kernel does not fall back here, so a client without a limit hangs for two minutes.",
    network: "one path; SYN/ACKs with MPTCP options are dropped",
    pairs: Pairs::Fixtures,
    control: false,
    transport: Expect::NoConnection(Cause::SynAckDropped),
    outcome: "an error within the client's own limit of 2 s",
    mutants: &["rule-left-out", "client-ignores-limit"],
    steps: |cell| {
        cell.rule(
            Rule::new("drop-mptcp-syn-ack", Action::Drop)
                .syn_ack()
                .mptcp(MptcpMatch::Any),
        )?;
        cell.serve(Serve::echo())?;
        let outcome = cell.try_connect(Connect {
            open_timeout_ms: 2_000,
            ..Connect::default()
        })?;
        support::judge_refusal(cell, outcome, limit_of(2_000));
        Ok(())
    },
    ..Case::BASE
};

const DATA_DROPPED: Case = Case {
    slug: "fallback/dss-data-dropped",
    title: "Data with a DSS option is dropped: the opening limit must end the handshake",
    requirements: &[rfc8684("3.7").says("fallback needs a segment that arrives")],
    why: "The connection stands and nothing comes through; only a limit tells the user.",
    network: "one path; segments with MPTCP options and payload are dropped",
    pairs: Pairs::Clients,
    control: false,
    transport: Expect::NoConnection(Cause::DataDropped),
    outcome: "an error within the opening limit of 1 s",
    mutants: &["rule-left-out", "client-ignores-limit"],
    waits: true,
    steps: |cell| {
        cell.rule(
            Rule::new("drop-mptcp-data", Action::Drop)
                .payload(true)
                .mptcp(MptcpMatch::Any),
        )?;
        cell.serve(Serve::echo())?;
        let outcome = cell.try_connect(Connect {
            open_timeout_ms: 1_000,
            ..Connect::default()
        })?;
        // Closing may take its own limit, twice in one of the libraries.
        support::judge_refusal(
            cell,
            outcome,
            limit_of(1_000 + 2 * deadline::CLOSE_TIMEOUT_MS),
        );
        Ok(())
    },
    ..Case::BASE
};

const SYN_PROXY: Case = Case {
    slug: "fallback/syn-proxy",
    title: "A firewall with SYN cookies answers for the server, and asks it without MP_CAPABLE",
    requirements: &[rfc8684("3.1").says("a SYN/ACK without MP_CAPABLE means plain TCP")],
    why: "Protection against SYN floods takes MPTCP away from every client, and neither end can tell why.",
    network: "one path with a SYN proxy",
    ..PROXIED
};

const SPLIT_TCP: Case = Case {
    slug: "fallback/split-tcp",
    title: "A proxy ends each TCP connection and begins another behind it",
    requirements: &[rfc8684("3.1").says("a SYN/ACK without MP_CAPABLE means plain TCP")],
    why: "Proxies of mobile networks acknowledge for the server; the WebSocket must survive them as TCP.",
    network: "one path with a proxy that splits connections",
    steps: |cell| through(cell, &Middlebox::SplitTcp),
    ..PROXIED
};

const PROXIED: Case = Case {
    pairs: Pairs::Fixtures,
    transport: Expect::Fallback(Cause::Proxied),
    outcome: "echo works over TCP; the server never knew of MPTCP",
    mutants: &["rule-left-out", "echo-alters"],
    steps: |cell| through(cell, &Middlebox::SynProxy),
    ..Case::BASE
};

fn through(cell: &mut Cell, middlebox: &Middlebox) -> Result<(), CellEnd> {
    cell.place(1, middlebox)?;
    let server = cell.serve(Serve::echo())?;
    let opened = cell.connect(Connect::default())?;
    support::small_talk(cell, opened.connection)?;
    cell.finish(server, opened.connection)
}

fn drop_mptcp_syn() -> Rule {
    Rule::new("drop-mptcp-syn", Action::Drop)
        .from("client")
        .syn()
        .mptcp(MptcpMatch::Any)
}

fn dropped_then_tcp(cell: &mut Cell) -> Result<(), CellEnd> {
    cell.rule(drop_mptcp_syn())?;
    let server = cell.serve(Serve::echo())?;
    let opened = cell.connect(Connect::default())?;
    support::small_talk(cell, opened.connection)?;
    cell.finish(server, opened.connection)
}

fn talk_once(cell: &mut Cell, server: u32, number: u32) -> Result<(), CellEnd> {
    let opened = cell.connect(Connect::default())?;
    support::small_talk(cell, opened.connection)?;
    cell.witness(Some(opened.connection))?;
    support::close_cleanly(cell, opened.connection)?;
    cell.server_saw(server, number, number)?;
    Ok(())
}

fn refused_with<T>(cell: &mut Cell, outcome: Outcome<T>, errnos: &'static [i32]) {
    let seen = match outcome {
        Outcome::Done(_) => Vec::new(),
        Outcome::Refused(record, _) => record.chain.iter().filter_map(|link| link.errno).collect(),
    };
    let held = seen.iter().any(|errno| errnos.contains(errno));
    cell.check(
        "errno of the refused connection",
        &format!("one of {}", shown(errnos)),
        &shown(&seen),
        held,
    );
}

fn limit_of(within_ms: u64) -> support::Refusal {
    support::Refusal {
        within_ms,
        errnos: &[],
        words: &["imeout", "imed out", "Deadline", "deadline"],
        closes: false,
    }
}
