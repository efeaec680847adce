//! Subflows that must not get in. A WebSocket runs over the first path meanwhile and must not
//! notice.

use mptcp::pm::{Endpoint, EndpointFlags};
use mpws_fixture::payload::Payload;
use mpws_lab::rule::{Action, MptcpMatch, Rewrite, Rule};
use mpws_peers::protocol::SocketProtocol;

use crate::case::{Case, Pairs, Side};
use crate::cases::support;
use crate::cell::{Cell, CellEnd, Connect, Serve};
use crate::requirement::{counter, manual, rfc8684};

/// The cases of this group.
pub const CASES: &[Case] = &[
    WRONG_TOKEN,
    WRONG_HMAC_OF_CLIENT,
    WRONG_HMAC_OF_SERVER,
    WRONG_HMAC_OF_ANNOUNCEMENT,
    PATH_MANAGER_PORT,
];

const BASE: Case = Case {
    why: "Whoever can send packets could otherwise take part in a connection that is not his.",
    paths: 2,
    pairs: Pairs::Fixtures,
    control: false,
    outcome: "the kernel counts and refuses it; the WebSocket goes on over the first path, and nothing of it crosses the second",
    mutants: &["rule-left-out", "echo-alters"],
    ..Case::BASE
};

const WRONG_TOKEN: Case = Case {
    slug: "security/join-with-wrong-token",
    title: "An MP_JOIN with a token that the server does not know is refused",
    requirements: &[rfc8684("3.2").says("an unknown token is answered with a reset")],
    network: "two paths; the token in the SYN of the join is changed on the second",
    steps: |cell| {
        let rule = flip(TOKEN).path(2).from("client").syn();
        refused_join(cell, rule, (Side::Server, "MPJoinNoTokenFound"))
    },
    ..BASE
};

const WRONG_HMAC_OF_CLIENT: Case = Case {
    slug: "security/join-with-wrong-hmac-of-client",
    title: "A third ACK of a join with a wrong HMAC is refused by the server",
    requirements: &[rfc8684("3.2").says("HMAC of the third ACK")],
    network: "two paths; the HMAC in the third ACK of the join is changed on the second",
    steps: |cell| {
        let rule = flip(HMAC).path(2).from("client").not_syn();
        refused_join(cell, rule, (Side::Server, "MPJoinAckHMacFailure"))
    },
    ..BASE
};

const WRONG_HMAC_OF_SERVER: Case = Case {
    slug: "security/join-with-wrong-hmac-of-server",
    title: "A SYN/ACK of a join with a wrong HMAC is refused by the client",
    requirements: &[rfc8684("3.2").says("truncated HMAC of the SYN/ACK")],
    why: "Whoever answers on the second path could otherwise read and write what is sent there.",
    network: "two paths; the HMAC in the SYN/ACK of the join is changed",
    steps: |cell| {
        // The server has the one address to which the join goes, so its answer leaves by the first
        // path.
        let rule = flip(HMAC).from("server").syn_ack();
        refused_join(cell, rule, (Side::Client, "MPJoinSynAckHMacFailure"))
    },
    ..BASE
};

const WRONG_HMAC_OF_ANNOUNCEMENT: Case = Case {
    slug: "security/announcement-with-wrong-hmac",
    title: "An ADD_ADDR with a wrong HMAC is ignored: no join to the announced address",
    requirements: &[rfc8684("3.4.1").says("HMAC of ADD_ADDR")],
    why: "Whoever can insert an ADD_ADDR could otherwise draw the connection to a host of his own.",
    network: "two paths; the HMAC of the server's ADD_ADDR is changed",
    steps: |cell| {
        let rule = cell.rule(
            Rule::new("flip", Action::Rewrite(flip_byte(ADD_ADDR, ADD_ADDR_HMAC)))
                .from("server")
                .mptcp(MptcpMatch::Subtype(ADD_ADDR)),
        )?;
        announce(cell, 2)?;
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.wait_for("the announcement to be changed", |cell| {
            Ok((cell.hits(rule)? > 0).then_some(()))
        })?;
        // What came before these answers has been looked at by the client's kernel.
        support::small_talk(cell, opened.connection)?;
        let (client, _) = cell.counters()?;
        cell.equal("AddAddr of the client", &Some(0), &client.of("AddAddr"));
        cell.equal(
            "MPJoinSynAckRx of the client",
            &Some(0),
            &client.of("MPJoinSynAckRx"),
        );
        cell.finish(server, opened.connection)
    },
    ..BASE
};

const PATH_MANAGER_PORT: Case = Case {
    slug: "security/connect-to-path-manager-port",
    title: "The port of an announced endpoint takes joins only: a new connection to it is refused",
    requirements: &[
        manual("ip-mptcp(8)").says("endpoints with a port"),
        counter("MPCapableEndpAttempt"),
    ],
    why: "An endpoint with a port opens a listener in the kernel that no firewall rule of the application knows.",
    paths: 1,
    network: "one path; the server's kernel has an endpoint with a port of its own",
    outcome: "MPTCP and TCP are refused (ECONNREFUSED) and counted; the WebSocket beside them goes on",
    mutants: &["endpoint-without-port", "echo-alters"],
    steps: path_manager_port,
    ..BASE
};

fn path_manager_port(cell: &mut Cell) -> Result<(), CellEnd> {
    let address = cell.address(Side::Server);
    let address = address
        .parse()
        .map_err(|error| CellEnd::broken(format!("address {address}"), &error))?;
    let endpoint = Endpoint::new(address).flags(EndpointFlags::SIGNAL);
    cell.add_endpoint(Side::Server, &endpoint.port(PM_PORT))?;
    let server = cell.serve(Serve::echo())?;
    let opened = cell.connect(Connect::default())?;
    support::small_talk(cell, opened.connection)?;
    for protocol in [SocketProtocol::Mptcp, SocketProtocol::Tcp] {
        let socket = cell.own_socket(Side::Client, protocol)?;
        let seen = match socket.connect(&cell.server_at(PM_PORT)?) {
            Ok(()) => "connected".to_owned(),
            Err(error) => match error.raw_os_error() {
                Some(libc::ECONNREFUSED) => "ECONNREFUSED".to_owned(),
                _ => error.to_string(),
            },
        };
        let name = match protocol {
            SocketProtocol::Mptcp => "MPTCP to the endpoint's port",
            SocketProtocol::Tcp => "TCP to the endpoint's port",
        };
        cell.equal(name, &"ECONNREFUSED", &seen.as_str());
    }
    let (_, moved) = cell.counters()?;
    match moved.of("MPCapableEndpAttempt") {
        Some(attempts) => {
            cell.check(
                "attempts that the server's kernel counts",
                "at least one",
                if attempts > 0 { "at least one" } else { "none" },
                attempts > 0,
            );
            cell.record("MPCapableEndpAttempt", attempts);
        }
        None => {
            return Err(CellEnd::Unprovable(
                "this kernel does not count attempts on endpoints".to_owned(),
            ));
        }
    }
    support::small_talk(cell, opened.connection)?;
    cell.finish(server, opened.connection)
}

/// The client tries to join by the second path, and the join is spoiled by the rule.
fn refused_join(
    cell: &mut Cell,
    rule: Rule,
    (side, counter): (Side, &'static str),
) -> Result<(), CellEnd> {
    cell.rule(rule)?;
    join_from(cell, 2)?;
    let server = cell.serve(Serve::echo())?;
    let opened = cell.connect(Connect::default())?;
    support::small_talk(cell, opened.connection)?;
    let counted = cell.wait_for(&format!("{counter} of the {}", side.word()), |cell| {
        let (client, server) = cell.counters()?;
        let moved = match side {
            Side::Client => client.of(counter),
            Side::Server => server.of(counter),
        };
        Ok(moved.filter(|moved| *moved > 0))
    })?;
    cell.check(counter, "at least one", "at least one", counted > 0);
    cell.echo(
        opened.connection,
        Payload::Binary {
            size: 100_000,
            seed: 5,
        },
        1,
    )?;
    let subflows = cell.subflow_marks(Side::Client)?;
    cell.equal("established subflows of the client", &1, &subflows.len());
    cell.finish(server, opened.connection)
}

/// Both kernels allow a second subflow, and the client opens it by this path as soon as it has a
/// connection.
pub(crate) fn join_from(cell: &Cell, path: u8) -> Result<(), CellEnd> {
    allow_joins(cell)?;
    cell.endpoint(Side::Client, path, EndpointFlags::SUBFLOW)
}

/// Both kernels allow a second subflow, and the server announces its address on this path.
fn announce(cell: &Cell, path: u8) -> Result<(), CellEnd> {
    allow_joins(cell)?;
    cell.endpoint(Side::Server, path, EndpointFlags::SIGNAL)
}

fn allow_joins(cell: &Cell) -> Result<(), CellEnd> {
    cell.limits(Side::Client, 2, 2)?;
    cell.limits(Side::Server, 2, 2)
}

fn flip(offset: u8) -> Rule {
    Rule::new("flip", Action::Rewrite(flip_byte(MP_JOIN, offset)))
        .mptcp(MptcpMatch::Subtype(MP_JOIN))
}

fn flip_byte(subtype: u8, offset: u8) -> Rewrite {
    Rewrite::FlipOptionByte {
        subtype,
        offset,
        mask: 0xff,
    }
}

/// RFC 8684 section 8.2.
const MP_JOIN: u8 = 1;
/// RFC 8684 section 8.2.
const ADD_ADDR: u8 = 3;
/// Where the token begins in the MP_JOIN of a SYN (RFC 8684 figure 5).
const TOKEN: u8 = 4;
/// Where the HMAC begins in the MP_JOIN of SYN/ACK and third ACK (RFC 8684 figures 6 and 7).
const HMAC: u8 = 4;
/// Where the HMAC begins in an ADD_ADDR with an IPv4 address and no port (RFC 8684 figure 12).
const ADD_ADDR_HMAC: u8 = 8;
/// A port that nothing else uses.
const PM_PORT: u16 = 9_999;
