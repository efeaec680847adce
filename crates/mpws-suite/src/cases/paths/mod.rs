//! Path management: endpoints that come and go, lost announcements, a manager in user space,
//! limits, events.

use mptcp::AddressId;
use mptcp::pm::{Endpoint, EndpointFlags, EventKind, Limits};
use mpws_lab::rule::{Action, MptcpMatch, Rule, Which};
use std::net::SocketAddr;

use crate::case::{Case, Pairs, Side};
use crate::cases::crossing;
use crate::cell::{Cell, CellEnd, Connect, Count, PORT, Serve};
use crate::requirement::{manual, netlink, netlink_group, rfc8684, sysctl};

/// The cases of this family.
pub const CASES: &[Case] = &[
    ENDPOINT_ADDED_LATE,
    ADDRESS_ANNOUNCED_LATE,
    ENDPOINT_DELETED,
    ANNOUNCEMENT_LOST,
    ENDPOINTS_IGNORED,
    SUBFLOW_BY_COMMAND,
    ANNOUNCED_BY_COMMAND,
    EVENTS,
    LIMITS,
];

/// The ground of this family: the kernel is under test, on two paths.
const BASE: Case = Case {
    paths: 2,
    network: "two paths, nothing in the way",
    pairs: Pairs::Fixtures,
    control: false,
    ..Case::BASE
};

const ENDPOINT_ADDED_LATE: Case = Case {
    slug: "paths/endpoint-added-late",
    title: "The second path of the client comes up while the WebSocket is open",
    requirements: &[manual("ip-mptcp(8)").says("a new endpoint serves connections that exist")],
    why: "A phone finds a network after the connection was opened; it is to use it.",
    pairs: Pairs::Clients,
    outcome: "one join, on the connection that stands",
    mutants: &["endpoint-left-out", "client-reconnects", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        cell.expect_echoes();
        let session = crossing::connect_and_join(cell, Serve::echo(), Connect::default(), 0)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.endpoint(Side::Client, 2, EndpointFlags::SUBFLOW)?;
        cell.expect_joins(Count::Exactly(1));
        cell.until_joined(1)?;
        crossing::talk(cell, session.connection, 4..8)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ADDRESS_ANNOUNCED_LATE: Case = Case {
    slug: "paths/address-announced-late",
    title: "The server gets a second address while the WebSocket is open",
    requirements: &[rfc8684("3.4.1").says("addresses may be announced at any time")],
    why: "Servers get addresses without a restart; long connections are to profit.",
    pairs: Pairs::Servers,
    outcome: "ADD_ADDR and one join, on the connection that stands",
    mutants: &["endpoint-left-out", "limits-left-out", "echo-alters"],
    steps: |cell| {
        crossing::allow(cell, 2)?;
        cell.expect_echoes();
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 0)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
        cell.expect_joins(Count::Exactly(1));
        cell.until_joined(1)?;
        crossing::talk(cell, session.connection, 4..8)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ENDPOINT_DELETED: Case = Case {
    slug: "paths/endpoint-deleted",
    title: "The server takes its second address back",
    requirements: &[rfc8684("3.4.2").says("REMOVE_ADDR")],
    why: "An uplink is switched off for good, in order; nothing may be lost.",
    outcome: "REMOVE_ADDR is sent, the subflow ends, every message comes back once",
    mutants: &["cut-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        crossing::talk(cell, session.connection, 0..4)?;
        cell.delete_endpoint(Side::Server, 2)?;
        cell.until_moved(Side::Client, "RmAddr", 1)?;
        for side in [Side::Client, Side::Server] {
            cell.until_event(side, EventKind::SubflowClosed, 1)?;
        }
        cell.subflows_now(Count::Exactly(1))?;
        crossing::talk(cell, session.connection, 4..8)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ANNOUNCEMENT_LOST: Case = Case {
    slug: "paths/announcement-lost",
    title: "The packet with ADD_ADDR is lost: the server says it again",
    requirements: &[
        rfc8684("3.4.1").says("ADD_ADDR is sent again until its echo comes"),
        sysctl("net.mptcp.add_addr_timeout"),
    ],
    why: "Announcements travel on packets that TCP does not send again.",
    network: "two paths; the first packet with ADD_ADDR is lost",
    outcome: "ADD_ADDR is sent twice; one join",
    mutants: &["rule-left-out", "endpoint-left-out", "echo-alters"],
    steps: |cell| {
        cell.sysctl(Side::Server, "net.mptcp.add_addr_timeout", "1")?;
        cell.rule(
            Rule::new("drop-add-addr", Action::Drop)
                .from("server")
                .mptcp(MptcpMatch::Subtype(ADD_ADDR))
                .which(Which::First(1)),
        )?;
        let session = crossing::echo_on_two_paths(cell)?;
        cell.counted(Side::Server, "AddAddrTx", Count::AtLeast(2))?;
        crossing::talk(cell, session.connection, 0..4)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ENDPOINTS_IGNORED: Case = Case {
    slug: "paths/user-space-ignores-endpoints",
    title: "With a path manager in user space that does nothing, endpoints have no effect",
    requirements: &[sysctl("net.mptcp.pm_type").says("1, Linux 5.19")],
    why: "Where mptcpd is installed and stopped, a machine has one path; nothing says so.",
    outcome: "no SYN with MP_JOIN leaves the client; echo works",
    mutants: &["sysctl-left-on", "echo-alters"],
    steps: |cell| {
        cell.sysctl(Side::Client, "net.mptcp.pm_type", "1")?;
        crossing::allow(cell, 2)?;
        cell.endpoint(Side::Client, 2, EndpointFlags::SUBFLOW)?;
        cell.expect_echoes();
        let session = crossing::connect_and_join(cell, Serve::echo(), Connect::default(), 0)?;
        crossing::talk(cell, session.connection, 0..10)?;
        crossing::leave(cell, session)?;
        cell.counted(Side::Client, "MPJoinSynTx", Count::Exactly(0))
    },
    ..BASE
};

const SUBFLOW_BY_COMMAND: Case = Case {
    slug: "paths/subflow-by-command",
    title: "A path manager in user space opens a subflow and closes it again",
    requirements: &[
        netlink("mptcp_pm", "subflow-create"),
        netlink("mptcp_pm", "subflow-destroy"),
    ],
    why: "This is how mptcpd and its like work; the WebSocket must not notice either.",
    outcome: "one join; after the second command the connection goes on over the first path",
    mutants: &["sysctl-left-on", "echo-alters"],
    steps: |cell| {
        cell.sysctl(Side::Client, "net.mptcp.pm_type", "1")?;
        crossing::allow(cell, 2)?;
        cell.expect_echoes();
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 0)?;
        cell.expect_joins(Count::Exactly(1));
        let token = cell.token(Side::Client)?;
        let local = Endpoint::new(cell.path_address(Side::Client, 2)).id(2);
        let remote = SocketAddr::new(cell.path_address(Side::Server, 2), PORT);
        let created = cell.try_manage(Side::Client, "opening a subflow", |manager| {
            manager.create_subflow(token, &local, remote)
        })?;
        accepted(
            cell,
            "subflow-create",
            created.err().map(|refused| refused.errno),
        )?;
        cell.until_joined(1)?;
        crossing::talk(cell, session.connection, 0..4)?;
        let joined = cell.until_event(Side::Client, EventKind::SubflowEstablished, 1)?;
        let Some(local) = joined.and_then(|event| event.local()) else {
            return Err(CellEnd::Failed(
                "the event names no local address".to_owned(),
            ));
        };
        let destroyed = cell.try_manage(Side::Client, "closing a subflow", |manager| {
            manager.destroy_subflow(token, local, remote)
        })?;
        accepted(
            cell,
            "subflow-destroy",
            destroyed.err().map(|refused| refused.errno),
        )?;
        cell.until_event(Side::Client, EventKind::SubflowClosed, 1)?;
        crossing::talk(cell, session.connection, 4..8)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const ANNOUNCED_BY_COMMAND: Case = Case {
    slug: "paths/announced-by-command",
    title: "A path manager in user space announces an address to one connection",
    requirements: &[
        netlink("mptcp_pm", "announce"),
        netlink("mptcp_pm", "remove"),
    ],
    why: "A server may offer its second address to some clients only.",
    outcome: "the client's kernel joins the address, and leaves it when it is taken back",
    mutants: &["sysctl-left-on", "echo-alters"],
    steps: |cell| {
        cell.sysctl(Side::Server, "net.mptcp.pm_type", "1")?;
        crossing::allow(cell, 2)?;
        cell.expect_echoes();
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 0)?;
        cell.expect_joins(Count::Exactly(1));
        crossing::talk(cell, session.connection, 0..2)?;
        let token = cell.token(Side::Server)?;
        let endpoint = Endpoint::new(cell.path_address(Side::Server, 2)).id(2);
        let endpoint = endpoint.flags(EndpointFlags::SIGNAL);
        let announced = cell.try_manage(Side::Server, "announcing", |manager| {
            manager.announce(token, &endpoint)
        })?;
        accepted(
            cell,
            "announce",
            announced.err().map(|refused| refused.errno),
        )?;
        cell.until_joined(1)?;
        crossing::talk(cell, session.connection, 2..6)?;
        let removed = cell.try_manage(Side::Server, "taking back", |manager| {
            manager.remove(token, AddressId(2))
        })?;
        accepted(cell, "remove", removed.err().map(|refused| refused.errno))?;
        cell.until_event(Side::Client, EventKind::SubflowClosed, 1)?;
        crossing::talk(cell, session.connection, 6..10)?;
        crossing::leave(cell, session)
    },
    ..BASE
};

const EVENTS: Case = Case {
    slug: "paths/events",
    title: "The kernel tells of the connection and its join in order, with the token that its socket has",
    requirements: &[netlink_group("mptcp_pm", "mptcp_pm_events")],
    why: "Monitoring rests on these events; with a wrong token or order it shows nonsense.",
    outcome: "created, established, subflow established, closed; one token at each end",
    mutants: &["endpoint-left-out", "echo-alters", "client-reconnects"],
    steps: |cell| {
        let session = crossing::echo_on_two_paths(cell)?;
        let tokens = [cell.token(Side::Client)?, cell.token(Side::Server)?];
        crossing::talk(cell, session.connection, 0..4)?;
        crossing::leave(cell, session)?;
        for (side, token) in [Side::Client, Side::Server].into_iter().zip(tokens) {
            cell.until_event(side, EventKind::Closed, 1)?;
            let heard = cell.heard(side);
            let order: Vec<EventKind> = heard
                .iter()
                .map(|event| event.kind)
                .filter(|kind| IN_ORDER.contains(kind))
                .collect();
            cell.equal(
                &format!("events of the {}", side.word()),
                &IN_ORDER.to_vec(),
                &order,
            );
            let own = heard
                .iter()
                .filter_map(|event| event.token)
                .all(|named| named == token);
            cell.check(
                &format!("token in the events of the {}", side.word()),
                "that of its socket",
                if own { "that of its socket" } else { "another" },
                own,
            );
        }
        Ok(())
    },
    ..BASE
};

const LIMITS: Case = Case {
    slug: "paths/limits-bounded",
    title: "Limits are kept as they are set, and refused above what the kernel can",
    requirements: &[netlink("mptcp_pm", "set-limits").says("at most 8, or 64 since 7.2")],
    why: "A limit that is cut in silence would leave a machine with fewer paths than configured.",
    network: "none used",
    transport: crate::case::Expect::Mptcp,
    outcome: "8 is kept, 65 is refused with EINVAL and changes nothing; joins respect the limit of 1",
    mutants: &["limits-left-out"],
    steps: |cell| {
        let read = |cell: &Cell| {
            cell.manage(Side::Server, "reading the limits", |manager| {
                manager.limits()
            })
        };
        cell.limits(Side::Server, 8, 8)?;
        let eight = Limits {
            subflows: 8,
            add_addr_accepted: 8,
        };
        let kept = read(cell)?;
        cell.equal("limits after setting 8", &eight, &kept);
        let beyond = Limits {
            subflows: 65,
            add_addr_accepted: 65,
        };
        let refused = cell.try_manage(Side::Server, "setting the limits", |manager| {
            manager.set_limits(beyond)
        })?;
        let errno = refused.err().map(|refused| refused.errno);
        cell.equal("errno of setting 65", &Some(libc::EINVAL), &errno);
        let kept = read(cell)?;
        cell.equal("limits after setting 65", &eight, &kept);
        // Two announcements, one allowed: exactly one join.
        cell.limits(Side::Client, 1, 1)?;
        cell.endpoint(Side::Server, 2, EndpointFlags::SIGNAL)?;
        cell.endpoint(Side::Server, 3, EndpointFlags::SIGNAL)?;
        let serve = crossing::echo_everywhere(cell);
        let session = crossing::connect_and_join(cell, serve, Connect::default(), 1)?;
        crossing::talk(cell, session.connection, 0..6)?;
        crossing::leave(cell, session)
    },
    paths: 3,
    ..BASE
};

/// Judges that the kernel took a command.
fn accepted(cell: &mut Cell, command: &str, errno: Option<i32>) -> Result<(), CellEnd> {
    cell.equal(&format!("errno of {command}"), &None, &errno);
    match errno {
        None => Ok(()),
        Some(errno) => Err(CellEnd::Failed(format!(
            "the kernel refused {command} with errno {errno}"
        ))),
    }
}

/// What both kernels must tell, in this order.
const IN_ORDER: [EventKind; 4] = [
    EventKind::Created,
    EventKind::Established,
    EventKind::SubflowEstablished,
    EventKind::Closed,
];

/// Subtype of ADD_ADDR (RFC 8684 section 8.2).
const ADD_ADDR: u8 = 3;
