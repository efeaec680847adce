//! A path goes away while the WebSocket is in use. What does the user of a library see?
//!
//! Nothing, it should be: the connection stays open, no message is lost or doubled, no keepalive
//! gives up. How long the slowest message took is recorded, never judged; the deadline for an
//! answer is generous.

use mptcp::pm::{EndpointFlags, EventKind};
use mpws_fixture::payload::Payload;
use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::{Action, Rule};
use mpws_peers::protocol::Feature;

use crate::case::{Case, Pairs, Profile, Side};
use crate::cases::crossing::{self, Session};
use crate::cell::{Cell, CellEnd, Connect, Count, Serve};
use crate::requirement::{Document, library, manual, rfc6455, rfc8684, section};

/// The cases of this family.
pub const CASES: &[Case] = &[
    LINK_DOWN,
    LINK_OF_SERVER_DOWN,
    SILENT_LOSS,
    LOSS_FROM_SERVER,
    TO_BACKUP,
    PATH_RESET,
    PATH_RESET_AT_BOTH_ENDS,
    PATH_UNREACHABLE,
    INITIAL_ADDRESS_DELETED,
    ADDRESS_REMOVED,
    ADDRESS_OF_SERVER_REMOVED,
    PATH_RETURNS,
    THERE_AND_BACK,
    ALL_PATHS_DARK,
    ALL_PATHS_DARK_FOR_LONG,
    KEEPALIVE,
];

/// The ground of this family: two paths, joined. TCP has but one, so there is nothing to compare
/// with.
const BASE: Case = Case {
    paths: 2,
    blind: true,
    control: false,
    ..Case::BASE
};

const LINK_DOWN: Case = Case {
    slug: "failover/link-down",
    title: "The client's first link goes down between two messages",
    requirements: &[
        rfc8684("3.3.6").says("data that is not acknowledged goes out again on another subflow")
    ],
    why: "A cable is pulled, a radio link ends: with MPTCP the WebSocket is to stay open.",
    network: "two joined paths; the client's end of the first goes down",
    outcome: "every message comes back once, over path 2; the same connection closes with 1000",
    mutants: &[
        "cut-left-out",
        "endpoint-left-out",
        "client-reconnects",
        "echo-doubles",
    ],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.link(Side::Client, 1, false)?;
        only_path_2_from(cell, session, Side::Client, 4..12)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const LINK_OF_SERVER_DOWN: Case = Case {
    slug: "failover/link-of-server-down",
    title: "The server's first link goes down between two messages",
    requirements: &[rfc8684("3.3.6")],
    why: "The end that loses its link may be the far one, which the near one learns from missing answers alone.",
    network: "two joined paths; the server's end of the first goes down",
    outcome: "every message comes back once, over path 2; the same connection closes with 1000",
    mutants: &["cut-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.link(Side::Server, 1, false)?;
        only_path_2_from(cell, session, Side::Server, 4..12)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const SILENT_LOSS: Case = Case {
    slug: "failover/silent-loss",
    title: "The first path swallows everything from one moment on, and tells nobody",
    requirements: &[rfc8684("3.3.6")],
    why: "The ordinary end of a mobile path: no link event, no reset, just silence.",
    network: "two joined paths; the first drops every packet in both directions",
    outcome: "every message comes back once; the same connection closes with 1000",
    mutants: &[
        "rule-left-out",
        "endpoint-left-out",
        "client-reconnects",
        "echo-doubles",
    ],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cut(cell, Rule::new("cut", Action::Drop))?;
        crossing::talk(cell, session.connection, 4..12)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const LOSS_FROM_SERVER: Case = Case {
    slug: "failover/one-way-loss",
    title: "The first path swallows what the server sends; what the client sends still arrives",
    requirements: &[rfc8684("3.3.6")],
    why: "One-way paths exist, and each end has to find out by itself.",
    network: "two joined paths; the first drops every packet of the server",
    pairs: Pairs::Fixtures,
    outcome: "every message comes back once; the same connection closes with 1000",
    mutants: &["rule-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cut(cell, Rule::new("cut", Action::Drop).from("server"))?;
        crossing::talk(cell, session.connection, 4..12)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const TO_BACKUP: Case = Case {
    slug: "failover/to-backup",
    title: "The first path falls silent, and the idle backup takes over",
    requirements: &[rfc8684("3.3.8").says("a backup subflow is for when there are no others")],
    why: "The dear path is used when, and only when, the cheap one is gone.",
    network: "two joined paths, the second a backup; the first drops every packet",
    pairs: Pairs::Fixtures,
    outcome: "nothing on path 2 before, everything after; every message comes back once",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-doubles"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        let flags = EndpointFlags::SIGNAL | EndpointFlags::BACKUP;
        cell.endpoint(Side::Server, 2, flags)?;
        cell.expect_echoes();
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 1)?;
        let idle = cell.watch("payload-on-path-2", |rule| rule.path(2).payload(true))?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.never_hit("payload-on-path-2", idle)?;
        cut(cell, Rule::new("cut", Action::Drop))?;
        crossing::talk(cell, session.connection, 4..12)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const PATH_RESET: Case = Case {
    slug: "failover/path-reset",
    title: "A box resets the first path in the middle of the conversation",
    requirements: &[rfc8684("3.6").says("a reset ends the subflow, not the connection")],
    why: "Firewalls that restart answer old flows with resets; over TCP that ends the WebSocket with 1006.",
    network: "two joined paths; data on the first is answered with a reset",
    outcome: "the client's kernel gives the first subflow up; every message comes back once",
    mutants: &[
        "rule-left-out",
        "endpoint-left-out",
        "client-reconnects",
        "echo-doubles",
    ],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.rule(
            Rule::new("reset", Action::Reset)
                .path(1)
                .from("client")
                .payload(true),
        )?;
        crossing::talk(cell, session.connection, 4..12)?;
        cell.until_event(Side::Client, EventKind::SubflowClosed, 1)?;
        cell.expect_carried(2, true);
        crossing::leave(cell, session)
    },
    ..BASE
};

const PATH_RESET_AT_BOTH_ENDS: Case = Case {
    slug: "failover/path-reset-at-both-ends",
    title: "A box cuts the first path by resets to both ends",
    requirements: &[rfc8684("3.6").says("a reset ends the subflow, not the connection")],
    why: "Boxes that end idle or long flows tell both sides.",
    network: "two joined paths; the first is reset at both ends after so many segments with payload",
    pairs: Pairs::Fixtures,
    outcome: "both kernels give the first subflow up; every message comes back once",
    mutants: &["rule-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| {
        let middlebox = Middlebox::ResetAfter { segments: 8 };
        let id = cell.place(1, &middlebox)?;
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..12)?;
        cell.until_box_hit(&middlebox, id)?;
        for side in [Side::Client, Side::Server] {
            cell.until_event(side, EventKind::SubflowClosed, 1)?;
        }
        cell.expect_carried(2, true);
        crossing::leave(cell, session)
    },
    ..BASE
};

const PATH_UNREACHABLE: Case = Case {
    slug: "failover/path-unreachable",
    title: "A router on the first path loses its way on, and says so by ICMP",
    requirements: &[
        rfc8684("3.3.6"),
        section(Document::Rfc1122, "4.2.3.9").says("such errors are soft"),
    ],
    why: "The message must not end the connection, and not even reach the program.",
    network: "two joined paths; packets on the first are answered by ICMP unreachable",
    outcome: "every message comes back once; no error reaches the programs",
    pairs: Pairs::Clients,
    mutants: &["rule-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.place(1, &Middlebox::Unreachable)?;
        crossing::talk(cell, session.connection, 4..12)?;
        cell.expect_carried(2, true);
        crossing::leave(cell, session)
    },
    ..BASE
};

const INITIAL_ADDRESS_DELETED: Case = Case {
    slug: "failover/initial-address-deleted",
    title: "The address on which the connection began is taken out of it",
    requirements: &[
        rfc8684("3.4.2").says("REMOVE_ADDR of id 0"),
        manual("ip-mptcp(8)").says("endpoint delete id 0"),
    ],
    why: "A machine that leaves a network says so, and its connections go on elsewhere without a pause.",
    network: "two joined paths; the client removes its first address",
    pairs: Pairs::Fixtures,
    outcome: "REMOVE_ADDR is sent, the first subflow ends, every message comes back once",
    mutants: &["cut-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.delete_initial_address(Side::Client)?;
        cell.until_event(Side::Client, EventKind::SubflowClosed, 1)?;
        cell.counted(Side::Client, "RmAddrTx", Count::Exactly(1))?;
        cell.until_moved(Side::Server, "RmAddr", 1)?;
        only_path_2_from(cell, session, Side::Client, 4..12)?;
        cell.subflows_now(Count::Exactly(1))?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ADDRESS_REMOVED: Case = Case {
    slug: "failover/address-removed",
    title: "The client's first address is taken from its interface, and no path manager is told",
    requirements: &[rfc8684("3.4.2"), manual("ip-address(8)").says("del")],
    why: "A lease ends, somebody changes the address: the kernel's path manager knows endpoints alone, not addresses.",
    network: "two joined paths; the client's address on the first is removed",
    pairs: Pairs::Fixtures,
    outcome: "every message comes back once, over path 2; whether REMOVE_ADDR is sent is recorded",
    mutants: &["cut-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| address_removed(cell, Side::Client),
    ..BASE
};

const ADDRESS_OF_SERVER_REMOVED: Case = Case {
    slug: "failover/address-of-server-removed",
    title: "The server's first address is taken from its interface, and no path manager is told",
    requirements: &[rfc8684("3.4.2"), manual("ip-address(8)").says("del")],
    why: "A floating address moves to another server; the connections stay where they are.",
    network: "two joined paths; the server's address on the first is removed",
    pairs: Pairs::Fixtures,
    outcome: "every message comes back once, over path 2; whether REMOVE_ADDR is sent is recorded",
    mutants: &["cut-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| address_removed(cell, Side::Server),
    ..BASE
};

const PATH_RETURNS: Case = Case {
    slug: "failover/path-returns",
    title: "The first link goes down and comes back",
    requirements: &[
        rfc8684("3.3.6").says("what becomes of a path that returns is the path manager's choice")
    ],
    why: "Trains leave tunnels. Whether the path is used again is recorded.",
    network: "two joined paths; the client's end of the first goes down and up again",
    pairs: Pairs::Fixtures,
    outcome: "every message comes back once, before, while and after; whether the kernel joins again, and whether the first path carries payload again, is recorded",
    mutants: &["cut-left-out", "endpoint-left-out", "client-reconnects"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.link(Side::Client, 1, false)?;
        only_path_2_from(cell, session, Side::Client, 4..12)?;
        let tried = |cell: &mut Cell| -> Result<Option<i64>, CellEnd> {
            Ok(cell.counters()?.0.of("MPJoinSynTx"))
        };
        let before = tried(cell)?;
        let again = cell.watch("payload-on-path-1-again", |rule| rule.path(1).payload(true))?;
        cell.link(Side::Client, 1, true)?;
        crossing::talk(cell, session.connection, 12..20)?;
        // What the first subflow could not send it sends when its timer is due, if it still lives.
        let name = "payload on the first path after its return";
        let used = cell.whether(|cell| Ok(cell.hits(again)? > 0))?;
        cell.record_volatile(name, if used { "some" } else { "none" });
        crossing::talk(cell, session.connection, 20..24)?;
        let joins = tried(cell)?
            .zip(before)
            .map(|(after, before)| after - before);
        cell.record(
            "joins that the client's kernel tries after the return",
            joins,
        );
        crossing::leave(cell, session)
    },
    ..BASE
};

const THERE_AND_BACK: Case = Case {
    slug: "failover/there-and-back",
    title: "The first path falls silent, comes back, and then the second falls silent",
    requirements: &[rfc8684("3.3.6").says("a subflow that works again may be used again")],
    why: "Two bad paths in turn are as good as one that always works.",
    network: "two joined paths; first the one and then the other drops every packet",
    pairs: Pairs::Fixtures,
    profile: Profile::Full,
    outcome: "every message comes back once, in each of the phases",
    mutants: &["rule-left-out", "rule-left-in", "endpoint-left-out"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        let first = cell.rule(Rule::new("cut-path-1", Action::Drop).path(1))?;
        crossing::talk(cell, session.connection, 0..6)?;
        cell.expect_dropped(1);
        cell.lift(first)?;
        crossing::talk(cell, session.connection, 6..12)?;
        cell.rule(Rule::new("cut-path-2", Action::Drop).path(2))?;
        crossing::talk(cell, session.connection, 12..18)?;
        cell.expect_carried(1, true);
        cell.expect_carried(2, true);
        crossing::leave(cell, session)
    },
    ..BASE
};

const ALL_PATHS_DARK: Case = Case {
    slug: "failover/all-paths-dark",
    title: "Every path falls silent, and comes back after a while",
    requirements: &[rfc8684("3.3.6"), section(Document::Rfc9293, "3.8.1")],
    why: "An outage of all uplinks is no reason to end the connection, over TCP neither.",
    network: "two joined paths; both drop every packet until three were lost",
    control: true,
    outcome: "the message of the outage comes back once, and so do those after it",
    mutants: &["rule-left-out", "client-reconnects", "echo-doubles"],
    steps: |cell| outage(cell, 3),
    ..BASE
};

const ALL_PATHS_DARK_FOR_LONG: Case = Case {
    slug: "failover/all-paths-dark-for-long",
    title: "Every path falls silent for several seconds",
    requirements: &[rfc8684("3.3.6"), section(Document::Rfc9293, "3.8.1")],
    why: "A restart of the access point takes seconds; the WebSocket need not know.",
    network: "two joined paths; both drop every packet until the retransmissions have become rare",
    control: true,
    profile: Profile::Full,
    outcome: "the message of the outage comes back once, and so do those after it",
    mutants: &["rule-left-out"],
    steps: |cell| {
        // Each path sends less and less often: it takes some six seconds in both.
        let losses = if cell.over_mptcp() { 12 } else { 6 };
        outage(cell, losses)
    },
    ..BASE
};

const KEEPALIVE: Case = Case {
    slug: "failover/keepalive",
    title: "An idle connection lives by its keepalive pings alone while the first path falls silent",
    requirements: &[
        rfc6455("5.5.2"),
        library("websockets", "keepalive").says("ping_interval, ping_timeout"),
    ],
    why: "A keepalive that gives up during the switch would end a connection that MPTCP has saved.",
    network: "two joined paths; the first drops every packet",
    pairs: Pairs::Clients,
    client_needs: &[Feature::Asyncio],
    outcome: "pings go on over path 2 and are answered; no close frame, no 1011; messages come back",
    mutants: &["rule-left-out", "endpoint-left-out"],
    steps: |cell| {
        cell.expect_echoes();
        let connect = Connect {
            extra: &[("ping_interval", 0.1), ("ping_timeout", 20.0)],
            ..Connect::default()
        };
        let session = crossing::on_two_paths(cell, Serve::echo(), connect)?;
        cut(cell, Rule::new("cut", Action::Drop))?;
        let pings = |rule: Rule| rule.path(2).from("client").payload(true);
        let pings = cell.watch("keepalive-on-path-2", pings)?;
        cell.until_hit("keepalive-on-path-2", pings, 4)?;
        crossing::talk(cell, session.connection, 0..4)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

/// Cuts the first path by a rule; the wire must show that packets were lost on it and that the
/// second carried on.
fn cut(cell: &mut Cell, rule: Rule) -> Result<(), CellEnd> {
    cell.rule(rule.path(1))?;
    cell.expect_dropped(1);
    cell.expect_carried(2, true);
    Ok(())
}

/// Takes the first address of a side from its interface while the WebSocket is in use.
fn address_removed(cell: &mut Cell, side: Side) -> Result<(), CellEnd> {
    let session = crossing::echo_on_two_paths(cell)?;
    crossing::talk(cell, session.connection, 0..4)?;
    cell.remove_address(side, 1)?;
    only_path_2_from(cell, session, side, 4..12)?;
    let (client, server) = cell.counters()?;
    let moved = match side {
        Side::Client => client,
        Side::Server => server,
    };
    cell.record("REMOVE_ADDR sent", moved.of("RmAddrTx"));
    crossing::leave(cell, session)
}

/// Talks while the first path of a side is gone: nothing that it sends may leave there.
fn only_path_2_from(
    cell: &mut Cell,
    session: Session,
    side: Side,
    numbers: std::ops::Range<u64>,
) -> Result<(), CellEnd> {
    let name = format!("payload-of-{}-on-path-1", side.word());
    let gone = cell.watch(&name, |rule| rule.path(1).from(side.word()).payload(true))?;
    crossing::talk(cell, session.connection, numbers)?;
    cell.never_hit(&name, gone)?;
    cell.expect_carried(2, true);
    Ok(())
}

/// All paths lose everything until so many packets were lost; a message is on its way meanwhile.
fn outage(cell: &mut Cell, losses: u64) -> Result<(), CellEnd> {
    let session = crossing::echo_on_two_paths(cell)?;
    let connection = session.connection;
    crossing::talk(cell, connection, 0..4)?;
    let dark = cell.rule(Rule::new("dark", Action::Drop))?;
    let message = Payload::Text { size: 500, seed: 4 };
    crossing::send(cell, connection, message.clone(), 1)?;
    cell.until_hit("dark", dark, losses)?;
    cell.lift(dark)?;
    let name = "the message of the outage";
    crossing::receive_this(cell, connection, name, &message)?;
    crossing::talk(cell, connection, 5..9)?;
    cell.expect_dropped(1);
    crossing::leave(cell, session)
}
