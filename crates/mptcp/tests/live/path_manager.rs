//! Endpoints, limits, subflows and events where the kernel manages the paths.

use std::time::Instant;

use mptcp::diag::{Diag, SubflowFlags};
use mptcp::pm::{
    Endpoint, EndpointFlags, Event, EventKind, EventSocket, Limits, NetlinkError, PathManager,
};
use mptcp::{AddressId, sockopt};

use crate::harness::{Pair, deadline, in_namespace, output_of, skip, until, without_rights};

#[test]
fn endpoints_are_added_listed_changed_and_deleted_as_ip_mptcp_sees_them() {
    in_namespace(
        "path_manager::endpoints_are_added_listed_changed_and_deleted_as_ip_mptcp_sees_them",
        || {
            let mut manager = PathManager::new().expect("a path manager");
            let four = Endpoint::new([127, 0, 0, 4].into())
                .id(4)
                .port(8444)
                .flags(EndpointFlags::SIGNAL);
            let six = Endpoint::new("::1".parse().expect("an address"))
                .id(6)
                .ifindex(1)
                .flags(EndpointFlags::SUBFLOW | EndpointFlags::BACKUP);
            manager.add_endpoint(&four).expect("added");
            manager.add_endpoint(&six).expect("added");
            assert_eq!(
                manager.endpoints().expect("endpoints"),
                [four.clone(), six.clone()]
            );
            assert_eq!(manager.endpoint(AddressId(6)).expect("an endpoint"), six);
            match output_of("ip", &["mptcp", "endpoint", "show"]) {
                None => skip("ip mptcp", "not installed"),
                Some(text) => {
                    assert!(text.contains("127.0.0.4 port 8444 id 4 signal"), "{text}");
                    assert!(text.contains("::1 id 6 subflow backup dev lo"), "{text}");
                }
            }
            manager
                .set_flags(AddressId(6), EndpointFlags::NONE)
                .expect("changed");
            let flags = manager.endpoint(AddressId(6)).expect("an endpoint").flags;
            assert_eq!(flags, EndpointFlags::SUBFLOW);
            manager.delete_endpoint(AddressId(4)).expect("deleted");
            assert_eq!(manager.endpoints().expect("endpoints").len(), 1);
            manager.flush_endpoints().expect("flushed");
            assert_eq!(manager.endpoints().expect("endpoints"), []);
        },
    );
}

#[test]
fn an_endpoint_without_an_id_is_given_one() {
    in_namespace(
        "path_manager::an_endpoint_without_an_id_is_given_one",
        || {
            let mut manager = PathManager::new().expect("a path manager");
            manager
                .add_endpoint(&Endpoint::new([127, 0, 0, 2].into()))
                .expect("added");
            let endpoints = manager.endpoints().expect("endpoints");
            assert_eq!(endpoints[0].id, Some(AddressId(1)));
        },
    );
}

#[test]
fn an_endpoint_that_ip_mptcp_added_is_read() {
    in_namespace(
        "path_manager::an_endpoint_that_ip_mptcp_added_is_read",
        || {
            let add = [
                "mptcp",
                "endpoint",
                "add",
                "127.0.0.3",
                "id",
                "3",
                "port",
                "9000",
                "signal",
            ];
            if output_of("ip", &add).is_none() {
                return skip("ip mptcp", "not installed");
            }
            let endpoints = PathManager::new().and_then(|mut manager| manager.endpoints());
            let expected = Endpoint::new([127, 0, 0, 3].into())
                .id(3)
                .port(9000)
                .flags(EndpointFlags::SIGNAL);
            assert_eq!(endpoints.expect("endpoints"), [expected]);
        },
    );
}

#[test]
fn limits_are_set_read_and_bounded() {
    in_namespace("path_manager::limits_are_set_read_and_bounded", || {
        let mut manager = PathManager::new().expect("a path manager");
        let limits = Limits {
            subflows: 5,
            add_addr_accepted: 3,
        };
        manager.set_limits(limits).expect("set");
        assert_eq!(manager.limits().expect("limits"), limits);
        if let Some(text) = output_of("ip", &["mptcp", "limits"]) {
            assert!(
                text.contains("add_addr_accepted 3") && text.contains("subflows 5"),
                "{text}"
            );
        }
        let error = manager.set_limits(Limits {
            subflows: 1000,
            ..limits
        });
        let NetlinkError::Refused(refusal) = error.expect_err("too many") else {
            panic!("not refused by the kernel");
        };
        assert_eq!(refusal.errno, libc::EINVAL);
        assert!(
            refusal
                .message
                .is_some_and(|message| message.contains("limit"))
        );
        assert_eq!(manager.limits().expect("limits"), limits);
    });
}

#[test]
fn what_the_kernel_refuses_comes_with_its_number_and_words() {
    in_namespace(
        "path_manager::what_the_kernel_refuses_comes_with_its_number_and_words",
        || {
            let mut manager = PathManager::new().expect("a path manager");
            let endpoint = Endpoint::new([127, 0, 0, 4].into()).id(4);
            manager.add_endpoint(&endpoint).expect("added");
            let NetlinkError::Refused(refusal) = manager
                .add_endpoint(&endpoint.clone().id(5))
                .expect_err("the address is taken")
            else {
                panic!("not refused by the kernel");
            };
            assert_eq!(refusal.errno, libc::EEXIST);
            assert!(refusal.message.is_some());
            let NetlinkError::Refused(refusal) = manager
                .delete_endpoint(AddressId(77))
                .expect_err("there is none")
            else {
                panic!("not refused by the kernel");
            };
            assert_eq!(refusal.errno, libc::EINVAL);
            assert_eq!(refusal.message.as_deref(), Some("address not found"));
            // A refusal does not disturb what is asked next.
            assert_eq!(manager.endpoints().expect("endpoints"), [endpoint]);
        },
    );
}

#[test]
fn without_the_right_limits_are_read_but_endpoints_are_refused() {
    without_rights(
        "path_manager::without_the_right_limits_are_read_but_endpoints_are_refused",
        || {
            let mut manager = PathManager::new().expect("a path manager");
            manager.limits().expect("limits");
            let endpoint = Endpoint::new([127, 0, 0, 4].into());
            let error = manager.add_endpoint(&endpoint).expect_err("no right");
            assert_eq!(error.errno(), Some(libc::EPERM));
            let error = EventSocket::new().expect_err("no right");
            assert_eq!(error.errno(), Some(libc::EPERM));
        },
    );
}

#[test]
fn a_connection_and_its_joined_subflow_are_told_of_as_events() {
    in_namespace(
        "path_manager::a_connection_and_its_joined_subflow_are_told_of_as_events",
        || {
            let mut events = EventSocket::new().expect("an event socket");
            let mut manager = PathManager::new().expect("a path manager");
            manager
                .set_limits(Limits {
                    subflows: 2,
                    add_addr_accepted: 0,
                })
                .expect("set");
            let endpoint = Endpoint::new([127, 0, 0, 2].into())
                .id(5)
                .flags(EndpointFlags::SUBFLOW);
            manager.add_endpoint(&endpoint).expect("added");
            let mut pair = Pair::mptcp();
            pair.exchange(b"joined");
            let client = sockopt::info(&pair.client).expect("MPTCP_INFO").token;
            let server = sockopt::info(&pair.server).expect("MPTCP_INFO").token;

            let created = next(&mut events, |event| {
                event.kind == EventKind::Created && event.token == Some(client)
            });
            assert_eq!(created.local(), pair.client.local_addr().ok());
            assert_eq!(created.remote(), pair.client.peer_addr().ok());
            assert_ne!(created.server_side, Some(true));
            next(&mut events, |event| {
                event.kind == EventKind::Created && event.server_side == Some(true)
            });
            let joined = next(&mut events, |event| {
                event.kind == EventKind::SubflowEstablished && event.token == Some(client)
            });
            assert_eq!(joined.local_address, Some([127, 0, 0, 2].into()));
            assert_eq!(joined.local_id, Some(AddressId(5)));
            assert_eq!(joined.backup, Some(false));

            let rows = Diag::new()
                .and_then(|mut diag| diag.tcp_subflows())
                .expect("a dump");
            let row = rows.iter().find(|row| Some(row.local) == joined.local());
            let subflow = row
                .and_then(|row| row.subflow.as_ref())
                .expect("the joined subflow");
            assert_eq!(
                (subflow.local_token, subflow.remote_token),
                (client, server)
            );
            assert_eq!(subflow.local_id, AddressId(5));
            assert!(subflow.flags.contains(SubflowFlags::JOIN_LOCAL));
            let addrs = sockopt::subflow_addrs(&pair.client).expect("MPTCP_SUBFLOW_ADDRS");
            assert_eq!(addrs.len(), 2);
            if let Ok(full) = sockopt::full_info(&pair.client) {
                let ids: Vec<_> = full.subflows.iter().map(|subflow| subflow.id.0).collect();
                assert_eq!(ids, [1, 2]);
            }

            manager.delete_endpoint(AddressId(5)).expect("deleted");
            next(&mut events, |event| {
                event.kind == EventKind::SubflowClosed && event.token == Some(client)
            });
            until("one subflow", || {
                let left = sockopt::subflow_addrs(&pair.client)
                    .expect("MPTCP_SUBFLOW_ADDRS")
                    .len();
                (left == 1).then_some(())
            });
            drop(pair);
            next(&mut events, |event| {
                event.kind == EventKind::Closed && event.token == Some(client)
            });
        },
    );
}

#[test]
fn the_initial_address_can_be_taken_from_a_connection() {
    in_namespace(
        "path_manager::the_initial_address_can_be_taken_from_a_connection",
        || {
            let mut events = EventSocket::new().expect("an event socket");
            let mut manager = PathManager::new().expect("a path manager");
            manager
                .set_limits(Limits {
                    subflows: 2,
                    add_addr_accepted: 0,
                })
                .expect("set");
            let other = Endpoint::new([127, 0, 0, 2].into()).flags(EndpointFlags::SUBFLOW);
            manager.add_endpoint(&other).expect("added");
            let mut pair = Pair::mptcp();
            pair.exchange(b"joined");
            let client = sockopt::info(&pair.client).expect("MPTCP_INFO").token;
            next(&mut events, |event| {
                event.kind == EventKind::SubflowEstablished && event.token == Some(client)
            });
            manager
                .delete_initial_address([127, 0, 0, 1].into())
                .expect("deleted");
            // The server's address is the same here and goes as well, which ends the connection.
            next(&mut events, |event| {
                event.kind == EventKind::SubflowClosed
                    && event.token == Some(client)
                    && event.local_address == Some([127, 0, 0, 1].into())
            });
        },
    );
}

#[test]
fn no_event_before_the_deadline_is_no_error() {
    in_namespace(
        "path_manager::no_event_before_the_deadline_is_no_error",
        || {
            let mut events = EventSocket::new().expect("an event socket");
            assert_eq!(events.next(Instant::now()).expect("readable"), None);
        },
    );
}

#[test]
fn an_endpoint_with_a_port_is_told_of_as_a_listener() {
    in_namespace(
        "path_manager::an_endpoint_with_a_port_is_told_of_as_a_listener",
        || {
            let mut events = EventSocket::new().expect("an event socket");
            let mut manager = PathManager::new().expect("a path manager");
            let endpoint = Endpoint::new([127, 0, 0, 3].into())
                .port(9001)
                .flags(EndpointFlags::SIGNAL);
            manager.add_endpoint(&endpoint).expect("added");
            let event = next(&mut events, |event| {
                event.kind == EventKind::ListenerCreated
            });
            assert_eq!(event.local(), "127.0.0.3:9001".parse().ok());
            manager.flush_endpoints().expect("flushed");
            next(&mut events, |event| event.kind == EventKind::ListenerClosed);
        },
    );
}

/// The next event that fits; others are passed over.
pub fn next(events: &mut EventSocket, fits: impl Fn(&Event) -> bool) -> Event {
    let deadline = deadline();
    let mut others = Vec::new();
    loop {
        match events.next(deadline).expect("readable") {
            Some(event) if fits(&event) => return event,
            Some(event) => others.push(event),
            None => panic!("the event did not come; instead {others:#?}"),
        }
    }
}
