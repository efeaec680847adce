//! What the flags of endpoints mean for joins.

use mptcp::pm::{EndpointFlags, EventKind};

use super::BASE;
use crate::case::{Case, Pairs, Side};
use crate::cases::crossing;
use crate::cell::{CellEnd, Connect, Count, Serve};
use crate::requirement::{manual, rfc8684};

/// The cases of this group.
pub const CASES: &[Case] = &[
    BACKUP_OF_CLIENT,
    BACKUP_OF_SERVER,
    PRIORITY_SWAPPED,
    FULLMESH,
    LAMINAR,
];

const BACKUP_OF_CLIENT: Case = Case {
    slug: "join/backup-of-client",
    title: "A subflow that the client joins as backup carries nothing while the first path works",
    requirements: &[rfc8684("3.2"), rfc8684("3.3.8").says("flag B")],
    why: "The second path may cost money; it must stay idle until it is needed.",
    pairs: Pairs::Fixtures,
    outcome: "the join says B; no payload on path 2 in either direction",
    mutants: &["endpoint-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        let flags = EndpointFlags::SUBFLOW | EndpointFlags::BACKUP;
        cell.endpoint(Side::Client, 2, flags)?;
        cell.expect_echoes();
        cell.expect_carried(2, false);
        let session = crossing::connect_and_join(cell, Serve::echo(), Connect::default(), 1)?;
        cell.counted(Side::Server, "MPJoinSynBackupRx", Count::Exactly(1))?;
        crossing::talk(cell, session.connection, 0..20)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const BACKUP_OF_SERVER: Case = Case {
    slug: "join/backup-of-server",
    title: "A subflow that the server calls backup in its SYN/ACK carries nothing while the first path works",
    requirements: &[rfc8684("3.2"), rfc8684("3.3.8").says("flag B")],
    why: "Either end may know that a path is dear; both have to keep to it.",
    pairs: Pairs::Fixtures,
    outcome: "the SYN/ACK of the join says B; no payload on path 2 in either direction",
    mutants: &["endpoint-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        let flags = EndpointFlags::SIGNAL | EndpointFlags::BACKUP;
        cell.endpoint(Side::Server, 2, flags)?;
        cell.expect_echoes();
        cell.expect_carried(2, false);
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 1)?;
        cell.counted(Side::Client, "MPJoinSynAckBackupRx", Count::Exactly(1))?;
        crossing::talk(cell, session.connection, 0..20)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const PRIORITY_SWAPPED: Case = Case {
    slug: "join/priority-swapped",
    title: "MP_PRIO makes the first path the backup of the second",
    requirements: &[
        rfc8684("3.3.8"),
        manual("ip-mptcp(8)").says("endpoint change"),
    ],
    why: "A machine that comes home turns from mobile to fixed network without ending its connections.",
    pairs: Pairs::Fixtures,
    outcome: "nothing on path 2 before the change; after it, payload on path 2 alone",
    mutants: &["endpoint-left-out", "echo-alters", "cut-left-out"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        // The first address needs an endpoint to be spoken of; it is for nothing else.
        cell.endpoint(Side::Server, 1, EndpointFlags::NONE)?;
        let flags = EndpointFlags::SIGNAL | EndpointFlags::BACKUP;
        cell.endpoint(Side::Server, 2, flags)?;
        cell.expect_echoes();
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 1)?;
        let before = cell.watch("payload-on-path-2", |rule| rule.path(2).payload(true))?;
        crossing::talk(cell, session.connection, 0..6)?;
        cell.never_hit("payload-on-path-2", before)?;
        cell.set_backup(Side::Server, 2, false)?;
        cell.set_backup(Side::Server, 1, true)?;
        cell.until_moved(Side::Client, "MPPrioRx", 2)?;
        let after = cell.watch("payload-on-path-1", |rule| rule.path(1).payload(true))?;
        crossing::talk(cell, session.connection, 6..12)?;
        cell.never_hit("payload-on-path-1", after)?;
        cell.expect_carried(2, true);
        crossing::leave(cell, session)
    },
    ..BASE
};

const FULLMESH: Case = Case {
    slug: "join/fullmesh",
    title: "Fullmesh endpoints join from each own address to each address of the peer",
    requirements: &[manual("ip-mptcp(8)").says("endpoint flag fullmesh, Linux 5.15")],
    why: "With two uplinks at both ends there are four ways through; fullmesh takes them all.",
    pairs: Pairs::Fixtures,
    outcome: "three joins: four subflows between two addresses at each end",
    mutants: &["endpoint-left-out", "limits-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 8)?;
        let flags = EndpointFlags::SUBFLOW | EndpointFlags::FULLMESH;
        cell.endpoint(Side::Client, 1, flags)?;
        cell.endpoint(Side::Client, 2, flags)?;
        cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
        cell.expect_echoes();
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 3)?;
        cell.subflows_now(Count::Exactly(4))?;
        crossing::talk(cell, session.connection, 0..8)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const LAMINAR: Case = Case {
    slug: "join/laminar",
    title: "A laminar endpoint answers an announcement in place of the address that routing would choose",
    requirements: &[manual("ip-mptcp(8)").says("endpoint flag laminar, Linux 6.18")],
    why: "Each announced address gets one subflow, from the uplink that is meant for it.",
    network: "three paths, nothing in the way",
    paths: 3,
    pairs: Pairs::Fixtures,
    outcome: "the join to the address of path 2 comes from the client's address on path 3",
    mutants: &["endpoint-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        cell.endpoint(Side::Client, 3, EndpointFlags::LAMINAR)?;
        // Kernels of before either refuse the flag, drop it or carry it along without a meaning.
        let endpoints = cell.manage(Side::Client, "listing endpoints", |manager| {
            manager.endpoints()
        })?;
        let masked =
            |endpoint: &mptcp::pm::Endpoint| !endpoint.flags.contains(EndpointFlags::LAMINAR);
        if endpoints.iter().any(masked) {
            return Err(CellEnd::Unprovable(
                "this kernel knows no laminar endpoints".to_owned(),
            ));
        }
        cell.expect_echoes();
        let session = crossing::on_two_paths(cell, Serve::echo(), Connect::default())?;
        let joined = cell.until_event(Side::Client, EventKind::SubflowEstablished, 1)?;
        let laminar = cell.path_address(Side::Client, 3);
        cell.equal(
            "address that the join came from",
            &Some(laminar),
            &joined.and_then(|event| event.local_address),
        );
        crossing::talk(cell, session.connection, 0..4)?;
        crossing::leave(cell, session)
    },
    ..BASE
};
