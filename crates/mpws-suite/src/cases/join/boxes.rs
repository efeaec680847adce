//! Joins through machines that remember what they saw.

use mptcp::pm::EndpointFlags;
use mpws_fixture::payload::Payload;
use mpws_lab::middlebox::{BalanceBy, Middlebox};
use mpws_peers::protocol::{ConnectionClose, ConnectionEnd};

use super::BASE;
use super::obstructed::alone;
use crate::case::{Case, Pairs, Side};
use crate::cases::crossing::{self, Session};
use crate::cell::{Cell, CellEnd, Connect, Count};
use crate::deadline;
use crate::requirement::{Document, rfc8684, section};

/// The cases of this group.
pub const CASES: &[Case] = &[
    BALANCED_ELSEWHERE,
    UNREACHABLE,
    CONNECTION_TRACKING,
    ADDRESSES_TRANSLATED,
    SEQUENCE_REWRITTEN,
    SPLIT_IN_TWO,
];

const BALANCED_ELSEWHERE: Case = Case {
    slug: "join/balanced-elsewhere",
    title: "A load balancer sends the join to a server that does not know its token",
    requirements: &[rfc8684("3.2").says("an unknown token is answered with a reset")],
    why: "Balancers choose by address and port, and a join has others than its connection; it must only cost the path.",
    network: "two paths; joins on the second are answered by another server",
    pairs: Pairs::Fixtures,
    outcome: "the join is reset; echo works",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        let (to, by) = (None, BalanceBy::Joins);
        lost_to(cell, &Middlebox::Balance { to, by })
    },
    ..BASE
};

const UNREACHABLE: Case = Case {
    slug: "join/icmp-unreachable",
    title: "A router on the second path answers with ICMP that there is no way",
    requirements: &[rfc8684("3.2"), section(Document::Rfc1122, "4.2.3.9")],
    why: "Routers say so when a link behind them is down; the error must not reach the connection.",
    network: "two paths; packets on the second are answered by ICMP unreachable",
    pairs: Pairs::Fixtures,
    outcome: "no join; echo works, no error reaches the programs",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| lost_to(cell, &Middlebox::Unreachable),
    ..BASE
};

const CONNECTION_TRACKING: Case = Case {
    slug: "join/through-connection-tracking",
    title: "A stateful firewall on each path that drops what fits no connection",
    requirements: &[rfc8684("6").says("each subflow looks like a TCP connection of its own")],
    why: "Firewalls that check sequence windows are everywhere; a join must look whole to them.",
    network: "two paths, on each a firewall that tracks connections",
    pairs: Pairs::Fixtures,
    outcome: "one join; both paths carry; nothing is dropped as invalid but an ACK of no connection",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        let boxes = [
            cell.place(1, &Middlebox::Conntrack)?,
            cell.place(2, &Middlebox::Conntrack)?,
        ];
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..6)?;
        for (path, id) in (1..).zip(boxes) {
            let dropped = cell.box_hits(id)?;
            cell.equal("packets that the firewall found invalid", &0, &dropped);
            // It is there, and drops what is of no connection.
            cell.stray_ack(path)?;
            cell.until_box_hit(&Middlebox::Conntrack, id)?;
        }
        crossing::leave(cell, session)
    },
    ..BASE
};

const ADDRESSES_TRANSLATED: Case = Case {
    slug: "join/through-nat",
    title: "The second path goes through a NAT",
    requirements: &[
        rfc8684("3.2").says("joins are matched by token and address id, never by address")
    ],
    why: "Nearly every second path of a client is behind one.",
    network: "two paths, on the second network address and port translation",
    pairs: Pairs::Fixtures,
    outcome: "both kernels count one join; messages come back",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        let nat = Middlebox::Nat {
            idle: None,
            flush_after: None,
        };
        cell.place(2, &nat)?;
        crossing::allow(cell, 2)?;
        cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
        cell.hear_paths()?;
        let serve = crossing::echo_everywhere(cell);
        let server = cell.serve(serve)?;
        let connection = cell.connect(Connect::default())?.connection;
        cell.until_joined(1)?;
        crossing::talk(cell, connection, 0..6)?;
        // The capture shows packets as their sender sent them: there the two halves of the join
        // have different addresses, and only the kernels know that they belong together.
        cell.counted(Side::Client, "MPJoinSynAckRx", Count::Exactly(1))?;
        cell.counted(Side::Server, "MPJoinAckRx", Count::Exactly(1))?;
        crossing::leave(cell, Session { server, connection })
    },
    ..BASE
};

const SEQUENCE_REWRITTEN: Case = Case {
    slug: "join/through-sequence-rewriting",
    title: "Firewalls on both paths rewrite the initial sequence numbers",
    requirements: &[
        rfc8684("3.3.1").says("subflow sequence numbers in mappings are relative, for this reason")
    ],
    why: "Firewalls that hide weak sequence numbers are common; mappings must fit all the same.",
    network: "two paths, on each a box that rewrites sequence numbers both ways",
    bulk: true,
    pairs: Pairs::Fixtures,
    outcome: "one join; both paths carry; messages come back; every packet was rewritten",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        for path in [1, 2] {
            cell.place(path, &Middlebox::Isn)?;
        }
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..6)?;
        // Larger than what one path takes at once.
        cell.echo(session.connection, LARGE, 1)?;
        cell.expect_carried(1, true);
        cell.expect_carried(2, true);
        crossing::leave(cell, session)
    },
    ..BASE
};

const SPLIT_IN_TWO: Case = Case {
    slug: "join/through-split-tcp",
    title: "A proxy on the second path ends each TCP connection and begins another behind it",
    requirements: &[rfc8684("3.2").says("a SYN/ACK without MP_JOIN is answered with a reset")],
    why: "Proxies of mobile networks answer for the server; to the server the join looks like a new TCP client.",
    network: "two paths, on the second a proxy that splits connections",
    pairs: Pairs::Servers,
    outcome: "no join; echo works; how many connections the server's program was given is recorded",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: split_in_two,
    ..BASE
};

/// The proxy asks the server for a connection of its own, which the server's program may be given.
fn split_in_two(cell: &mut Cell) -> Result<(), CellEnd> {
    let id = cell.place(2, &Middlebox::SplitTcp)?;
    crossing::allow(cell, 2)?;
    cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
    let serve = crossing::echo_everywhere(cell);
    let Session { server, connection } = alone(cell, serve)?;
    cell.until_box_hit(&Middlebox::SplitTcp, id)?;
    crossing::talk(cell, connection, 0..6)?;
    cell.witness(Some(connection))?;
    let close = ConnectionClose {
        connection,
        code: 1000,
        reason: String::new(),
        deadline_ms: deadline::STEP_MS,
    };
    let end: ConnectionEnd = cell.ask(Side::Client, &close)?;
    cell.equal(
        "close code that the client's API reports",
        &Some(1000),
        &end.code,
    );
    let state = cell.server_state(server)?;
    let given = state.connections.len();
    cell.record_volatile("connections that the server's API reports", given);
    Ok(())
}

/// A join that a box on the second path costs, and nothing else.
fn lost_to(cell: &mut Cell, middlebox: &Middlebox) -> Result<(), CellEnd> {
    let id = cell.place(2, middlebox)?;
    crossing::allow(cell, 2)?;
    cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
    let serve = crossing::echo_everywhere(cell);
    let session = alone(cell, serve)?;
    cell.until_box_hit(middlebox, id)?;
    crossing::talk(cell, session.connection, 0..6)?;
    crossing::leave(cell, session)
}

/// A message that fills the window of one path.
const LARGE: Payload = Payload::Binary {
    size: 1 << 20,
    seed: 3,
};
