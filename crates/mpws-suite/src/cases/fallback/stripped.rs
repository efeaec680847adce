//! A middlebox removes MPTCP options.

use mpws_fixture::payload::Payload;
use mpws_lab::RuleId;
use mpws_lab::rule::{Action, MptcpMatch, Rewrite, Rule, Which};
use mpws_peers::protocol::Feature;
use mpws_trace::Cause;

use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::crossing::Session;
use crate::cases::support::{self, V4_AND_V6};
use crate::cell::{Cell, CellEnd, Connect, Outcome, Serve};
use crate::deadline;
use crate::requirement::rfc8684;

/// The cases of this group.
pub const CASES: &[Case] = &[
    EVERYWHERE,
    SYN,
    SYN_ACK,
    CLIENT_SEGMENTS,
    SERVER_SEGMENTS,
    MID_CONNECTION,
    STRICT,
];

const WHY: &str = "Firewalls and proxies remove TCP options that they do not know; the WebSocket must not suffer.";

const EVERYWHERE: Case = Case {
    slug: "fallback/option-stripped-everywhere",
    title: "MPTCP options removed from every packet: TCP from the start",
    requirements: &[rfc8684("3.1"), rfc8684("3.7")],
    why: WHY,
    network: "one path; every MPTCP option is overwritten with NOP, both ways",
    control: false,
    ips: V4_AND_V6,
    blind: true,
    transport: Expect::Fallback(Cause::OptionStrippedSyn),
    outcome: "echo works over TCP; the server accepts a plain TCP socket",
    mutants: &["rule-left-out", "echo-alters"],
    steps: |cell| strip_and_talk(cell, Rule::new("strip-all", strip())),
    ..Case::BASE
};

const SYN: Case = Case {
    slug: "fallback/syn-option-stripped",
    title: "MP_CAPABLE removed from the SYN: TCP from the start",
    requirements: &[rfc8684("3.1")],
    why: WHY,
    network: "one path; MPTCP options of the SYN are overwritten",
    control: false,
    blind: true,
    transport: Expect::Fallback(Cause::OptionStrippedSyn),
    outcome: "echo works over TCP; the server never knew of MPTCP",
    mutants: &["rule-left-out", "echo-alters"],
    steps: |cell| strip_and_talk(cell, Rule::new("strip-syn", strip()).syn()),
    ..Case::BASE
};

const SYN_ACK: Case = Case {
    slug: "fallback/syn-ack-option-stripped",
    title: "MP_CAPABLE removed from the SYN/ACK: TCP from the start",
    requirements: &[rfc8684("3.1")],
    why: WHY,
    network: "one path; MPTCP options of the SYN/ACK are overwritten",
    control: false,
    blind: true,
    transport: Expect::Fallback(Cause::OptionStrippedSynAck),
    outcome: "echo works over TCP; the server had answered MP_CAPABLE and took it back",
    mutants: &["rule-left-out", "echo-alters"],
    steps: |cell| strip_and_talk(cell, Rule::new("strip-syn-ack", strip()).syn_ack()),
    ..Case::BASE
};

const CLIENT_SEGMENTS: Case = Case {
    slug: "fallback/client-segments-stripped",
    title: "Options removed from the client's segments after the SYN: TCP after the first data",
    requirements: &[rfc8684("3.7")],
    why: WHY,
    network: "one path; MPTCP options of the client's segments without SYN are overwritten",
    control: false,
    blind: true,
    transport: Expect::Fallback(Cause::OptionStrippedClientData),
    outcome: "the handshake is MPTCP, the data is TCP; nothing is lost",
    mutants: &["rule-left-out", "echo-alters"],
    steps: |cell| strip_and_talk(cell, client_segments()),
    ..Case::BASE
};

const SERVER_SEGMENTS: Case = Case {
    slug: "fallback/server-segments-stripped",
    title: "Options removed from the server's segments after the SYN/ACK: TCP after the first data",
    requirements: &[rfc8684("3.7")],
    why: WHY,
    network: "one path; MPTCP options of the server's segments without SYN are overwritten",
    control: false,
    blind: true,
    transport: Expect::Fallback(Cause::OptionStrippedServerData),
    outcome: "the handshake is MPTCP, the data is TCP; nothing is lost",
    mutants: &["rule-left-out", "echo-alters"],
    steps: |cell| {
        strip_and_talk(
            cell,
            Rule::new("strip-server-segments", strip())
                .from("server")
                .not_syn(),
        )
    },
    ..Case::BASE
};

const MID_CONNECTION: Case = Case {
    slug: "fallback/stripped-mid-connection",
    title: "Options removed once the connection stands: it goes on as TCP without losing a byte",
    requirements: &[rfc8684("3.7")],
    why: "A route may change to one with such a middlebox while a WebSocket is open.",
    network: "one path; after the first messages every MPTCP option is overwritten, both ways",
    control: false,
    blind: true,
    transport: Expect::Fallback(Cause::FellBackMidStream),
    outcome: "messages before and after come back unchanged on the same connection",
    mutants: &["rule-left-out", "echo-alters", "echo-drops"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.witness(None)?;
        // What lacks its DATA_ACK would be sent again, and after that Linux does not fall back but
        // resets.
        cell.until_all_acknowledged()?;
        let waits = keep_tcp_waiting(cell, 0)?;
        cell.rule(Rule::new("strip-from-now-on", strip()))?;
        cell.echo(opened.connection, Payload::Text { size: 500, seed: 8 }, 1)?;
        speak_freely(cell, waits)?;
        cell.echo(
            opened.connection,
            Payload::Binary {
                size: 20_000,
                seed: 9,
            },
            1,
        )?;
        support::small_talk(cell, opened.connection)?;
        let facts = support::client_facts(cell, opened.connection)?;
        cell.equal(
            "TCP_IS_MPTCP of the client at the end",
            &Some(false),
            &facts.is_mptcp,
        );
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const STRICT: Case = Case {
    slug: "fallback/strict-mode",
    title: "A client that requires MPTCP refuses a connection that fell back",
    requirements: &[rfc8684("3.7").says("the choice is left to the application")],
    why: "Who pays for two paths wants an error, not a silent single one.",
    network: "one path; MPTCP options of the SYN are overwritten",
    pairs: Pairs::Fixtures,
    control: false,
    ips: V4_AND_V6,
    transport: Expect::Fallback(Cause::OptionStrippedSyn),
    outcome: "a typed error that names the fallback; no WebSocket is opened",
    mutants: &["rule-left-out", "client-lenient"],
    steps: |cell| {
        cell.rule(Rule::new("strip-syn", strip()).syn())?;
        let server = cell.serve(Serve::echo())?;
        let outcome = cell.try_connect(Connect {
            strict: true,
            ..Connect::default()
        })?;
        let refusal = support::Refusal {
            within_ms: deadline::OPEN_TIMEOUT_MS,
            errnos: &[],
            words: &["fell back", "fallback"],
            closes: false,
        };
        if let Outcome::Done(_) = outcome {
            cell.check(
                "a strict client refuses",
                "an error",
                "an open connection",
                false,
            );
            return Ok(());
        }
        support::judge_refusal(cell, outcome, refusal);
        let state = cell.server_state(server)?;
        let upgraded = state.connections.iter().filter(|one| one.upgraded).count();
        cell.equal(
            "WebSocket connections that the server opened",
            &0,
            &upgraded,
        );
        Ok(())
    },
    ..Case::BASE
};

const fn strip() -> Action {
    Action::Rewrite(Rewrite::StripMptcp)
}

/// Loses every packet that is an ACK and nothing else, but so many of the client's.
///
/// Data whose DATA_ACK was stripped MPTCP sends again after 200 ms, and from then on Linux answers
/// data without options by a reset instead of falling back (`allow_infinite_fallback`). MPTCP sends
/// nothing again while TCP itself still waits for an ACK. So both ends' TCP wait until the programs
/// have spoken, however long that takes.
fn keep_tcp_waiting(cell: &Cell, passing: u64) -> Result<[RuleId; 2], CellEnd> {
    let acks = |from: &str| {
        let mut rule = Rule::new("keep-tcp-waiting", Action::Drop)
            .from(from)
            .not_syn()
            .payload(false);
        rule.when.fin = Some(false);
        rule.when.rst = Some(false);
        rule
    };
    Ok([
        cell.rule_that_may_idle(acks("client").which(Which::After(passing)))?,
        cell.rule_that_may_idle(acks("server"))?,
    ])
}

fn speak_freely(cell: &Cell, waits: [RuleId; 2]) -> Result<(), CellEnd> {
    waits.into_iter().try_for_each(|rule| cell.lift(rule))
}

/// A connection that the rule made fall back at its first data.
pub(crate) fn fallen_back(cell: &mut Cell, rule: Rule) -> Result<Session, CellEnd> {
    let waits = keep_tcp_waiting(cell, 1)?;
    cell.rule(rule.mptcp(MptcpMatch::Any))?;
    let server = cell.serve(Serve::echo())?;
    let connection = cell.connect(Connect::default())?.connection;
    cell.echo(connection, Payload::Text { size: 500, seed: 8 }, 1)?;
    speak_freely(cell, waits)?;
    Ok(Session { server, connection })
}

/// Removes the options from the client's segments after the SYN.
pub(crate) fn client_segments() -> Rule {
    Rule::new("strip-client-segments", strip())
        .from("client")
        .not_syn()
}

fn strip_and_talk(cell: &mut Cell, rule: Rule) -> Result<(), CellEnd> {
    let Session { server, connection } = fallen_back(cell, rule)?;
    support::small_talk(cell, connection)?;
    let facts = support::client_facts(cell, connection)?;
    cell.equal("TCP_IS_MPTCP of the client", &Some(false), &facts.is_mptcp);
    cell.witness(Some(connection))?;
    if cell.has(Side::Server, Feature::Script) {
        let accepted = support::accepted_facts(cell, server)?;
        cell.record(
            "SO_PROTOCOL of the accepted socket",
            accepted.so_protocol.unwrap_or(-1),
        );
    }
    cell.finish(server, connection)
}
