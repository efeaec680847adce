//! Joins that must come about.

use mptcp::pm::{Endpoint, EndpointFlags, EventKind};
use mpws_fixture::payload::Payload;

use super::BASE;
use crate::case::{Case, Ip, Pairs, Side};
use crate::cases::crossing::{self, Session};
use crate::cases::support::{self, V4_AND_V6};
use crate::cell::{Cell, CellEnd, Connect, Count, Serve};
use crate::requirement::{manual, netlink, rfc8684, sysctl};

/// The cases of this group.
pub const CASES: &[Case] = &[
    CLIENT_ENDPOINT,
    ANNOUNCED_ADDRESS,
    ANNOUNCED_PORT,
    ANNOUNCED_THOUGH_INITIAL_DENIED,
    MIXED_FAMILIES,
    FOUR_PATHS,
    THIRD_ACK_LOST,
    CHURN,
];

const CLIENT_ENDPOINT: Case = Case {
    slug: "join/client-endpoint",
    title: "The client's kernel joins from an endpoint of its own, and no program notices",
    requirements: &[
        rfc8684("3.2"),
        manual("ip-mptcp(8)").says("endpoint flag subflow"),
    ],
    why: "This is how a phone or a machine with two uplinks gets its second path.",
    ips: V4_AND_V6,
    outcome: "one join; the server's program still has one connection, whose peer address is that of the first path",
    mutants: &[
        "endpoint-left-out",
        "echo-alters",
        "client-reconnects",
        "client-never-asks",
        "wire-strips-mptcp",
    ],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        cell.endpoint(Side::Client, 2, EndpointFlags::SUBFLOW)?;
        cell.expect_echoes();
        let session = crossing::connect_and_join(cell, Serve::echo(), Connect::default(), 1)?;
        cell.subflows_now(Count::Exactly(2))?;
        crossing::talk(cell, session.connection, 0..6)?;
        first_address_stays(cell, session)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ANNOUNCED_ADDRESS: Case = Case {
    slug: "join/announced-address",
    title: "The server announces a second address, and the client's kernel joins it",
    requirements: &[
        rfc8684("3.2"),
        rfc8684("3.4.1"),
        manual("ip-mptcp(8)").says("endpoint flag signal"),
    ],
    why: "A server with two addresses offers both to every client, without a word to its program.",
    ips: V4_AND_V6,
    outcome: "ADD_ADDR is echoed, one join; the server's program still has one connection",
    mutants: &[
        "endpoint-left-out",
        "limits-left-out",
        "echo-doubles",
        "client-reconnects",
    ],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        cell.counted(Side::Client, "AddAddr", Count::Exactly(1))?;
        cell.counted(Side::Server, "EchoAdd", Count::Exactly(1))?;
        crossing::talk(cell, session.connection, 0..6)?;
        cell.echo(
            session.connection,
            Payload::Binary {
                size: 70_000,
                seed: 6,
            },
            3,
        )?;
        first_address_stays(cell, session)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ANNOUNCED_PORT: Case = Case {
    slug: "join/announced-port",
    title: "The server announces an address with a port of its own, where the kernel listens for joins alone",
    requirements: &[
        rfc8684("3.4.1"),
        manual("ip-mptcp(8)").says("endpoint port"),
    ],
    why: "Balancers that send each port elsewhere need joins on a port that belongs to one server.",
    pairs: Pairs::Fixtures,
    outcome: "the join goes to the announced port, and the counters for joins with a port move",
    mutants: &["endpoint-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        let address = cell.path_address(Side::Server, 2);
        let endpoint = Endpoint::new(address).id(2).port(JOIN_PORT);
        cell.add_endpoint(Side::Server, &endpoint.flags(EndpointFlags::SIGNAL))?;
        // The program listens on the first address only: the kernel's own listener takes the join.
        let session = crossing::connect_and_join(cell, Serve::echo(), Connect::default(), 1)?;
        let joined = cell.until_event(Side::Client, EventKind::SubflowEstablished, 1)?;
        let port = joined.and_then(|event| event.remote_port);
        cell.equal("port that the join went to", &Some(JOIN_PORT), &port);
        cell.counted(Side::Client, "PortAdd", Count::Exactly(1))?;
        cell.counted(Side::Server, "MPJoinPortSynRx", Count::Exactly(1))?;
        crossing::talk(cell, session.connection, 0..4)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ANNOUNCED_THOUGH_INITIAL_DENIED: Case = Case {
    slug: "join/announced-though-initial-denied",
    title: "Joins to the first address are denied (flag C), joins to an announced one come about",
    requirements: &[
        rfc8684("3.1").says("flag C"),
        sysctl("net.mptcp.allow_join_initial_addr_port"),
    ],
    why: "Behind a balancer the first address is nobody's own; the announced one leads to the right server.",
    pairs: Pairs::Fixtures,
    outcome: "one join, to the announced address",
    mutants: &["endpoint-left-out", "echo-alters"],
    steps: |cell| {
        cell.sysctl(Side::Server, "net.mptcp.allow_join_initial_addr_port", "0")?;
        let session = crossing::echo_on_two_paths(cell)?;
        let joined = cell.until_event(Side::Client, EventKind::SubflowEstablished, 1)?;
        let announced = cell.path_address(Side::Server, 2);
        cell.equal(
            "address that the join went to",
            &Some(announced),
            &joined.and_then(|event| event.remote_address),
        );
        crossing::talk(cell, session.connection, 0..4)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const MIXED_FAMILIES: Case = Case {
    slug: "join/mixed-families",
    title: "An IPv6 connection is joined by a subflow over IPv4",
    requirements: &[rfc8684("3.2").says("subflows may be of different IP versions")],
    why: "Uplinks differ: one has IPv6, the other only IPv4.",
    pairs: Pairs::Fixtures,
    ips: &[Ip::V6],
    outcome: "one join, to the announced IPv4 address",
    mutants: &["endpoint-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        let announced = cell.path_address_in(Side::Server, 2, Ip::V4);
        let endpoint = Endpoint::new(announced).id(2);
        cell.add_endpoint(Side::Server, &endpoint.flags(EndpointFlags::SIGNAL))?;
        cell.expect_joins(Count::Exactly(1));
        cell.hear_paths()?;
        let server = support::serve_dual_stack(cell, false)?;
        let connection = cell.connect(Connect::default())?.connection;
        cell.until_joined(1)?;
        let joined = cell.until_event(Side::Client, EventKind::SubflowEstablished, 1)?;
        cell.equal(
            "address that the join went to",
            &Some(announced),
            &joined.and_then(|event| event.remote_address),
        );
        crossing::talk(cell, connection, 0..4)?;
        crossing::leave(cell, Session { server, connection })
    },
    ..BASE
};

const FOUR_PATHS: Case = Case {
    slug: "join/four-paths",
    title: "Three announced addresses, three joins",
    requirements: &[
        rfc8684("3.2"),
        rfc8684("3.4.1"),
        netlink("mptcp_pm", "set-limits"),
    ],
    why: "Announcements go out one after the other; none may be forgotten.",
    network: "four paths, nothing in the way",
    paths: 4,
    outcome: "three joins; messages come through whole",
    pairs: Pairs::Fixtures,
    mutants: &["endpoint-left-out", "limits-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 3)?;
        for path in 2..=4 {
            cell.endpoint(Side::Server, path, EndpointFlags::SIGNAL)?;
        }
        cell.expect_echoes();
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 3)?;
        cell.subflows_now(Count::Exactly(4))?;
        crossing::talk(cell, session.connection, 0..8)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const THIRD_ACK_LOST: Case = Case {
    slug: "join/third-ack-lost",
    title: "The third ACK of a join, which carries the HMAC, is lost once: the join comes all the same",
    requirements: &[rfc8684("3.2").says("the third ACK is sent again until the fourth has come")],
    why: "Second paths are often lossy radio links; one lost packet must not cost the path.",
    network: "two paths; the first ACK with MP_JOIN is lost",
    pairs: Pairs::Fixtures,
    outcome: "one join, after the SYN/ACK was sent again",
    mutants: &["rule-left-out", "endpoint-left-out"],
    steps: |cell| {
        cell.rule(super::obstructed::third_ack_lost())?;
        let session = crossing::echo_on_two_paths(cell)?;
        cell.expect_dropped(2);
        crossing::talk(cell, session.connection, 0..4)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const CHURN: Case = Case {
    slug: "join/churn",
    title: "The second path comes and goes five times while the WebSocket is in use",
    requirements: &[
        rfc8684("3.2"),
        rfc8684("3.4.2").says("an address that was removed may be used again"),
        manual("ip-mptcp(8)"),
    ],
    why: "A phone at the edge of a network joins and loses it all day, with one connection open.",
    network: "two paths; the client's endpoint on the second is added and deleted five times",
    pairs: Pairs::Fixtures,
    outcome: "five joins, each of which ends; every message comes back once; one subflow is left",
    mutants: &[
        "endpoint-left-out",
        "cut-left-out",
        "client-reconnects",
        "echo-doubles",
    ],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        cell.expect_echoes();
        cell.expect_joins(Count::Exactly(ROUNDS));
        cell.hear_paths()?;
        let server = cell.serve(Serve::echo())?;
        let connection = cell.connect(Connect::default())?.connection;
        for round in 1..=ROUNDS {
            let (events, message) = (round as usize, u64::from(round) * 4);
            cell.endpoint(Side::Client, 2, EndpointFlags::SUBFLOW)?;
            cell.until_joined(events)?;
            crossing::talk(cell, connection, message..message + 2)?;
            cell.delete_endpoint(Side::Client, 2)?;
            for side in [Side::Client, Side::Server] {
                cell.until_event(side, EventKind::SubflowClosed, events)?;
            }
            crossing::talk(cell, connection, message + 2..message + 4)?;
        }
        cell.subflows_now(Count::Exactly(1))?;
        crossing::leave(cell, Session { server, connection })
    },
    ..BASE
};

/// The programs must go on naming the peer by the address of the first path.
fn first_address_stays(cell: &mut Cell, session: Session) -> Result<(), CellEnd> {
    let state = cell.server_state(session.server)?;
    let remote = state
        .connections
        .first()
        .and_then(|connection| connection.facts.remote.clone());
    let first = cell.path_address(Side::Client, 1).to_string();
    let held = remote
        .as_ref()
        .is_some_and(|remote| remote.contains(&first));
    cell.check(
        "peer address of the server's connection",
        "that of the first path",
        if held {
            "that of the first path"
        } else {
            remote.as_deref().unwrap_or("none")
        },
        held,
    );
    Ok(())
}

/// Where the kernel itself listens for joins.
const JOIN_PORT: u16 = 9_443;
/// How often the second path of [`CHURN`] comes and goes.
const ROUNDS: u32 = 5;
