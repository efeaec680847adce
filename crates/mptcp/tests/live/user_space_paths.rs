//! Announcements and subflows where user space manages the paths.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use mptcp::pm::{Endpoint, EndpointFlags, EventKind, EventSocket, PathManager};
use mptcp::{AddressId, Token, sockopt};

use crate::harness::{Pair, in_namespace, skip};
use crate::path_manager::next;

/// A connection in a namespace where user space manages the paths; `None` on kernels before 5.19.
fn connection() -> Option<(Pair, Token)> {
    if fs::write("/proc/sys/net/mptcp/pm_type", "1").is_err() {
        skip("user-space path manager", "this kernel lacks it");
        return None;
    }
    let mut pair = Pair::mptcp();
    pair.exchange(b"established");
    let token = sockopt::info(&pair.client).expect("MPTCP_INFO").token;
    Some((pair, token))
}

#[test]
fn a_subflow_is_opened_made_backup_and_closed() {
    in_namespace(
        "user_space_paths::a_subflow_is_opened_made_backup_and_closed",
        || {
            let mut events = EventSocket::new().expect("an event socket");
            let Some((pair, token)) = connection() else {
                return;
            };
            let mut manager = PathManager::new().expect("a path manager");
            let remote = pair.client.peer_addr().expect("the peer");
            let local = Endpoint::new([127, 0, 0, 2].into()).id(8);
            manager
                .create_subflow(token, &local, remote)
                .expect("opened");
            let opened = next(&mut events, |event| {
                event.kind == EventKind::SubflowEstablished && event.token == Some(token)
            });
            assert_eq!(
                (opened.local_id, opened.remote()),
                (Some(AddressId(8)), Some(remote))
            );
            let local: SocketAddr = opened.local().expect("its address");

            manager
                .set_subflow_flags(token, local, remote, EndpointFlags::BACKUP)
                .expect("changed");
            let changed = next(&mut events, |event| {
                event.kind == EventKind::SubflowPriority
            });
            assert_eq!(changed.backup, Some(true));

            manager
                .destroy_subflow(token, local, remote)
                .expect("closed");
            let closed = next(&mut events, |event| {
                event.kind == EventKind::SubflowClosed && event.token == Some(token)
            });
            assert_eq!(closed.local(), Some(local));
        },
    );
}

#[test]
fn more_subflows_than_usual_are_all_told_of() {
    in_namespace(
        "user_space_paths::more_subflows_than_usual_are_all_told_of",
        || {
            let mut events = EventSocket::new().expect("an event socket");
            let Some((pair, token)) = connection() else {
                return;
            };
            let mut manager = PathManager::new().expect("a path manager");
            let remote = pair.client.peer_addr().expect("the peer");
            for id in 2..=20 {
                let local = Endpoint::new([127, 0, 0, id].into()).id(id);
                manager
                    .create_subflow(token, &local, remote)
                    .expect("opened");
                next(&mut events, |event| {
                    event.kind == EventKind::SubflowEstablished && event.token == Some(token)
                });
            }
            let addrs = sockopt::subflow_addrs(&pair.client).expect("MPTCP_SUBFLOW_ADDRS");
            let mut hosts: Vec<_> = addrs.iter().map(|addrs| addrs.local.ip()).collect();
            hosts.sort();
            let expected: Vec<IpAddr> = (1..=20).map(|host| [127, 0, 0, host].into()).collect();
            assert_eq!(hosts, expected);
            assert_eq!(
                sockopt::tcpinfo(&pair.client).expect("MPTCP_TCPINFO").len(),
                20
            );
            match sockopt::full_info(&pair.client) {
                Err(error) => skip("MPTCP_FULL_INFO", &error.to_string()),
                Ok(full) => {
                    assert_eq!(full.info.subflows, 19);
                    let ids: Vec<_> = full.subflows.iter().map(|subflow| subflow.id.0).collect();
                    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
                }
            }
        },
    );
}

#[test]
fn an_address_is_announced_to_the_peer_and_taken_back() {
    in_namespace(
        "user_space_paths::an_address_is_announced_to_the_peer_and_taken_back",
        || {
            let mut events = EventSocket::new().expect("an event socket");
            let Some((pair, token)) = connection() else {
                return;
            };
            let peer = sockopt::info(&pair.server).expect("MPTCP_INFO").token;
            let mut manager = PathManager::new().expect("a path manager");
            let address = Endpoint::new([127, 0, 0, 3].into())
                .id(9)
                .flags(EndpointFlags::SIGNAL);
            manager.announce(token, &address).expect("announced");
            let heard = next(&mut events, |event| event.kind == EventKind::Announced);
            assert_eq!(heard.token, Some(peer));
            assert_eq!(heard.remote_address, Some([127, 0, 0, 3].into()));
            assert_eq!(heard.remote_id, Some(AddressId(9)));

            manager.remove(token, AddressId(9)).expect("taken back");
            let heard = next(&mut events, |event| event.kind == EventKind::Removed);
            assert_eq!(
                (heard.token, heard.remote_id),
                (Some(peer), Some(AddressId(9)))
            );
        },
    );
}

#[test]
fn a_token_that_nobody_has_is_refused() {
    in_namespace(
        "user_space_paths::a_token_that_nobody_has_is_refused",
        || {
            let Some((pair, token)) = connection() else {
                return;
            };
            let mut manager = PathManager::new().expect("a path manager");
            let peer = sockopt::info(&pair.server).expect("MPTCP_INFO").token;
            let nobody = (0..=u32::MAX)
                .map(Token)
                .find(|other| ![token, peer].contains(other));
            let address = Endpoint::new([127, 0, 0, 3].into())
                .id(9)
                .flags(EndpointFlags::SIGNAL);
            let refused = manager.announce(nobody.expect("a free token"), &address);
            assert!(refused.expect_err("nobody has it").errno().is_some());
            manager
                .announce(token, &address)
                .expect("the right token is accepted");
        },
    );
}
