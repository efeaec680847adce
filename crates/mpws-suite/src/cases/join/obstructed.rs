//! Joins that must not come about, and do no harm.

use mptcp::pm::{Endpoint, EndpointFlags};
use mpws_lab::rule::{Action, MptcpMatch, Rewrite, Rule, Which};
use mpws_trace::Cause;

use super::BASE;
use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::crossing::{self, Session};
use crate::cases::fallback::stripped;
use crate::cell::{Cell, CellEnd, Connect, Count, Serve};
use crate::requirement::{manual, rfc8684, sysctl};

/// The cases of this group.
pub const CASES: &[Case] = &[
    INITIAL_ADDRESS_DENIED,
    SERVER_TAKES_NONE,
    ANNOUNCEMENT_NOT_TAKEN,
    SYN_DROPPED,
    SYN_REFUSED,
    SYN_STRIPPED,
    SYN_ACK_STRIPPED,
    THIRD_ACK_STRIPPED,
    UNREACHABLE_ADDRESS,
    NOBODY_LISTENS,
    NOT_AFTER_FALLBACK,
];

const INITIAL_ADDRESS_DENIED: Case = Case {
    slug: "join/initial-address-denied",
    title: "The server denies joins to its first address (flag C): the client's kernel does not try",
    requirements: &[
        rfc8684("3.1").says("flag C"),
        sysctl("net.mptcp.allow_join_initial_addr_port"),
    ],
    why: "A join that a balancer sends to another server is refused there, and costs a round for nothing.",
    pairs: Pairs::Fixtures,
    outcome: "no SYN with MP_JOIN leaves the client; echo works",
    mutants: &["sysctl-left-on", "echo-alters"],
    steps: |cell| {
        cell.sysctl(Side::Server, "net.mptcp.allow_join_initial_addr_port", "0")?;
        crossing::allow(cell, 2)?;
        cell.endpoint(Side::Client, 2, EndpointFlags::SUBFLOW)?;
        let session = alone(cell, Serve::echo())?;
        crossing::talk(cell, session.connection, 0..10)?;
        crossing::leave(cell, session)?;
        cell.counted(Side::Client, "MPJoinSynTx", Count::Exactly(0))
    },
    ..BASE
};

const SERVER_TAKES_NONE: Case = Case {
    slug: "join/server-takes-none",
    title: "The server's limit is no further subflow: the join is refused, the connection goes on",
    requirements: &[
        rfc8684("3.2"),
        manual("ip-mptcp(8)").says("limits subflows 0"),
    ],
    why: "An operator who wants one path each gets it, and no client suffers.",
    pairs: Pairs::Fixtures,
    outcome: "the kernel refuses the join; echo works; the server's program knows of one connection",
    mutants: &["limits-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        cell.limits(Side::Client, 2, 2)?;
        cell.limits(Side::Server, 0, 0)?;
        cell.endpoint(Side::Client, 2, EndpointFlags::SUBFLOW)?;
        let session = alone(cell, Serve::echo())?;
        cell.until_moved(Side::Server, "MPJoinRejected", 1)?;
        crossing::talk(cell, session.connection, 0..6)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ANNOUNCEMENT_NOT_TAKEN: Case = Case {
    slug: "join/announcement-not-taken",
    title: "A client whose limit accepts no announcement hears it and does not join",
    requirements: &[
        rfc8684("3.4.1"),
        manual("ip-mptcp(8)").says("limits add_addr_accepted, by default 0"),
    ],
    why: "It is the default: who forgets the limit has one path and nothing that tells him.",
    pairs: Pairs::Fixtures,
    outcome: "ADD_ADDR arrives; no SYN with MP_JOIN leaves the client; echo works",
    mutants: &["endpoint-left-out", "echo-alters"],
    steps: |cell| {
        cell.limits(Side::Client, 2, 0)?;
        cell.limits(Side::Server, 2, 2)?;
        cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
        let serve = crossing::echo_everywhere(cell);
        let session = alone(cell, serve)?;
        cell.until_moved(Side::Client, "AddAddr", 1)?;
        crossing::talk(cell, session.connection, 0..10)?;
        crossing::leave(cell, session)?;
        cell.counted(Side::Client, "MPJoinSynTx", Count::Exactly(0))
    },
    ..BASE
};

const SYN_DROPPED: Case = Case {
    slug: "join/syn-dropped",
    title: "The second path loses every SYN: the connection does not wait for it",
    requirements: &[rfc8684("3.2")],
    why: "A path that swallows packets is the ordinary state of a radio link; it must cost nothing.",
    network: "two paths; the second loses every SYN",
    outcome: "echo works at once; no join",
    mutants: &["rule-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| obstructed(cell, syn("drop-join-syn", Action::Drop)),
    ..BASE
};

const SYN_REFUSED: Case = Case {
    slug: "join/syn-refused",
    title: "A box on the second path resets the join: the connection goes on",
    requirements: &[rfc8684("3.2").says("a refused join concerns that subflow alone")],
    why: "Firewalls answer what they do not know with a reset.",
    network: "two paths; SYNs on the second are answered with a reset",
    pairs: Pairs::Fixtures,
    outcome: "echo works; no join",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| obstructed(cell, syn("reset-join-syn", Action::Reset)),
    ..BASE
};

const SYN_STRIPPED: Case = Case {
    slug: "join/syn-option-stripped",
    title: "MP_JOIN is removed from the SYN: the server must not take it for a new client",
    requirements: &[rfc8684("3.2").says("a SYN/ACK without MP_JOIN is answered with a reset")],
    why: "Without the option the SYN looks like that of a plain TCP client; a program that accepts it has a ghost.",
    network: "two paths; MPTCP options are removed from SYNs on the second",
    pairs: Pairs::Servers,
    outcome: "echo works; no join; the server's program has accepted one connection",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| obstructed(cell, syn("strip-join-syn", strip())),
    ..BASE
};

const SYN_ACK_STRIPPED: Case = Case {
    slug: "join/syn-ack-option-stripped",
    title: "MP_JOIN is removed from the SYN/ACK: the client gives the subflow up",
    requirements: &[rfc8684("3.2").says("a SYN/ACK without MP_JOIN is answered with a reset")],
    why: "A subflow that is not proven to belong to the connection must carry nothing.",
    network: "two paths; MPTCP options are removed from SYN/ACKs on the second",
    pairs: Pairs::Fixtures,
    outcome: "echo works; no join",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        let rule = Rule::new("strip-join-syn-ack", strip()).path(2).syn_ack();
        obstructed(cell, rule)
    },
    ..BASE
};

const THIRD_ACK_STRIPPED: Case = Case {
    slug: "join/third-ack-option-stripped",
    title: "MP_JOIN is removed from the third ACK: the server does not trust the subflow",
    requirements: &[rfc8684("3.2").says("without a valid HMAC the subflow is reset")],
    why: "The HMAC is all that keeps strangers out of the connection.",
    network: "two paths; MP_JOIN is removed from all but SYNs on the second",
    pairs: Pairs::Fixtures,
    outcome: "echo works; no join at the server",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        let strip = Action::Rewrite(Rewrite::StripSubtype(MP_JOIN));
        let rule = Rule::new("strip-third-ack", strip).path(2).not_syn();
        obstructed(cell, rule.mptcp(MptcpMatch::Subtype(MP_JOIN)))
    },
    ..BASE
};

const UNREACHABLE_ADDRESS: Case = Case {
    slug: "join/unreachable-address",
    title: "The server announces an address to which the client has no route",
    requirements: &[rfc8684("3.4.1").says("announcements are hints")],
    why: "Servers announce private addresses by mistake; clients must not stumble over them.",
    pairs: Pairs::Clients,
    outcome: "the client's kernel cannot even send the SYN; echo works at once",
    mutants: &["endpoint-left-out", "limits-left-out", "client-reconnects"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        let endpoint = Endpoint::new(NOWHERE.into()).id(9);
        cell.add_endpoint(Side::Server, &endpoint.flags(EndpointFlags::SIGNAL))?;
        let serve = crossing::echo_everywhere(cell);
        let session = alone(cell, serve)?;
        cell.until_moved(Side::Client, "MPJoinSynTxConnectErr", 1)?;
        crossing::talk(cell, session.connection, 0..6)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const NOBODY_LISTENS: Case = Case {
    slug: "join/nobody-listens",
    title: "The announced address has no listener, because the server's program bound the first address alone",
    requirements: &[
        rfc8684("3.4.1").says("without a port the join goes to the port of the connection")
    ],
    why: "A common mistake: host=\"192.0.2.1\" in the program, and every announced address is refused in silence.",
    pairs: Pairs::Servers,
    outcome: "the server's kernel resets the join; echo works",
    mutants: &["endpoint-left-out", "limits-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
        let refused = cell.watch("reset-of-server", |mut rule| {
            rule.when.rst = Some(true);
            rule.path(2).from("server")
        })?;
        let session = alone(cell, Serve::echo())?;
        cell.until_hit("reset-of-server", refused, 1)?;
        crossing::talk(cell, session.connection, 0..6)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const NOT_AFTER_FALLBACK: Case = Case {
    slug: "join/not-after-fallback",
    title: "A connection that fell back after its handshake is joined by nobody, though both kernels may",
    requirements: &[
        rfc8684("3.7").says("after a fallback the connection is TCP, and no subflow can be added")
    ],
    why: "A join to a connection that no longer counts in data sequence numbers would mix two streams.",
    network: "two paths; MPTCP options of the client's segments without SYN are overwritten",
    pairs: Pairs::Fixtures,
    transport: Expect::Fallback(Cause::OptionStrippedClientData),
    outcome: "the keys were exchanged, and yet no SYN with MP_JOIN is sent; echo works as TCP",
    mutants: &["rule-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        cell.expect_joins(Count::Exactly(0));
        let fallen = stripped::fallen_back(cell, stripped::client_segments())?;
        let join = MptcpMatch::Subtype(MP_JOIN);
        let joins = cell.watch("syn-of-a-join", |rule| rule.syn().mptcp(join))?;
        cell.endpoint(Side::Client, 2, EndpointFlags::SUBFLOW)?;
        cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
        crossing::talk(cell, fallen.connection, 0..6)?;
        cell.never_hit("syn-of-a-join", joins)?;
        crossing::leave(cell, fallen)
    },
    ..BASE
};

/// The third ACK of a join, lost once.
pub(super) fn third_ack_lost() -> Rule {
    Rule::new("drop-third-ack", Action::Drop)
        .path(2)
        .from("client")
        .not_syn()
        .mptcp(MptcpMatch::Subtype(MP_JOIN))
        .which(Which::First(1))
}

fn syn(name: &str, action: Action) -> Rule {
    Rule::new(name, action).path(2).syn()
}

fn strip() -> Action {
    Action::Rewrite(Rewrite::StripMptcp)
}

/// Announces the second path, obstructs it by the rule, and shows that the connection does not
/// care.
fn obstructed(cell: &mut Cell, rule: Rule) -> Result<(), CellEnd> {
    let name = rule.name.clone();
    let id = cell.rule(rule)?;
    crossing::allow(cell, 2)?;
    cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
    let serve = crossing::echo_everywhere(cell);
    let session = alone(cell, serve)?;
    cell.until_hit(&name, id, 1)?;
    crossing::talk(cell, session.connection, 0..6)?;
    crossing::leave(cell, session)
}

/// A connection that nothing may join.
pub(super) fn alone(cell: &mut Cell, serve: Serve) -> Result<Session, CellEnd> {
    cell.expect_echoes();
    crossing::connect_and_join(cell, serve, Connect::default(), 0)
}

/// An address of a network to which no path leads.
const NOWHERE: [u8; 4] = [198, 51, 100, 9];
/// Subtype of MP_JOIN (RFC 8684 section 8.2).
const MP_JOIN: u8 = 1;
